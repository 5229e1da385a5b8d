// Stands in for src/session/crc32.ts. Its numbers are others where the seed is not 0: they are stored, and read again, here.

import type { Engine } from "../engine.ts";
import { bytesToString } from "./bytes.ts";

declare const E: Engine["E"];

export class Crc32 {
  /** That of bytes `start` up to, not including, `end`, and a seed. A signed 32-bit number. */
  sum(bytes: Uint8Array, start: number, end: number, seed: number): number {
    return E.CRC32(bytesToString(bytes, start, end)) ^ seed;
  }
}
