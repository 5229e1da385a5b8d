import { describe, expect, it } from "vitest";
import { PacketType, SUBSCRIPTION_FAILED } from "../../src/packet/index.ts";
import { suback } from "./arbitraries.ts";
import { itIsEncodedAndDecoded } from "./codec-properties.ts";
import { encode, toHex } from "./model.ts";
import { readPackets } from "./read-packets.ts";

describe("SUBACK", () => {
  itIsEncodedAndDecoded(suback);

  it("has a return code for each filter, in their order [MQTT-3.9.3-1]", () => {
    const codes = [0, 2, SUBSCRIPTION_FAILED, 1];
    expect(toHex(encode({ type: PacketType.SUBACK, packetId: 10, codes }))).toBe("9006000a00028001");
  });

  it("has no return codes but 0, 1, 2 and 0x80 [MQTT-3.9.3-2]", () => {
    const accepted = Array.from({ length: 256 }, (_, code) => code).filter(
      (code) => readPackets([Uint8Array.of(0x90, 3, 0, 10, code)]).packets.length === 1,
    );
    expect(accepted).toEqual([0, 1, 2, 0x80]);
  });
});
