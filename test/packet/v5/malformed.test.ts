import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { disconnectReason, PacketType, Reason } from "../../../src/packet/v5/index.ts";
import { packetToClient, packetToServer } from "./arbitraries.ts";
import { encode, fromHex, type Packet } from "./model.ts";
import { oracleRead } from "./oracle.ts";
import { cut, cutEverywhere, readPackets } from "./read-packets.ts";

interface MalformedCase {
  name: string;
  /** A packet in hexadecimal, or as much of it as is needed to refuse it. */
  bytes: string;
  /** Who could receive it: a packet that only brokers send is of no use in a test of the broker. */
  direction: "to-client" | "to-server" | "both";
  /** A member of `Reason`. */
  reason: string;
  /** The statement or section of MQTT 5 that it breaks. */
  clause: string;
  /** The reason code that the connection is closed with. */
  close: string;
}

const cases = JSON.parse(readFileSync(new URL("malformed-v5.json", import.meta.url), "utf8")) as MalformedCase[];

/** What a malformed packet follows: it must come through whatever comes next. */
const PUBACK: Packet = { type: PacketType.PUBACK, packetId: 1, reasonCode: 0, properties: {} };
const BEFORE = encode(PUBACK);

describe("malformed packets", () => {
  it.each(cases)("$name: $reason, $close [$clause]", ({ bytes, reason, direction, close }) => {
    const malformed = fromHex(bytes);
    const why = Reason[reason as keyof typeof Reason];
    expect(disconnectReason(why)).toBe(Number(close));
    for (const toServer of direction === "both" ? [false, true] : [direction === "to-server"]) {
      const expected = { packets: [], reason: why, clipped: [] };
      expect(readPackets([malformed], { toServer }), "whole").toEqual(expected);
      for (let at = 1; at < malformed.length; at++) {
        expect(readPackets(cut(malformed, at), { toServer }), `cut at ${at}`).toEqual(expected);
      }
      expect(readPackets(cutEverywhere(malformed), { toServer }), "byte by byte").toEqual(expected);

      // Between well-formed packets: the one before is read, the one after is not.
      const stream = new Uint8Array(Buffer.concat([BEFORE, malformed, BEFORE]));
      expect(readPackets([stream], { toServer })).toEqual({ ...expected, packets: [PUBACK] });
    }
  });

  it("have a case for every reason that a decoder can give", () => {
    const reasons = Object.values(Reason).filter((code) => typeof code === "number");
    const decoding = reasons.filter((code) => code >= Reason.PACKET_TYPE && code < Reason.CLOSED_BY_BROKER);
    const notInMqtt5 = ["PASSWORD_WITHOUT_USERNAME", "EMPTY_CLIENT_ID", "CONNACK_CODE", "SUBACK_CODE"];
    const ofTheClient = [
      ...["UNEXPECTED_PACKET", "UNKNOWN_PACKET_ID", "QOS_NOT_REQUESTED", "TOO_MANY_UNFINISHED"],
      ...["UNKNOWN_TOPIC_ALIAS", "TOPIC_ALIAS_TOO_LONG", "AUTHENTICATION_METHOD", "PROBLEM_INFORMATION"],
    ];
    const tested = new Set([...cases.map(({ reason }) => reason), ...notInMqtt5, ...ofTheClient]);
    expect(decoding.map((code) => Reason[code]).filter((name) => !tested.has(name))).toEqual([]);
  });

  it("are each in the list once, with a name of its own", () => {
    const names = cases.map(({ name }) => name);
    expect(names.filter((one, index) => names.indexOf(one) !== index)).toEqual([]);
    const keys = cases.map(({ bytes, direction }) => `${bytes} ${direction}`);
    expect(keys.filter((one, index) => keys.indexOf(one) !== index)).toEqual([]);
  });

  it("cite statements that MQTT 5 has, or a section", () => {
    expect(cases.filter(({ clause }) => !/^(MQTT-)?\d(\.\d+)*(-\d+)?$/.test(clause)).map(({ name }) => name)).toEqual(
      [],
    );
  });
});

describe.each([
  { direction: "to a client", packets: packetToClient, toServer: false },
  { direction: "to a server", packets: packetToServer, toServer: true },
])("packets $direction in which bytes were changed", ({ packets, toServer }) => {
  const change = fc.tuple(fc.nat(), fc.nat({ max: 255 }));
  // Whatever is larger is refused, for a large PUBLISH is read before it is whole.
  const options = { bufferSize: 1 << 18, maximum: 100_000, toServer };

  it("are either malformed, or mean the same to mqtt-packet, and never make the reader throw", () => {
    let accepted = 0;
    fc.assert(
      fc.property(packets, fc.array(change, { minLength: 1, maxLength: 3 }), (original, changes) => {
        const bytes = encode(original);
        // Mostly where the structure is, at the beginning.
        for (const [at, byte] of changes) bytes[at % Math.min(bytes.length, 24)] = byte;
        const { packets, reason } = readPackets([bytes], options);
        if (reason !== Reason.OK || packets.some((packet) => isBeyondThem(packet, bytes))) return;
        accepted++;
        const theirs = oracleRead(bytes);
        expect(theirs, "what mqtt-packet reads").not.toBeInstanceOf(Error);
        expect(theirs).toEqual(packets);
      }),
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(50);
  });

  it("are read the same however they are cut", () => {
    fc.assert(
      fc.property(
        packets,
        fc.array(change, { maxLength: 3 }),
        fc.array(fc.nat(), { maxLength: 5 }),
        (original, changes, cuts) => {
          const bytes = encode(original);
          for (const [at, byte] of changes) bytes[at % Math.min(bytes.length, 24)] = byte;
          const positions = cuts.map((position) => position % (bytes.length + 1));
          expect(readPackets(cut(bytes, ...positions), { toServer })).toEqual(readPackets([bytes], { toServer }));
        },
      ),
      { numRuns: 1000 },
    );
  });
});

/** What mqtt-packet refuses, forgets or misreads although MQTT 5 allows it: see oracle.ts. */
function isBeyondThem(packet: Packet, bytes: Uint8Array): boolean {
  if (!("properties" in packet)) return false;
  const { properties } = packet;
  if (Object.values(properties.userProperties ?? {}).some((values) => Array.isArray(values) && values.includes(""))) {
    return true;
  }
  const isBare = Object.keys(properties).length === 0;
  if (packet.type === PacketType.DISCONNECT)
    return packet.reasonCode === 0x8c || (isBare && (bytes[0] !== 0xe0 || bytes.length > 2 + bytes[1]));
  return packet.type === PacketType.AUTH && isBare;
}
