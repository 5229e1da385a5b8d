import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Framer, MAX_REMAINING_LENGTH, type PacketListener, PacketType, Reason } from "../../src/packet/index.ts";
import { packet, publish } from "./arbitraries.ts";
import { encode, fromHex, type Packet, type Publish, toHex } from "./model.ts";
import { cut, cutEverywhere, readPackets } from "./read-packets.ts";

/** Each type once, with bodies from empty to longer than one length byte can say. */
const STREAM: Packet[] = [
  { type: PacketType.CONNECT, clientId: "greenhouse-7", cleanSession: true, keepAlive: 60 },
  { type: PacketType.CONNACK, sessionPresent: true, returnCode: 0 },
  { type: PacketType.PUBLISH, topic: "a", payload: "", qos: 0, retain: false, dup: false, packetId: 0 },
  { type: PacketType.PUBLISH, topic: "a/é", payload: "ff".repeat(200), qos: 1, retain: true, dup: true, packetId: 9 },
  { type: PacketType.PUBACK, packetId: 1 },
  { type: PacketType.PUBREC, packetId: 2 },
  { type: PacketType.PUBREL, packetId: 3 },
  { type: PacketType.PUBCOMP, packetId: 65_535 },
  { type: PacketType.SUBSCRIBE, packetId: 4, entries: [{ filter: "a/+/#", qos: 2 }] },
  { type: PacketType.SUBACK, packetId: 4, codes: [2, 0x80] },
  { type: PacketType.UNSUBSCRIBE, packetId: 5, filters: ["a/#", "b"] },
  { type: PacketType.UNSUBACK, packetId: 5 },
  { type: PacketType.PINGREQ },
  { type: PacketType.PINGRESP },
  { type: PacketType.DISCONNECT },
];

const SHORT: Packet[] = [
  { type: PacketType.PUBLISH, topic: "a/b", payload: "0102", qos: 1, retain: false, dup: false, packetId: 7 },
  { type: PacketType.PINGRESP },
  { type: PacketType.SUBACK, packetId: 4, codes: [1] },
  { type: PacketType.PUBLISH, topic: "c", payload: "", qos: 0, retain: true, dup: false, packetId: 0 },
  { type: PacketType.PUBACK, packetId: 7 },
];

/** The smallest buffer that a framer may have. */
const SMALLEST = 9;

/** Writes down what a framer finds. Any of the callbacks can be replaced. */
class Recorder implements PacketListener {
  readonly found: string[] = [];

  onPacket(header: number, bytes: Uint8Array, start: number, end: number): void {
    this.found.push(`packet ${header.toString(16)} ${toHex(bytes, start, end)}`);
  }

  onLargePublish(
    header: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    payloadLength: number,
    clipped: boolean,
  ): void {
    const note = clipped ? " clipped" : "";
    this.found.push(`large ${header.toString(16)} ${toHex(bytes, start, end)} +${payloadLength}${note}`);
  }

  onLargePayload(bytes: Uint8Array, start: number, end: number, missing: number): void {
    this.found.push(`payload ${toHex(bytes, start, end)} +${missing}`);
  }

  onMalformed(reason: Reason): void {
    this.found.push(`malformed ${Reason[reason]}`);
  }
}

/** What a framer finds in the chunks. */
function frame(chunks: readonly Uint8Array[], bufferSize: number, maximum?: number): string[] {
  const recorder = new Recorder();
  const framer = new Framer(recorder, new Uint8Array(bufferSize), maximum);
  for (const chunk of chunks) framer.push(chunk, 0, chunk.length);
  return recorder.found;
}

