// MQTT 5's packets as plain values, and the encoder for each: what the tests compare. Texts are strings and binary fields
// are in hexadecimal, so that two packets are equal when their fields are. Properties have the names that mqtt-packet
// gives them.

import {
  type AcknowledgementType,
  encodeAcknowledgement,
  encodeAuth,
  encodeBarePacket,
  encodeConnack,
  encodeConnect,
  encodeDisconnect,
  encodeFieldProperty,
  encodeNumberProperty,
  encodePublish,
  encodeSuback,
  encodeSubscribe,
  encodeUnsuback,
  encodeUnsubscribe,
  encodeUserProperty,
  NO_ROOM,
  PacketType,
  type Properties,
  Property,
  publishHeader,
} from "../../../src/packet/v5/index.ts";
import { fromHex, toHex, utf8 } from "../model.ts";

export { fromHex, toHex, utf8 } from "../model.ts";

export type UserProperties = Record<string, string | string[]>;

/** Numbers, booleans, texts and hexadecimal by name; a repeated subscription identifier is an array. */
export type PropertyValues = Record<string, number | number[] | boolean | string | UserProperties>;

export type Kind = "number" | "boolean" | "text" | "binary" | "user";

/** How mqtt-packet calls the properties, and what their values are. */
export const PROPERTIES: Record<number, { name: string; kind: Kind }> = {
  [Property.PAYLOAD_FORMAT_INDICATOR]: { name: "payloadFormatIndicator", kind: "boolean" },
  [Property.MESSAGE_EXPIRY_INTERVAL]: { name: "messageExpiryInterval", kind: "number" },
  [Property.CONTENT_TYPE]: { name: "contentType", kind: "text" },
  [Property.RESPONSE_TOPIC]: { name: "responseTopic", kind: "text" },
  [Property.CORRELATION_DATA]: { name: "correlationData", kind: "binary" },
  [Property.SUBSCRIPTION_IDENTIFIER]: { name: "subscriptionIdentifier", kind: "number" },
  [Property.SESSION_EXPIRY_INTERVAL]: { name: "sessionExpiryInterval", kind: "number" },
  [Property.ASSIGNED_CLIENT_IDENTIFIER]: { name: "assignedClientIdentifier", kind: "text" },
  [Property.SERVER_KEEP_ALIVE]: { name: "serverKeepAlive", kind: "number" },
  [Property.AUTHENTICATION_METHOD]: { name: "authenticationMethod", kind: "text" },
  [Property.AUTHENTICATION_DATA]: { name: "authenticationData", kind: "binary" },
  [Property.REQUEST_PROBLEM_INFORMATION]: { name: "requestProblemInformation", kind: "boolean" },
  [Property.WILL_DELAY_INTERVAL]: { name: "willDelayInterval", kind: "number" },
  [Property.REQUEST_RESPONSE_INFORMATION]: { name: "requestResponseInformation", kind: "boolean" },
  [Property.RESPONSE_INFORMATION]: { name: "responseInformation", kind: "text" },
  [Property.SERVER_REFERENCE]: { name: "serverReference", kind: "text" },
  [Property.REASON_STRING]: { name: "reasonString", kind: "text" },
  [Property.RECEIVE_MAXIMUM]: { name: "receiveMaximum", kind: "number" },
  [Property.TOPIC_ALIAS_MAXIMUM]: { name: "topicAliasMaximum", kind: "number" },
  [Property.TOPIC_ALIAS]: { name: "topicAlias", kind: "number" },
  [Property.MAXIMUM_QOS]: { name: "maximumQoS", kind: "number" },
  [Property.RETAIN_AVAILABLE]: { name: "retainAvailable", kind: "boolean" },
  [Property.USER_PROPERTY]: { name: "userProperties", kind: "user" },
  [Property.MAXIMUM_PACKET_SIZE]: { name: "maximumPacketSize", kind: "number" },
  [Property.WILDCARD_SUBSCRIPTION_AVAILABLE]: { name: "wildcardSubscriptionAvailable", kind: "boolean" },
  [Property.SUBSCRIPTION_IDENTIFIERS_AVAILABLE]: { name: "subscriptionIdentifiersAvailable", kind: "boolean" },
  [Property.SHARED_SUBSCRIPTION_AVAILABLE]: { name: "sharedSubscriptionAvailable", kind: "boolean" },
};

