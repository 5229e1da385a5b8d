import { ExitCode, UserError } from "../../cli/errors.ts";
import { onInterrupt } from "../../cli/interrupt.ts";
import { StatusLine } from "../../cli/terminal.ts";
import { choosePort } from "../port/choose.ts";
import { openPort } from "../port/open.ts";
import type { Port } from "../port/port.ts";
import type { LoaderOptions } from "../options.ts";
import { describeFailure } from "./failure.ts";
import { Loader } from "./loader.ts";

/** What a command works with while a chip is in its boot loader. */
export interface Session {
  loader: Loader;
  status: StatusLine;
  /** How long resetting, stub and change of speed took. */
  connectMs: number;
  /** Aborted by Ctrl-C. */
  signal: AbortSignal;
}

/**
 * Opens the port, brings the chip into its boot loader, does `work`, and restarts the board, whatever came of it.
 *
 * @param advice what to do when it fails half-way: how to recover.
 */
export async function withLoader<T>(
  options: LoaderOptions,
  advice: string,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const port = await openPort(await choosePort(options.port));
  const status = options.progress ? new StatusLine() : new SilentStatus();
  const interrupt = new AbortController();
  const stopListening = onInterrupt(() =>
    interrupt.abort(new UserError(`Interrupted. ${advice}`, ExitCode.INTERRUPTED)),
  );
  try {
    const start = performance.now();
    const loader = await interruptible(interrupt.signal, connect(port, options, status));
    const session = { loader, status, connectMs: performance.now() - start, signal: interrupt.signal };
    const result = await interruptible(interrupt.signal, work(session)).catch(async (error: unknown) => {
      if (isUsageError(error)) await restart(loader, options); // nothing was done: the board goes back to its work
      throw error;
    });
    status.done();
    await restart(loader, options);
    return result;
  } catch (error) {
    status.done();
    throw describeFailure(error, port.path, "it was worked on", advice);
  } finally {
    stopListening();
    port.onClose(); // whatever still waits for an answer need not wait for its time-out
    await port.close();
  }
}

async function restart(loader: Loader, options: LoaderOptions): Promise<void> {
  if (options.after === "reset" && !(await loader.restart()))
    console.error("Press the board's RESET button to start it.");
}

function isUsageError(error: unknown): boolean {
  return error instanceof UserError && error.exitCode === ExitCode.USAGE;
}

function connect(port: Port, options: LoaderOptions, status: StatusLine): Promise<Loader> {
  const onStatus = (text: string): void => status.update(`${port.path}: ${text}`);
  return Loader.connect(port, { baudRate: options.baud, before: options.before, onStatus });
}

/** Ends with the signal's reason as soon as it is given, even where `work` would wait on for its time-out. */
function interruptible<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    work.then(resolve, reject);
  });
}

class SilentStatus extends StatusLine {
  override update(): void {}
  override done(): void {}
}
