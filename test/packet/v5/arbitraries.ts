// Packets of MQTT 5 for property-based tests: every field and every property over its whole range.

import fc from "fast-check";
import { type AcknowledgementType, isReasonCode, PacketType } from "../../../src/packet/v5/index.ts";
import { payload, text, topicFilter, topicName } from "../arbitraries.ts";
import {
  type Acknowledgement,
  type Bare,
  type Connack,
  type Connect,
  type Ending,
  type Packet,
  type PropertyValues,
  type Publish,
  type ReasonCodes,
  type Subscribe,
  toHex,
  type Unsubscribe,
  type UserProperties,
} from "./model.ts";

const uint16 = fc.oneof(fc.integer({ min: 0, max: 65_535 }), fc.constantFrom(0, 1, 255, 256, 32_768, 65_535));
const uint16NotZero = uint16.map((value) => value || 1);
const uint32 = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0, 1, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
);
const variable = fc.oneof(
  fc.integer({ min: 1, max: 268_435_455 }),
  fc.constantFrom(1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455),
);
const packetId = uint16NotZero;
const qos = fc.constantFrom(0, 1, 2);
const binary = fc.uint8Array({ maxLength: 60 }).map((bytes) => toHex(bytes));
const anyText = fc.oneof(
  text,
  fc.integer({ min: 100, max: 500 }).map((length) => "ü".repeat(length)),
);

/** A value of a repeated name is not empty: mqtt-packet forgets such. */
const userProperties = fc
  .dictionary(
    text.filter((name) => name !== "__proto__"),
    fc.oneof(
      text,
      fc.array(
        text.map((value) => value || "x"),
        { minLength: 2, maxLength: 4 },
      ),
    ),
    { minKeys: 1, maxKeys: 5 },
  )
  .map((values): UserProperties => ({ ...values }));

const VALUES: Record<string, fc.Arbitrary<PropertyValues[string]>> = {
  payloadFormatIndicator: fc.boolean(),
  messageExpiryInterval: uint32,
  contentType: anyText,
  responseTopic: topicName,
  correlationData: binary,
  subscriptionIdentifier: variable,
  sessionExpiryInterval: uint32,
  assignedClientIdentifier: text,
  serverKeepAlive: uint16,
  authenticationMethod: text,
  authenticationData: binary,
  requestProblemInformation: fc.boolean(),
  willDelayInterval: uint32,
  requestResponseInformation: fc.boolean(),
  responseInformation: text,
  serverReference: text,
  reasonString: anyText,
  receiveMaximum: uint16NotZero,
  topicAliasMaximum: uint16,
  topicAlias: uint16NotZero,
  maximumQoS: fc.constantFrom(0, 1),
  retainAvailable: fc.boolean(),
  userProperties,
  maximumPacketSize: uint32.map((value) => value || 1),
  wildcardSubscriptionAvailable: fc.boolean(),
  subscriptionIdentifiersAvailable: fc.boolean(),
  sharedSubscriptionAvailable: fc.boolean(),
};

/** Some of the named properties, in any order. */
function propertiesOf(...names: string[]): fc.Arbitrary<PropertyValues> {
  const some = fc.shuffledSubarray(names).chain((chosen) => {
    const values = fc.tuple(...chosen.map((name) => VALUES[name]));
    return values.map((all) => Object.fromEntries(chosen.map((name, index) => [name, all[index]])) as PropertyValues);
  });
  return fc.oneof({ weight: 1, arbitrary: fc.constant({}) }, { weight: 4, arbitrary: some });
}

/** Authentication data comes with a method only. */
function withMethod(properties: PropertyValues): PropertyValues {
  return "authenticationData" in properties ? { authenticationMethod: "x", ...properties } : properties;
}

const MESSAGE = [
  "payloadFormatIndicator",
  "messageExpiryInterval",
  "contentType",
  "responseTopic",
  "correlationData",
  "userProperties",
];
const AUTHENTICATION = ["authenticationMethod", "authenticationData"];
const REASON = ["reasonString", "userProperties"];

