import { describe, expect, it } from "vitest";
import { Reason } from "../../src/packet/index.ts";

describe("Reason", () => {
  const codes = Object.values(Reason).filter((value) => typeof value === "number");

  it("has CONNACK's return codes with the values of table 3.1", () => {
    expect([0, 1, 2, 3, 4, 5].map((code) => Reason[code])).toEqual([
      "OK",
      "UNACCEPTABLE_PROTOCOL_VERSION",
      "IDENTIFIER_REJECTED",
      "SERVER_UNAVAILABLE",
      "BAD_USERNAME_OR_PASSWORD",
      "NOT_AUTHORIZED",
    ]);
  });

  it("gives no code twice and from 0x80 up has those of MQTT 5, 0x80 to 0xa2", () => {
    expect(new Set(codes).size).toBe(codes.length);
    const wire = Array.from({ length: 0xa3 - 0x80 }, (_, index) => 0x80 + index);
    expect(codes.filter((code) => code >= 0x80).sort((a, b) => a - b)).toEqual(wire);
  });
});
