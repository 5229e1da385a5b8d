import { NO_ROOM } from "./constants.ts";
import { fieldEnd, readUint16, writeField, writeUint16 } from "./bytes.ts";
import { firstByte, packetSize, PacketType, writeFixedHeader } from "./fixed-header.ts";
import { Reason } from "./reason.ts";
import { checkTopicFilter } from "./topic.ts";

/** One line of a SUBSCRIBE: a topic filter in UTF-8 and the highest QoS wanted, 0 to 2. */
export interface SubscribeEntry {
  readonly filter: Uint8Array;
  readonly qos: number;
}

/** Writes SUBSCRIBE at `at`, with at least one entry [MQTT-3.8.3-3]. Returns where it ends, or `NO_ROOM`. */
export function encodeSubscribe(
  into: Uint8Array,
  at: number,
  packetId: number,
  entries: readonly SubscribeEntry[],
): number {
  let length = 2;
  for (let index = 0; index < entries.length; index++) length += 3 + entries[index].filter.length;
  if (at + packetSize(length) > into.length) return NO_ROOM;
  at = writeFixedHeader(into, at, firstByte(PacketType.SUBSCRIBE), length);
  writeUint16(into, at, packetId);
  at += 2;
  for (let index = 0; index < entries.length; index++) {
    at = writeField(into, at, entries[index].filter);
    into[at++] = entries[index].qos;
  }
  return at;
}

/** A decoded SUBSCRIBE: `next` steps through its entries. */
export class SubscribeView {
  packetId = 0;
  filterStart = 0;
  filterEnd = 0;
  qos = 0;
  _at = 0;
  _end = 0;

  /** Steps to the next entry; false after the last. `bytes` are those that were decoded. */
  next(bytes: Uint8Array): boolean {
    if (this._at === this._end) return false;
    this.filterStart = this._at + 2;
    this.filterEnd = fieldEnd(bytes, this._at, this._end);
    this.qos = bytes[this.filterEnd];
    this._at = this.filterEnd + 1;
    return true;
  }
}

/** Checks the whole body of SUBSCRIBE and sets `view` before its first entry. */
export function decodeSubscribe(bytes: Uint8Array, start: number, end: number, view: SubscribeView): Reason {
  if (start + 2 > end) return Reason.TRUNCATED;
  view.packetId = readUint16(bytes, start);
  if (view.packetId === 0) return Reason.PACKET_ID_ZERO;
  if (start + 2 === end) return Reason.NO_TOPIC_FILTER;
  for (let at = start + 2; at < end;) {
    const filterEnd = fieldEnd(bytes, at, end);
    if (filterEnd === 0 || filterEnd === end) return Reason.TRUNCATED;
    const reason = checkTopicFilter(bytes, at + 2, filterEnd);
    if (reason) return reason;
    if (bytes[filterEnd] > 2) return Reason.QOS;
    at = filterEnd + 1;
  }
  view._at = start + 2;
  view._end = end;
  return Reason.OK;
}
