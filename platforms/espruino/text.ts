import type { Text } from "../../src/platform.ts";
import { bytesToString } from "./native/bytes.ts";

/**
 * A string is bytes here, a character each: a program in UTF-8 has UTF-8 in its strings, and what arrives in UTF-8 is
 * printed as such. So nothing is converted, and nothing that is not UTF-8 is replaced.
 */
export const text: Text = {
  encode(text, into, at, limit) {
    const end = at + text.length;
    if (end > limit) return -1;
    into.set(text as unknown as ArrayLike<number>, at); // takes a string as the bytes that it is
    return end;
  },
  decode: bytesToString,
};
