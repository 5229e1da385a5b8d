import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_ROOM, PacketType } from "../../../src/packet/v5/index.ts";
import {
  acknowledgement,
  auth,
  bare,
  connack,
  connect,
  disconnectToClient,
  disconnectToServer,
  publishToClient,
  publishToServer,
  reasonCodes,
  subscribe,
  unsubscribe,
} from "./arbitraries.ts";
import { encode, encodeInto, type Packet, toHex } from "./model.ts";
import { oracleEncode, oracleRead } from "./oracle.ts";
import { cut, cutEverywhere, readPackets } from "./read-packets.ts";

const GUARD = 0xa5;

const KINDS: { name: string; packets: fc.Arbitrary<Packet>; toServer: boolean }[] = [
  { name: "CONNECT", packets: connect, toServer: true },
  { name: "CONNACK", packets: connack, toServer: false },
  { name: "PUBLISH from a client", packets: publishToServer, toServer: true },
  { name: "PUBLISH from a server", packets: publishToClient, toServer: false },
  { name: "PUBACK", packets: acknowledgement(PacketType.PUBACK), toServer: false },
  { name: "PUBREC", packets: acknowledgement(PacketType.PUBREC), toServer: false },
  { name: "PUBREL", packets: acknowledgement(PacketType.PUBREL), toServer: false },
  { name: "PUBCOMP", packets: acknowledgement(PacketType.PUBCOMP), toServer: false },
  { name: "SUBSCRIBE", packets: subscribe, toServer: true },
  { name: "SUBACK", packets: reasonCodes(PacketType.SUBACK), toServer: false },
  { name: "UNSUBSCRIBE", packets: unsubscribe, toServer: true },
  { name: "UNSUBACK", packets: reasonCodes(PacketType.UNSUBACK), toServer: false },
  { name: "PINGREQ", packets: bare(PacketType.PINGREQ), toServer: true },
  { name: "PINGRESP", packets: bare(PacketType.PINGRESP), toServer: false },
  { name: "DISCONNECT from a client", packets: disconnectToServer, toServer: true },
  { name: "DISCONNECT from a server", packets: disconnectToClient, toServer: false },
  { name: "AUTH", packets: auth, toServer: false },
];

describe.each(KINDS)("$name", ({ packets, toServer }) => {
  it("is encoded to the same bytes as by mqtt-packet", () => {
    fc.assert(
      fc.property(packets, (packet) => {
        expect(toHex(encode(packet))).toBe(toHex(oracleEncode(packet)));
      }),
    );
  });

  it("is read by mqtt-packet as it was encoded", () => {
    fc.assert(
      fc.property(packets, (packet) => {
        expect(oracleRead(encode(packet))).toEqual([packet]);
      }),
    );
  });

  it("is read as mqtt-packet encoded it, cut anywhere", () => {
    fc.assert(
      fc.property(packets, fc.nat(), (packet, position) => {
        const bytes = oracleEncode(packet);
        const read = readPackets(cut(bytes, position % (bytes.length + 1)), { bufferSize: bytes.length, toServer });
        expect(read).toEqual({ packets: [packet], reason: 0, clipped: [] });
      }),
    );
  });

  it("is read whole or in single bytes alike, and ended early at any byte is malformed or another packet", () => {
    fc.assert(
      fc.property(packets, (packet) => {
        const bytes = encode(packet);
        const cutBytes = cutEverywhere(bytes);
        expect(readPackets(cutBytes, { bufferSize: bytes.length, toServer }).packets).toEqual([packet]);
        for (let size = 2; size < Math.min(bytes.length, 130); size++) {
          // A remaining length of one byte that says what is there.
          const short = Uint8Array.of(bytes[0], size - 2, ...bytes.subarray(bytes.length - bodyLength(bytes)));
          const { packets, reason } = readPackets([short.subarray(0, size)], { toServer });
          expect(packets.length === 0).toBe(reason !== 0);
          expect(packets).not.toEqual([packet]);
        }
      }),
      { numRuns: 8 },
    );
  });

  it("needs exactly its size of room, and touches nothing around it", () => {
    fc.assert(
      fc.property(packets, fc.nat({ max: 9 }), (packet, at) => {
        const bytes = encode(packet);
        const exact = new Uint8Array(at + bytes.length).fill(GUARD);
        expect(encodeInto(exact, at, packet), "in a buffer of its exact size").toBe(exact.length);
        expect(toHex(exact, at)).toBe(toHex(bytes));

        const roomy = new Uint8Array(exact.length + 9).fill(GUARD);
        expect(encodeInto(roomy, at, packet), "in a buffer with room to spare").toBe(exact.length);
        const touched = roomy.findIndex((byte, index) => (index < at || index >= exact.length) && byte !== GUARD);
        expect(touched, "first byte touched outside of the packet").toBe(-1);

        const oneShort = roomy.fill(GUARD).subarray(0, exact.length - 1);
        expect(encodeInto(oneShort, at, packet), "in a buffer one byte too small").toBe(NO_ROOM);
        expect(
          roomy.findIndex((byte) => byte !== GUARD),
          "first byte touched without room",
        ).toBe(-1);
      }),
    );
  });
});

/** The remaining length of a packet. */
function bodyLength(bytes: Uint8Array): number {
  let at = 1;
  while (bytes[at] & 128) at++;
  return bytes.length - at - 1;
}
