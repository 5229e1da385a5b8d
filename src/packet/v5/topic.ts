import { HASH, PLUS, SLASH } from "../constants.ts";
import { Reason } from "../reason.ts";
import { checkTopicFilter } from "../topic.ts";

/** Whether bytes `start` to `end` are the filter of a shared subscription: they begin with `$share/` (4.8.2). */
export function isShared(bytes: Uint8Array, start: number, end: number): boolean {
  return (
    end - start > 6 &&
    bytes[start] === 0x24 && // $share/
    bytes[start + 1] === 0x73 &&
    bytes[start + 2] === 0x68 &&
    bytes[start + 3] === 0x61 &&
    bytes[start + 4] === 0x72 &&
    bytes[start + 5] === 0x65 &&
    bytes[start + 6] === SLASH
  );
}

/** Where the part of a valid filter begins that topic names are matched with: after `$share/` and share name, if any. */
export function matchedFilterStart(bytes: Uint8Array, start: number, end: number): number {
  if (!isShared(bytes, start, end)) return start;
  start += 7;
  while (bytes[start++] !== SLASH);
  return start;
}

/**
 * Whether bytes `start` to `end` are a topic filter, that of a shared subscription included: its share name has at least
 * one character [MQTT-4.8.2-1], no wildcard, and is followed by `/` and a filter [MQTT-4.8.2-2].
 */
export function checkSubscriptionFilter(bytes: Uint8Array, start: number, end: number): Reason {
  if (isShared(bytes, start, end)) {
    let at = start + 7;
    while (at < end && bytes[at] !== SLASH) {
      if (bytes[at] === PLUS || bytes[at] === HASH) return Reason.SHARE_NAME;
      at++;
    }
    if (at === start + 7 || at + 1 >= end) return Reason.SHARE_NAME;
  }
  return checkTopicFilter(bytes, start, end);
}
