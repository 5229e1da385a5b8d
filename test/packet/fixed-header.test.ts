import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkFirstByte,
  firstByte,
  MAX_REMAINING_LENGTH,
  packetSize,
  PacketType,
  Reason,
  remainingLengthSize,
  writeFixedHeader,
} from "../../src/packet/index.ts";
import { toHex } from "./model.ts";

describe("first byte (2.2.1, 2.2.2)", () => {
  const FIRST_BYTES: [PacketType, number][] = [
    [PacketType.CONNECT, 0x10],
    [PacketType.CONNACK, 0x20],
    [PacketType.PUBACK, 0x40],
    [PacketType.PUBREC, 0x50],
    [PacketType.PUBREL, 0x62],
    [PacketType.PUBCOMP, 0x70],
    [PacketType.SUBSCRIBE, 0x82],
    [PacketType.SUBACK, 0x90],
    [PacketType.UNSUBSCRIBE, 0xa2],
    [PacketType.UNSUBACK, 0xb0],
    [PacketType.PINGREQ, 0xc0],
    [PacketType.PINGRESP, 0xd0],
    [PacketType.DISCONNECT, 0xe0],
  ];

  it.each(FIRST_BYTES)("of type %i is %i [MQTT-2.2.2-1]", (type, byte) => {
    expect(firstByte(type)).toBe(byte);
  });

  it("is accepted exactly when table 2.2 has it [MQTT-2.2.2-2]", () => {
    // QoS 0 without DUP, QoS 1 and 2 with and without, each with and without RETAIN.
    const publish = [0x30, 0x31, 0x32, 0x33, 0x3a, 0x3b, 0x34, 0x35, 0x3c, 0x3d];
    const allowed = [...publish, ...FIRST_BYTES.map(([, byte]) => byte)].sort((a, b) => a - b);
    const accepted = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => checkFirstByte(byte) === 0);
    expect(accepted).toEqual(allowed);
  });

  it("is refused for the reason that comes first: type, QoS 3, DUP with QoS 0, flags", () => {
    expect(checkFirstByte(0x06)).toBe(Reason.PACKET_TYPE);
    expect(checkFirstByte(0xf6)).toBe(Reason.PACKET_TYPE);
    expect(checkFirstByte(0x3e)).toBe(Reason.QOS);
    expect(checkFirstByte(0x39)).toBe(Reason.DUP_WITH_QOS_0);
    expect(checkFirstByte(0x60)).toBe(Reason.HEADER_FLAGS);
  });
});

describe("remaining length (2.2.3)", () => {
  // Table 2.4 of the specification, and its example of 321.
  const ON_THE_WIRE: [number, string][] = [
    [0, "00"],
    [127, "7f"],
    [128, "8001"],
    [321, "c102"],
    [16_383, "ff7f"],
    [16_384, "808001"],
    [2_097_151, "ffff7f"],
    [2_097_152, "80808001"],
    [MAX_REMAINING_LENGTH, "ffffff7f"],
  ];

  it.each(ON_THE_WIRE)("%i is %s", (length, hex) => {
    const into = new Uint8Array(8).fill(0xee);
    const end = writeFixedHeader(into, 1, 0x30, length);
    expect(toHex(into)).toBe(`ee30${hex}`.padEnd(16, "e"));
    expect(end).toBe(2 + hex.length / 2);
    expect(remainingLengthSize(length)).toBe(hex.length / 2);
    expect(packetSize(length)).toBe(1 + hex.length / 2 + length);
  });

  it("is what the specification's algorithm decodes, for any length", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_REMAINING_LENGTH }), (length) => {
        const into = new Uint8Array(5);
        const end = writeFixedHeader(into, 0, 0x30, length);
        expect(decodeRemainingLength(into)).toEqual({ length, end });
        expect(end).toBe(1 + remainingLengthSize(length));
      }),
      { numRuns: 2000 },
    );
  });
});

/** The algorithm in the non-normative comment of 2.2.3, word for word. */
function decodeRemainingLength(bytes: Uint8Array): { length: number; end: number } {
  let multiplier = 1;
  let length = 0;
  let end = 1;
  let encodedByte;
  do {
    encodedByte = bytes[end++];
    length += (encodedByte & 127) * multiplier;
    multiplier *= 128;
  } while ((encodedByte & 128) !== 0);
  return { length, end };
}
