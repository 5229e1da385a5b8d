import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Framer, PacketType, Reason } from "../../../src/packet/v5/index.ts";
import { publishToClient } from "./arbitraries.ts";
import { encode, fromHex, type Publish, toHex } from "./model.ts";
import { cut, cutEverywhere, readPackets } from "./read-packets.ts";

const PLAIN: Publish = {
  type: PacketType.PUBLISH,
  topic: "a/b",
  payload: "5a".repeat(200),
  qos: 1,
  retain: false,
  dup: false,
  packetId: 10,
  properties: { topicAlias: 1, userProperties: { name: "value" } },
};

describe("the framer of MQTT 5", () => {
  it("frames all types and flags that MQTT 5 has, and no others (2.1.2, 2.1.3)", () => {
    for (let header = 0; header < 256; header++) {
      const reasons: Reason[] = [];
      const framer = new Framer(
        {
          onPacket: (first) => expect(first).toBe(header),
          onLargePublish: () => expect.unreachable(),
          onLargePayload: () => expect.unreachable(),
          onMalformed: (reason) => reasons.push(reason),
        },
        new Uint8Array(10),
      );
      framer.push(Uint8Array.of(header, 0), 0, 2);
      const type = header >> 4;
      const flags = header & 15;
      const expected =
        type === 0
          ? Reason.PACKET_TYPE
          : type !== PacketType.PUBLISH
            ? flags !== ([6, 8, 10].includes(type) ? 2 : 0) && Reason.HEADER_FLAGS
            : (flags & 6) === 6
              ? Reason.QOS
              : (flags & 14) === 8 && Reason.DUP_WITH_QOS_0;
      expect(reasons, `first byte ${header.toString(16)}`).toEqual(expected ? [expected] : []);
    }
  });

  it("hands on the properties of a PUBLISH larger than its buffer, cut anywhere", () => {
    fc.assert(
      fc.property(publishToClient, fc.array(fc.nat(), { maxLength: 6 }), fc.nat(), (publish, positions, more) => {
        const bytes = encode(publish);
        const headerSize = bytes.length - publish.payload.length / 2 - bytes.findIndex((b, i) => i > 0 && b < 128) - 1;
        // From just enough for the variable header on.
        const bufferSize = Math.max(10, headerSize + (more % 20));
        const cuts = cut(bytes, ...positions.map((position) => position % (bytes.length + 1)));
        expect(readPackets(cuts, { bufferSize })).toEqual({ packets: [publish], reason: 0, clipped: [] });
        if (bytes.length > 600) return;
        expect(readPackets(cutEverywhere(bytes), { bufferSize }).packets).toEqual([publish]);
      }),
    );
  });

  it("leaves out properties that do not fit with the topic, and says so", () => {
    const bytes = encode(PLAIN, PLAIN);
    const expected = { ...PLAIN, properties: {} };
    for (let bufferSize = 10; bufferSize < 7 + 1 + 17; bufferSize++) {
      for (const chunks of [[bytes], cutEverywhere(bytes)]) {
        const read = readPackets(chunks, { bufferSize });
        expect(read, `buffer of ${bufferSize}`).toEqual({ packets: [expected, expected], reason: 0, clipped: [0, 1] });
      }
    }
    expect(readPackets([bytes], { bufferSize: 25 })).toEqual({ packets: [PLAIN, PLAIN], reason: 0, clipped: [] });
  });

  it("clips a topic that does not fit, and leaves out the properties then", () => {
    const publish = { ...PLAIN, topic: "t".repeat(100) };
    const { packets, clipped, reason } = readPackets(cutEverywhere(encode(publish, publish)), { bufferSize: 30 });
    expect(reason).toBe(Reason.OK);
    expect(clipped).toEqual([0, 1]);
    for (const packet of packets) {
      expect(packet).toMatchObject({ packetId: 10, payload: publish.payload, properties: {} });
      expect((packet as Publish).topic).toMatch(/^t{20,26}$/);
    }
  });

  it("hands on a large PUBLISH without a payload", () => {
    const publish = { ...PLAIN, payload: "" };
    const stream = encode(publish, publish);
    expect(readPackets([stream], { bufferSize: 12 }).packets).toEqual([
      { ...publish, properties: {} },
      { ...publish, properties: {} },
    ]);
  });

  it.each([
    ["no property length", "320d" + "0009" + "616161616161616161" + "0001", Reason.TRUNCATED],
    ["a property length beyond its end", "320e" + "0009" + "616161616161616161" + "0001" + "01", Reason.TRUNCATED],
    ["a property length that is cut off", "320e" + "0009" + "616161616161616161" + "0001" + "80", Reason.TRUNCATED],
    ["a property length of 0 in two bytes", "320f000961616161616161616100018000", Reason.VARIABLE_BYTE_INTEGER],
    ["a property length of five bytes", "3213000961616161616161616100018080808001ffff", Reason.VARIABLE_BYTE_INTEGER],
    ["a property with the value 0", "3212000961616161616161616100010323000000", Reason.TOPIC_ALIAS],
  ])("refuses a large PUBLISH with %s, once", (_, hex, reason) => {
    const bytes = fromHex(hex + "d000");
    // What does not fit is left out, and so not looked at: its value may be what it likes.
    for (const bufferSize of reason === Reason.TOPIC_ALIAS ? [17] : [10, 12, 13, 16, 17]) {
      for (const chunks of [[bytes], cutEverywhere(bytes)]) {
        expect(readPackets(chunks, { bufferSize })).toEqual({ packets: [], reason, clipped: [] });
      }
    }
  });

  it.each(["header", "payload"])("may be reset by the listener at the %s of a large PUBLISH", (moment) => {
    const seen: string[] = [];
    const framer: Framer = new Framer(
      {
        onPacket: (header) => seen.push(`packet ${header}`),
        onLargePublish: () => {
          seen.push("header");
          if (moment === "header") framer.reset();
        },
        onLargePayload: (bytes, start, end) => {
          seen.push(`payload ${toHex(bytes, start, end).slice(0, 4)}`);
          if (moment === "payload") framer.reset();
        },
        onMalformed: (reason) => seen.push(`malformed ${reason}`),
      },
      new Uint8Array(32),
    );
    const bytes = encode(PLAIN);
    for (let round = 0; round < 2; round++) {
      seen.length = 0;
      framer.push(bytes, 0, 20);
      framer.push(bytes, 20, 40);
      expect(seen).toEqual(moment === "header" ? ["header"] : ["header", "payload 5a5a"]);
      framer.reset();
      framer.push(Uint8Array.of(0xd0, 0), 0, 2);
      expect(seen.at(-1)).toBe("packet 208");
    }
  });
});
