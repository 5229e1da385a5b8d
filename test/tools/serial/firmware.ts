import { createHash, randomBytes } from "node:crypto";

/** Firmware of the right form and no meaning. */

/** A bootloader for the ESP32: header, one segment, checksum, SHA-256. */
export function bootloader(): Buffer {
  return image(Buffer.alloc(9000, "a bootloader of no use. "));
}

/** An application: its first segment begins with an application description. */
export function application(bytes: number): Buffer {
  const segment = Buffer.alloc(bytes, "an application of no use. ");
  for (let at = 256; at + 32 < bytes; at += 64) randomBytes(32).copy(segment, at);
  segment.writeUInt32LE(0xabcd5432, 0);
  return image(segment);
}

/** The partitions of a Moddable host that takes mods. */
export function partitionTable(): Buffer {
  const entries = [
    entry("nvs", 0x01, 0x02, 0x9000, 0x6000),
    entry("phy_init", 0x01, 0x01, 0xf000, 0x1000),
    entry("factory", 0x00, 0x00, 0x10000, 0x300000),
    entry("xs", 0x40, 0x01, 0x310000, 0x40000),
  ];
  const table = Buffer.concat(entries);
  const digest = Buffer.alloc(32, 0xff);
  digest.writeUInt16LE(0xebeb, 0);
  createHash("md5").update(table).digest().copy(digest, 16);
  return Buffer.concat([table, digest, Buffer.alloc(0xc00 - table.length - 32, 0xff)]);
}

function entry(label: string, type: number, subtype: number, offset: number, size: number): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt16LE(0x50aa, 0);
  bytes.set([type, subtype], 2);
  bytes.writeUInt32LE(offset, 4);
  bytes.writeUInt32LE(size, 8);
  bytes.write(label, 12, "latin1");
  return bytes;
}

function image(segment: Buffer): Buffer {
  const header = Buffer.alloc(24);
  header.set([0xe9, 1, 2, 0x20]); // one segment, dio, 4 MB at 40 MHz
  header[23] = 1; // a SHA-256 follows
  const segmentHeader = Buffer.alloc(8);
  segmentHeader.writeUInt32LE(0x3f400020, 0);
  segmentHeader.writeUInt32LE(segment.length, 4);
  const body = Buffer.concat([header, segmentHeader, segment]);
  const padded = Buffer.concat([body, Buffer.alloc(16 - (body.length % 16))]);
  padded[padded.length - 1] = segment.reduce((sum, byte) => sum ^ byte, 0xef);
  return Buffer.concat([padded, createHash("sha256").update(padded).digest()]);
}
