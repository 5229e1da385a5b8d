import { DOLLAR, HASH, PLUS, SLASH } from "./constants.ts";
import { Reason } from "./reason.ts";
import { checkUtf8 } from "./utf8.ts";

/** Whether bytes `start` to `end` are a topic name: not empty [MQTT-4.7.3-1], no wildcard [MQTT-3.3.2-2], UTF-8. */
export function checkTopicName(bytes: Uint8Array, start: number, end: number): Reason {
  return start === end ? Reason.EMPTY_TOPIC : checkUtf8(bytes, start, end, true);
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
    if (at > start && bytes[at - 1] !== SLASH) return Reason.MISPLACED_WILDCARD;
    if (at + 1 < end && (byte === HASH || bytes[at + 1] !== SLASH)) return Reason.MISPLACED_WILDCARD;
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
  if (topic[topicAt] === DOLLAR && filter[filterAt] !== DOLLAR) return false;
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
