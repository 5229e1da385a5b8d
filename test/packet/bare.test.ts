import { describe, expect, it } from "vitest";
import { BARE_PACKET_SIZE, type BarePacketType, PacketType } from "../../src/packet/index.ts";
import { barePacket } from "./arbitraries.ts";
import { itIsEncodedAndDecoded } from "./codec-properties.ts";
import { encode, toHex } from "./model.ts";

const ON_THE_WIRE: [BarePacketType, string][] = [
  [PacketType.PINGREQ, "c000"],
  [PacketType.PINGRESP, "d000"],
  [PacketType.DISCONNECT, "e000"],
];

describe.each(ON_THE_WIRE)("bare packet of type %i", (type, bytes) => {
  itIsEncodedAndDecoded(barePacket(type));

  it(`is ${bytes}`, () => {
    expect(toHex(encode({ type }))).toBe(bytes);
    expect(BARE_PACKET_SIZE).toBe(bytes.length / 2);
  });
});
