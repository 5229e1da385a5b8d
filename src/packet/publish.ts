import { DUP, NO_ROOM, RETAIN } from "./constants.ts";
import { copyBytes, fieldEnd, readUint16, writeField, writeUint16 } from "./bytes.ts";
import { packetSize, PacketType, remainingLengthSize, writeFixedHeader } from "./fixed-header.ts";
import { Reason } from "./reason.ts";
import { checkTopicName } from "./topic.ts";

enum Layout {
  /** Where the first byte has the QoS (3.3.1). */
  QOS_SHIFT = 1,
  /** What `openPublish` leaves before the topic for a fixed header whose length is not known yet. */
  HEADER_ROOM = 5,
}

/** The first byte of a PUBLISH. */
export function publishHeader(qos: number, retain: boolean, dup?: boolean): number {
  return (PacketType.PUBLISH << 4) | (dup ? DUP : 0) | (qos << Layout.QOS_SHIFT) | (retain ? RETAIN : 0);
}

/** The QoS that a PUBLISH's first byte says: 0 to 2, or 3 which is not allowed. */
export function publishQos(header: number): number {
  return (header >> Layout.QOS_SHIFT) & 3;
}

/**
 * Writes PUBLISH at `at`, its payload taken from bytes `start` up to, not including, `end` of `payload`. The packet id
 * (1 to 65,535) is left out with QoS 0 [MQTT-2.3.1-5]. Returns where the packet ends, or `NO_ROOM`.
 */
export function encodePublish(
  into: Uint8Array,
  at: number,
  header: number,
  topic: Uint8Array,
  packetId: number,
  payload: Uint8Array,
  start: number,
  end: number,
): number {
  const qos = publishQos(header);
  const length = 2 + topic.length + (qos ? 2 : 0) + (end - start);
  if (at + packetSize(length) > into.length) return NO_ROOM;
  at = writeField(into, writeFixedHeader(into, at, header, length), topic);
  if (qos) {
    writeUint16(into, at, packetId);
    at += 2;
  }
  copyBytes(into, at, payload, start, end);
  return at + (end - start);
}

/**
 * Begins a PUBLISH whose payload the caller writes in place, so that it need not be measured first: leaves room for the
 * fixed header at `at`, writes the topic, leaves room for a packet id. Returns where the payload goes, or `NO_ROOM`
 * when that is beyond `limit`. `closePublish` follows.
 */
export function openPublish(into: Uint8Array, at: number, limit: number, qos: number, topic: Uint8Array): number {
  const payloadAt = at + Layout.HEADER_ROOM + 2 + topic.length + (qos ? 2 : 0);
  if (payloadAt > limit) return NO_ROOM;
  writeField(into, at + Layout.HEADER_ROOM, topic);
  return payloadAt;
}

/**
 * Completes the PUBLISH that `openPublish` began at `at` and whose payload ends at `end`. Returns where the packet
 * starts: up to three bytes after `at`.
 */
export function closePublish(into: Uint8Array, at: number, end: number, header: number): number {
  const length = end - at - Layout.HEADER_ROOM;
  const start = at + Layout.HEADER_ROOM - 1 - remainingLengthSize(length);
  writeFixedHeader(into, start, header, length);
  return start;
}

/** Puts a packet id into the encoded PUBLISH, QoS 1 or 2, that starts at `at`. */
export function setPublishPacketId(bytes: Uint8Array, at: number, packetId: number): void {
  while (bytes[++at] & 128); // over the remaining length
  writeUint16(bytes, at + 3 + readUint16(bytes, at + 1), packetId);
}

/** The packet id in the encoded PUBLISH, QoS 1 or 2, that starts at `at`. */
export function publishPacketId(bytes: Uint8Array, at: number): number {
  while (bytes[++at] & 128); // over the remaining length
  return readUint16(bytes, at + 3 + readUint16(bytes, at + 1));
}

/** Where the parts of a decoded PUBLISH are. */
export class PublishView {
  qos = 0;
  retain = false;
  dup = false;
  topicStart = 0;
  topicEnd = 0;
  /** 0 with QoS 0. */
  packetId = 0;
  payloadStart = 0;
  payloadEnd = 0;
}

/** Reads a PUBLISH with first byte `header` and its body into `view`. */
export function decodePublish(
  header: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  view: PublishView,
): Reason {
  const qos = publishQos(header);
  const topicEnd = fieldEnd(bytes, start, end);
  const payloadStart = topicEnd + (qos ? 2 : 0);
  if (topicEnd === 0 || payloadStart > end) return Reason.TRUNCATED;
  const reason = checkTopicName(bytes, start + 2, topicEnd);
  if (reason) return reason;
  const packetId = qos ? readUint16(bytes, topicEnd) : 0;
  if (qos && packetId === 0) return Reason.PACKET_ID_ZERO;
  view.qos = qos;
  view.retain = (header & RETAIN) !== 0;
  view.dup = (header & DUP) !== 0;
  view.topicStart = start + 2;
  view.topicEnd = topicEnd;
  view.packetId = packetId;
  view.payloadStart = payloadStart;
  view.payloadEnd = end;
  return Reason.OK;
}