describe("Framer: a stream cut anywhere", () => {
  const expected = { packets: STREAM, reason: Reason.OK, clipped: [] };
  const stream = encode(...STREAM);

  it("is the same in one chunk and one byte at a time", () => {
    expect(readPackets([stream])).toEqual(expected);
    expect(readPackets(cutEverywhere(stream))).toEqual(expected);
  });

  it("is the same cut at every single position", () => {
    for (let at = 0; at <= stream.length; at++) {
      expect(readPackets(cut(stream, at)), `cut at ${at}`).toEqual(expected);
    }
  });

  it("is the same cut at every pair of positions", () => {
    const short = encode(...SHORT);
    for (let first = 0; first <= short.length; first++) {
      for (let second = first; second <= short.length; second++) {
        const { packets, reason } = readPackets(cut(short, first, second));
        expect(packets, `cut at ${first} and ${second}`).toEqual(SHORT);
        expect(reason).toBe(Reason.OK);
      }
    }
  });

  it("is the same for any packets, any cuts and a buffer of any size that holds them", () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 12 }), (packets, cuts) => {
        const bytes = encode(...packets);
        const positions = cuts.map((position) => position % (bytes.length + 1));
        const bufferSize = Math.max(SMALLEST, ...packets.map((one) => encode(one).length));
        const read = readPackets(cut(bytes, ...positions), { bufferSize });
        expect(read).toEqual({ packets, reason: Reason.OK, clipped: [] });
      }),
      { numRuns: 300 },
    );
  });

  it("takes its bytes from the given part of a chunk", () => {
    const recorder = new Recorder();
    const framer = new Framer(recorder, new Uint8Array(SMALLEST));
    framer.push(fromHex("ffff4002000affff"), 2, 5);
    framer.push(fromHex("ff0a4002000bff"), 1, 6);
    framer.push(fromHex("ffff"), 1, 1);
    expect(recorder.found).toEqual(["packet 40 000a", "packet 40 000b"]);
  });

  it("may say a remaining length in more bytes than it needs: 3.1.1 does not forbid it", () => {
    expect(frame([fromHex("40828000000a"), fromHex("d0808000")], SMALLEST)).toEqual(["packet 40 000a", "packet d0 "]);
  });
});

describe("Framer: copying", () => {
  it("hands a packet that is whole in a chunk on where it lies, and only a cut one from its buffer", () => {
    const buffer = new Uint8Array(64);
    const chunks = cut(encode(...SHORT), 15).map((chunk) => Uint8Array.from(chunk));
    const places: [Uint8Array, number, number][] = [];
    const recorder = new Recorder();
    recorder.onPacket = (_, bytes, start, end) => places.push([bytes, start, end]);
    const framer = new Framer(recorder, buffer);
    framer.push(chunks[0], 0, chunks[0].length);
    framer.push(chunks[1], 0, chunks[1].length);

    const [publish, pingresp, suback, empty, puback] = places;
    expect(publish[0], "PUBLISH, whole in the first chunk").toBe(chunks[0]);
    expect(publish.slice(1)).toEqual([2, 11]);
    expect(pingresp[0], "PINGRESP, without a body").toBe(chunks[0]);
    expect(pingresp.slice(1)).toEqual([13, 13]);
    expect(suback[0], "SUBACK, cut in its body").toBe(buffer);
    expect(suback.slice(1)).toEqual([0, 3]);
    expect(empty[0], "PUBLISH, whole in the second chunk").toBe(chunks[1]);
    expect(puback[0], "PUBACK, whole in the second chunk").toBe(chunks[1]);
    expect(toHex(buffer, 3), "what the buffer holds behind the one packet that was cut").toBe("00".repeat(61));
  });

  it("hands the payload of a large PUBLISH on where it lies", () => {
    const recorder = new Recorder();
    const places: Uint8Array[] = [];
    recorder.onLargePayload = (bytes) => places.push(bytes);
    const framer = new Framer(recorder, new Uint8Array(SMALLEST));
    const chunks = cut(encode({ ...(SHORT[0] as Publish), payload: "ab".repeat(40) }), 20, 30).map((chunk) =>
      Uint8Array.from(chunk),
    );
    for (const chunk of chunks) framer.push(chunk, 0, chunk.length);
    expect(places).toHaveLength(3);
    places.forEach((place, index) => expect(place, `piece ${index}`).toBe(chunks[index]));
  });
});

