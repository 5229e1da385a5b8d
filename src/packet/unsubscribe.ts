import { NO_ROOM } from "./constants.ts";
import { fieldEnd, readUint16, writeField, writeUint16 } from "./bytes.ts";
import { firstByte, packetSize, PacketType, writeFixedHeader } from "./fixed-header.ts";
import { Reason } from "./reason.ts";
import { checkTopicFilter } from "./topic.ts";

/** Writes UNSUBSCRIBE at `at`, with at least one filter [MQTT-3.10.3-2]. Returns where it ends, or `NO_ROOM`. */
export function encodeUnsubscribe(
  into: Uint8Array,
  at: number,
  packetId: number,
  filters: readonly Uint8Array[],
): number {
  let length = 2;
  for (let index = 0; index < filters.length; index++) length += 2 + filters[index].length;
  if (at + packetSize(length) > into.length) return NO_ROOM;
  at = writeFixedHeader(into, at, firstByte(PacketType.UNSUBSCRIBE), length);
  writeUint16(into, at, packetId);
  at += 2;
  for (let index = 0; index < filters.length; index++) at = writeField(into, at, filters[index]);
  return at;
}

/** A decoded UNSUBSCRIBE: `next` steps through its filters. */
export class UnsubscribeView {
  packetId = 0;
  filterStart = 0;
  filterEnd = 0;
  _at = 0;
  _end = 0;

  /** Steps to the next filter; false after the last. `bytes` are those that were decoded. */
  next(bytes: Uint8Array): boolean {
    if (this._at === this._end) return false;
    this.filterStart = this._at + 2;
    this._at = this.filterEnd = fieldEnd(bytes, this._at, this._end);
    return true;
  }
}

/** Checks the whole body of UNSUBSCRIBE and sets `view` before its first filter. */
export function decodeUnsubscribe(bytes: Uint8Array, start: number, end: number, view: UnsubscribeView): Reason {
  if (start + 2 > end) return Reason.TRUNCATED;
  view.packetId = readUint16(bytes, start);
  if (view.packetId === 0) return Reason.PACKET_ID_ZERO;
  if (start + 2 === end) return Reason.NO_TOPIC_FILTER;
  for (let at = start + 2; at < end;) {
    const filterEnd = fieldEnd(bytes, at, end);
    if (filterEnd === 0) return Reason.TRUNCATED;
    const reason = checkTopicFilter(bytes, at + 2, filterEnd);
    if (reason) return reason;
    at = filterEnd;
  }
  view._at = start + 2;
  view._end = end;
  return Reason.OK;
}
