import { Command } from "commander";
import { ExitCode, UserError } from "../../cli/errors.ts";
import { addLoaderOptions } from "../options.ts";
import type { WriteOptions } from "./actions.ts";

/** `mote flash`: the flash memory of an ESP32 over its serial port. */
export function flashCommand(): Command {
  const flash = addLoaderOptions(
    new Command("flash")
      .description("write firmware to an ESP32; or read, verify, erase its flash memory")
      .argument("[images...]", "[offset] file …, or one manifest.json, or one build folder"),
  )
    .option("--force", "write even what the chip holds already")
    .option("--flash-mode <mode>", "flash mode to put into the bootloader: qio, qout, dio, dout (default: as built)")
    .option("--flash-freq <frequency>", "flash frequency to put into the bootloader, such as 40m (default: as built)")
    .option(
      "--flash-size <size>",
      'flash size to put into the bootloader, such as 4MB, or "detect" (default: as built)',
    )
    .addHelpText("after", EXAMPLES)
    .action(async (images: string[], options: WriteOptions) => {
      if (images.length === 0)
        throw new UserError('Name what to flash, or one of the commands in "mote flash --help".');
      const { write } = await import("./actions.ts");
      await write(images, options);
    });

  flash
    .command("read <offset> <length> <file>")
    .description('read flash memory into a file; the length may be "all"')
    .action(async (offset: string, length: string, file: string, _: object, command: Command) => {
      const { read } = await import("./actions.ts");
      await read(offset, length, file, command.optsWithGlobals());
    });
  flash
    .command("verify <images...>")
    .description("compare flash memory with files, by MD5; exits with 1 where they differ")
    .action(async (images: string[], _: object, command: Command) => {
      const { verify } = await import("./actions.ts");
      if (!(await verify(images, command.optsWithGlobals()))) process.exitCode = ExitCode.FAILED;
    });
  flash
    .command("erase [offset] [length]")
    .description("erase a region, or with --all the whole flash memory")
    .option("--all", "erase everything, settings included")
    .action(async (offset: string | undefined, length: string | undefined, _: object, command: Command) => {
      const { erase } = await import("./actions.ts");
      await erase(offset, length, command.optsWithGlobals());
    });
  flash
    .command("info")
    .description("show chip, MAC address, flash size and partitions")
    .action(async (_: object, command: Command) => {
      const { info } = await import("./actions.ts");
      await info(command.optsWithGlobals());
    });
  for (const command of flash.commands) command.configureHelp({ showGlobalOptions: true }).exitOverride();
  return flash;
}

const EXAMPLES = `
Examples:
  mote flash firmware/manifest.json             a release in the format of ESP Web Tools
  mote flash build/bin/esp32/release/greenhouse what Moddable's mcconfig built
  mote flash bootloader.bin partition-table.bin app.bin
  mote flash 0x10000 app.bin                    one image at its offset
  mote flash info                               which chip is it, and what is on it
  mote flash read 0 all backup.bin              keep a copy of everything

An interrupted run is continued by running it again: what is in place is skipped.`;
