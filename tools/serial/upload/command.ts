import { Command, Option } from "commander";
import { addLoaderOptions } from "../options.ts";
import type { UploadOptions } from "./actions.ts";

/** `mote upload`: an application onto a board whose firmware is there already. */
export function uploadCommand(): Command {
  return addLoaderOptions(
    new Command("upload")
      .description("put an application on a board that runs Espruino or a Moddable host")
      .argument("<app>", "app.ts or app.js for Espruino; a mod archive (.xsa) for Moddable"),
  )
    .addOption(
      new Option("--target <engine>", "what runs on the board").choices(["espruino", "moddable"]).makeOptionMandatory(),
    )
    .option("--boot", "Espruino: start the application at every boot")
    .option("--name <name>", "Espruino: the name to store it under (default: the file's)")
    .option("--no-run", "Espruino: only store it")
    .addHelpText("after", EXAMPLES)
    .action(async (app: string, options: UploadOptions) => {
      const { upload } = await import("./actions.ts");
      await upload(app, options);
    });
}

const EXAMPLES = `
Examples:
  mote upload greenhouse.ts --target espruino          try it: it is gone after a reset
  mote upload greenhouse.ts --target espruino --boot   keep it: it starts whenever the board does
  mote upload greenhouse.xsa --target moddable         a mod built with mcrun -m -p esp32`;
