// Writing packets whose length is not known before: all that the client sends.

import { writeUint16 } from "../packet/bytes.ts";
import { writeFixedHeader } from "../packet/fixed-header.ts";
import type { Text } from "../platform.ts";

export enum Room {
  /** What is left before a packet's body for its fixed header (2.2). */
  HEADER = 5,
}

/** Writes bytes, or a text in UTF-8, at `at`. Returns where they end, or -1 when that would be beyond the end of `into`. */
export function write(text: Text, value: string | Uint8Array, into: Uint8Array, at: number): number {
  if (typeof value === "string") return text.encode(value, into, at, into.length);
  const end = at + value.length;
  if (end > into.length) return -1;
  into.set(value, at);
  return end;
}

/** The same with the length before it (1.5.3). Nothing is written of what is not there. */
export function writeField(text: Text, value: string | Uint8Array | undefined, into: Uint8Array, at: number): number {
  if (value === undefined) return at;
  const end = write(text, value, into, at + 2);
  writeUint16(into, at, end - at - 2);
  return end;
}

/** Completes the packet at `at` whose body follows `Room.HEADER` and ends at `end`: moves it up behind its fixed header. Returns where it ends. */
export function close(bytes: Uint8Array, at: number, end: number, first: number): number {
  const body = at + Room.HEADER;
  at = writeFixedHeader(bytes, at, first, end - body);
  // eslint-disable-next-line no-restricted-syntax -- not for Espruino
  bytes.copyWithin(at, body, end);
  return at + end - body;
}
