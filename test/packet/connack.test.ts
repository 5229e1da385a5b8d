import { describe, expect, it } from "vitest";
import { PacketType } from "../../src/packet/index.ts";
import { connack } from "./arbitraries.ts";
import { itIsEncodedAndDecoded } from "./codec-properties.ts";
import { encode, toHex } from "./model.ts";

describe("CONNACK", () => {
  itIsEncodedAndDecoded(connack);

  it("says session present in bit 0 of the acknowledge flags (3.2.2.2)", () => {
    expect(toHex(encode({ type: PacketType.CONNACK, sessionPresent: true, returnCode: 0 }))).toBe("20020100");
  });

  it("says its return code in the second byte (table 3.1)", () => {
    expect(toHex(encode({ type: PacketType.CONNACK, sessionPresent: false, returnCode: 5 }))).toBe("20020005");
  });
});
