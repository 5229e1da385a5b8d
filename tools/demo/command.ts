import { writeFile } from "node:fs/promises";
import { Command, Option } from "commander";
import { durationFrom, parseDuration, parsePort, whole } from "../cli/arguments.ts";
import { ExitCode, UserError } from "../cli/errors.ts";
import { untilInterrupted } from "../cli/interrupt.ts";
import { paint, StatusLine } from "../cli/terminal.ts";
import type { Engine } from "../simulator/device.ts";
import { engineOrNode } from "../simulator/xs/available.ts";
import { Demo, type DemoReport, type DemoState } from "./demo.ts";

interface Options {
  engine: Engine;
  devices: number;
  port: number;
  interval: number;
  for?: number;
  report?: string;
  seed: number;
}

export function demoCommand(): Command {
  return new Command("demo")
    .description(
      "watch simulated sensors publish through the bundled broker, one of them on the XS engine of the ESP32",
    )
    .addOption(new Option("--engine <name>", "engine of the first device").choices(["xs", "node"]).default("xs"))
    .option("--devices <count>", "devices in all; the others run on Node", whole(1, 1_000), 6)
    .option("--port <number>", "port of the broker; another is chosen when it is in use", parsePort, 1883)
    .option("--interval <duration>", "from one sample to the next, from 50ms on", durationFrom(50), 250)
    .option("--for <duration>", "end by itself after this long, such as 10s", parseDuration)
    .option("--report <file>", "write the outcome as JSON")
    .option("--seed <number>", "seed of the devices' random numbers", whole(0, 4_294_967_295), 1)
    .action(run);
}

async function run(options: Options): Promise<void> {
  const line = new StatusLine(process.stdout);
  const onNotice = (text: string): void => line.done(text);
  const engine = await engineOrNode(options.engine);
  const demo = await Demo.start({
    engine,
    companions: options.devices - 1,
    port: options.port,
    intervalMs: options.interval,
    seed: options.seed,
    onNotice,
  });
  console.log(
    `Broker at ${demo.broker.url}. greenhouse-1 runs on ${engine === "xs" ? "XS, with the heap of an ESP32" : "Node"}` +
      (options.devices > 1 ? `; ${options.devices - 1} more on Node.` : "."),
  );
  console.log(`Watch it: mosquitto_sub -p ${demo.broker.port} -t 'sensors/#' -v`);
  console.log(options.for ? `It ends after ${options.for / 1_000} s, or with Ctrl-C.` : "Ctrl-C ends it.");

  const live = showEverySecond(demo, line);
  try {
    await untilInterrupted(options.for);
  } finally {
    clearInterval(live);
    line.done();
  }
  const report = await demo.finish();
  console.log(summary(report));
  process.exitCode = report.lost === 0 && report.devicesEnded === 0 ? ExitCode.OK : ExitCode.FAILED;
  if (options.report) await writeReport(options.report, report);
}

function showEverySecond(demo: Demo, line: StatusLine): NodeJS.Timeout {
  const started = performance.now();
  let asking = false;
  return setInterval(() => {
    if (asking) return;
    asking = true;
    demo
      .state()
      .then((state) => {
        const text = `${String(Math.round((performance.now() - started) / 1_000)).padStart(4)} s  ${describe(state)}`;
        if (process.stdout.isTTY) line.update(text);
        else console.log(text);
      })
      .catch(() => undefined) // the devices that ended have been told of
      .finally(() => (asking = false));
  }, 1_000);
}

function describe({ connected, published, acknowledged, received, inFlight, first }: DemoState): string {
  const counts = `connected ${connected}  published ${published}  acknowledged ${acknowledged}  received ${received}  in flight ${inFlight}`;
  return first?.slotBytes ? `${counts}  XS: ${first.slots} slots, ${first.chunkBytes} chunk bytes` : counts;
}

function summary(report: DemoReport): string {
  const verdict = report.lost === 0 ? paint("green", "nothing lost") : paint("red", `${report.lost} lost`);
  const lines = [
    "",
    `${report.devices} devices published ${report.published} messages with QoS 1: ${report.acknowledged} acknowledged, ` +
      `${report.received} received, ${verdict}, ${report.duplicates} twice.`,
    `${report.receivedQos0} messages with QoS 0 were received, and ${report.commands} commands obeyed.`,
  ];
  if (report.devicesEnded > 0) {
    lines.push(
      paint("red", `${report.devicesEnded} of them ended by themselves`) + ", and what they published is not counted.",
    );
  }
  if (report.slotBytes) {
    if (report.slotsPerPublish !== null) {
      lines.push(
        `XS, once warm: ${report.slotsPerPublish} slots and ${report.chunkBytesPerPublish} chunk bytes a publish, ` +
          `${report.slotsPerMessage} and ${report.chunkBytesPerMessage} a received message; ${report.collections} collections.`,
      );
    }
    lines.push(
      `Heap at its peak ${report.heapPeakBytes} of ${report.heapLimitBytes} bytes (slots of ${report.slotBytes}); ` +
        `program ${report.bundleBytes} bytes minified, ${report.codeBytes} as bytecode.`,
    );
  }
  return lines.join("\n");
}

async function writeReport(file: string, report: DemoReport): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
  } catch (error) {
    throw new UserError(`The report cannot be written to ${file}: ${(error as Error).message}.`, ExitCode.USAGE, {
      cause: error,
    });
  }
}
