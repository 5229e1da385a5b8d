import { describe, expect, it } from "vitest";
import { describe as describeReason } from "../../../src/describe.ts";
import { describeV5 } from "../../../src/describe-v5.ts";
import { disconnectReason, isReasonCode, PacketType, Reason } from "../../../src/packet/v5/index.ts";

/** Table 2-6: reason code, and the packets that may have it. */
const TABLE_2_6: Record<number, string> = {
  0x00: "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH",
  0x01: "SUBACK",
  0x02: "SUBACK",
  0x04: "DISCONNECT",
  0x10: "PUBACK PUBREC",
  0x11: "UNSUBACK",
  0x18: "AUTH",
  0x19: "AUTH",
  0x80: "CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT",
  0x81: "CONNACK DISCONNECT",
  0x82: "CONNACK DISCONNECT",
  0x83: "CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT",
  0x84: "CONNACK",
  0x85: "CONNACK",
  0x86: "CONNACK",
  0x87: "CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT",
  0x88: "CONNACK",
  0x89: "CONNACK DISCONNECT",
  0x8a: "CONNACK",
  0x8b: "DISCONNECT",
  0x8c: "CONNACK DISCONNECT",
  0x8d: "DISCONNECT",
  0x8e: "DISCONNECT",
  0x8f: "SUBACK UNSUBACK DISCONNECT",
  0x90: "CONNACK PUBACK PUBREC DISCONNECT",
  0x91: "PUBACK PUBREC SUBACK UNSUBACK",
  0x92: "PUBREL PUBCOMP",
  0x93: "DISCONNECT",
  0x94: "DISCONNECT",
  0x95: "CONNACK DISCONNECT",
  0x96: "DISCONNECT",
  0x97: "CONNACK PUBACK PUBREC SUBACK DISCONNECT",
  0x98: "DISCONNECT",
  0x99: "CONNACK PUBACK PUBREC DISCONNECT",
  0x9a: "CONNACK DISCONNECT",
  0x9b: "CONNACK DISCONNECT",
  0x9c: "CONNACK DISCONNECT",
  0x9d: "CONNACK DISCONNECT",
  0x9e: "SUBACK DISCONNECT",
  0x9f: "CONNACK DISCONNECT",
  0xa0: "DISCONNECT",
  0xa1: "SUBACK DISCONNECT",
  0xa2: "SUBACK DISCONNECT",
};

const REASONS = Object.values(Reason).filter((code) => typeof code === "number");

describe("a reason code", () => {
  it.each(["CONNACK", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBACK", "UNSUBACK", "DISCONNECT", "AUTH"])(
    "of %s is one of table 2-6",
    (name) => {
      const type = PacketType[name as keyof typeof PacketType];
      for (let code = 0; code < 256; code++) {
        const allowed = (TABLE_2_6[code] ?? "").split(" ").includes(name);
        expect(isReasonCode(type, code), `0x${code.toString(16)}`).toBe(allowed);
      }
    },
  );

  it("of an error has its value in Reason, and a sentence of its own", () => {
    const errors = Object.keys(TABLE_2_6)
      .map(Number)
      .filter((code) => code >= 0x80);
    expect(errors.filter((code) => Reason[code] === undefined)).toEqual([]);
    expect(new Set(errors.map(describeV5)).size).toBe(errors.length);
  });
});

describe("disconnectReason", () => {
  it("is a code that a client may send in DISCONNECT, or a server in CONNACK, whatever the reason [MQTT-3.14.2-1]", () => {
    const wrong = REASONS.filter((reason) => reason < 0x80).filter((reason) => {
      const code = disconnectReason(reason);
      return !isReasonCode(PacketType.DISCONNECT, code) && !isReasonCode(PacketType.CONNACK, code);
    });
    expect(wrong.map((reason) => Reason[reason])).toEqual([]);
  });

  it("passes codes of MQTT 5 on, and is normal disconnection when the application asks for it", () => {
    expect(disconnectReason(Reason.PAYLOAD_FORMAT_INVALID)).toBe(0x99);
    expect(disconnectReason(Reason.RECEIVE_MAXIMUM_EXCEEDED)).toBe(0x93);
    expect(disconnectReason(Reason.DISCONNECTED)).toBe(0);
    expect(disconnectReason(Reason.ACKNOWLEDGE_TIMEOUT)).toBe(Reason.UNSPECIFIED_ERROR);
  });
});

describe("describeV5", () => {
  it("has a sentence for every reason", () => {
    const mute = REASONS.filter((reason) => /reason \d+\./.test(describeV5(reason)));
    expect(mute.map((reason) => Reason[reason])).toEqual([]);
  });

  it("says what describe says of all that is not of MQTT 5", () => {
    expect(describeV5(Reason.HOST_NOT_FOUND)).toBe(describeReason(Reason.HOST_NOT_FOUND));
  });
});
