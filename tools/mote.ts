#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { ExitCode, UserError } from "./cli/errors.ts";
import { paint } from "./cli/terminal.ts";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const program = new Command("mote")
  .description("MQTT for JavaScript on microcontrollers, and the workbench around it")
  .version(version, "-V, --version", "print the version of mote")
  .showHelpAfterError("(mote --help lists the commands)")
  .exitOverride();

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
  if (error instanceof UserError) {
    console.error(`${paint("red", "error:", process.stderr)} ${error.message}`);
    return error.exitCode;
  }
  console.error("mote met a fault of its own; please report it with what follows.");
  console.error(error);
  return ExitCode.INTERNAL;
}
