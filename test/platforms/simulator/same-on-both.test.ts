import { afterEach, expect, it } from "vitest";
import { PacketType, Reason } from "../../../src/packet/index.ts";
import type { XsHost } from "../../../tools/simulator/xs/build.ts";
import { cut } from "../../packet/read-packets.ts";
import { publish } from "../../support/packet-link.ts";
import { encode } from "../../packet/model.ts";
import { describeWith } from "../../support/require.ts";
import { host, xs } from "../../tools/simulator/engine.ts";
import { ScriptedDevice, stopDevices } from "./scripted-device.ts";

afterEach(stopDevices);

/** What a device did, with the time of its last action: all that can be seen from outside. */
async function life(engine: XsHost | "node", name: string, seed: number): Promise<unknown> {
  const settings = { id: "grünhaus", url: "mqtt://broker:1883", intervalMs: 200, publish: true, keepAlive: 5 };
  const device = await ScriptedDevice.start(engine, name, { settings, seed });
  let withheld = 0;
  device.onPacket = (packet) => {
    if (packet.type === PacketType.PINGREQ) return device.send({ type: PacketType.PINGRESP });
    // Now and then an acknowledgement gets lost.
    if (packet.type !== PacketType.PUBLISH || packet.qos === 0 || ++withheld % 40 === 0) return;
    return device.send({ type: PacketType.PUBACK, packetId: packet.packetId });
  };
  await device.connect();
  await device.advance(5_000);
  const command = encode(publish("sensors/grünhaus/set/interval", "350", { qos: 1, packetId: 3 }));
  await device.deliver(...cut(command, 1, 20));
  await device.advance(20_000);
  for (const reason of [Reason.CONNECTION_LOST, Reason.CONNECTION_REFUSED, Reason.HOST_NOT_FOUND]) {
    await device.closed(reason);
    await device.nextAttempt();
  }
  device.wire.push(`at ${device.time}`);
  await device.connect();
  await device.advance(60_000);
  const { reports } = await device.statistics();
  return { wire: device.wire, lines: device.lines, ended: device.ended, reports, time: device.time };
}

describeWith(xs, "XS and Node run a program alike", () => {
  it.each([
    { name: "platforms/simulator/example/sensor.ts", seed: 1 },
    { name: "platforms/simulator/example/sensor.ts", seed: 4_294_967_295 },
    { name: "idle", seed: 3 },
    { name: "strings", seed: 4 },
  ])("to the byte: $name with seed $seed", async ({ name, seed }) => {
    const onXs = await life(host, name, seed);
    expect(onXs).toEqual(await life("node", name, seed));
    expect(onXs).toMatchObject({ ended: undefined });
    expect((onXs as { wire: string[] }).wire.length).toBeGreaterThan(20);
  });

  it("and another seed makes another life", async () => {
    const sensor = "platforms/simulator/example/sensor.ts";
    expect(await life("node", sensor, 1)).not.toEqual(await life("node", sensor, 2));
  });
});
