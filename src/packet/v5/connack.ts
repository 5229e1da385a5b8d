import { NO_ROOM } from "../constants.ts";
import { firstByte, packetSize, PacketType, writeFixedHeader } from "../fixed-header.ts";
import { Reason } from "../reason.ts";
import {
  decodeProperties,
  Properties,
  propertiesSize,
  Property,
  PropertyOwner,
  writeProperties,
} from "./properties.ts";
import { isReasonCode } from "./reason-code.ts";

/** Writes CONNACK at `at`, with the encoded `properties` if there are any. Returns where it ends, or `NO_ROOM`. */
export function encodeConnack(
  into: Uint8Array,
  at: number,
  sessionPresent: boolean,
  reasonCode: number,
  properties?: Uint8Array,
): number {
  const propertiesLength = properties ? properties.length : 0;
  const length = 2 + propertiesSize(propertiesLength);
  if (at + packetSize(length) > into.length) return NO_ROOM;
  at = writeFixedHeader(into, at, firstByte(PacketType.CONNACK), length);
  into[at] = sessionPresent ? 1 : 0;
  into[at + 1] = reasonCode;
  return writeProperties(into, at + 2, properties, 0, propertiesLength);
}

/**
 * What a decoded CONNACK says. A property that is absent has the value that the specification gives it; for those without
 * one it says here what stands for absent. Texts and data are in `properties`.
 */
export class ConnackView {
  sessionPresent = false;
  reasonCode = 0;
  /** Seconds; -1 when absent: the one in CONNECT holds (3.2.2.3.2). */
  sessionExpiryInterval = -1;
  receiveMaximum = 65_535;
  maximumQos = 2;
  retainAvailable = true;
  /** 0 when absent: no limit but MQTT's own (3.2.2.3.6). */
  maximumPacketSize = 0;
  topicAliasMaximum = 0;
  wildcardSubscriptionAvailable = true;
  subscriptionIdentifiersAvailable = true;
  sharedSubscriptionAvailable = true;
  /** Seconds; -1 when absent: the one in CONNECT holds [MQTT-3.2.2-22]. */
  serverKeepAlive = -1;
  /**
   * All properties; `find` those that are a text or data: assigned client identifier, reason string, response information,
   * server reference, authentication method and data, user properties.
   */
  readonly properties: Properties = new Properties();

  /** Whether a packet with this remaining length is larger than the broker takes [MQTT-3.2.2-15]. */
  isTooLarge(remainingLength: number): boolean {
    return this.maximumPacketSize > 0 && packetSize(remainingLength) > this.maximumPacketSize;
  }
}

/** Reads the body of CONNACK into `view`. */
export function decodeConnack(bytes: Uint8Array, start: number, end: number, view: ConnackView): Reason {
  if (start + 3 > end) return Reason.TRUNCATED;
  const flags = bytes[start];
  const reasonCode = bytes[start + 1];
  if (flags > 1) return Reason.CONNACK_FLAGS; // [MQTT-3.2.2-1]
  if (!isReasonCode(PacketType.CONNACK, reasonCode)) return Reason.REASON_CODE; // [MQTT-3.2.2-8]
  if (flags && reasonCode) return Reason.SESSION_PRESENT; // [MQTT-3.2.2-6]
  const properties = view.properties;
  const reason = decodeProperties(bytes, start + 2, end, PropertyOwner.CONNACK, properties);
  if (reason) return reason;
  if (properties.end !== end) return Reason.TRAILING_BYTES;
  if (properties.has(Property.AUTHENTICATION_DATA) && !properties.has(Property.AUTHENTICATION_METHOD)) {
    return Reason.NO_AUTHENTICATION_METHOD;
  }
  view.sessionPresent = flags === 1;
  view.reasonCode = reasonCode;
  view.sessionExpiryInterval = properties.numberOf(bytes, Property.SESSION_EXPIRY_INTERVAL, -1);
  view.receiveMaximum = properties.numberOf(bytes, Property.RECEIVE_MAXIMUM, 65_535);
  view.maximumQos = properties.numberOf(bytes, Property.MAXIMUM_QOS, 2);
  view.retainAvailable = properties.numberOf(bytes, Property.RETAIN_AVAILABLE, 1) === 1;
  view.maximumPacketSize = properties.numberOf(bytes, Property.MAXIMUM_PACKET_SIZE, 0);
  view.topicAliasMaximum = properties.numberOf(bytes, Property.TOPIC_ALIAS_MAXIMUM, 0);
  view.wildcardSubscriptionAvailable = properties.numberOf(bytes, Property.WILDCARD_SUBSCRIPTION_AVAILABLE, 1) === 1;
  view.subscriptionIdentifiersAvailable =
    properties.numberOf(bytes, Property.SUBSCRIPTION_IDENTIFIERS_AVAILABLE, 1) === 1;
  view.sharedSubscriptionAvailable = properties.numberOf(bytes, Property.SHARED_SUBSCRIPTION_AVAILABLE, 1) === 1;
  view.serverKeepAlive = properties.numberOf(bytes, Property.SERVER_KEEP_ALIVE, -1);
  properties.rewind();
  return Reason.OK;
}
