// Stands in for src/packet/bytes.ts in what is built for Espruino. There a step of a loop takes as long as a call of a
// native function over 500 bytes: what walks over bytes in the original goes through strings here.

import type { Engine } from "../engine.ts";

export { fieldEnd, readUint16, sameBytes, writeField, writeUint16 } from "../../../src/packet/bytes.ts";

declare const E: Engine["E"];

/** The bytes from `start` up to, not including, `end` as a string, a character each. */
export function bytesToString(bytes: Uint8Array, start: number, end: number): string {
  // The string behind the array is there already. A subarray would do as well, but not from byte 65,536 on.
  return E.toString(bytes).substr(start, end - start);
}

export function copyBytes(into: Uint8Array, at: number, from: Uint8Array, start: number, end: number): void {
  // `set` takes a string as the bytes that it is.
  into.set(bytesToString(from, start, end) as unknown as ArrayLike<number>, at);
}

export function moveBytes(bytes: Uint8Array, at: number, start: number, end: number): void {
  copyBytes(bytes, at, bytes, start, end); // by way of a string: the ranges may overlap
}
