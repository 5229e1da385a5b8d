import { Command } from "commander";
import { onInterrupt, onOutputClosed } from "../../cli/interrupt.ts";
import { addPortOption, parseBaudRate } from "../options.ts";
import { DEFAULT_BAUD_RATE } from "../port/port.ts";

interface Options {
  port?: string;
  baud: number;
  timestamps: boolean;
  reset?: boolean;
  reconnect: boolean;
  elf?: string;
  addr2line: string;
}

/** `mote monitor`: what the board says, and a keyboard to it. */
export function monitorCommand(): Command {
  return addPortOption(
    new Command("monitor").description("show a board's output and send it what is typed; Ctrl-] leaves"),
  )
    .option("-b, --baud <rate>", "speed of the board's console", parseBaudRate, DEFAULT_BAUD_RATE)
    .option("--no-timestamps", "do not put the time before each line")
    .option("--reset", "restart the board first")
    .option("--no-reconnect", "end when the port goes away, in place of waiting for it")
    .option("--elf <file>", "the build's ELF: decode panics with it")
    .option("--addr2line <tool>", "the toolchain's addr2line", "xtensa-esp32-elf-addr2line")
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { choosePort } = await import("../port/choose.ts");
  const { checkDecoder } = await import("./panic.ts");
  const { monitor } = await import("./monitor.ts");
  const decoder = options.elf === undefined ? undefined : { elf: options.elf, addr2line: options.addr2line };
  if (decoder) await checkDecoder(decoder);
  const path = await choosePort(options.port);
  const interrupt = new AbortController();
  const stopListening = onInterrupt(() => interrupt.abort());
  onOutputClosed(() => interrupt.abort());
  const { stdin, stdout, stderr } = process;
  const keyboard = stdin.isTTY;
  if (keyboard) {
    stdin.setRawMode(true); // each key goes to the board as it is typed, Ctrl-C included
    stderr.write(`-- ${path} at ${options.baud} baud; Ctrl-] leaves --\n`);
  }
  try {
    const { baud, timestamps, reconnect } = options;
    const reset = options.reset ?? false;
    await monitor(
      { path, baudRate: baud, timestamps, reset, reconnect, ...(decoder && { decoder }) },
      { input: stdin, output: stdout, notes: stderr },
      interrupt.signal,
    );
  } finally {
    stopListening();
    if (keyboard) stdin.setRawMode(false);
    stdin.pause(); // or the process would wait for more
  }
}
