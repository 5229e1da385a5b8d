// The broker's process is killed in the middle, again and again: everything that a device's outbox accepted arrives.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { packageRoot } from "../../../tools/cli/package.ts";
import { bundle } from "../../../tools/simulator/bundle.ts";
import { Device } from "../../../tools/simulator/device.ts";
import { type AedesChild, startAedes } from "../../support/real-brokers.ts";
import { describeWith } from "../../support/require.ts";
import { xs } from "../simulator/engine.ts";

const stopping: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stopping.splice(0)) await stop();
});

const COUNT = 800;

/** One on XS and three on Node; each publishes the numbers from 1 to `COUNT` to its own topic, with QoS 1. */
async function startDevices(url: string): Promise<{ devices: Map<string, Device>; ended: string[] }> {
  const program = await bundle(join(packageRoot, "test/tools/demo/programs/numbers.ts"));
  const devices = new Map<string, Device>();
  const ended: string[] = [];
  for (const [index, id] of ["on-xs", "node-1", "node-2", "node-3"].entries()) {
    const device = await Device.create({
      engine: index === 0 ? "xs" : "node",
      settings: JSON.stringify({ id, url, count: COUNT }),
      seed: index,
      onEnd: (message) => ended.push(`${id}: ${message}`),
    });
    stopping.push(() => device.stop());
    devices.set(id, device);
    await device.start(program.code);
  }
  return { devices, ended };
}

async function reports(devices: Map<string, Device>): Promise<Map<string, Record<string, number>>> {
  const all = new Map<string, Record<string, number>>();
  for (const [id, device] of devices) all.set(id, (await device.statistics()).reports);
  return all;
}

/** Waits until every device's figures are so. */
async function until(
  devices: Map<string, Device>,
  condition: (reports: Record<string, number>) => boolean,
): Promise<void> {
  while (![...(await reports(devices)).values()].every(condition)) await sleep(20);
}

/** The numbers that the broker got of a device, in all its lives, in the order they came first. */
function numbers(broker: AedesChild, id: string): number[] {
  const prefix = `numbers/${id} `;
  const all = broker.received
    .filter((line) => line.startsWith(prefix))
    .map((line) => Number(line.slice(prefix.length)));
  return [...new Set(all)];
}

describeWith(xs, "devices whose broker is killed", () => {
  it("deliver every message with QoS 1 that was accepted, in order, once it is back", async () => {
    const broker = await startAedes();
    stopping.push(() => broker.stop());
    const { devices, ended } = await startDevices(broker.url);
    for (let life = 1; life <= 4; life++) {
      await until(devices, ({ connections, acknowledged }) => connections! >= life && acknowledged! >= life * 100);
      await broker.kill();
      // They notice, and go on until there is no room for more.
      await until(devices, ({ losses, refused }) => losses! >= life && refused! > 0);
      await broker.start();
    }
    await until(devices, ({ acknowledged }) => acknowledged === COUNT);

    const expected = Array.from({ length: COUNT }, (_, index) => index + 1);
    for (const id of devices.keys()) expect(numbers(broker, id)).toEqual(expected);
    expect(broker.received.length).toBeGreaterThanOrEqual(devices.size * COUNT); // some came twice: at least once
    expect(ended).toEqual([]);
    const { collections, slotsPeak, slotsLimit } = await devices.get("on-xs")!.statistics();
    expect(collections).toBe(0);
    expect(slotsPeak).toBeLessThan(slotsLimit / 2);
  });
});
