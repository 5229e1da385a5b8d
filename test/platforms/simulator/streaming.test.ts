// Messages larger than a device's heap, on the real XS engine with the heap of an ESP32, through buffers of 1,024 bytes.

import { afterEach, expect, it } from "vitest";
import { Framer, PacketType, writeFixedHeader } from "../../../src/packet/index.ts";
import { encode } from "../../packet/model.ts";
import { publish } from "../../support/packet-link.ts";
import { describeWith } from "../../support/require.ts";
import { host, xs } from "../../tools/simulator/engine.ts";
import { ScriptedDevice, stopDevices } from "./scripted-device.ts";

afterEach(stopDevices);

/** What lwIP buffers on an ESP32. */
const CREDIT = 5_744;
const PERIOD = 251;
const TEN_MB = 10 * 1_024 * 1_024;

/** Bytes of a payload from `offset` on. */
const period = Buffer.from(Array.from({ length: 65 * PERIOD }, (_, at) => at % PERIOD));
const part = (offset: number, length: number): Buffer => period.subarray(offset % PERIOD, (offset % PERIOD) + length);

interface Sent {
  /** Payload bytes that came, of all messages, and how many messages were whole. */
  bytes: number;
  messages: number;
  wrong: number;
}

/** A device that streams, and a broker that checks the payloads and acknowledges. */
async function start(settings: Record<string, unknown>): Promise<{ device: ScriptedDevice; sent: Sent }> {
  const device = await ScriptedDevice.start(host, "stream", { settings, credit: CREDIT });
  const sent: Sent = { bytes: 0, messages: 0, wrong: 0 };
  await device.connect();
  let offset = 0;
  const framer = new Framer(
    {
      onPacket: () => undefined,
      onLargePublish: () => (offset = 0),
      onLargePayload: (bytes, start, end, missing) => {
        if (part(offset, end - start).compare(bytes, start, end) !== 0) sent.wrong++;
        offset += end - start;
        sent.bytes += end - start;
        if (missing === 0) sent.messages++;
      },
      onMalformed: () => sent.wrong++,
    },
    new Uint8Array(64),
  );
  device.onBytes = (bytes) => framer.push(bytes, 0, bytes.length);
  return { device, sent };
}

/** What `work` takes of the device's heap. */
async function growth(device: ScriptedDevice, work: () => Promise<void>): Promise<unknown> {
  const before = await device.statistics();
  await work();
  const after = await device.statistics();
  expect(device.ended).toBeUndefined();
  const collections = after.collections - before.collections;
  return { slots: after.slots - before.slots, chunkBytes: after.chunkBytes - before.chunkBytes, collections };
}

const NOTHING = { slots: 0, chunkBytes: 0, collections: 0 };
const PUBACK = { type: PacketType.PUBACK as const, packetId: 65_535 };

describeWith(xs, "on XS, once warm, streaming allocates nothing", () => {
  it.each([0, 1])("for a published message and its pieces, QoS %i", async (qos) => {
    const { device, sent } = await start({ total: 3 * CREDIT, qos });
    const round = async (): Promise<void> => {
      await device.advance(1_000);
      for (let count = 0; count < 4; count++) await device.grant(CREDIT);
      if (qos) await device.send(PUBACK);
    };
    for (let count = 0; count < 3; count++) await round();
    const cost = await growth(device, async () => {
      for (let count = 0; count < 50; count++) await round();
    });
    expect(cost).toEqual(NOTHING);
    expect(sent).toEqual({ bytes: 53 * 3 * CREDIT, messages: 53, wrong: 0 });
    expect((await device.statistics()).reports).toMatchObject({ delivered: 53, interrupted: 0 });
  });

  it.each([0, 1])("for a received message and its pieces, QoS %i", async (qos) => {
    const { device } = await start({ total: 0 });
    const message = encode(publish("in", part(0, 10_000), { qos, packetId: qos && 7 }));
    const small = encode(publish("in", part(0, 20), { qos, packetId: qos && 8 }));
    const round = async (): Promise<void> => {
      await device.deliver(message.subarray(0, 3_000), message.subarray(3_000), small);
      await device.grant(8);
    };
    for (let count = 0; count < 3; count++) await round();
    const cost = await growth(device, async () => {
      for (let count = 0; count < 100; count++) await round();
    });
    expect(cost).toEqual(NOTHING);
    expect((await device.statistics()).reports).toMatchObject({ received: 206, wrong: 0 });
  });

  it("for 10 MB each way at once", async () => {
    const { device, sent } = await start({ total: TEN_MB, qos: 1 });
    const head = new Uint8Array(9);
    head.set([0, 2, 0x69, 0x6e], writeFixedHeader(head, 0, PacketType.PUBLISH << 4, TEN_MB + 4));
    await device.advance(1_000);
    await device.deliver(head);
    let received = 0;
    const cost = await growth(device, async () => {
      while (sent.messages === 0 || received < TEN_MB) {
        await device.grant(CREDIT);
        const length = Math.min(CREDIT, TEN_MB - received);
        if (length) await device.deliver(part(received, length));
        received += length;
        if (device.ended !== undefined) throw new Error(device.ended);
      }
    });
    expect(cost).toEqual(NOTHING);
    await device.send(PUBACK);
    expect(sent).toEqual({ bytes: TEN_MB, messages: 1, wrong: 0 });
    expect((await device.statistics()).reports).toMatchObject({ delivered: 1, received: 1, wrong: 0 });
  }, 120_000);
});
