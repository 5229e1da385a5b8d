import fc from "fast-check";
import { expect, it } from "vitest";
import { NO_ROOM } from "../../src/packet/index.ts";
import { encode, encodeInto, type Packet, toHex } from "./model.ts";
import { oracleEncode, oracleRead } from "./oracle.ts";
import { cut, readPackets } from "./read-packets.ts";

/** Larger than any packet that the arbitraries make. */
const BUFFER_SIZE = 1 << 18;

const GUARD = 0xa5;

/** What must hold for the encoder and the decoder of every packet. */
export function itIsEncodedAndDecoded<T extends Packet>(packets: fc.Arbitrary<T>): void {
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
        const read = readPackets(cut(bytes, position % (bytes.length + 1)), { bufferSize: BUFFER_SIZE });
        expect(read).toEqual({ packets: [packet], reason: 0, clipped: [] });
      }),
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

        // A view, for a typed array swallows what is written beyond its end.
        const oneShort = roomy.fill(GUARD).subarray(0, exact.length - 1);
        expect(encodeInto(oneShort, at, packet), "in a buffer one byte too small").toBe(NO_ROOM);
        expect(
          roomy.findIndex((byte) => byte !== GUARD),
          "first byte touched without room",
        ).toBe(-1);
      }),
    );
  });
}
