// What a client takes of a device's heap, on the real XS engine: exact counts.

import { afterEach, describe, expect, it } from "vitest";
import { PacketType, Reason } from "../../../src/packet/index.ts";
import { buildHost } from "../../../tools/simulator/xs/build.ts";
import { encode, type Packet } from "../../packet/model.ts";
import { cut } from "../../packet/read-packets.ts";
import { publish } from "../../support/packet-link.ts";
import { describeWith } from "../../support/require.ts";
import { host, xs, xs32 } from "../../tools/simulator/engine.ts";
import { growth, type Growth, NOTHING } from "./growth.ts";
import { ScriptedDevice, stopDevices } from "./scripted-device.ts";

/** The engine as it is on this computer: compiled here, so that no test's time is spent on it. */
const native = xs.missing ? host : await buildHost({ native: true });

afterEach(stopDevices);

/** A broker that acknowledges messages and answers pings; `packets` is what it got. */
function answer(device: ScriptedDevice): Packet[] {
  const packets: Packet[] = [];
  device.onPacket = (packet) => {
    packets.push(packet);
    if (packet.type === PacketType.PINGREQ) return device.send({ type: PacketType.PINGRESP });
    if (packet.type !== PacketType.PUBLISH || packet.qos === 0) return;
    return device.send({ type: PacketType.PUBACK, packetId: packet.packetId });
  };
  return packets;
}

/** What publishing `count` messages takes, one a second. */
async function costOfPublishing(
  what: string,
  qos: number,
  count: number,
  engine = host,
  program = "publish",
): Promise<Growth> {
  const device = await ScriptedDevice.start(engine, program, { settings: { what, qos } });
  const packets = answer(device);
  await device.connect();
  await device.advance(3_000);
  packets.length = 0;
  const cost = await growth(device, () => device.advance(count * 1_000));
  if (what !== "concatenation") expect(packets).toHaveLength(count);
  expect((await device.statistics()).reports).toMatchObject({ count: count + 3, waiting: 0 });
  return cost;
}

/** What receiving `count` messages takes, each in `pieces`. */
async function costOfReceiving(
  handler: string,
  topic: string,
  payload: string,
  qos: number,
  count: number,
  cuts: number[] = [],
  program = "receive",
): Promise<Growth> {
  const device = await ScriptedDevice.start(host, program, { settings: { handler } });
  const packets = answer(device);
  await device.connect();
  const pieces = cut(encode(publish(topic, payload, { qos, packetId: qos && 7 })), ...cuts);
  const receive = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) await device.deliver(...pieces);
  };
  await receive(2);
  const cost = await growth(device, () => receive(count));
  expect((await device.statistics()).reports).toMatchObject({ count: count + 2 });
  expect(packets.filter(({ type }) => type === PacketType.PUBACK)).toHaveLength(qos ? count + 2 : 0);
  expect(device.lines).toEqual([]);
  return cost;
}

