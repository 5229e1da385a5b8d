import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  closePublish,
  decodePublish,
  encodePublish,
  NO_ROOM,
  openPublish,
  PacketType,
  packetSize,
  publishHeader,
  publishQos,
  PublishView,
  Reason,
  setPublishPacketId,
} from "../../src/packet/index.ts";
import { payload, publish, topicName } from "./arbitraries.ts";
import { itIsEncodedAndDecoded } from "./codec-properties.ts";
import { encode, fromHex, type Publish, toHex, utf8 } from "./model.ts";
import { oracleEncode, oracleRead } from "./oracle.ts";
import { readPackets } from "./read-packets.ts";

const PLAIN: Publish = {
  type: PacketType.PUBLISH,
  topic: "a/b",
  payload: "",
  qos: 0,
  retain: false,
  dup: false,
  packetId: 0,
};

/** Remaining lengths on both sides of where one more byte is needed to say them (2.2.3). */
const EDGES = [127, 128, 16_383, 16_384, 2_097_151, 2_097_152].flatMap((edge) =>
  [-3, -2, -1, 0, 1, 2, 3].map((distance) => edge + distance),
);

describe("PUBLISH", () => {
  itIsEncodedAndDecoded(publish);

  it("has no packet id with QoS 0 [MQTT-2.3.1-5]", () => {
    expect(toHex(encode({ ...PLAIN, payload: "68" }))).toBe("3006" + "0003612f62" + "68");
  });

  it("has its topic first, then its packet id with QoS 1 and 2, then its payload [MQTT-3.3.2-1]", () => {
    expect(toHex(encode({ ...PLAIN, qos: 1, packetId: 10, payload: "68" }))).toBe(
      "3208" + "0003612f62" + "000a" + "68",
    );
    expect(toHex(encode({ ...PLAIN, qos: 2, packetId: 10, retain: true, dup: true }))).toBe("3d070003612f62000a");
  });

  it("may have an empty payload (3.3.3)", () => {
    expect(readPackets([encode(PLAIN)]).packets).toEqual([PLAIN]);
  });

  it.each([
    [0, false, false, 0x30],
    [0, true, false, 0x31],
    [1, false, false, 0x32],
    [1, true, true, 0x3b],
    [2, false, true, 0x3c],
    [2, true, false, 0x35],
  ])("with QoS %i, retain %s and dup %s begins with %i (3.3.1)", (qos, retain, dup, header) => {
    expect(publishHeader(qos, retain, dup)).toBe(header);
    expect(publishQos(header)).toBe(qos);
  });

  it("with a remaining length of four bytes agrees with mqtt-packet", () => {
    const packet: Publish = { ...PLAIN, qos: 1, packetId: 65_535, payload: "5a".repeat(2_097_152) };
    const bytes = oracleEncode(packet);
    expect(toHex(bytes, 1, 5)).toBe("87808001");
    expect(toHex(encode(packet)) === toHex(bytes), "the same bytes as mqtt-packet's").toBe(true);
    const { packets, reason } = readPackets([bytes], { bufferSize: 2_097_159 });
    expect(reason).toBe(Reason.OK);
    expect(oracleRead(bytes)).toEqual(packets);
    expect(packets[0]).toEqual(packet);
  });

  it("is decoded from a topic of 65,535 bytes", () => {
    const packet = { ...PLAIN, topic: "é".repeat(32_767) + "x", payload: "00" };
    expect(readPackets([oracleEncode(packet)], { bufferSize: 70_000 }).packets).toEqual([packet]);
  });

  it("takes its payload from any part of a buffer", () => {
    fc.assert(
      fc.property(topicName, fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.nat(), (topic, bytes, a, b) => {
        const [start, end] = [a % (bytes.length + 1), b % (bytes.length + 1)].sort((x, y) => x - y);
        const into = new Uint8Array(1500);
        const packetEnd = encodePublish(into, 0, 0x30, utf8(topic), 0, bytes, start, end);
        const payload = toHex(bytes, start, end);
        expect(toHex(into, 0, packetEnd)).toBe(toHex(oracleEncode({ ...PLAIN, topic, payload })));
      }),
    );
  });

  it("is decoded into a view without a trace of what the view held before", () => {
    const view = new PublishView();
    const first = encode({ ...PLAIN, qos: 2, packetId: 7, dup: true, retain: true, payload: "0102" });
    expect(decodePublish(first[0], first, 2, first.length, view)).toBe(Reason.OK);
    const second = encode(PLAIN);
    expect(decodePublish(second[0], second, 2, second.length, view)).toBe(Reason.OK);
    expect(view).toEqual({
      qos: 0,
      retain: false,
      dup: false,
      topicStart: 4,
      topicEnd: 7,
      packetId: 0,
      payloadStart: 7,
      payloadEnd: 7,
    });
  });
});

