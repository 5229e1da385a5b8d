import { type Command, InvalidArgumentError, Option } from "commander";
import { RESET_STRATEGIES, type ResetStrategyName } from "./esptool/reset.ts";
import { DEFAULT_BAUD_RATE } from "./port/port.ts";

/** What every command takes that talks to a chip's boot loader. */
export interface LoaderOptions {
  port?: string;
  baud: number;
  before: ResetStrategyName;
  after: "reset" | "none";
  progress: boolean;
  json?: boolean;
}

/** As fast as the usual USB adapters go without loss; a board that cannot falls back by itself. */
const DEFAULT_FLASH_BAUD_RATE = 921_600;
const MAX_BAUD_RATE = 4_000_000;

export function addPortOption(command: Command): Command {
  return command.option(
    "-p, --port <port>",
    "serial port, or socket://host:port (default: MOTE_PORT, or the one board)",
  );
}

export function addLoaderOptions(command: Command): Command {
  return addPortOption(command)
    .option("-b, --baud <rate>", "speed once the chip's stub runs", parseBaudRate, DEFAULT_FLASH_BAUD_RATE)
    .addOption(
      new Option("--before <strategy>", "how to reset into the boot loader").choices(RESET_STRATEGIES).default("auto"),
    )
    .addOption(new Option("--after <what>", "what to do at the end").choices(["reset", "none"]).default("reset"))
    .option("--no-progress", "show no progress bar")
    .option("--json", "print the result as one JSON object");
}

export function parseBaudRate(text: string): number {
  const rate = Number(text);
  if (!Number.isInteger(rate) || rate < 300 || rate > MAX_BAUD_RATE)
    throw new InvalidArgumentError(`A speed is a number from 300 to ${MAX_BAUD_RATE}, such as ${DEFAULT_BAUD_RATE}.`);
  return rate;
}