const connectProperties = propertiesOf(
  "sessionExpiryInterval",
  "receiveMaximum",
  "maximumPacketSize",
  "topicAliasMaximum",
  "requestResponseInformation",
  "requestProblemInformation",
  "userProperties",
  ...AUTHENTICATION,
).map(withMethod);

const connackProperties = propertiesOf(
  "sessionExpiryInterval",
  "receiveMaximum",
  "maximumQoS",
  "retainAvailable",
  "maximumPacketSize",
  "assignedClientIdentifier",
  "topicAliasMaximum",
  "wildcardSubscriptionAvailable",
  "subscriptionIdentifiersAvailable",
  "sharedSubscriptionAvailable",
  "serverKeepAlive",
  "responseInformation",
  "serverReference",
  ...REASON,
  ...AUTHENTICATION,
).map(withMethod);

/** Every reason code of a type's packets; those that mqtt-packet does not know left out. */
function codeOf(type: PacketType): fc.Arbitrary<number> {
  const codes = Array.from({ length: 256 }, (_, code) => code).filter((code) => isReasonCode(type, code));
  return fc.constantFrom(...codes.filter((code) => type !== PacketType.DISCONNECT || code !== 0x8c));
}

const will = fc.record({
  topic: topicName,
  payload,
  qos,
  retain: fc.boolean(),
  properties: propertiesOf("willDelayInterval", ...MESSAGE),
});

export const connect: fc.Arbitrary<Connect> = fc
  .record({
    clientId: text,
    cleanStart: fc.boolean(),
    keepAlive: uint16,
    properties: connectProperties,
    will: fc.option(will, { nil: undefined }),
    credentials: fc.option(
      fc.record({ username: text, password: fc.option(binary, { nil: undefined }) }),
      { nil: undefined }, // mqtt-packet writes no password without a user name
    ),
  })
  .map(({ clientId, cleanStart, keepAlive, properties, will, credentials }) => ({
    type: PacketType.CONNECT,
    clientId,
    cleanStart: cleanStart || clientId === "", // mqtt-packet wants it so
    keepAlive,
    properties,
    ...(will && { will }),
    ...(credentials && { username: credentials.username }),
    ...(credentials?.password !== undefined && { password: credentials.password }),
  }));

export const connack: fc.Arbitrary<Connack> = fc
  .record({ sessionPresent: fc.boolean(), reasonCode: codeOf(PacketType.CONNACK), properties: connackProperties })
  .map(({ sessionPresent, reasonCode, properties }) => ({
    type: PacketType.CONNACK,
    sessionPresent: sessionPresent && reasonCode === 0, // [MQTT-3.2.2-6]
    reasonCode,
    properties,
  }));

function publish(properties: fc.Arbitrary<PropertyValues>): fc.Arbitrary<Publish> {
  return fc
    .record({
      topic: topicName,
      payload,
      qos,
      retain: fc.boolean(),
      dup: fc.boolean(),
      packetId,
      properties,
      byAlias: fc.boolean(),
    })
    .map(({ topic, payload, qos, retain, dup, packetId, properties, byAlias }) => ({
      type: PacketType.PUBLISH,
      topic: byAlias && "topicAlias" in properties ? "" : topic,
      payload,
      qos,
      retain,
      dup: dup && qos > 0, // [MQTT-3.3.1-2]
      packetId: qos > 0 ? packetId : 0, // [MQTT-2.2.1-2]
      properties,
    }));
}

export const publishToServer: fc.Arbitrary<Publish> = publish(propertiesOf("topicAlias", ...MESSAGE));

/** A server may send several subscription identifiers [MQTT-3.3.4-4]. */
export const publishToClient: fc.Arbitrary<Publish> = publish(
  fc
    .tuple(propertiesOf("topicAlias", "subscriptionIdentifier", ...MESSAGE), fc.array(variable, { maxLength: 3 }))
    .map(([properties, more]): PropertyValues => {
      const { subscriptionIdentifier: one } = properties;
      if (one === undefined || more.length === 0) return properties;
      return { ...properties, subscriptionIdentifier: [one as number, ...more] };
    }),
);

