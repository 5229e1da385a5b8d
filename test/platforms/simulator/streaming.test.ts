// Messages larger than a device's heap, on the real XS engine with the heap of an ESP32, through buffers of 1,024 bytes.

import { afterEach, expect, it } from "vitest";
import { encodeAcknowledgement, Framer, PacketType, writeFixedHeader } from "../../../src/packet/index.ts";
import { Framer as Framer5 } from "../../../src/packet/v5/index.ts";
import { CODEC, publish as publish311 } from "../../support/packet-link.ts";
import { describeWith } from "../../support/require.ts";
import { CODEC_V5, publish } from "../../support/scripted-world-v5.ts";
import { host, xs } from "../../tools/simulator/engine.ts";
import { growth, NOTHING } from "./growth.ts";
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

type Device = Pick<ScriptedDevice, "advance" | "connect" | "deliver" | "ended" | "grant" | "onBytes" | "statistics">;

/** A device that streams, and a broker that checks the payloads. */
async function start(settings: Record<string, unknown>): Promise<{ device: Device; sent: Sent }> {
  const options = { settings, credit: CREDIT };
  const version5 = settings.version === 5;
  const device: Device = version5
    ? await ScriptedDevice.start(host, "stream", options, CODEC_V5)
    : await ScriptedDevice.start(host, "stream", options);
  const sent: Sent = { bytes: 0, messages: 0, wrong: 0 };
  await device.connect();
  let offset = 0;
  const framer = new (version5 ? Framer5 : Framer)(
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

/** An acknowledgement in its short form, which both versions have. */
function acknowledgement(type: Parameters<typeof encodeAcknowledgement>[2], packetId: number): Uint8Array {
  const bytes = new Uint8Array(4);
  encodeAcknowledgement(bytes, 0, type, packetId);
  return bytes;
}

const { PUBACK, PUBREC, PUBREL, PUBCOMP } = PacketType;
const ANSWERS = [[], [PUBACK], [PUBREC, PUBCOMP]] as const;
const VERSIONS = [3, 5].flatMap((version) => ([0, 1, 2] as const).map((qos) => ({ version, qos })));

describeWith(xs, "on XS, once warm, streaming allocates nothing", () => {
  it.each(VERSIONS)("for a published message and its pieces, version $version, QoS $qos", async ({ version, qos }) => {
    const { device, sent } = await start({ total: 3 * CREDIT, version, qos });
    const round = async (): Promise<void> => {
      await device.advance(1_000);
      for (let count = 0; count < 4; count++) await device.grant(CREDIT);
      for (const type of ANSWERS[qos]) await device.deliver(acknowledgement(type, 65_535));
      await device.grant(8);
    };
    for (let count = 0; count < 3; count++) await round();
    const cost = await growth(device, async () => {
      for (let count = 0; count < 50; count++) await round();
    });
    expect(cost).toEqual(NOTHING);
    expect(sent).toEqual({ bytes: 53 * 3 * CREDIT, messages: 53, wrong: 0 });
    expect((await device.statistics()).reports).toMatchObject({ delivered: 53, interrupted: 0 });
  });

  it.each(VERSIONS)("for a received message and its pieces, version $version, QoS $qos", async ({ version, qos }) => {
    const { device } = await start({ total: 0, version });
    const properties = { contentType: "image/png", userProperties: { unit: "°C" } };
    const encode = (length: number, packetId: number): Uint8Array =>
      version === 5
        ? CODEC_V5.encode(publish("in", part(0, length), { qos, packetId: qos && packetId, properties }))
        : CODEC.encode(publish311("in", part(0, length), { qos, packetId: qos && packetId }));
    const message = encode(10_000, 7);
    const small = encode(20, 8);
    const round = async (): Promise<void> => {
      await device.deliver(message.subarray(0, 3_000), message.subarray(3_000), small);
      if (qos === 2) await device.deliver(acknowledgement(PUBREL, 7), acknowledgement(PUBREL, 8));
      await device.grant(24);
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
    await device.deliver(acknowledgement(PUBACK, 65_535));
    expect(sent).toEqual({ bytes: TEN_MB, messages: 1, wrong: 0 });
    expect((await device.statistics()).reports).toMatchObject({ delivered: 1, received: 1, wrong: 0 });
  }, 120_000);
});
