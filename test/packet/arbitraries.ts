// Packets for property-based tests: every field over its whole range, the corners more often than chance would have it.

import fc from "fast-check";
import { type AcknowledgementType, type BarePacketType, PacketType } from "../../src/packet/index.ts";
import {
  type Acknowledgement,
  type BarePacket,
  type Connack,
  type Connect,
  type Packet,
  type Publish,
  type Suback,
  type Subscribe,
  toHex,
  type Unsubscribe,
} from "./model.ts";

/** A text that MQTT allows: any characters but U+0000; a surrogate is none. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }).map((value) => value.replaceAll("\0", "0")),
  fc.string({ unit: "grapheme-ascii", maxLength: 40 }),
  // A byte order mark is a character like any other [MQTT-1.5.3-3]; non-characters are allowed.
  fc.constantFrom("", "\ufeff", "\ufeffa\ufeff", "\u{10ffff}", "\uffff", "\u0001\u007f\u0080\u07ff\u0800\ud7ff\ue000"),
);

export const topicName: fc.Arbitrary<string> = fc.oneof(
  text.map((value) => value.replaceAll(/[+#]/g, "/") || "/"),
  fc.constantFrom(
    "greenhouse/7/state",
    "/",
    "//",
    " ",
    "温室/七/温度",
    "теплица/🌡",
    "$SYS/broker/load",
    "a".repeat(300),
  ),
);

const level = fc.oneof(
  fc.constantFrom("", "+", "a", "$SYS", "ü", " "),
  topicName.map((name) => name.replaceAll("/", "")),
);

export const topicFilter: fc.Arbitrary<string> = fc
  .tuple(fc.array(level, { minLength: 1, maxLength: 6 }), fc.boolean())
  .map(([levels, hash]) => [...levels, ...(hash ? ["#"] : [])].join("/") || "#");

const uint16 = fc.oneof(fc.integer({ min: 0, max: 65_535 }), fc.constantFrom(0, 1, 255, 256, 32_768, 65_535));

const packetId = fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.constantFrom(1, 255, 256, 32_768, 65_535));

const qos = fc.constantFrom(0, 1, 2);

/** Bytes in hexadecimal. */
const binary = fc.uint8Array({ maxLength: 80 }).map((bytes) => toHex(bytes));

/** Bytes in hexadecimal that bring a packet to a remaining length of two or three bytes. */
const bigBinary = fc
  .tuple(
    fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 90, max: 400 }) }, fc.integer({ min: 16_000, max: 17_000 })),
    fc.integer({ min: 0, max: 255 }),
  )
  .map(([length, seed]) => toHex(Uint8Array.from({ length }, (_, index) => seed + index * 31)));

export const payload: fc.Arbitrary<string> = fc.oneof({ weight: 3, arbitrary: binary }, bigBinary);

/** `T` with the optional members in every combination of present and absent. */
function optional<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined });
}

const will = fc.record({ topic: topicName, payload, qos, retain: fc.boolean() });

export const connect: fc.Arbitrary<Connect> = fc
  .record({
    clientId: text,
    cleanSession: fc.boolean(),
    keepAlive: uint16,
    will: optional(will),
    credentials: optional(fc.record({ username: text, password: optional(binary) })),
  })
  .map(({ clientId, cleanSession, keepAlive, will, credentials }) => ({
    type: PacketType.CONNECT,
    clientId,
    cleanSession: cleanSession || clientId === "", // [MQTT-3.1.3-7]
    keepAlive,
    ...(will && { will }),
    ...(credentials && { username: credentials.username }),
    ...(credentials?.password !== undefined && { password: credentials.password }),
  }));

export const connack: fc.Arbitrary<Connack> = fc.oneof(
  fc.record({
    type: fc.constant<PacketType.CONNACK>(PacketType.CONNACK),
    sessionPresent: fc.boolean(),
    returnCode: fc.constant(0),
  }),
  fc.record({
    type: fc.constant<PacketType.CONNACK>(PacketType.CONNACK),
    sessionPresent: fc.constant(false), // [MQTT-3.2.2-4]
    returnCode: fc.integer({ min: 1, max: 5 }),
  }),
);

export const publish: fc.Arbitrary<Publish> = fc
  .record({ topic: topicName, payload, qos, retain: fc.boolean(), dup: fc.boolean(), packetId })
  .map((fields) => ({
    type: PacketType.PUBLISH,
    ...fields,
    dup: fields.dup && fields.qos > 0, // [MQTT-3.3.1-2]
    packetId: fields.qos > 0 ? fields.packetId : 0, // [MQTT-2.3.1-5]
  }));

export function acknowledgement(type: AcknowledgementType): fc.Arbitrary<Acknowledgement> {
  return packetId.map((packetId) => ({ type, packetId }));
}

export const subscribe: fc.Arbitrary<Subscribe> = fc
  .tuple(packetId, fc.array(fc.record({ filter: topicFilter, qos }), { minLength: 1, maxLength: 8 }))
  .map(([packetId, entries]) => ({ type: PacketType.SUBSCRIBE, packetId, entries }));

export const suback: fc.Arbitrary<Suback> = fc
  .tuple(packetId, fc.array(fc.constantFrom(0, 1, 2, 0x80), { minLength: 1, maxLength: 200 }))
  .map(([packetId, codes]) => ({ type: PacketType.SUBACK, packetId, codes }));

export const unsubscribe: fc.Arbitrary<Unsubscribe> = fc
  .tuple(packetId, fc.array(topicFilter, { minLength: 1, maxLength: 8 }))
  .map(([packetId, filters]) => ({ type: PacketType.UNSUBSCRIBE, packetId, filters }));

export function barePacket(type: BarePacketType): fc.Arbitrary<BarePacket> {
  return fc.constant({ type });
}

/** Any packet of MQTT 3.1.1. */
export const packet: fc.Arbitrary<Packet> = fc.oneof(
  connect,
  connack,
  publish,
  acknowledgement(PacketType.PUBACK),
  acknowledgement(PacketType.PUBREC),
  acknowledgement(PacketType.PUBREL),
  acknowledgement(PacketType.PUBCOMP),
  subscribe,
  suback,
  unsubscribe,
  acknowledgement(PacketType.UNSUBACK),
  barePacket(PacketType.PINGREQ),
  barePacket(PacketType.PINGRESP),
  barePacket(PacketType.DISCONNECT),
);
