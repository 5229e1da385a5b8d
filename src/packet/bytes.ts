// Moving bytes and numbers between buffers: what every packet is made of. All integers are big-endian (1.5.2).

/** Reads the 16-bit integer at `at`. */
export function readUint16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

/** Writes a 16-bit integer at `at`. */
export function writeUint16(into: Uint8Array, at: number, value: number): void {
  into[at] = value >> 8;
  into[at + 1] = value;
}

/**
 * Copies bytes `start` up to, not including, `end` to `at`; the ranges do not overlap. Whole arrays go through the
 * engine's native `set`. A part goes byte by byte, because the view that `set` would need is 4 slots on XS.
 */
export function copyBytes(into: Uint8Array, at: number, from: Uint8Array, start: number, end: number): void {
  if (start === 0 && end === from.length) into.set(from, at);
  else for (at -= start; start < end; start++) into[at + start] = from[start];
}

/** Moves bytes `start` up to, not including, `end` to `at` within one array; the ranges may overlap. */
export function moveBytes(bytes: Uint8Array, at: number, start: number, end: number): void {
  // eslint-disable-next-line no-restricted-syntax -- what is built for Espruino has another function in place of this
  bytes.copyWithin(at, start, end);
}

/** Writes a length-prefixed field: two bytes of length, then the bytes (1.5.3). Returns where it ends. */
export function writeField(into: Uint8Array, at: number, field: Uint8Array): number {
  writeUint16(into, at, field.length);
  into.set(field, at + 2);
  return at + 2 + field.length;
}

/** The end of the length-prefixed field at `at`, or 0 when it reaches beyond `end`. */
export function fieldEnd(bytes: Uint8Array, at: number, end: number): number {
  if (at + 2 > end) return 0;
  at += 2 + readUint16(bytes, at);
  return at > end ? 0 : at;
}

/** Whether two arrays have the same bytes. */
export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  let at = one.length === other.length ? 0 : -1;
  while (at >= 0 && at < one.length && one[at] === other[at]) at++;
  return at === one.length;
}
