import { StatusLine } from "../../cli/terminal.ts";
import { describeFailure } from "../esptool/failure.ts";
import { choosePort } from "../port/choose.ts";
import { openPort } from "../port/open.ts";
import { EspruinoRepl } from "./repl.ts";

/** Opens the port, gets the attention of Espruino's console, does `work`, and closes the port. */
export async function withRepl<T>(
  options: { port?: string; progress: boolean },
  advice: string,
  work: (repl: EspruinoRepl, status: StatusLine) => Promise<T>,
): Promise<T> {
  const port = await openPort(await choosePort(options.port));
  const status = new StatusLine();
  const update = status.update.bind(status);
  if (!options.progress) status.update = () => {};
  try {
    update(`${port.path}: waiting for Espruino's console`);
    return await work(await EspruinoRepl.attach(port), status);
  } catch (error) {
    status.done();
    throw describeFailure(error, port.path, "it was worked on", advice);
  } finally {
    status.done();
    await port.close();
  }
}
