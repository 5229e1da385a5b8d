// What the optional parts take of a device's heap, on the real XS engine: no slot and no byte of a chunk per message, once
// warm, in either version of MQTT.

import { afterEach, describe, expect, it } from "vitest";
import { PacketType, Reason } from "../../../src/packet/v5/index.ts";
import { CODEC, type PacketCodec } from "../../support/packet-link.ts";
import { describeWith } from "../../support/require.ts";
import { CODEC_V5, publish } from "../../support/scripted-world-v5.ts";
import type { Packet, Publish } from "../../packet/v5/model.ts";
import { host, xs } from "../../tools/simulator/engine.ts";
import { growth, NOTHING } from "./growth.ts";
import { ScriptedDevice, stopDevices } from "./scripted-device.ts";

afterEach(stopDevices);

const { PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP } = PacketType;
const ROUNDS = 200;

const VERSIONS = [
  { version: 3, codec: CODEC as unknown as PacketCodec<Packet> },
  { version: 5, codec: CODEC_V5 },
];

interface Running {
  device: ScriptedDevice<Packet>;
  /** The publishes that the device has sent. */
  publishes: Publish[];
}

/** The device, connected, and a broker that acknowledges. */
async function start(
  { version, codec }: (typeof VERSIONS)[number],
  settings: Record<string, unknown>,
  connack = {},
  program = "parts",
): Promise<Running> {
  const device = await ScriptedDevice.start(host, program, { settings: { version, ...settings } }, codec);
  const publishes: Publish[] = [];
  device.onPacket = async (packet) => {
    if (packet.type === PUBLISH) publishes.push(packet);
    const type = answerTo(packet);
    if (type) await device.send({ type, packetId: (packet as Publish).packetId, reasonCode: 0, properties: {} });
  };
  await device.connect(false, connack);
  return { device, publishes };
}

function answerTo(packet: Packet): typeof PUBACK | typeof PUBREC | typeof PUBREL | typeof PUBCOMP | undefined {
  if (packet.type === PUBLISH) return [undefined, PUBACK, PUBREC][packet.qos] as typeof PUBACK | undefined;
  if (packet.type === PUBREC) return PUBREL;
  return packet.type === PUBREL ? PUBCOMP : undefined;
}

/** What publishing takes, a message a second. */
async function costOfPublishing(running: Running): Promise<unknown> {
  const { device, publishes } = running;
  await device.advance(12_000);
  publishes.length = 0;
  const cost = await growth(device, () => device.advance(ROUNDS * 1_000));
  expect(publishes).toHaveLength(ROUNDS);
  expect((await device.statistics()).reports).toMatchObject({ published: ROUNDS + 12, waiting: 0 });
  return cost;
}

/** What it takes to publish more than there is room for, over connections that come and go. */
async function costOfDropping({ device, publishes }: Running): Promise<unknown> {
  const round = async (): Promise<void> => {
    await device.closed(Reason.CONNECTION_LOST);
    await device.advance(40_000);
    await device.connect();
    await device.advance(2_000);
  };
  for (let count = 0; count < 3; count++) await round();
  const reports = async (): Promise<Record<string, number>> =>
    (await device.statistics()).reports as Record<string, number>;
  const before = await reports();
  publishes.length = 0;
  const cost = await growth(device, async () => {
    for (let count = 0; count < 5; count++) await round();
  });
  const after = await reports();
  for (const cause of ["refused", "droppedOldest", "droppedNewest", "droppedOffline", "expired", "told"]) {
    expect([cause, after[cause]! > before[cause]!]).toEqual([cause, true]);
  }
  expect(publishes.length).toBeGreaterThan(5);
  return cost;
}

/** What receiving these takes, again and again. */
async function costOfReceiving({ device }: Running, packets: Packet[]): Promise<unknown> {
  for (let round = 0; round < 12; round++) await device.send(...packets);
  const cost = await growth(device, async () => {
    for (let round = 0; round < ROUNDS; round++) await device.send(...packets);
  });
  expect((await device.statistics()).reports).toMatchObject({ received: (ROUNDS + 12) * packets.length });
  return cost;
}

const QOS = [0, 1, 2] as const;
const message = (qos: number, properties: Publish["properties"] = {}, topic = "in/a"): Publish =>
  publish(topic, "21.25", { qos, packetId: qos && 7, properties });

