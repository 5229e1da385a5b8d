import { describe, expect, it } from "vitest";
import { ACKNOWLEDGEMENT_SIZE, type AcknowledgementType, PacketType } from "../../src/packet/index.ts";
import { acknowledgement } from "./arbitraries.ts";
import { itIsEncodedAndDecoded } from "./codec-properties.ts";
import { encode, toHex } from "./model.ts";

const ON_THE_WIRE: [AcknowledgementType, string][] = [
  [PacketType.PUBACK, "4002b00c"],
  [PacketType.PUBREC, "5002b00c"],
  [PacketType.PUBREL, "6202b00c"],
  [PacketType.PUBCOMP, "7002b00c"],
  [PacketType.UNSUBACK, "b002b00c"],
];

describe.each(ON_THE_WIRE)("acknowledgement of type %i", (type, bytes) => {
  itIsEncodedAndDecoded(acknowledgement(type));

  it(`is ${bytes} for packet id 0xb00c [MQTT-2.2.2-1], [MQTT-3.6.1-1]`, () => {
    expect(toHex(encode({ type, packetId: 0xb00c }))).toBe(bytes);
    expect(ACKNOWLEDGEMENT_SIZE).toBe(bytes.length / 2);
  });
});
