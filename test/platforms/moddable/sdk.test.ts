import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { platform } from "../../../platforms/node/index.ts";
import { Client, Published } from "../../../src/index.ts";
import { Broker } from "../../../tools/broker/broker.ts";
import { packageRoot } from "../../../tools/cli/package.ts";
import { buildHeadless, buildProject, findSdk, NEEDS, type Sdk } from "../../../tools/moddable/sdk.ts";

// The example, built and run with Moddable's own SDK, against the bundled broker. `npm run test:moddable` insists.
const insists = process.env["npm_lifecycle_event"] === "test:moddable";
const sdk = await findSdk().catch((error: Error) => {
  if (insists || process.env["MODDABLE"]) throw error;
  return undefined;
});

/** What Moddable gives a program on an ESP32, and no growth. */
const ESP32 = {
  static: 0,
  chunk: { initial: 32_768, incremental: 0 },
  heap: { initial: 2_048, incremental: 0 },
  stack: 384,
};

/** A subscriber on this side: what the device published, and a way to wait for more. */
class Watcher {
  readonly messages: { topic: string; text: string; retain: boolean }[] = [];
  private readonly _client: Client;
  private _waiting: (() => void) | undefined;

  constructor(url: string) {
    this._client = new Client(platform, { url, clientId: "watcher", reconnectMaxMs: 1_000, outboxBytes: 8_192 });
    this._client.subscribe("greenhouse/#", 1, (message) => {
      this.messages.push({ topic: message.topic, text: message.text(), retain: message.retain });
      this._waiting?.();
    });
    this._client.connect();
  }

  texts(topic: string): string[] {
    return this.messages.filter((message) => message.topic.endsWith(topic)).map(({ text }) => text);
  }

  publish(topic: string, payload: string | Uint8Array): void {
    expect(this._client.publish(topic, payload, { qos: 1 })).not.toBe(Published.FULL);
  }

  async until(what: string, condition: () => boolean, withinMs = 20_000): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what} did not happen within ${withinMs} ms`)), withinMs);
    });
    try {
      while (!condition()) {
        await Promise.race([timeout, new Promise<void>((resolve) => (this._waiting = resolve))]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  stop(): void {
    this._client.disconnect();
  }
}

describe.skipIf(!sdk)(sdk ? `Moddable ${sdk.version}` : `skipped: ${NEEDS}`, () => {
  let folder: string;
  let headless: string;
  let broker: Broker;
  let watcher: Watcher;
  const children: ChildProcess[] = [];
  const lines: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "mote-moddable-"));
    headless = await buildHeadless(sdk as Sdk, folder);
    broker = await Broker.start({ port: 0 });
    watcher = new Watcher(broker.url);
  }, 60_000);

  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    watcher.stop();
    await broker.stop();
    await rm(folder, { recursive: true, force: true });
  });

  function run(program: string): ChildProcess {
    const child = spawn(headless, [program], { stdio: ["ignore", "pipe", "inherit"] });
    child.stdout!.setEncoding("utf8").on("data", (text: string) => lines.push(...text.split("\n").filter(Boolean)));
    children.push(child);
    return child;
  }

  /** The folder of a project that is the example, with so much memory and no more. */
  async function exampleWithin(creation: unknown): Promise<string> {
    const project = join(folder, "example");
    await cp(join(packageRoot, "platforms/moddable/example"), project, { recursive: true });
    const path = join(project, "manifest.json");
    const manifest = JSON.parse(await readFile(path, "utf8")) as { include: string[] };
    manifest.include[1] = join(packageRoot, "manifest.json");
    await writeFile(path, JSON.stringify({ ...manifest, creation }));
    return project;
  }

  test("the example passes: telemetry, a command, a message too large, a broker that restarts, the will", async () => {
    const config = { url: broker.url, id: "g1", intervalMs: 200 };
    const { program, output } = await buildProject(sdk as Sdk, await exampleWithin(ESP32), folder, config);
    // What XS would keep in memory of a preloaded module; the two that stay are a table of sentences and an argument.
    const warnings = output.split("\n").filter((line) => /warning: mote-mqtt/.test(line));
    expect(warnings.length).toBeLessThanOrEqual(2);
    const device = run(program);

    await watcher.until("the first sample", () => watcher.texts("g1/samples").length > 0);
    expect(watcher.texts("g1/state")).toEqual(["online"]);
    await watcher.until("temperature and humidity", () => watcher.texts("g1/humidity").length > 3);
    expect(watcher.texts("g1/temperature")[0]).toMatch(/^\d+\.\d\d$/);

    watcher.publish("greenhouse/g1/set/interval", new Uint8Array(3_000).fill(0x31));
    watcher.publish("greenhouse/g1/set/interval", "50");
    const slow = watcher.texts("g1/samples").length;
    const begun = performance.now();
    await watcher.until("20 samples", () => watcher.texts("g1/samples").length >= slow + 20);
    expect(performance.now() - begun).toBeLessThan(20 * 200);
    expect(lines).toContain("g1: skipped a message of 3000 bytes");

    const port = broker.port;
    await broker.stop();
    broker = await Broker.start({ port });
    const states = watcher.texts("g1/state").length;
    await watcher.until("the reconnection", () => watcher.texts("g1/state").length > states);
    const count = watcher.texts("g1/samples").length;
    await watcher.until("10 samples", () => watcher.texts("g1/samples").length > count + 10);
    const samples = watcher.texts("g1/samples").map(Number);
    expect(samples).toEqual([...samples].sort((one, other) => one - other));

    device.kill("SIGKILL");
    await once(device, "exit");
    await watcher.until("the will", () => watcher.texts("g1/state").includes("offline"));
    console.log(
      `Moddable ${(sdk as Sdk).version}, ${samples.length} samples. The device printed:\n${lines.join("\n")}`,
    );
  }, 180_000);
});
