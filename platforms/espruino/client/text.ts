// A string is bytes here, a character each, and what moves strings is native code. So packets are strings.

import type { Engine } from "../engine.ts";

declare const E: Engine["E"];

/** Characters of codes; of a code above 255, of its lowest byte. */
export const chars = String.fromCharCode;

/** A string after the two bytes of its length (1.5.3). */
export function field(value: string): string {
  return chars(value.length >> 8, value.length) + value;
}

/** A packet: its first byte, its remaining length (2.2.3), and what of its body is known. */
export function packet(firstByte: number, length: number, body: string): string {
  let header = chars(firstByte);
  for (; length > 127; length >>= 7) header += chars(length | 128);
  return header + chars(length) + body;
}

/** Whether it is UTF-8 [MQTT-1.5.3-1] without U+0000 [MQTT-1.5.3-2]. */
export function isText(value: string): boolean {
  let following = 0;
  let low = 0;
  let high = 0;
  for (let at = 0; at < value.length; at++) {
    const byte = value.charCodeAt(at);
    if (following) {
      if (byte < low || byte > high) return false;
      following--;
      low = 128;
      high = 191;
    } else if (!byte || byte > 127) {
      if (byte < 194 || byte > 244) return false;
      following = byte > 239 ? 3 : byte > 223 ? 2 : 1;
      // The second byte's range shuts out overlong forms, surrogates and what is above U+10FFFF (RFC 3629, 4).
      low = byte === 224 ? 160 : byte === 240 ? 144 : 128;
      high = byte === 237 ? 159 : byte === 244 ? 143 : 191;
    }
  }
  return !following;
}

/** Throws when a condition for an option does not hold. */
export function must(name: string, condition: unknown, what: string): void {
  if (!condition) throw new TypeError(`${name} must be ${what}`);
}

/** `value`, or `fallback` when there is none. */
export function whole(name: string, value: number | undefined, fallback: number, min: number, max: number): number {
  value = value ?? fallback;
  must(name, value >= min && value <= max && value % 1 === 0, `a whole number from ${min} to ${max}, not ${value}`);
  return value;
}

/** A field of bytes; or of text, in which `forbidden` does not occur. */
export function checked(name: string, value: string | Uint8Array, forbidden?: RegExp): string {
  if (typeof value !== "string") value = E.toString(value);
  must(
    name,
    value.length < 65_536 && (!forbidden || (!forbidden.test(value) && isText(value))),
    "UTF-8 of at most 65535 bytes, with + and # only where MQTT has them",
  );
  return field(value);
}