describeWith(xs, "on XS, once warm, nothing is allocated", () => {
  describe.each([0, 1])("by a publish with QoS %i", (qos) => {
    it.each([
      { what: "bytes", payload: "bytes" },
      { what: "part", payload: "a part of bytes" },
      { what: "empty", payload: "no bytes" },
      { what: "number", payload: "a number with decimals" },
      { what: "negative", payload: "a negative number" },
      { what: "ascii", payload: "a string that exists" },
      { what: "nonAscii", payload: "a string beyond ASCII that exists" },
    ])("of $payload", async ({ what }) => {
      expect(await costOfPublishing(what, qos, 300)).toEqual(NOTHING);
    });
  });

  it("by any of them on an engine of this computer's word size", async () => {
    expect(await costOfPublishing("number", 1, 300, native)).toEqual(NOTHING);
    expect(await costOfPublishing("bytes", 0, 300, native)).toEqual(NOTHING);
  });

  describe.each([0, 1])("by a received message with QoS %i", (qos) => {
    it.each([
      { filter: "+", topic: "greenhouse/7/set", handler: "bytes", how: "its bytes" },
      { filter: "+", topic: "greenhouse/7/set", handler: "number", how: "a number" },
      { filter: "#", topic: "alarm/a/b/c", handler: "bytes", how: "its bytes" },
      { filter: "#", topic: "alarm", handler: "number", how: "a number" },
    ])("that $filter matches in $topic, and that is read as $how", async ({ topic, handler }) => {
      expect(await costOfReceiving(handler, topic, "21.25", qos, 300)).toEqual(NOTHING);
    });

    it("that arrives in pieces", async () => {
      const size = encode(publish("alarm/a", "21.25", { qos, packetId: qos })).length;
      for (let at = 1; at < size; at++) {
        expect(await costOfReceiving("number", "alarm/a", "21.25", qos, 20, [at])).toEqual(NOTHING);
      }
      const each = Array.from({ length: size - 1 }, (_, index) => index + 1);
      expect(await costOfReceiving("number", "alarm/a", "21.25", qos, 50, each)).toEqual(NOTHING);
    });
  });

  it("by several messages in one piece", async () => {
    const device = await ScriptedDevice.start(host, "receive", { settings: { handler: "number" } });
    await device.connect();
    const several = [1, 2, 3].map((id) => publish("alarm/a", `${id}.5`, { qos: 1, packetId: id }));
    await device.send(...several);
    const work = async (): Promise<void> => {
      for (let index = 0; index < 200; index++) await device.send(...several);
    };
    expect(await growth(device, work)).toEqual(NOTHING);
  });

  it("by a message larger than the receive buffer", async () => {
    expect(await costOfReceivingLarge()).toEqual(NOTHING);
  });

  it("by keeping the connection alive", async () => {
    const device = await ScriptedDevice.start(host, "idle", { settings: { keepAlive: 5 } });
    const packets = answer(device);
    await device.connect();
    await device.advance(10_000);
    packets.length = 0;
    expect(await growth(device, () => device.advance(1_000_000))).toEqual(NOTHING);
    expect(packets.length).toBeGreaterThan(200);
    expect(new Set(packets.map(({ type }) => type))).toEqual(new Set([PacketType.PINGREQ]));
    expect(device.attempts).toBe(1);
  });

  it("by the end of a connection, a refused one and the next, from the first on", async () => {
    const device = await ScriptedDevice.start(host, "idle", { settings: { silent: true, publish: true } });
    const packets = answer(device);
    const work = async (): Promise<void> => {
      for (let index = 0; index < 100; index++) {
        await device.connect();
        await device.advance(2_000);
        await device.closed(Reason.CONNECTION_LOST);
        await device.nextAttempt();
        await device.closed(Reason.CONNECTION_REFUSED);
      }
    };
    expect(await growth(device, work)).toEqual(NOTHING);
    expect(packets.length).toBeGreaterThan(200);
    expect((await device.statistics()).reports).toMatchObject({ connections: 100 });
  });
});

describeWith(xs, "on XS, once warm, the lean client allocates nothing", () => {
  describe.each([0, 1])("by a publish with QoS %i", (qos) => {
    it.each(["bytes", "empty", "ascii", "nonAscii"])("of %s", async (what) => {
      expect(await costOfPublishing(what, qos, 300, host, "lean")).toEqual(NOTHING);
    });
  });

  it("by either on an engine of this computer's word size", async () => {
    expect(await costOfPublishing("bytes", 0, 300, native, "lean")).toEqual(NOTHING);
    expect(await costOfPublishing("bytes", 1, 300, native, "lean")).toEqual(NOTHING);
  });

  describe.each([0, 1])("by a received message with QoS %i", (qos) => {
    it.each(["greenhouse/7/set", "alarm/a/b/c", "alarm"])("to %s", async (topic) => {
      expect(await costOfReceiving("bytes", topic, "21.25", qos, 300, [], "lean")).toEqual(NOTHING);
      expect(await costOfReceiving("number", topic, "21.25", qos, 300, [], "lean")).toEqual(NOTHING);
    });

    it("that arrives in pieces", async () => {
      const size = encode(publish("alarm/a", "21.25", { qos, packetId: qos })).length;
      const each = Array.from({ length: size - 1 }, (_, index) => index + 1);
      for (const cuts of [[1], [2], [5], [size - 1], each]) {
        expect(await costOfReceiving("number", "alarm/a", "21.25", qos, 50, cuts, "lean")).toEqual(NOTHING);
      }
    });
  });

  it("by a message larger than the receive buffer", async () => {
    expect(await costOfReceivingLarge("lean")).toEqual(NOTHING);
  });

  it("by keeping the connection alive", async () => {
    const device = await ScriptedDevice.start(host, "lean", { settings: { keepAlive: 5 } });
    const packets = answer(device);
    await device.connect();
    await device.advance(10_000);
    packets.length = 0;
    expect(await growth(device, () => device.advance(1_000_000))).toEqual(NOTHING);
    expect(packets.length).toBeGreaterThan(200);
    expect(new Set(packets.map(({ type }) => type))).toEqual(new Set([PacketType.PINGREQ]));
    expect(device.attempts).toBe(1);
  });

  it("by the end of a connection, a refused one and the next", async () => {
    const device = await ScriptedDevice.start(host, "lean", { settings: { what: "bytes", qos: 1, keepAlive: 60 } });
    const packets = answer(device);
    const work = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index++) {
        await device.connect();
        await device.advance(2_000);
        await device.closed(Reason.CONNECTION_LOST);
        await device.nextAttempt();
        await device.closed(Reason.CONNECTION_REFUSED);
      }
    };
    await work(1);
    expect(await growth(device, () => work(100))).toEqual(NOTHING);
    expect(packets.length).toBeGreaterThan(200);
    expect((await device.statistics()).reports).toMatchObject({ connections: 101 });
  });
});

