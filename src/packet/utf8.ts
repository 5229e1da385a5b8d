import { HASH, PLUS } from "./constants.ts";
import { Reason } from "./reason.ts";

/**
 * Whether bytes `start` up to, not including, `end` are a UTF-8 string that MQTT allows: well-formed, no surrogates
 * [MQTT-1.5.3-1], no U+0000 [MQTT-1.5.3-2]. A byte order mark is a character like any other [MQTT-1.5.3-3].
 *
 * @param isTopicName whether it must not have the wildcards + and # either [MQTT-3.3.2-2].
 */
export function checkUtf8(bytes: Uint8Array, start: number, end: number, isTopicName?: boolean): Reason {
  while (start < end) {
    const lead = bytes[start++];
    if (lead < 0x80) {
      if (lead > PLUS) continue; // nearly all of a topic
      if (lead === 0) return Reason.NULL_CHARACTER;
      if (isTopicName && (lead === PLUS || lead === HASH)) return Reason.WILDCARD_IN_TOPIC;
    } else {
      const following = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
      const last = start + following;
      let character = lead & (0x3f >> following);
      if (lead < 0xc2 || lead > 0xf4 || last > end) return Reason.ILL_FORMED_UTF8;
      while (start < last) {
        const byte = bytes[start++];
        if (byte >> 6 !== 2) return Reason.ILL_FORMED_UTF8;
        character = (character << 6) | (byte & 0x3f);
      }
      // Neither overlong (of two bytes, the first tells), nor a surrogate, nor above U+10FFFF (RFC 3629, 3).
      if (!(character >> (5 * following + 1)) || character >> 11 === 0x1b || character > 0x10_ffff) {
        return Reason.ILL_FORMED_UTF8;
      }
    }
  }
  return Reason.OK;
}
