import { Command, Option } from "commander";
import { addLoaderOptions } from "../options.ts";
import type { ProvisionOptions } from "./actions.ts";

/** `mote provision`: tells a flashed board its network and its broker. */
export function provisionCommand(): Command {
  return addLoaderOptions(
    new Command("provision")
      .description("store Wi-Fi and broker settings on a board, or show them")
      .argument("[settings]", "JSON file with the settings; options below go before it"),
  )
    .addOption(
      new Option("--target <engine>", "where to: the NVS partition that Moddable reads, or Espruino's Storage")
        .choices(["moddable", "espruino"])
        .default("moddable"),
    )
    .option("--wifi-ssid <name>", "Wi-Fi network")
    .addOption(new Option("--wifi-password <password>", "its password").env("MOTE_WIFI_PASSWORD"))
    .option("--broker <url>", "mqtt://host:1883, or mqtts://host:8883 for TLS")
    .option("--client-id <id>", "the device's name at the broker")
    .option("--username <name>", "user at the broker")
    .addOption(new Option("--password <password>", "its password").env("MOTE_PASSWORD"))
    .option("--ca <file>", "certificate of the authority that signed the broker's (PEM)")
    .option("--cert <file>", "the device's certificate (PEM)")
    .option("--key <file>", "the device's private key (PEM)")
    .option("--fresh", "forget every setting that is stored, other programs' in the same partition included")
    .option("--show", "only show what is stored; passwords and keys are masked")
    .addHelpText("after", EXAMPLES)
    .action(async (file: string | undefined, options: ProvisionOptions) => {
      const { provision } = await import("./actions.ts");
      await provision(file, options);
    });
}

const EXAMPLES = `
Examples:
  MOTE_WIFI_PASSWORD=… mote provision --wifi-ssid garden --broker mqtts://broker.example:8883 --client-id greenhouse-7
  mote provision greenhouse-7.json
  mote provision --show

Passwords given as options are visible to other users of this computer while the command runs; the environment
variables and the settings file are not.`;
