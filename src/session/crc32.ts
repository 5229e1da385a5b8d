/** CRC-32 (that of zlib), half a byte at a time: a table of 64 bytes is less than the 1 KB of the usual one. */
export class Crc32 {
  private readonly _table = new Int32Array(16);

  constructor() {
    for (let index = 0; index < 16; index++) {
      let value = index;
      for (let bit = 0; bit < 4; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
      this._table[index] = value;
    }
  }

  /** That of bytes `start` up to, not including, `end`; with `seed` 0 it is zlib's. A signed 32-bit number. */
  sum(bytes: Uint8Array, start: number, end: number, seed: number): number {
    const table = this._table;
    let crc = ~seed;
    while (start < end) {
      crc ^= bytes[start++];
      crc = table[crc & 15] ^ (crc >>> 4);
      crc = table[crc & 15] ^ (crc >>> 4);
    }
    return ~crc;
  }
}