describe("Framer: a PUBLISH larger than the buffer", () => {
  const PLAIN: Publish = {
    type: PacketType.PUBLISH,
    topic: "a/b",
    payload: "000102030405060708090a0b",
    qos: 0,
    retain: false,
    dup: false,
    packetId: 0,
  };
  const QOS_1: Publish = { ...PLAIN, qos: 1, packetId: 0x1234 };

  it("comes as its variable header and then its payload in the pieces that the network made", () => {
    expect(frame([encode(PLAIN)], SMALLEST)).toEqual([
      "large 30 0003612f62 +12",
      "payload 000102030405060708090a0b +0",
    ]);
    expect(frame(cut(encode(QOS_1), 3, 11, 12), SMALLEST)).toEqual([
      "large 32 0003612f621234 +12",
      "payload 0001 +10",
      "payload 02 +9",
      "payload 030405060708090a0b +0",
    ]);
  });

  it("is large by its length alone: one byte more than the buffer", () => {
    const body = 2 + 3 + 12;
    expect(frame([encode(PLAIN)], body)).toEqual(["packet 30 0003612f62000102030405060708090a0b"]);
    expect(frame([encode(PLAIN)], body - 1)[0]).toBe("large 30 0003612f62 +12");
    expect(frame(cutEverywhere(encode(PLAIN)), body)).toHaveLength(1);
    expect(frame(cutEverywhere(encode(PLAIN)), body - 1)).toHaveLength(13);
  });

  it("may have a header that fills the buffer to the last byte", () => {
    expect(frame([encode({ ...PLAIN, topic: "abcdefg" })], SMALLEST)[0]).toBe("large 30 000761626364656667 +12");
    expect(frame([encode({ ...QOS_1, topic: "abcde" })], SMALLEST)[0]).toBe("large 32 000561626364651234 +12");
  });

  it("loses the end of a topic that does not fit, never the packet id", () => {
    expect(frame([encode({ ...PLAIN, topic: "abcdefgh" })], SMALLEST)[0]).toBe("large 30 0006616263646566 +12 clipped");
    for (const topic of ["abcdef", "abcdefg", "abcd" + "t".repeat(65_531)]) {
      expect(frame([encode({ ...QOS_1, topic })], SMALLEST)[0]).toBe("large 32 0004616263641234 +12 clipped");
    }
  });

  it("is cut between characters, however long they are: the rest is a topic still", () => {
    for (const character of ["é", "€", "😀"]) {
      for (const bufferSize of [9, 10, 11, 12, 13, 14]) {
        for (const before of ["", "a", "ab", "abc"]) {
          const topic = before + character.repeat(20);
          const { packets, reason, clipped } = readPackets([encode({ ...QOS_1, topic })], { bufferSize });
          expect(reason).toBe(Reason.OK);
          expect(clipped).toEqual([0]);
          const read = packets[0] as Publish;
          expect(topic.startsWith(read.topic), `${read.topic} is the beginning of ${topic}`).toBe(true);
          expect(read).toEqual({ ...QOS_1, topic: read.topic });
        }
      }
    }
  });

  it("is as ill-formed as before when its topic was, whatever the clipping goes back over", () => {
    // 0x8080 as the length, so that the two bytes of it look like more continuation bytes.
    const continuation = new Uint8Array(0x8080 + 4).fill(0x80);
    for (const header of [0x30, 0x32]) {
      const stream = new Uint8Array(Buffer.concat([Uint8Array.of(header, 0x84, 0x81, 0x02), continuation]));
      for (const bufferSize of [9, 10, 11, 64]) {
        const { packets, reason } = readPackets([stream], { bufferSize });
        expect(packets).toEqual([]);
        expect(Reason[reason]).toBe("ILL_FORMED_UTF8");
      }
    }
  });

  it("may be large by its topic alone, with no payload after it", () => {
    const bytes = encode({ ...QOS_1, topic: "abcdefgh", payload: "" }, { type: PacketType.PINGRESP });
    const expected = ["large 32 0004616263641234 +0 clipped", "packet d0 "];
    expect(frame([bytes], SMALLEST)).toEqual(expected);
    expect(frame(cutEverywhere(bytes), SMALLEST)).toEqual(expected);
  });

  it("may have an empty topic: judging it is the decoder's business", () => {
    expect(frame([encode({ ...PLAIN, topic: "" })], SMALLEST)[0]).toBe("large 30 0000 +12");
    expect(frame([encode({ ...QOS_1, topic: "" })], SMALLEST)[0]).toBe("large 32 00001234 +12");
  });

  it("is malformed when its topic or packet id reaches beyond its end", () => {
    expect(frame([fromHex("300a" + "0009" + "61".repeat(8))], SMALLEST), "topic").toEqual(["malformed TRUNCATED"]);
    expect(frame([fromHex("320a" + "0007" + "61".repeat(7) + "00")], SMALLEST), "packet id").toEqual([
      "malformed TRUNCATED",
    ]);
    expect(frame([fromHex("320a" + "0006" + "61".repeat(6) + "0007")], SMALLEST), "neither").toEqual([
      "large 32 0004616161610007 +0 clipped",
    ]);
  });

  it("is followed by the next packet, whatever the sizes and cuts", () => {
    const bufferSizes = fc.integer({ min: SMALLEST, max: 120 });
    fc.assert(
      fc.property(
        fc.array(publish, { minLength: 1, maxLength: 4 }),
        bufferSizes,
        fc.array(fc.nat()),
        (all, size, cuts) => {
          const bytes = encode(...all);
          const positions = cuts.map((position) => position % (bytes.length + 1));
          const recorder: Publish[] = [];
          const clippedOnes: number[] = [];
          const framer = new Framer(
            {
              onPacket(header, body, start, end) {
                expect(end - start, "length of a packet that is not large").toBeLessThanOrEqual(size);
                const length = (body[start] << 8) | body[start + 1];
                add(header, body, start, length, toHex(body, start + 2 + length + (header & 6 ? 2 : 0), end));
              },
              onLargePublish(header, body, start, end, payloadLength, clipped) {
                const length = (body[start] << 8) | body[start + 1];
                expect(end - start, "length of the variable header").toBe(2 + length + (header & 6 ? 2 : 0));
                if (clipped) expect(end - start, "length of a clipped header").toBeGreaterThanOrEqual(size - 4);
                add(header, body, start, length, "");
                if (clipped) clippedOnes.push(recorder.length - 1);
                if (payloadLength === 0) expect(all[recorder.length - 1].payload).toBe("");
              },
              onLargePayload(body, start, end, missing) {
                const large = recorder[recorder.length - 1];
                large.payload += toHex(body, start, end);
                expect(missing, "bytes to come").toBe(
                  all[recorder.length - 1].payload.length / 2 - large.payload.length / 2,
                );
              },
              onMalformed(reason) {
                expect.unreachable(`malformed: ${Reason[reason]}`);
              },
            },
            new Uint8Array(size),
          );
          function add(header: number, body: Uint8Array, start: number, length: number, payload: string): void {
            recorder.push({
              type: PacketType.PUBLISH,
              topic: toHex(body, start + 2, start + 2 + length),
              payload,
              qos: (header >> 1) & 3,
              retain: (header & 1) !== 0,
              dup: (header & 8) !== 0,
              packetId: header & 6 ? (body[start + 2 + length] << 8) | body[start + 3 + length] : 0,
            });
          }

          for (const chunk of cut(bytes, ...positions)) framer.push(chunk, 0, chunk.length);
          const expected = all.map((one) => ({ ...one, topic: toHex(Buffer.from(one.topic)) }));
          for (const number of clippedOnes) {
            const { topic } = recorder[number];
            expect(isUtf8(fromHex(topic)), `${topic} ends between characters`).toBe(true);
            if (expected[number].topic.startsWith(topic)) expected[number].topic = topic;
          }
          expect(recorder).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("Framer: limits", () => {
  it("refuses a packet that is longer than the buffer, unless it is a PUBLISH", () => {
    const suback: Packet = { type: PacketType.SUBACK, packetId: 1, codes: [0, 0, 0, 0, 0, 0, 0] };
    expect(frame([encode(suback)], SMALLEST)).toEqual(["packet 90 000100000000000000"]);
    expect(frame([encode({ ...suback, codes: [...suback.codes, 0] })], SMALLEST)).toEqual([
      "malformed PACKET_TOO_LARGE",
    ]);
  });

  it("refuses any packet above the maximum as soon as its length is known", () => {
    const payload = "00".repeat(95);
    const publish: Packet = { type: 3, topic: "abc", payload, qos: 0, retain: false, dup: false, packetId: 0 };
    const bytes = encode(publish);
    expect(bytes.length).toBe(102);
    expect(frame([bytes], SMALLEST, 100)[0]).toBe("large 30 0003616263 +95");
    expect(frame([bytes.subarray(0, 2)], SMALLEST, 99)).toEqual(["malformed PACKET_TOO_LARGE"]);
    expect(frame([bytes.subarray(0, 2)], 128, 99), "although the buffer would hold it").toEqual([
      "malformed PACKET_TOO_LARGE",
    ]);
    expect(frame([bytes], 128, 100)).toHaveLength(1);
  });

  it("accepts the longest PUBLISH there is when no maximum is set", () => {
    const recorder = new Recorder();
    let payload = 0;
    recorder.onLargePayload = (_, start, end, missing) => {
      payload += end - start;
      expect(missing).toBe(MAX_REMAINING_LENGTH - 3 - payload);
    };
    const framer = new Framer(recorder, new Uint8Array(SMALLEST));
    framer.push(fromHex("30ffffff7f000161"), 0, 8);
    expect(recorder.found).toEqual([`large 30 000161 +${MAX_REMAINING_LENGTH - 3}`]);
    const chunk = new Uint8Array(1 << 20);
    for (let left = MAX_REMAINING_LENGTH - 3; left > 0; left -= chunk.length) {
      framer.push(chunk, 0, Math.min(left, chunk.length));
    }
    framer.push(fromHex("d000"), 0, 2);
    expect(recorder.found[1]).toBe("packet d0 ");
  });
});

describe("Framer: after a malformed packet", () => {
  it.each([
    ["packet type", "00", "PACKET_TYPE"],
    ["flags", "61", "HEADER_FLAGS"],
    ["remaining length", "20ffffffff", "REMAINING_LENGTH"],
    ["size", "207f", "PACKET_TOO_LARGE"],
    ["header of a large PUBLISH", "300a000a", "TRUNCATED"],
  ])("of a wrong %s nothing is said until reset, and then all is as new", (_, hex, reason) => {
    const recorder = new Recorder();
    const framer = new Framer(recorder, new Uint8Array(SMALLEST));
    const stream = new Uint8Array(Buffer.concat([fromHex(hex), fromHex("4002000a00"), fromHex("4002000a")]));
    framer.push(stream, 0, stream.length);
    framer.push(stream, 0, stream.length);
    for (const chunk of cutEverywhere(stream)) framer.push(chunk, 0, 1);
    expect(recorder.found).toEqual([`malformed ${reason}`]);

    framer.reset();
    framer.push(fromHex("4002000a"), 0, 4);
    expect(recorder.found.slice(1)).toEqual(["packet 40 000a"]);
  });
});

describe("Framer: reset", () => {
  const LARGE = encode({ ...(SHORT[0] as Publish), payload: "ab".repeat(20) });
  const PUBACK = fromHex("4002000a");

  it("in the middle of anything forgets it", () => {
    const streams = [encode(...STREAM.slice(0, 4)), LARGE];
    for (const stream of streams) {
      for (let at = 0; at <= stream.length; at++) {
        const recorder = new Recorder();
        const framer = new Framer(recorder, new Uint8Array(20));
        framer.push(stream, 0, at);
        const before = recorder.found.length;
        framer.reset();
        framer.push(PUBACK, 0, PUBACK.length);
        expect(recorder.found.slice(before), `after ${at} bytes`).toEqual(["packet 40 000a"]);
      }
    }
  });

  /** Feeds chunks to a framer that is reset during the first call of `method`, and a PUBACK after them. */
  function resetIn(method: keyof PacketListener, ...chunks: Uint8Array[]): string[] {
    const recorder = new Recorder();
    const framer = new Framer(recorder, new Uint8Array(SMALLEST));
    const call = recorder[method].bind(recorder) as (...parameters: unknown[]) => void;
    let calls = 0;
    Object.assign(recorder, {
      [method]: (...parameters: unknown[]) => {
        call(...parameters);
        if (++calls === 1) framer.reset();
      },
    });
    for (const chunk of chunks) framer.push(chunk, 0, chunk.length);
    framer.push(PUBACK, 0, PUBACK.length);
    return recorder.found;
  }

  const rest = fromHex("4002000b4002000c");
  const followed = (bytes: Uint8Array) => new Uint8Array(Buffer.concat([bytes, rest]));

  it("from onPacket ends the chunk there, whether the packet was whole or cut", () => {
    expect(resetIn("onPacket", followed(fromHex("50020001")))).toEqual(["packet 50 0001", "packet 40 000a"]);
    expect(resetIn("onPacket", fromHex("500200"), followed(fromHex("01")))).toEqual([
      "packet 50 0001",
      "packet 40 000a",
    ]);
    expect(resetIn("onPacket", followed(fromHex("d000")))).toEqual(["packet d0 ", "packet 40 000a"]);
  });

  it("from onLargePublish ends the chunk there: no payload follows", () => {
    expect(resetIn("onLargePublish", followed(LARGE))).toEqual(["large 32 0003612f620007 +20", "packet 40 000a"]);
    const noPayload = followed(fromHex("320a0006" + "61".repeat(6) + "0007"));
    expect(resetIn("onLargePublish", noPayload)).toEqual(["large 32 0004616161610007 +0 clipped", "packet 40 000a"]);
  });

  it("from onLargePayload ends the chunk there, in the middle of the payload and at its end", () => {
    expect(resetIn("onLargePayload", LARGE.subarray(0, 14))).toEqual([
      "large 32 0003612f620007 +20",
      "payload ababababab +15",
      "packet 40 000a",
    ]);
    expect(resetIn("onLargePayload", followed(LARGE))).toEqual([
      "large 32 0003612f620007 +20",
      `payload ${"ab".repeat(20)} +0`,
      "packet 40 000a",
    ]);
  });

  it.each(["00", "61", "20ffffffff", "207f", "300a000a"])("from onMalformed ends the chunk there (%s)", (hex) => {
    const found = resetIn("onMalformed", followed(fromHex(hex)));
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(/^malformed /);
    expect(found[1]).toBe("packet 40 000a");
  });
});