export function acknowledgement(type: AcknowledgementType): fc.Arbitrary<Acknowledgement> {
  return fc.record({
    type: fc.constant(type),
    packetId,
    reasonCode: fc.oneof(fc.constant(0), codeOf(type)),
    properties: propertiesOf(...REASON),
  });
}

const subscription = fc
  .record({
    shareName: fc.option(
      text.map((name) => name.replaceAll(/[/+#]/g, "-") || "-"),
      { nil: undefined },
    ),
    filter: topicFilter,
    qos,
    noLocal: fc.boolean(),
    retainAsPublished: fc.boolean(),
    retainHandling: fc.constantFrom(0, 1, 2),
  })
  .map(({ shareName, filter, noLocal, ...options }) => ({
    filter: shareName === undefined ? filter : `$share/${shareName}/${filter}`,
    noLocal: noLocal && shareName === undefined, // [MQTT-3.8.3-4]
    ...options,
  }));

export const subscribe: fc.Arbitrary<Subscribe> = fc.record({
  type: fc.constant<PacketType.SUBSCRIBE>(PacketType.SUBSCRIBE),
  packetId,
  properties: propertiesOf("subscriptionIdentifier", "userProperties"),
  entries: fc.array(subscription, { minLength: 1, maxLength: 6 }),
});

export function reasonCodes(type: PacketType.SUBACK | PacketType.UNSUBACK): fc.Arbitrary<ReasonCodes> {
  return fc.record({
    type: fc.constant(type),
    packetId,
    properties: propertiesOf(...REASON),
    codes: fc.array(codeOf(type), { minLength: 1, maxLength: 200 }),
  });
}

export const unsubscribe: fc.Arbitrary<Unsubscribe> = fc.record({
  type: fc.constant<PacketType.UNSUBSCRIBE>(PacketType.UNSUBSCRIBE),
  packetId,
  properties: propertiesOf("userProperties"),
  filters: fc.array(topicFilter, { minLength: 1, maxLength: 6 }),
});

export function bare(type: PacketType.PINGREQ | PacketType.PINGRESP): fc.Arbitrary<Bare> {
  return fc.constant({ type });
}

function ending(type: PacketType.DISCONNECT | PacketType.AUTH, properties: fc.Arbitrary<PropertyValues>) {
  return fc.record({ type: fc.constant(type), reasonCode: codeOf(type), properties });
}

export const disconnectToServer: fc.Arbitrary<Ending> = ending(
  PacketType.DISCONNECT,
  propertiesOf("sessionExpiryInterval", ...REASON),
);

export const disconnectToClient: fc.Arbitrary<Ending> = ending(
  PacketType.DISCONNECT,
  propertiesOf("serverReference", ...REASON),
);

export const auth: fc.Arbitrary<Ending> = ending(
  PacketType.AUTH,
  propertiesOf("authenticationData", ...REASON).map((properties) => ({ ...properties, authenticationMethod: "SCRAM" })),
);

const either = [
  acknowledgement(PacketType.PUBACK),
  acknowledgement(PacketType.PUBREC),
  acknowledgement(PacketType.PUBREL),
  acknowledgement(PacketType.PUBCOMP),
  auth,
];

/** Any packet that a server sends. */
export const packetToClient: fc.Arbitrary<Packet> = fc.oneof(
  connack,
  publishToClient,
  ...either,
  reasonCodes(PacketType.SUBACK),
  reasonCodes(PacketType.UNSUBACK),
  bare(PacketType.PINGRESP),
  disconnectToClient,
);

/** Any packet that a client sends. */
export const packetToServer: fc.Arbitrary<Packet> = fc.oneof(
  connect,
  publishToServer,
  ...either,
  subscribe,
  unsubscribe,
  bare(PacketType.PINGREQ),
  disconnectToServer,
);