describeWith(xs, "on XS, once warm, nothing is allocated", () => {
  describe.each(VERSIONS)("with version $version", (version) => {
    it.each(QOS)("by a publish with QoS %i", async (qos) => {
      expect(await costOfPublishing(await start(version, { qos }))).toEqual(NOTHING);
    });

    it.each(QOS)("by a received message with QoS %i", async (qos) => {
      const running = await start(version, { qos: 0, publish: false });
      expect(await costOfReceiving(running, [message(qos)])).toEqual(NOTHING);
    });

    it.each(QOS)("by a publish with QoS %i, metered and saved in a store", async (qos) => {
      const running = await start(version, { qos, metrics: true, store: true });
      expect(await costOfPublishing(running)).toEqual(NOTHING);
      const { writes, packetsSent } = (await running.device.statistics()).reports as Record<string, number>;
      expect(writes).toBe((ROUNDS + 12) * qos);
      expect(packetsSent).toBeGreaterThan(ROUNDS * Math.max(1, qos));
    });

    it.each(QOS)("by a received message with QoS %i, metered and saved in a store", async (qos) => {
      const running = await start(version, { qos: 0, publish: false, metrics: true, store: true });
      expect(await costOfReceiving(running, [message(qos)])).toEqual(NOTHING);
      expect((await running.device.statistics()).reports).toMatchObject({ writes: qos === 2 ? ROUNDS + 12 : 0 });
    });

    it.each([0, 1] as const)("by an offline queue that drops for every reason, QoS %i", async (qos) => {
      for (const settings of [{}, { properties: true }, { store: true }]) {
        expect(await costOfDropping(await start(version, { qos, queue: true, ...settings }))).toEqual(NOTHING);
      }
    });
  });

  describe("with MQTT 5", () => {
    const v5 = VERSIONS[1]!;

    it.each(QOS)("by a publish with properties, QoS %i", async (qos) => {
      const running = await start(v5, { qos, properties: true });
      expect(await costOfPublishing(running)).toEqual(NOTHING);
      expect(running.publishes[0]!.properties).toMatchObject({
        contentType: "text/plain",
        correlationData: "01020304",
      });
    });

    it.each(QOS)("by a publish with a topic alias, QoS %i", async (qos) => {
      for (const properties of [false, true]) {
        const running = await start(v5, { qos, properties, alias: true }, { topicAliasMaximum: 1 });
        expect(await costOfPublishing(running)).toEqual(NOTHING);
        expect(running.publishes[0]).toMatchObject({ topic: "", properties: { topicAlias: 1 } });
      }
    });

    it.each(QOS)("by a received message whose properties nobody reads, QoS %i", async (qos) => {
      const running = await start(v5, { qos: 0, publish: false });
      const properties = {
        payloadFormatIndicator: true,
        messageExpiryInterval: 60,
        contentType: "text/plain",
        responseTopic: "answers",
        correlationData: "01020304",
        userProperties: { unit: ["°C", "K"] },
      };
      expect(await costOfReceiving(running, [message(qos, properties)])).toEqual(NOTHING);
    });

    it.each(QOS)("by a received message with a topic alias, QoS %i", async (qos) => {
      const running = await start(v5, { qos: 0, publish: false });
      const topics = [message(qos, { topicAlias: 1 }), { ...message(qos, { topicAlias: 1 }, ""), packetId: qos && 8 }];
      expect(await costOfReceiving(running, topics)).toEqual(NOTHING);
    });

    it.each(["answered", "timedOut"])("by a request that is %s", async (outcome) => {
      const { device, publishes } = await start(v5, { ask: true }, {}, "requests");
      const rounds = async (count: number): Promise<void> => {
        for (let round = 0; round < count; round++) {
          await device.advance(1_000);
          const { responseTopic, correlationData } = publishes.pop()!.properties as Record<string, string>;
          if (outcome === "timedOut") continue;
          await device.send(publish(responseTopic!, "x", { properties: { correlationData: correlationData! } }));
        }
      };
      await rounds(12);
      expect(await growth(device, () => rounds(ROUNDS))).toEqual(NOTHING);
      await device.advance(900);
      const { reports } = await device.statistics();
      expect(reports[outcome]).toBeGreaterThan(ROUNDS);
      expect(reports).toMatchObject({ unmatched: 0, [outcome === "answered" ? "timedOut" : "answered"]: 0 });
    });

    it("by a response, of whatever length its topic is", async () => {
      const { device, publishes } = await start(v5, {}, {}, "requests");
      const rounds = async (count: number): Promise<void> => {
        for (let round = 0; round < count; round++) {
          const responseTopic = "t".repeat(1 + (round % 40));
          const correlationData = "ab".repeat(round % 9);
          await device.send(
            publish("ask", "21.25", { qos: 1, packetId: 7, properties: { responseTopic, correlationData } }),
          );
          expect(publishes.pop()).toMatchObject({ topic: responseTopic, properties: { correlationData } });
        }
      };
      await rounds(50);
      expect(await growth(device, () => rounds(ROUNDS))).toEqual(NOTHING);
      expect((await device.statistics()).reports).toMatchObject({ responded: ROUNDS + 50 });
    });
  });
});