describeWith(xs, "on XS a connected client", () => {
  it.each([
    ["publish", 4_500],
    ["lean", 5_000],
  ])("leaves most of an ESP32's heap to the application: %s", async (program, most) => {
    const device = await ScriptedDevice.start(host, program, { settings: { what: "number", qos: 1 } });
    answer(device);
    await device.connect();
    await device.advance(10_000);
    // Of 2,048 slots and 32,768 bytes; two buffers of 1,024 bytes and one that is read into among them.
    const { slots, slotsPeak, chunkBytes, chunkBytesPeak } = await device.statistics();
    expect(slotsPeak).toBe(slots);
    expect(chunkBytesPeak).toBe(chunkBytes);
    expect(slots).toBeLessThan(450);
    expect(chunkBytes).toBeLessThan(most);
  });
});

async function costOfReceivingLarge(program = "receive"): Promise<Growth> {
  const device = await ScriptedDevice.start(host, program, { settings: { handler: "bytes" } });
  const packets = answer(device);
  await device.connect();
  const bytes = encode(publish("alarm/a", "x".repeat(5_000), { qos: 1, packetId: 9 }));
  const receive = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) await device.deliver(...cut(bytes, 1_460, 2_920));
  };
  await receive(2);
  const cost = await growth(device, () => receive(100));
  expect(packets.filter(({ type }) => type === PacketType.PUBACK)).toHaveLength(102);
  return cost;
}

describeWith(xs32, "on XS strings cost", () => {
  it("what concatenation makes, and nothing for publishing it", async () => {
    // 67 characters, each byte in a chunk; the number's digits in another.
    const concatenation = await costOfPublishing("concatenation", 0, 50);
    expect(concatenation).toEqual({ slots: 0, chunkBytes: 50 * 88 });
    expect(await costOfPublishing("concatenated", 0, 50)).toEqual(concatenation);
    expect(await costOfPublishing("concatenated", 1, 50)).toEqual(concatenation);
  });

  it("and the lean client makes one of a number", async () => {
    for (const qos of [0, 1]) {
      const cost = await costOfPublishing("number", qos, 50, host, "lean");
      expect(cost).toEqual({ slots: 50 * 2, chunkBytes: 50 * 16 });
    }
  });

  it.each([
    { what: "message.text() of nothing", handler: "text", payload: "", cost: { slots: 0, chunkBytes: 0 } },
    { what: "message.text() of 1 character", handler: "text", payload: "x", cost: { slots: 4, chunkBytes: 24 } },
    { what: "message.text() of 16", handler: "text", payload: "x".repeat(16), cost: { slots: 4, chunkBytes: 56 } },
    { what: "message.text() of 64", handler: "text", payload: "x".repeat(64), cost: { slots: 4, chunkBytes: 152 } },
    { what: "message.text() of 128", handler: "text", payload: "x".repeat(128), cost: { slots: 8, chunkBytes: 368 } },
    {
      what: "message.text() of 32 \u00fc",
      handler: "text",
      payload: "ü".repeat(32),
      cost: { slots: 2, chunkBytes: 680 },
    },
    { what: "message.topic of 16", handler: "topic", payload: "", cost: { slots: 4, chunkBytes: 56 } },
  ])("in $what characters $cost", async ({ handler, payload, cost }) => {
    for (const qos of [0, 1]) {
      const { slots, chunkBytes } = await costOfReceiving(handler, "greenhouse/7/set", payload, qos, 4);
      expect({ slots: slots / 4, chunkBytes: chunkBytes / 4 }).toEqual(cost);
    }
  });
});
