import { setTimeout as sleep } from "node:timers/promises";
import { Command, Option } from "commander";
import { Broker } from "../broker/broker.ts";
import { parseDuration, parsePort, whole } from "../cli/arguments.ts";
import { ExitCode, UserError } from "../cli/errors.ts";
import { untilInterrupted } from "../cli/interrupt.ts";
import { bundle } from "./bundle.ts";
import { Device, type Engine } from "./device.ts";
import { engineOrNode } from "./xs/available.ts";

interface Options {
  engine: Engine;
  devices: number;
  broker?: string;
  port: number;
  set: Record<string, string>;
  for?: number;
  seed: number;
}

export function simulateCommand(): Command {
  return new Command("simulate")
    .description("run a sensor's program on simulated devices, against the bundled broker or one of yours")
    .argument("<program>", "TypeScript or JavaScript file, the one that is flashed")
    .addOption(
      new Option("--engine <name>", "xs: the ESP32's engine and heap; node: thousands of devices in one process")
        .choices(["xs", "node"])
        .default("xs"),
    )
    .option("--devices <count>", "how many", whole(1, 10_000), 1)
    .option("--broker <url>", "broker to use, such as mqtt://192.0.2.7:1883, instead of the bundled one")
    .option("--port <number>", "port of the bundled broker; 0 for any that is free", parsePort, 1883)
    .option("--set <name=value>", "a setting for the program; may be repeated", collectSetting, {})
    .option("--for <duration>", "end by itself after this long, such as 10s", parseDuration)
    .option("--seed <number>", "seed of the devices' random numbers", whole(0, 4_294_967_295), 1)
    .addHelpText(
      "after",
      "\nThe program finds in `settings` of mote-mqtt/simulator: url, the broker's; id, device-1 and so on; and what --set gave.",
    )
    .action(run);
}

async function run(file: string, options: Options): Promise<void> {
  const program = await bundle(file);
  const engine = await engineOrNode(options.engine);
  const broker = options.broker === undefined ? await Broker.start({ port: options.port }) : undefined;
  const url = broker?.url ?? options.broker;
  const running = new Map<string, Device>();
  let failed: (error: UserError) => void = () => undefined;
  const allEnded = new Promise<never>((_, reject) => (failed = reject));
  try {
    console.log(
      `${options.devices} of ${file} on ${engine === "xs" ? "XS" : "Node"}, broker at ${url}. Ctrl-C ends it.`,
    );
    for (let number = 1; number <= options.devices; number++) {
      const id = `device-${number}`;
      const device = await Device.create({
        engine,
        settings: JSON.stringify({ url, id, ...options.set }),
        seed: (options.seed + number) >>> 0,
        onPrint: (line) => console.log(`${id}: ${line}`),
        onEnd: (message) => {
          console.error(`${id} ended: ${message}`);
          running.delete(id);
          if (running.size === 0) failed(new UserError("All devices have ended.", ExitCode.FAILED));
        },
      });
      running.set(id, device);
      await device.start(program.code);
    }
    await Promise.race([allEnded, untilInterrupted(), ...(options.for ? [sleep(options.for)] : [])]);
    await printHeap(running);
  } finally {
    await Promise.all([...running.values()].map((device) => device.stop()));
    await broker?.stop();
  }
}

/** What the first device's heap came to. */
async function printHeap(running: Map<string, Device>): Promise<void> {
  const [[id, device]] = running as unknown as [[string, Device]];
  const heap = await device.statistics();
  if (heap.slotBytes === 0) return;
  console.log(
    `${id}: ${heap.slots} of ${heap.slotsLimit} slots in use (${heap.slotsPeak} at the peak), ` +
      `${heap.chunkBytes} of ${heap.chunkBytesLimit} chunk bytes (${heap.chunkBytesPeak}), ${heap.collections} collections.`,
  );
}

function collectSetting(text: string, settings: Record<string, string>): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new UserError(`--set ${text} is no setting: write --set name=value.`);
  return { ...settings, [text.slice(0, at)]: text.slice(at + 1) };
}
