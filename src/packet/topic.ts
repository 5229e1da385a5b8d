import { Reason } from "./reason.ts";
import { checkUtf8 } from "./utf8.ts";

const HASH = 0x23;
const DOLLAR = 0x24;
const PLUS = 0x2b;
const SLASH = 0x2f;

/** Whether bytes `start` to `end` are a topic name: not empty [MQTT-4.7.3-1], no wildcard [MQTT-3.3.2-2], UTF-8. */
export function checkTopicName(bytes: Uint8Array, start: number, end: number): Reason {
  if (start === end) return Reason.EMPTY_TOPIC;
  let anyHigh = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === PLUS || byte === HASH) return Reason.WILDCARD_IN_TOPIC;
    if (byte === 0) return Reason.NULL_CHARACTER;
    anyHigh |= byte;
  }
  return anyHigh & 0x80 ? checkUtf8(bytes, start, end) : Reason.OK;
}

/**
 * Whether bytes `start` to `end` are a topic filter: not empty, UTF-8, `#` only as the whole last level
 * [MQTT-4.7.1-2], `+` only as a whole level [MQTT-4.7.1-3].
 */
export function checkTopicFilter(bytes: Uint8Array, start: number, end: number): Reason {
  if (start === end) return Reason.EMPTY_TOPIC;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte !== PLUS && byte !== HASH) continue;
    const beginsLevel = at === start || bytes[at - 1] === SLASH;
    const endsLevel = at + 1 === end || (byte === PLUS && bytes[at + 1] === SLASH);
    if (!beginsLevel || !endsLevel) return Reason.MISPLACED_WILDCARD;
  }
  return checkUtf8(bytes, start, end);
}

/** Whether a topic name is matched by a filter (4.7). Both are valid. */
export function topicMatches(
  filter: Uint8Array,
  filterAt: number,
  filterEnd: number,
  topic: Uint8Array,
  topicAt: number,
  topicEnd: number,
): boolean {
  // A wildcard at the beginning does not match topics of the broker's own [MQTT-4.7.2-1].
  const first = filter[filterAt];
  if (topic[topicAt] === DOLLAR && (first === HASH || first === PLUS)) return false;
  for (; filterAt < filterEnd; filterAt++) {
    const wanted = filter[filterAt];
    if (wanted === HASH) return true;
    if (wanted === PLUS) {
      while (topicAt < topicEnd && topic[topicAt] !== SLASH) topicAt++;
    } else if (topicAt < topicEnd && topic[topicAt] === wanted) {
      topicAt++;
    } else {
      // "sport/#" matches "sport" too (4.7.1.2).
      return topicAt === topicEnd && wanted === SLASH && filterAt + 2 === filterEnd && filter[filterAt + 1] === HASH;
    }
  }
  return topicAt === topicEnd;
}
