import fc from "fast-check";
import { expect, it } from "vitest";
import { NO_ROOM } from "../../src/packet/index.ts";
import * as model from "./model.ts";
import * as oracle from "./oracle.ts";
import { cut, readPackets, type ReadResult } from "./read-packets.ts";

const GUARD = 0xa5;

/** A codec under test, and mqtt-packet in the same version of MQTT. */
export interface Codec<Packet> {
  encode(packet: Packet): Uint8Array;
  /** Returns where the packet ends, or `NO_ROOM`. */
  encodeInto(into: Uint8Array, at: number, packet: Packet): number;
  readPackets(chunks: readonly Uint8Array[], options: { bufferSize: number }): ReadResult<Packet>;
  oracleEncode(packet: Packet): Uint8Array;
  /** The error of a parser that refuses the bytes. */
  oracleRead(bytes: Uint8Array): Packet[] | Error;
}

/** What must hold for the encoder and the decoder of every packet of MQTT 3.1.1. */
export function itIsEncodedAndDecoded(packets: fc.Arbitrary<model.Packet>): void {
  itIsEncodedAndDecodedBy({ ...model, ...oracle, readPackets }, packets);
}

/** What must hold for the encoder and the decoder of every packet. */
export function itIsEncodedAndDecodedBy<Packet>(codec: Codec<Packet>, packets: fc.Arbitrary<Packet>): void {
  const { encode, encodeInto, oracleEncode, oracleRead } = codec;

  it("is encoded to the same bytes as by mqtt-packet", () => {
    fc.assert(
      fc.property(packets, (packet) => {
        expect(model.toHex(encode(packet))).toBe(model.toHex(oracleEncode(packet)));
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
        const chunks = cut(bytes, position % (bytes.length + 1));
        const read = codec.readPackets(chunks, { bufferSize: bytes.length });
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
        expect(model.toHex(exact, at)).toBe(model.toHex(bytes));

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
