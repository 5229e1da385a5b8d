import type { Text } from "./platform.ts";

// On XS every property of a string primitive that is touched costs 2 slots; a method borrowed from the prototype, none.
const charCodeAt = String.prototype.charCodeAt;

/** So many characters are made into a string at once: each is an argument, and takes a slot of the stack. */
const PIECE = 64;

/**
 * `Text` in plain ECMAScript, for engines without anything faster. Encoding makes nothing; decoding makes the string, and
 * for each 64 characters of ASCII a view, for each 64 others an array of their codes, and the string so far.
 */
export const utf8Text: Text = { encode, decode };

function encode(text: string, into: Uint8Array, at: number, limit: number): number {
  for (let index = 0; ; index++) {
    let code = charCodeAt.call(text, index);
    if (code !== code) return at; // NaN: the end of the string
    if (code < 0x80) {
      if (at >= limit) return -1;
      into[at++] = code;
      continue;
    }
    if (code >= 0xd800 && code < 0xe000) {
      const low = code < 0xdc00 ? charCodeAt.call(text, index + 1) : 0;
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        index++;
      } else {
        code = 0xfffd;
      }
    }
    const following = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    if (at + following >= limit) return -1;
    into[at++] = (following === 1 ? 0xc0 : following === 2 ? 0xe0 : 0xf0) | (code >> (6 * following));
    for (let shift = 6 * (following - 1); shift >= 0; shift -= 6) into[at++] = 0x80 | ((code >> shift) & 0x3f);
  }
}

function decode(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  while (start < end) {
    let stop = start;
    while (stop < end && stop - start < PIECE && bytes[stop] < 0x80) stop++;
    const codes: Uint8Array | number[] = stop > start ? bytes.subarray(start, stop) : [];
    if (stop === start) stop = decodeBeyondAscii(bytes, start, end, codes as number[]);
    text += String.fromCharCode.apply(String, codes as number[]);
    start = stop;
  }
  return text;
}

/** Appends the UTF-16 codes of up to `PIECE` characters to `codes`, up to the next in ASCII. Returns where it ended. */
function decodeBeyondAscii(bytes: Uint8Array, start: number, end: number, codes: number[]): number {
  while (start < end && codes.length < PIECE && bytes[start] >= 0x80) {
    const lead = bytes[start];
    const following = lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : -1;
    let code = lead & (0x3f >> following);
    let at = start + 1;
    for (let count = following; count > 0 && at < end && (bytes[at] & 0xc0) === 0x80; count--) {
      code = (code << 6) | (bytes[at++] & 0x3f);
    }
    const least = following === 3 ? 0x10000 : following === 2 ? 0x800 : 0;
    const surrogate = code >= 0xd800 && code < 0xe000;
    if (at - start !== following + 1 || code < least || code > 0x10ffff || surrogate) {
      codes.push(0xfffd);
      start++;
      continue;
    }
    start = at;
    if (code < 0x10000) codes.push(code);
    else codes.push(0xd7c0 + (code >> 10), 0xdc00 | (code & 0x3ff));
  }
  return start;
}
