import { DUP, NO_ROOM, RETAIN } from "../constants.ts";
import { copyBytes, fieldEnd, readUint16, writeField, writeUint16 } from "../bytes.ts";
import { packetSize, writeFixedHeader } from "../fixed-header.ts";
import { publishQos } from "../publish.ts";
import { Reason } from "../reason.ts";
import { checkTopicName } from "../topic.ts";
import {
  decodeProperties,
  Properties,
  propertiesSize,
  Property,
  PropertyOwner,
  writeProperties,
} from "./properties.ts";

// The first byte, and what `closePublish` and `setPublishPacketId` do, are as in 3.1.1.
export { closePublish, publishHeader, publishQos, setPublishPacketId } from "../publish.ts";

/**
 * Writes PUBLISH at `at`, its encoded properties and its payload taken from parts of buffers. The packet id (1 to 65,535)
 * is left out with QoS 0 [MQTT-2.2.1-2]. The topic may be empty when the properties have a topic alias (3.3.2.1). Returns
 * where the packet ends, or `NO_ROOM`.
 */
export function encodePublish(
  into: Uint8Array,
  at: number,
  header: number,
  topic: Uint8Array,
  packetId: number,
  properties: Uint8Array | undefined,
  propertiesStart: number,
  propertiesEnd: number,
  payload: Uint8Array,
  start: number,
  end: number,
): number {
  const qos = publishQos(header);
  const length = headerLength(qos, topic, propertiesEnd - propertiesStart) + (end - start);
  if (at + packetSize(length) > into.length) return NO_ROOM;
  at = writeField(into, writeFixedHeader(into, at, header, length), topic);
  if (qos) {
    writeUint16(into, at, packetId);
    at += 2;
  }
  at = writeProperties(into, at, properties, propertiesStart, propertiesEnd);
  copyBytes(into, at, payload, start, end);
  return at + (end - start);
}

/** The size of the variable header (3.3.2). */
function headerLength(qos: number, topic: Uint8Array, propertiesLength: number): number {
  return 2 + topic.length + (qos ? 2 : 0) + propertiesSize(propertiesLength);
}

/** What `openPublish` leaves before the topic for a fixed header whose length is not known yet, as in 3.1.1. */
const HEADER_ROOM = 5;

/**
 * Begins a PUBLISH whose payload the caller writes in place, so that it need not be measured first: leaves room for the
 * fixed header at `at`, writes the topic, leaves room for a packet id, writes the encoded properties. Returns where the
 * payload goes, or `NO_ROOM` when that is beyond `limit`. `closePublish` follows.
 */
export function openPublish(
  into: Uint8Array,
  at: number,
  limit: number,
  qos: number,
  topic: Uint8Array,
  properties: Uint8Array | undefined,
  propertiesStart: number,
  propertiesEnd: number,
): number {
  const payloadAt = at + HEADER_ROOM + headerLength(qos, topic, propertiesEnd - propertiesStart);
  if (payloadAt > limit) return NO_ROOM;
  at = writeField(into, at + HEADER_ROOM, topic) + (qos ? 2 : 0);
  return writeProperties(into, at, properties, propertiesStart, propertiesEnd);
}

/** Where the parts of a decoded PUBLISH are. */
export class PublishView {
  qos = 0;
  retain = false;
  dup = false;
  /** Empty when `topicAlias` stands for the topic. */
  topicStart = 0;
  topicEnd = 0;
  /** 0 when there is none. */
  topicAlias = 0;
  /** 0 with QoS 0. */
  packetId = 0;
  readonly properties: Properties = new Properties();
  payloadStart = 0;
  payloadEnd = 0;
}

/**
 * Reads a PUBLISH with first byte `header` and its body, which came from the server unless `toServer` is true, into
 * `view`. Whether the topic alias is within the maximum and known is for the caller to see.
 */
export function decodePublish(
  header: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  view: PublishView,
  toServer?: boolean,
): Reason {
  const qos = publishQos(header);
  const topicEnd = fieldEnd(bytes, start, end);
  const propertiesStart = topicEnd + (qos ? 2 : 0);
  if (topicEnd === 0 || propertiesStart > end) return Reason.TRUNCATED;
  const packetId = qos ? readUint16(bytes, topicEnd) : 0;
  if (qos && packetId === 0) return Reason.PACKET_ID_ZERO; // [MQTT-2.2.1-4]
  const properties = view.properties;
  const owner = toServer ? PropertyOwner.PUBLISH_TO_SERVER : PropertyOwner.PUBLISH_TO_CLIENT;
  let reason = decodeProperties(bytes, propertiesStart, end, owner, properties);
  if (reason) return reason;
  const topicAlias = properties.numberOf(bytes, Property.TOPIC_ALIAS, 0);
  properties.rewind();
  if (topicEnd > start + 2 || topicAlias === 0) {
    reason = checkTopicName(bytes, start + 2, topicEnd); // [MQTT-3.3.2-1], [MQTT-3.3.2-2]
    if (reason) return reason;
  }
  view.qos = qos;
  view.retain = (header & RETAIN) !== 0;
  view.dup = (header & DUP) !== 0;
  view.topicStart = start + 2;
  view.topicEnd = topicEnd;
  view.topicAlias = topicAlias;
  view.packetId = packetId;
  view.payloadStart = properties.end;
  view.payloadEnd = end;
  return Reason.OK;
}
