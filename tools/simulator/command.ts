import { Command, Option } from "commander";
import { platform } from "../../platforms/node/index.ts";
import { Metrics } from "../../src/metrics.ts";
import { Broker } from "../broker/broker.ts";
import { parseBrokerUrl, parseDuration, parsePort, whole } from "../cli/arguments.ts";
import { ExitCode, UserError } from "../cli/errors.ts";
import { untilInterrupted } from "../cli/interrupt.ts";
import { eventPrinter, StatusLine } from "../cli/terminal.ts";
import { bundle } from "./bundle.ts";
import { Device, type Engine } from "./device.ts";
import type { Statistics } from "./machine.ts";
import { engineOrNode } from "./xs/available.ts";

interface Options {
  engine: Engine;
  devices: number;
  broker?: string;
  port: number;
  set: Record<string, string>;
  for?: number;
  seed: number;
  json?: boolean;
}

const PROGRESS_MS = 1_000;

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
    .option(
      "--broker <url>",
      "broker to use, such as mqtt://192.0.2.7:1883, instead of the bundled one",
      parseBrokerUrl,
    )
    .option("--port <number>", "port of the bundled broker; 0 for any that is free", parsePort, 1883)
    .option("--set <name=value>", "a setting for the program; may be repeated", collectSetting, {})
    .option("--for <duration>", "end by itself after this long, such as 10s", parseDuration)
    .option("--seed <number>", "seed of the devices' random numbers", whole(0, 4_294_967_295), 1)
    .option("--json", "print a JSON object for each event, the figures at the end among them")
    .addHelpText(
      "after",
      "\nThe program finds in `settings` of mote-mqtt/simulator: url, the broker's; id, device-1 and so on; and what --set gave.",
    )
    .action(run);
}

async function run(file: string, options: Options): Promise<void> {
  const tell = eventPrinter(options.json);
  const program = await bundle(file);
  const engine = await engineOrNode(options.engine);
  const broker = options.broker === undefined ? await Broker.start({ port: options.port }) : undefined;
  const url = broker?.url ?? options.broker;
  const network = new Metrics(platform);
  const running = new Map<string, Device>();
  const line = new StatusLine();
  const progress = setInterval(() => line.update(describe(options.devices, network)), PROGRESS_MS);
  let failed: (error: UserError) => void = () => undefined;
  const allEnded = new Promise<never>((_, reject) => (failed = reject));
  try {
    const interrupted = untilInterrupted(options.for); // from the beginning: devices may take long to start
    tell(
      "start",
      { devices: options.devices, program: file, engine, url },
      `${options.devices} of ${file} on ${engine === "xs" ? "XS" : "Node"}, broker at ${url}. Ctrl-C ends it.`,
    );
    for (let number = 1; number <= options.devices; number++) {
      const id = `device-${number}`;
      const device = await Device.create({
        engine,
        network,
        settings: JSON.stringify({ url, id, ...options.set }),
        seed: (options.seed + number) >>> 0,
        onPrint: (text) => {
          line.done();
          tell("print", { device: id, text }, `${id}: ${text}`);
        },
        onEnd: (message) => {
          line.done();
          if (options.json) tell("ended", { device: id, message }, "");
          else console.error(`${id} ended: ${message}`);
          running.delete(id);
          if (running.size === 0) failed(new UserError("All devices have ended.", ExitCode.FAILED));
        },
      });
      running.set(id, device);
      await device.start(program.code);
    }
    await Promise.race([allEnded, interrupted]);
    line.done();
    tell("network", figures(network), describe(options.devices, network));
    const [id] = running.keys() as unknown as [string];
    const statistics = await Promise.all([...running.values()].map((device) => device.statistics()));
    const reports = summed(statistics);
    if (Object.keys(reports).length) tell("reports", reports, describeReports(reports));
    const [heap] = statistics as [Statistics];
    if (heap.slotBytes) tell("heap", { device: id, ...heap }, describeHeap(id, heap));
  } finally {
    clearInterval(progress);
    line.done();
    await Promise.all([...running.values()].map((device) => device.stop()));
    await broker?.stop();
  }
}

/** What went through the connections of all devices. */
function figures(network: Metrics) {
  const { attempts, connections, reconnections, packetsSent, bytesSent, packetsReceived, bytesReceived } = network;
  return { attempts, connections, reconnections, packetsSent, bytesSent, packetsReceived, bytesReceived };
}

function describe(devices: number, network: Metrics): string {
  return (
    `${devices} ${devices === 1 ? "device" : "devices"}: connections ${network.connections}, attempts ${network.attempts}, ` +
    `packets sent ${network.packetsSent} (${network.bytesSent} bytes), ` +
    `received ${network.packetsReceived} (${network.bytesReceived} bytes).`
  );
}

/** What the programs report of themselves, over all devices. */
function summed(statistics: readonly Statistics[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { reports } of statistics) {
    for (const [name, value] of Object.entries(reports)) sums[name] = (sums[name] ?? 0) + value;
  }
  return sums;
}

function describeReports(reports: Record<string, number>): string {
  return `Reported by all devices: ${Object.entries(reports)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ")}.`;
}

/** What a device's heap came to. */
function describeHeap(id: string, heap: Statistics): string {
  return (
    `${id}: ${heap.slots} of ${heap.slotsLimit} slots in use (${heap.slotsPeak} at the peak), ` +
    `${heap.chunkBytes} of ${heap.chunkBytesLimit} chunk bytes (${heap.chunkBytesPeak}), ${heap.collections} collections.`
  );
}

function collectSetting(text: string, settings: Record<string, string>): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new UserError(`--set ${text} is no setting: write --set name=value.`);
  return { ...settings, [text.slice(0, at)]: text.slice(at + 1) };
}