const IDENTIFIERS = new Map(Object.entries(PROPERTIES).map(([identifier, { name }]) => [name, Number(identifier)]));

export function identifierOf(name: string): Property {
  return IDENTIFIERS.get(name)!;
}

export interface Connect {
  type: PacketType.CONNECT;
  clientId: string;
  cleanStart: boolean;
  keepAlive: number;
  properties: PropertyValues;
  will?: { topic: string; payload: string; qos: number; retain: boolean; properties: PropertyValues };
  username?: string;
  password?: string;
}

export interface Connack {
  type: PacketType.CONNACK;
  sessionPresent: boolean;
  reasonCode: number;
  properties: PropertyValues;
}

export interface Publish {
  type: PacketType.PUBLISH;
  topic: string;
  payload: string;
  qos: number;
  retain: boolean;
  dup: boolean;
  packetId: number;
  properties: PropertyValues;
}

export interface Acknowledgement {
  type: AcknowledgementType;
  packetId: number;
  reasonCode: number;
  properties: PropertyValues;
}

export interface Subscribe {
  type: PacketType.SUBSCRIBE;
  packetId: number;
  properties: PropertyValues;
  entries: {
    filter: string;
    qos: number;
    noLocal: boolean;
    retainAsPublished: boolean;
    retainHandling: number;
  }[];
}

export interface ReasonCodes {
  type: PacketType.SUBACK | PacketType.UNSUBACK;
  packetId: number;
  properties: PropertyValues;
  codes: number[];
}

export interface Unsubscribe {
  type: PacketType.UNSUBSCRIBE;
  packetId: number;
  properties: PropertyValues;
  filters: string[];
}

export interface Bare {
  type: PacketType.PINGREQ | PacketType.PINGRESP;
}

export interface Ending {
  type: PacketType.DISCONNECT | PacketType.AUTH;
  reasonCode: number;
  properties: PropertyValues;
}

export type Packet =
  Connect | Connack | Publish | Acknowledgement | Subscribe | ReasonCodes | Unsubscribe | Bare | Ending;

/** Writes a property list, without its length, at `at`. Returns where it ends, or `NO_ROOM`. */
export function encodePropertiesInto(into: Uint8Array, at: number, values: PropertyValues): number {
  for (const [name, value] of Object.entries(values)) {
    const identifier = identifierOf(name);
    switch (PROPERTIES[identifier].kind) {
      case "user":
        for (const [key, texts] of Object.entries(value as UserProperties)) {
          for (const text of [texts].flat()) at = encodeUserProperty(into, at, utf8(key), utf8(text));
        }
        break;
      case "text":
        at = encodeFieldProperty(into, at, identifier, utf8(value as string));
        break;
      case "binary":
        at = encodeFieldProperty(into, at, identifier, fromHex(value as string));
        break;
      default:
        for (const number of [value].flat()) at = encodeNumberProperty(into, at, identifier, Number(number));
    }
  }
  return at;
}

const SCRATCH = new Uint8Array(1 << 17);

/** A property list as the encoders take it: without its length, and undefined when it is empty. */
export function encodeProperties(values: PropertyValues): Uint8Array | undefined {
  const end = encodePropertiesInto(SCRATCH, 0, values);
  if (end === NO_ROOM) throw new Error("The properties of this test are too long.");
  return end ? SCRATCH.slice(0, end) : undefined;
}

