import { describe, expect, it } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { ClientOptions } from "../../src/client/options.ts";
import { Reason } from "../../src/packet/index.ts";
import { describe as sentence } from "../../src/describe.ts";
import { virtualPlatform } from "../support/virtual-platform.ts";

const make = (options: object) => () =>
  new Client(virtualPlatform(), { url: "mqtt://broker", ...options } as ClientOptions);

describe("an option that cannot be", () => {
  const numbers: [string, number, number][] = [
    ["keepAlive", 0, 65_535],
    ["maximumInFlight", 1, 1_000],
    ["outboxBytes", 64, 16_777_215],
    ["receiveBytes", 64, 16_777_215],
    ["maximumSubscriptions", 0, 1_000],
    ["connectTimeoutMs", 1, 2_147_483_647],
    ["pingTimeoutMs", 1, 2_147_483_647],
    ["acknowledgeTimeoutMs", 1, 2_147_483_647],
    ["reconnectMinMs", 1, 2_147_483_647],
    ["reconnectMaxMs", 1, 2_147_483_647],
    ["tickMs", 1, 60_000],
  ];

  it.each(numbers)("is named with its value and its range: %s", (name, minimum, maximum) => {
    for (const value of [minimum - 1, maximum + 1, minimum + 0.5, NaN, Infinity, "many"]) {
      expect(make({ [name]: value })).toThrow(
        `${name} must be a whole number from ${minimum} to ${maximum}, not ${value}`,
      );
    }
    expect(make({ [name]: minimum })).not.toThrow();
  });

  it.each([
    [{ url: "broker" }, 'url must be like mqtt://host:1883, not "broker"'],
    [{ url: "mqtt://" }, 'url must be like mqtt://host:1883, not "mqtt://"'],
    [{ url: "://host" }, 'url must be like mqtt://host:1883, not "://host"'],
    [{ url: undefined }, 'url must be like mqtt://host:1883, not "undefined"'],
    [{ url: "mqtt://host:0" }, "port of url must be a whole number from 1 to 65535, not 0"],
    [{ url: "mqtt://host:65536" }, "port of url must be a whole number from 1 to 65535, not 65536"],
    [{ url: "mqtt://host:http" }, "port of url must be a whole number from 1 to 65535, not NaN"],
    [{ clientId: "ü".repeat(40_000) }, "clientId must have at most 65535 bytes, not 80000"],
    [{ clientId: 7 }, "clientId must have at most 65535 bytes, not undefined"],
    [{ username: "u", password: new Uint8Array(65_536) }, "password must have at most 65535 bytes, not 65536"],
    [{ will: { topic: "a", payload: "x".repeat(65_536) } }, "will.payload must have at most 65535 bytes, not 65536"],
    [
      { will: { topic: "a", payload: new Uint8Array(70_000) } },
      "will.payload must have at most 65535 bytes, not 70000",
    ],
  ])("is named: %j", (options, message) => {
    expect(make(options)).toThrow(message);
  });

  it.each([
    [
      "a clientId with U+0000 [MQTT-3.1.3-4], [MQTT-1.5.3-2]",
      { clientId: "a\0b" },
      "clientId must be well-formed text",
    ],
    ["no clientId for a session to keep [MQTT-3.1.3-7]", { cleanSession: false }, "clientId must not be empty when"],
    [
      "a username with U+0000 [MQTT-3.1.3-11]",
      { username: "a\0b" },
      "username must be well-formed text without U+0000",
    ],
    ["a password without username [MQTT-3.1.2-22]", { password: "p" }, "password needs a username"],
    ["a will without a topic [MQTT-4.7.3-1]", { will: { topic: "", payload: "" } }, "will.topic must not be empty"],
    [
      "a will topic with a wildcard [MQTT-4.7.1-1]",
      { will: { topic: "a/#", payload: "" } },
      'will.topic must not have the wildcards + and #: "a/#"',
    ],
    [
      "a will topic with U+0000 [MQTT-3.1.3-10]",
      { will: { topic: "a\0", payload: "" } },
      "will.topic must be well-formed",
    ],
    [
      "a will with QoS 3 [MQTT-3.1.2-14]",
      { will: { topic: "a", payload: "", qos: 3 } },
      "will.qos must be a whole number from 0 to 2, not 3",
    ],
  ])("is named: %s", (_name, options, message) => {
    expect(make(options)).toThrow(message);
  });
});

describe("credentials", () => {
  it.each([
    { url: "mqtt://user:SECRET@host" },
    { url: "mqtt://user:SEC/RET@host" },
    { url: "mqtt:///user:SECRET@host" },
    { url: "user:SECRET@host" },
    { url: "mqtt://SECRET@host:99999" },
    { username: "SECRET\0" },
    { username: "SECRET".repeat(20_000) },
    { password: "SECRET" },
    { username: "u", password: "SECRET".repeat(20_000) },
  ])("are in no message: case %#", (options) => {
    expect(make(options)).toThrow(/^(?!.*SEC)/s);
  });
});

describe("describe", () => {
  // What only MQTT 5 has is for `describeV5`, whose test is with the codec.
  const ofMqtt5 = (code: Reason): boolean =>
    code >= Reason.UNSPECIFIED_ERROR ||
    (code >= Reason.VARIABLE_BYTE_INTEGER && code <= Reason.SUBSCRIPTION_RESERVED_BITS) ||
    (code >= Reason.PROPERTY_VALUE && code <= Reason.PROBLEM_INFORMATION) ||
    code === Reason.RESPONSE_TIMEOUT;
  const all = Object.values(Reason).filter((code) => typeof code === "number");
  const reasons = all.filter((code) => !ofMqtt5(code));

  it("has codes of their own to tell apart", () => {
    expect(new Set(all).size).toBe(all.length);
    expect(Object.keys(Reason).length).toBe(2 * all.length);
  });

  it.each(reasons.map((code) => [Reason[code], code] as const))("has a sentence for %s", (_name, code) => {
    expect(sentence(code)).toMatch(/^[A-Z].*[.?]$/);
    expect(sentence(code)).not.toMatch(/reason \d/);
    expect(sentence(code).length).toBeGreaterThan(10);
  });

  it("has a different one for each, and one even for what it does not know", () => {
    expect(new Set(reasons.map(sentence)).size).toBe(reasons.length);
    expect(sentence(99 as Reason)).toContain("99");
  });
});
