import { Reason } from "./reason.ts";

/**
 * Whether bytes `start` up to, not including, `end` are a UTF-8 string that MQTT allows: well-formed, no surrogates
 * [MQTT-1.5.3-1], no U+0000 [MQTT-1.5.3-2]. A byte order mark is a character like any other [MQTT-1.5.3-3].
 */
export function checkUtf8(bytes: Uint8Array, start: number, end: number): Reason {
  while (start < end) {
    const lead = bytes[start++];
    if (lead === 0) return Reason.NULL_CHARACTER;
    if (lead < 0x80) continue;
    // The second byte's range shuts out overlong forms, surrogates and what is above U+10FFFF (RFC 3629, 4).
    let low = 0x80;
    let high = 0xbf;
    let following = 1;
    if (lead < 0xc2 || lead > 0xf4) return Reason.ILL_FORMED_UTF8;
    if (lead >= 0xf0) {
      following = 3;
      if (lead === 0xf0) low = 0x90;
      if (lead === 0xf4) high = 0x8f;
    } else if (lead >= 0xe0) {
      following = 2;
      if (lead === 0xe0) low = 0xa0;
      if (lead === 0xed) high = 0x9f;
    }
    if (start + following > end) return Reason.ILL_FORMED_UTF8;
    for (; following > 0; following--) {
      const byte = bytes[start++];
      if (byte < low || byte > high) return Reason.ILL_FORMED_UTF8;
      low = 0x80;
      high = 0xbf;
    }
  }
  return Reason.OK;
}
