import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PacketType, Reason } from "../../src/packet/index.ts";
import { packet } from "./arbitraries.ts";
import { encode, fromHex } from "./model.ts";
import { oracleRead } from "./oracle.ts";
import { cut, cutEverywhere, readPackets } from "./read-packets.ts";

interface MalformedCase {
  name: string;
  /** A packet in hexadecimal. */
  bytes: string;
  /** Who could receive it: a packet that only brokers send is of no use in a test of the broker. */
  direction: "to-client" | "to-server" | "both";
  /** A member of `Reason`. */
  reason: string;
  /** The statement or section of MQTT 3.1.1 that it breaks. */
  clause: string;
  /** Whether it ends the connection: always so [MQTT-4.8.0-1]; 3.1.1 has no way to tell why. */
  close: boolean;
}

const cases = JSON.parse(readFileSync(new URL("malformed.json", import.meta.url), "utf8")) as MalformedCase[];

/** What a malformed packet follows: it must come through whatever comes next. */
const BEFORE = encode({ type: PacketType.PUBACK, packetId: 1 });

describe("malformed packets", () => {
  it.each(cases)("$name: $reason [$clause]", ({ bytes, reason }) => {
    const malformed = fromHex(bytes);
    const expected = { packets: [], reason: Reason[reason as keyof typeof Reason], clipped: [] };
    expect(readPackets([malformed]), "whole").toEqual(expected);
    for (let at = 1; at < malformed.length; at++) {
      expect(readPackets(cut(malformed, at)), `cut at ${at}`).toEqual(expected);
    }
    expect(readPackets(cutEverywhere(malformed)), "byte by byte").toEqual(expected);

    // Between well-formed packets: the one before is read, the one after is not.
    const stream = new Uint8Array(Buffer.concat([BEFORE, malformed, BEFORE]));
    expect(readPackets([stream])).toEqual({ ...expected, packets: [{ type: PacketType.PUBACK, packetId: 1 }] });
  });

  it("have a case for every reason that a decoder can give", () => {
    const reasons = Object.values(Reason).filter((code) => typeof code === "number");
    const wanted = reasons.filter((code) => code >= Reason.PACKET_TYPE && code <= Reason.SUBACK_CODE);
    const tested = new Set(cases.map(({ reason }) => reason));
    expect(wanted.map((code) => Reason[code]).filter((name) => !tested.has(name))).toEqual([]);
  });

  it("are each in the list once, with a name of its own", () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
    const bytes = cases.map((one) => one.bytes);
    expect(bytes.filter((one, index) => bytes.indexOf(one) !== index)).toEqual([]);
  });

  it("are marked with the direction that their type is sent in (table 2.1)", () => {
    const toClient = [PacketType.CONNACK, PacketType.SUBACK, PacketType.UNSUBACK, PacketType.PINGRESP];
    const toServer = [PacketType.CONNECT, PacketType.SUBSCRIBE, PacketType.UNSUBSCRIBE, PacketType.PINGREQ];
    toServer.push(PacketType.DISCONNECT);
    const wrong = cases.filter(({ bytes, direction }) => {
      const type = fromHex(bytes)[0] >> 4;
      return direction !== (toClient.includes(type) ? "to-client" : toServer.includes(type) ? "to-server" : "both");
    });
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });
});

describe("packets in which bytes were changed", () => {
  const change = fc.tuple(fc.nat(), fc.nat({ max: 255 }));

  it("are either malformed, or mean the same to mqtt-packet, and never make the reader throw", () => {
    fc.assert(
      fc.property(packet, fc.array(change, { minLength: 1, maxLength: 3 }), (original, changes) => {
        const bytes = encode(original);
        // Mostly where the structure is, at the beginning.
        for (const [at, byte] of changes) bytes[at % Math.min(bytes.length, 24)] = byte;
        // Whatever is larger is refused, for a large PUBLISH is read before it is whole.
        const { packets, reason } = readPackets([bytes], { bufferSize: 1 << 18, maximum: 100_000 });
        if (reason !== Reason.OK) return;
        const theirs = oracleRead(bytes);
        expect(theirs, "what mqtt-packet reads").not.toBeInstanceOf(Error);
        expect(theirs).toEqual(packets);
      }),
      { numRuns: 5000 },
    );
  });

  it("are read the same however they are cut", () => {
    fc.assert(
      fc.property(
        packet,
        fc.array(change, { maxLength: 3 }),
        fc.array(fc.nat(), { maxLength: 5 }),
        (original, changes, cuts) => {
          const bytes = encode(original);
          for (const [at, byte] of changes) bytes[at % Math.min(bytes.length, 24)] = byte;
          const positions = cuts.map((position) => position % (bytes.length + 1));
          expect(readPackets(cut(bytes, ...positions))).toEqual(readPackets([bytes]));
        },
      ),
      { numRuns: 2000 },
    );
  });
});
