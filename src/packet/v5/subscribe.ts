import { NO_ROOM } from "../constants.ts";
import { fieldEnd, readUint16, writeField, writeUint16 } from "../bytes.ts";
import { firstByte, packetSize, PacketType, writeFixedHeader } from "../fixed-header.ts";
import { Reason } from "../reason.ts";
import { decodeProperties, Properties, propertiesSize, PropertyOwner, writeProperties } from "./properties.ts";
import { checkSubscriptionFilter, isShared } from "./topic.ts";

/** Bits of the subscription options (3.8.3.1). */
const NO_LOCAL = 0x04;
const RETAIN_AS_PUBLISHED = 0x08;
const RETAIN_HANDLING_SHIFT = 4;
const RESERVED = 0xc0;

/** Which retained messages a subscription brings: `retainHandling` of 3.8.3.1. */
export enum RetainHandling {
  SEND = 0,
  SEND_IF_NEW = 1,
  DO_NOT_SEND = 2,
}

/** One line of a SUBSCRIBE: a topic filter in UTF-8, the highest QoS wanted, 0 to 2, and the other options. */
export interface SubscribeEntry {
  readonly filter: Uint8Array;
  readonly qos: number;
  /** Not with a shared subscription [MQTT-3.8.3-4]. */
  readonly noLocal?: boolean;
  readonly retainAsPublished?: boolean;
  readonly retainHandling?: RetainHandling;
}

/**
 * Writes SUBSCRIBE at `at`, with at least one entry [MQTT-3.8.3-2] and the encoded `properties` if there are any. Returns
 * where it ends, or `NO_ROOM`.
 */
export function encodeSubscribe(
  into: Uint8Array,
  at: number,
  packetId: number,
  entries: readonly SubscribeEntry[],
  properties?: Uint8Array,
): number {
  const propertiesLength = properties ? properties.length : 0;
  let length = 2 + propertiesSize(propertiesLength);
  for (let index = 0; index < entries.length; index++) length += 3 + entries[index].filter.length;
  if (at + packetSize(length) > into.length) return NO_ROOM;
  at = writeFixedHeader(into, at, firstByte(PacketType.SUBSCRIBE), length);
  writeUint16(into, at, packetId);
  at = writeProperties(into, at + 2, properties, 0, propertiesLength);
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index];
    at = writeField(into, at, entry.filter);
    into[at++] =
      entry.qos |
      (entry.noLocal ? NO_LOCAL : 0) |
      (entry.retainAsPublished ? RETAIN_AS_PUBLISHED : 0) |
      ((entry.retainHandling ?? RetainHandling.SEND) << RETAIN_HANDLING_SHIFT);
  }
  return at;
}

/** A decoded SUBSCRIBE: `next` steps through its entries. */
export class SubscribeView {
  packetId = 0;
  readonly properties: Properties = new Properties();
  filterStart = 0;
  filterEnd = 0;
  qos = 0;
  noLocal = false;
  retainAsPublished = false;
  retainHandling = RetainHandling.SEND;
  _at = 0;
  _end = 0;

  /** Steps to the next entry; false after the last. `bytes` are those that were decoded. */
  next(bytes: Uint8Array): boolean {
    if (this._at === this._end) return false;
    this.filterStart = this._at + 2;
    this.filterEnd = fieldEnd(bytes, this._at, this._end);
    const options = bytes[this.filterEnd];
    this.qos = options & 3;
    this.noLocal = (options & NO_LOCAL) !== 0;
    this.retainAsPublished = (options & RETAIN_AS_PUBLISHED) !== 0;
    this.retainHandling = options >> RETAIN_HANDLING_SHIFT;
    this._at = this.filterEnd + 1;
    return true;
  }
}

/** Checks the whole body of SUBSCRIBE and sets `view` before its first entry. */
export function decodeSubscribe(bytes: Uint8Array, start: number, end: number, view: SubscribeView): Reason {
  if (start + 2 > end) return Reason.TRUNCATED;
  view.packetId = readUint16(bytes, start);
  if (view.packetId === 0) return Reason.PACKET_ID_ZERO; // [MQTT-2.2.1-3]
  let reason = decodeProperties(bytes, start + 2, end, PropertyOwner.SUBSCRIBE, view.properties);
  if (reason) return reason;
  let at = view.properties.end;
  view._at = at;
  view._end = end;
  if (at === end) return Reason.NO_TOPIC_FILTER; // [MQTT-3.8.3-2]
  while (at < end) {
    const filterEnd = fieldEnd(bytes, at, end);
    if (filterEnd === 0 || filterEnd === end) return Reason.TRUNCATED;
    reason = checkSubscriptionFilter(bytes, at + 2, filterEnd);
    if (reason) return reason;
    const options = bytes[filterEnd];
    if (options & RESERVED) return Reason.SUBSCRIPTION_RESERVED_BITS; // [MQTT-3.8.3-5]
    if ((options & 3) === 3 || options >> RETAIN_HANDLING_SHIFT === 3) return Reason.SUBSCRIPTION_OPTIONS;
    if (options & NO_LOCAL && isShared(bytes, at + 2, filterEnd)) return Reason.NO_LOCAL_ON_SHARED; // [MQTT-3.8.3-4]
    at = filterEnd + 1;
  }
  return Reason.OK;
}
