// Stands in for src/packet/utf8.ts: text in ASCII, which most is, takes two native calls.

import { Reason } from "../../../src/packet/reason.ts";
import { checkUtf8 as checkEachByte } from "../../../src/packet/utf8.ts";
import { bytesToString } from "./bytes.ts";

export function checkUtf8(bytes: Uint8Array, start: number, end: number): Reason {
  return /[\0\x80-\xff]/.test(bytesToString(bytes, start, end)) ? checkEachByte(bytes, start, end) : Reason.OK;
}