describe("openPublish, closePublish and setPublishPacketId", () => {
  /** The PUBLISH that these three make at `at`, in a buffer of exactly the room they ask for. */
  function writeInPlace(at: number, packet: Publish): Uint8Array {
    const topic = utf8(packet.topic);
    const payload = fromHex(packet.payload);
    const room = 5 + 2 + topic.length + (packet.qos ? 2 : 0);
    const limit = at + room + payload.length;
    const into = new Uint8Array(limit + 3).fill(0xa5);

    const payloadAt = openPublish(into, at, limit, packet.qos, topic);
    expect(payloadAt, "where the payload goes").toBe(at + room);
    into.set(payload, payloadAt);
    const start = closePublish(into, at, limit, publishHeader(packet.qos, packet.retain, packet.dup));
    if (packet.qos) setPublishPacketId(into, start, packet.packetId);

    expect(start - at, "distance of the packet from where it was opened").toBeLessThanOrEqual(3);
    expect(toHex(into, 0, at), "what is before").toBe("a5".repeat(at));
    expect(toHex(into, limit), "what is after").toBe("a5a5a5");
    return into.subarray(start, limit);
  }

  it("together write what encodePublish writes", () => {
    fc.assert(
      fc.property(publish, fc.nat({ max: 9 }), (packet, at) => {
        expect(toHex(writeInPlace(at, packet))).toBe(toHex(encode(packet)));
      }),
    );
  });

  it.each([0, 1])("do so at every edge of the remaining length's size, QoS %i", (qos) => {
    const topic = "t".repeat(100);
    const overhead = 2 + topic.length + (qos ? 2 : 0);
    for (const length of EDGES) {
      const payload = "7e".repeat(length - overhead);
      const packet: Publish = { ...PLAIN, topic, payload, qos, packetId: qos && 0x1234 };
      const written = writeInPlace(2, packet);
      expect(written.length).toBe(packetSize(length));
      expect(Buffer.compare(written, encode(packet)), `difference at remaining length ${length}`).toBe(0);
    }
  });

  it("have no room when the payload would begin beyond the limit", () => {
    fc.assert(
      fc.property(topicName, fc.constantFrom(0, 1, 2), fc.nat({ max: 9 }), (name, qos, at) => {
        const topic = utf8(name);
        const room = 5 + 2 + topic.length + (qos ? 2 : 0);
        const into = new Uint8Array(at + room + 20).fill(0xa5);
        expect(openPublish(into, at, at + room - 1, qos, topic)).toBe(NO_ROOM);
        expect(toHex(into), "an untouched buffer").toBe("a5".repeat(into.length));
        expect(openPublish(into, at, at + room, qos, topic), "room for an empty payload").toBe(at + room);
      }),
    );
  });

  it("put in a packet id that changes nothing else", () => {
    fc.assert(
      fc.property(topicName, payload, fc.integer({ min: 1, max: 65_535 }), (topic, payload, packetId) => {
        const packet: Publish = { ...PLAIN, topic, payload, qos: 1, packetId: 0xffff };
        const bytes = encode(packet);
        setPublishPacketId(bytes, 0, packetId);
        expect(toHex(bytes)).toBe(toHex(encode({ ...packet, packetId })));
      }),
    );
  });
});
