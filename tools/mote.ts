#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { brokerCommand } from "./broker/command.ts";
import { buildCommand } from "./build/command.ts";
import { ExitCode, UserError } from "./cli/errors.ts";
import { surviveClosedOutput } from "./cli/interrupt.ts";
import { packageVersion } from "./cli/package.ts";
import { paint } from "./cli/terminal.ts";
import { demoCommand } from "./demo/command.ts";
import { flashCommand } from "./serial/flash/command.ts";
import { monitorCommand } from "./serial/monitor/command.ts";
import { portsCommand } from "./serial/ports/command.ts";
import { provisionCommand } from "./serial/provision/command.ts";
import { uploadCommand } from "./serial/upload/command.ts";
import { simulateCommand } from "./simulator/command.ts";

const program = new Command("mote")
  .description("MQTT for JavaScript on microcontrollers, and the workbench around it")
  .version(packageVersion(), "-V, --version", "print the version of mote")
  .showHelpAfterError("(mote --help lists the commands)")
  .addCommand(demoCommand())
  .addCommand(simulateCommand())
  .addCommand(brokerCommand())
  .addCommand(buildCommand())
  .addCommand(portsCommand())
  .addCommand(flashCommand())
  .addCommand(provisionCommand())
  .addCommand(uploadCommand())
  .addCommand(monitorCommand());
for (const command of [program, ...program.commands]) command.exitOverride();

surviveClosedOutput();
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
