import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { Broker } from "../../../tools/broker/broker.ts";
import { packageRoot } from "../../../tools/cli/package.ts";
import { Demo, type DemoOptions } from "../../../tools/demo/demo.ts";
import { Journal } from "../../support/journal.ts";
import { freePort } from "../../support/real-brokers.ts";
import { describeWith } from "../../support/require.ts";
import { xs } from "../simulator/engine.ts";

const stopping: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stopping.splice(0)) await stop();
});

async function start(options: Partial<DemoOptions>): Promise<{ demo: Demo; notices: Journal<string> }> {
  const notices = new Journal<string>();
  const onNotice = (line: string): void => notices.add(line);
  const demo = await Demo.start({
    engine: "node",
    companions: 1,
    port: 0,
    intervalMs: 50,
    seed: 1,
    onNotice,
    ...options,
  });
  stopping.push(() => demo.stop());
  return { demo, notices };
}

/** Waits until the demo has come so far. */
async function until(demo: Demo, condition: (state: Awaited<ReturnType<Demo["state"]>>) => boolean): Promise<void> {
  while (!condition(await demo.state())) await sleep(20);
}

/** The example sensor, with more to it. */
async function sensorWith(code: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "mote-demo-"));
  stopping.push(() => rm(folder, { recursive: true }));
  const example = await readFile(join(packageRoot, "platforms/simulator/example/sensor.ts"), "utf8");
  await writeFile(join(folder, "sensor.ts"), example + code);
  return join(folder, "sensor.ts");
}

/** The example sensor, but the first device has a fault. */
const failing = (): Promise<string> =>
  sensorWith(`if (id === "greenhouse-1") setTimeout(() => { throw new Error("no sensor at this pin"); }, 300);`);

describeWith(xs, "a demo with its first device on XS", () => {
  it("publishes, commands and counts, and finds nothing amiss", async () => {
    const { demo, notices } = await start({ engine: "xs", companions: 2 });
    // Warm for a while: commands come once a second.
    await until(demo, ({ commands, published }) => commands >= 9 && published >= 300);
    expect(await demo.state()).toMatchObject({ connected: 3, devicesEnded: 0 });
    const report = await demo.finish();
    expect(report).toMatchObject({
      engine: "xs",
      devices: 3,
      devicesEnded: 0,
      lost: 0,
      duplicates: 0,
      slotsPerPublish: 0,
      chunkBytesPerPublish: 0,
      slotsPerMessage: 0,
      chunkBytesPerMessage: 0,
      collections: 0,
      bundleBytes: demo.program.bytes,
    });
    expect([16, 32]).toContain(report.slotBytes);
    expect(report.published).toBeGreaterThanOrEqual(300);
    expect(report.acknowledged).toBe(report.published);
    expect(report.received).toBe(report.published);
    expect(report.receivedQos0).toBeGreaterThan(90);
    expect(report.heapPeakBytes).toBeGreaterThan(4_000);
    expect(report.heapPeakBytes).toBeLessThan(report.heapLimitBytes!);
    expect(report.codeBytes).toBeGreaterThan(10_000);
    expect(notices.items).toEqual([]);
  });

  it("says that the first device ended, and takes nobody else's figures for its own", async () => {
    const { demo, notices } = await start({ engine: "xs", companions: 2, program: await failing() });
    await notices.count(1);
    expect(notices.items).toEqual([
      expect.stringMatching(/^greenhouse-1 ended: The program threw Error: no sensor at this pin/),
    ]);
    await until(demo, ({ published, received }) => published > 10 && received > 10);
    const state = await demo.state();
    expect(state).toMatchObject({ devicesEnded: 1, first: undefined, connected: 2 });
    expect(await demo.finish()).toMatchObject({
      engine: "xs",
      devices: 3,
      devicesEnded: 1,
      lost: 0,
      slotBytes: null,
      slotsPerPublish: null,
      slotsPerMessage: null,
      collections: null,
      heapPeakBytes: null,
      codeBytes: null,
    });
  });
});

it("a demo whose devices have all ended says so", async () => {
  const { demo, notices } = await start({ companions: 0, program: await failing() });
  await notices.count(1);
  expect(await demo.state()).toMatchObject({ devicesEnded: 1, connected: 0, published: 0, first: undefined });
  expect(await demo.finish()).toMatchObject({ devices: 1, devicesEnded: 1, published: 0, received: 0, lost: 0 });
});

it("a demo whose devices say again that they are online, as after a PUBACK that got lost, finds that twice and nothing lost", async () => {
  const { demo } = await start({ program: await sensorWith(`setTimeout(() => state.publish("online"), 200);`) });
  await until(demo, ({ duplicates, received }) => duplicates === 2 && received > 10);
  const report = await demo.finish();
  expect(report).toMatchObject({ devices: 2, lost: 0, duplicates: 2 });
  expect(report.received).toBe(report.published);
});

it("a demo that was ended before it was warm has no figures of that", async () => {
  const { demo } = await start({ companions: 0 });
  await until(demo, ({ published }) => published > 0);
  expect(await demo.finish()).toMatchObject({ engine: "node", lost: 0, slotsPerPublish: null, slotsPerMessage: null });
});

it("a demo takes another port when its own is in use, and says so", async () => {
  const port = await freePort();
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  stopping.push(() => new Promise((resolve) => server.close(resolve)));
  const { demo, notices } = await start({ port });
  expect(demo.broker.port).not.toBe(port);
  expect(notices.items).toEqual([
    `Port ${port} is in use, perhaps by another broker: this one listens at port ${demo.broker.port}.`,
  ]);
  await until(demo, ({ received }) => received > 0);
});

it("a demo that cannot start leaves nothing running", async () => {
  const port = await freePort();
  await expect(start({ port, program: "no/such/program.ts" })).rejects.toThrow(
    "There is no program no/such/program.ts",
  );
  const broker = await Broker.start({ port }); // the port is free
  await broker.stop();
});
