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

  it("gives no code twice and leaves those from 0x80 up to MQTT 5", () => {
    expect(new Set(codes).size).toBe(codes.length);
    expect(Math.max(...codes)).toBeLessThan(0x80);
  });
});
