import { NO_ROOM } from "../constants.ts";
import { fieldEnd, readUint16, writeField, writeUint16 } from "../bytes.ts";
import { firstByte, packetSize, PacketType, writeFixedHeader } from "../fixed-header.ts";
import { Reason } from "../reason.ts";
import { decodeProperties, Properties, propertiesSize, PropertyOwner, writeProperties } from "./properties.ts";
import { checkSubscriptionFilter } from "./topic.ts";

/**
 * Writes UNSUBSCRIBE at `at`, with at least one filter [MQTT-3.10.3-2] and the encoded `properties` if there are any.
 * Returns where it ends, or `NO_ROOM`.
 */
export function encodeUnsubscribe(
  into: Uint8Array,
  at: number,
  packetId: number,
  filters: readonly Uint8Array[],
  properties?: Uint8Array,
): number {
  const propertiesLength = properties ? properties.length : 0;
  let length = 2 + propertiesSize(propertiesLength);
  for (let index = 0; index < filters.length; index++) length += 2 + filters[index].length;
  if (at + packetSize(length) > into.length) return NO_ROOM;
  at = writeFixedHeader(into, at, firstByte(PacketType.UNSUBSCRIBE), length);
  writeUint16(into, at, packetId);
  at = writeProperties(into, at + 2, properties, 0, propertiesLength);
  for (let index = 0; index < filters.length; index++) at = writeField(into, at, filters[index]);
  return at;
}

/** A decoded UNSUBSCRIBE: `next` steps through its filters. */
export class UnsubscribeView {
  packetId = 0;
  readonly properties: Properties = new Properties();
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
  if (view.packetId === 0) return Reason.PACKET_ID_ZERO; // [MQTT-2.2.1-3]
  let reason = decodeProperties(bytes, start + 2, end, PropertyOwner.UNSUBSCRIBE, view.properties);
  if (reason) return reason;
  let at = view.properties.end;
  view._at = at;
  view._end = end;
  if (at === end) return Reason.NO_TOPIC_FILTER; // [MQTT-3.10.3-2]
  while (at < end) {
    const filterEnd = fieldEnd(bytes, at, end);
    if (filterEnd === 0) return Reason.TRUNCATED;
    reason = checkSubscriptionFilter(bytes, at + 2, filterEnd); // [MQTT-3.10.3-1]
    if (reason) return reason;
    at = filterEnd;
  }
  return Reason.OK;
}
