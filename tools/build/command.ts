import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { Command, Option } from "commander";
import { packageRoot } from "../cli/package.ts";
import { bundleEspruinoModule, bundleForEspruino } from "./espruino.ts";

export function buildCommand(): Command {
  return new Command("build")
    .description("make one script of a sensor's program, or of Mote alone, for a board's engine")
    .argument("[program]", 'TypeScript or JavaScript file; without, Mote as a module for require("mote")')
    .addOption(new Option("--target <engine>", "engine of the board").choices(["espruino"]).default("espruino"))
    .option("--out <file>", "where to write it")
    .action(async (program: string | undefined, { out }: { out?: string }) => {
      const file = out ?? (program ? `${basename(program, extname(program))}.min.js` : MODULE);
      const contents = await (program ? bundleForEspruino(program) : bundleEspruinoModule());
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, contents);
      console.log(`${file}: ${contents.length} bytes`);
    });
}

const MODULE = join(packageRoot, "dist/espruino/mote.min.js");
