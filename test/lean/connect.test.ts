// CONNECT of the lean client has an encoder of its own: mqtt-packet reads what it wrote, and the codec writes the same.

import fc from "fast-check";
import { type IConnectPacket, parser } from "mqtt-packet";
import { expect, it } from "vitest";
import type { ClientOptions } from "../../src/lean/index.ts";
import { encode, type Packet, toHex, utf8 } from "../packet/model.ts";
import { PacketType } from "../../src/packet/index.ts";
import { LeanWorld } from "../support/scripted-world.ts";

/** Of any length up to some more than a byte or two can count in a header. */
const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: "grapheme", maxLength: 30 }).map((some) => some.replaceAll("\0", "")) },
  { weight: 1, arbitrary: fc.nat(300).map((length) => "ü".repeat(length)) },
  { weight: 1, arbitrary: fc.constantFrom("", "x".repeat(127), "x".repeat(16_400), "€".repeat(21_845)) },
);
const bytes = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(new Uint8Array(), new Uint8Array(65_535)));
const topic = fc.constantFrom("w", "a/b/ü", "t".repeat(300));
const qos = fc.constantFrom(undefined, 0 as const, 1 as const, 2 as const);
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const options = fc.record({
  clientId: text,
  cleanSession: maybe(fc.boolean()),
  keepAlive: maybe(fc.nat(65_535)),
  credentials: maybe(fc.record({ username: text, password: maybe(fc.oneof(text, bytes)) })),
  will: maybe(fc.record({ topic, payload: fc.oneof(text, bytes), qos, retain: maybe(fc.boolean()) })),
});

const hex = (value: string | Uint8Array): string => toHex(typeof value === "string" ? utf8(value) : value);

/** What mqtt-packet finds in a CONNECT. */
function fieldsIn(bytes: Buffer): unknown {
  let found: unknown;
  const oracle = parser();
  oracle.on("packet", (packet) => (found = packet));
  oracle.on("error", (error) => (found = error));
  oracle.parse(bytes);
  const { cmd, clientId, clean, keepalive, username, password, will } = found as IConnectPacket;
  expect(cmd).toBe("connect");
  return {
    type: PacketType.CONNECT,
    clientId,
    cleanSession: clean,
    keepAlive: keepalive,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: toHex(password) }),
    ...(will && {
      will: { topic: will.topic, payload: toHex(will.payload as Buffer), qos: will.qos, retain: will.retain },
    }),
  };
}

it("CONNECT has the fields that were asked for, whatever they are [MQTT-3.1.0-1], [MQTT-3.1.3-1]", () => {
  fc.assert(
    fc.property(options, ({ credentials, will, ...rest }) => {
      const asked = { ...rest, ...credentials, will } as Partial<ClientOptions>;
      const world = new LeanWorld(asked);
      let sent = "";
      world.platform.network.onConnection = (link) => (link.onBytes = (some) => (sent += toHex(some)));
      world.client.connect();
      world.clock.settle();

      const password = credentials?.password;
      const packet: Packet = {
        type: PacketType.CONNECT,
        clientId: rest.clientId,
        cleanSession: rest.cleanSession ?? true,
        keepAlive: rest.keepAlive ?? 60,
        ...(credentials && { username: credentials.username }),
        ...(password !== undefined && { password: hex(password) }),
        ...(will && {
          will: { topic: will.topic, payload: hex(will.payload), qos: will.qos ?? 0, retain: will.retain ?? false },
        }),
      };
      expect(sent).toBe(toHex(encode(packet)));
      expect(fieldsIn(Buffer.from(sent, "hex"))).toEqual(packet);
    }),
    { numRuns: 200, includeErrorInReport: true },
  );
});