/** The values of a decoded property list. */
export function readProperties(bytes: Uint8Array, properties: Properties): PropertyValues {
  const values: PropertyValues = {};
  const text = (start: number, end: number) => Buffer.from(bytes.subarray(start, end)).toString("utf8");
  while (properties.next(bytes)) {
    const { name, kind } = PROPERTIES[properties.identifier];
    const { number, valueStart, valueEnd, nameStart, nameEnd } = properties;
    if (kind === "number") {
      const before = values[name] as number | number[] | undefined;
      values[name] = before === undefined ? number : [before, number].flat();
    } else if (kind === "boolean") values[name] = number === 1;
    else if (kind === "text") values[name] = text(valueStart, valueEnd);
    else if (kind === "binary") values[name] = toHex(bytes, valueStart, valueEnd);
    else {
      const all = (values[name] ??= Object.create(null) as UserProperties) as UserProperties;
      const key = text(nameStart, nameEnd);
      const value = text(valueStart, valueEnd);
      all[key] = key in all ? [all[key], value].flat() : value;
    }
  }
  return values;
}

/** Writes `packet` at `at` with its encoder. Returns what that returns. */
export function encodeInto(into: Uint8Array, at: number, packet: Packet): number {
  switch (packet.type) {
    case PacketType.CONNECT: {
      const { will, username, password } = packet;
      return encodeConnect(into, at, {
        clientId: utf8(packet.clientId),
        cleanStart: packet.cleanStart,
        keepAlive: packet.keepAlive,
        properties: encodeProperties(packet.properties),
        will: will && {
          topic: utf8(will.topic),
          payload: fromHex(will.payload),
          qos: will.qos,
          retain: will.retain,
          properties: encodeProperties(will.properties),
        },
        username: username === undefined ? undefined : utf8(username),
        password: password === undefined ? undefined : fromHex(password),
      });
    }
    case PacketType.CONNACK:
      return encodeConnack(into, at, packet.sessionPresent, packet.reasonCode, encodeProperties(packet.properties));
    case PacketType.PUBLISH: {
      const header = publishHeader(packet.qos, packet.retain, packet.dup);
      const topic = utf8(packet.topic);
      const properties = encodeProperties(packet.properties);
      const payload = fromHex(packet.payload);
      const end = properties?.length ?? 0;
      return encodePublish(into, at, header, topic, packet.packetId, properties, 0, end, payload, 0, payload.length);
    }
    case PacketType.SUBSCRIBE: {
      const entries = packet.entries.map((entry) => ({ ...entry, filter: utf8(entry.filter) }));
      return encodeSubscribe(into, at, packet.packetId, entries, encodeProperties(packet.properties));
    }
    case PacketType.SUBACK:
    case PacketType.UNSUBACK: {
      const encoder = packet.type === PacketType.SUBACK ? encodeSuback : encodeUnsuback;
      return encoder(into, at, packet.packetId, Uint8Array.from(packet.codes), encodeProperties(packet.properties));
    }
    case PacketType.UNSUBSCRIBE:
      return encodeUnsubscribe(
        into,
        at,
        packet.packetId,
        packet.filters.map(utf8),
        encodeProperties(packet.properties),
      );
    case PacketType.PINGREQ:
    case PacketType.PINGRESP:
      return encodeBarePacket(into, at, packet.type);
    case PacketType.DISCONNECT:
      return encodeDisconnect(into, at, packet.reasonCode, encodeProperties(packet.properties));
    case PacketType.AUTH:
      return encodeAuth(into, at, packet.reasonCode, encodeProperties(packet.properties) ?? new Uint8Array());
    default:
      return encodeAcknowledgement(
        into,
        at,
        packet.type,
        packet.packetId,
        packet.reasonCode,
        encodeProperties(packet.properties),
      );
  }
}

/** The bytes of packets one after the other. */
export function encode(...packets: Packet[]): Uint8Array {
  return new Uint8Array(Buffer.concat(packets.map(encodeOne)));
}

function encodeOne(packet: Packet): Uint8Array {
  for (let size = 1024; ; size *= 16) {
    const into = new Uint8Array(size);
    const end = encodeInto(into, 0, packet);
    if (end !== NO_ROOM) return into.subarray(0, end);
  }
}
