import { createHash } from "node:crypto";
import { ExitCode, UserError } from "../../cli/errors.ts";
import type { Loader } from "./loader.ts";

/** ESP-IDF's partition table: 32-byte entries, then one with the MD5 of all before it, then erased flash. */
export interface Partition {
  label: string;
  type: number;
  subtype: number;
  offset: number;
  size: number;
  encrypted: boolean;
}

export const PARTITION_TABLE_OFFSET = 0x8000;
const TABLE_BYTES = 0xc00;
const ENTRY_BYTES = 32;
const ENTRY_MAGIC = 0x50aa;
const MD5_MAGIC = 0xebeb;
const FLAG_ENCRYPTED = 1;

export const PartitionType = { APP: 0x00, DATA: 0x01, MODDABLE: 0x40 } as const;
export const DataSubtype = { NVS: 0x02 } as const;
/** Moddable's hosts map mods from the partition of this type. */
export const ModdableSubtype = { XS: 0x01 } as const;

export function isPartitionTable(bytes: Uint8Array): boolean {
  return bytes.length >= ENTRY_BYTES && bytes[0] === 0xaa && bytes[1] === 0x50;
}

export function parsePartitionTable(bytes: Uint8Array): Partition[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const partitions: Partition[] = [];
  for (let at = 0; at + ENTRY_BYTES <= Math.min(bytes.length, TABLE_BYTES); at += ENTRY_BYTES) {
    const magic = view.getUint16(at, true);
    if (magic === MD5_MAGIC) checkDigest(bytes, at);
    if (magic !== ENTRY_MAGIC) break;
    partitions.push({
      type: bytes[at + 2]!,
      subtype: bytes[at + 3]!,
      offset: view.getUint32(at + 4, true),
      size: view.getUint32(at + 8, true),
      label: textUpToNul(bytes.subarray(at + 12, at + 28)),
      encrypted: (view.getUint32(at + 28, true) & FLAG_ENCRYPTED) !== 0,
    });
  }
  return partitions;
}

export async function readPartitionTable(loader: Loader, offset = PARTITION_TABLE_OFFSET): Promise<Partition[]> {
  const partitions = parsePartitionTable(await loader.read(offset, TABLE_BYTES));
  if (partitions.length === 0)
    throw new UserError(
      `The board has no partition table at 0x${offset.toString(16)}. Flash its firmware first, with "mote flash".`,
      ExitCode.UNAVAILABLE,
    );
  return partitions;
}

function checkDigest(bytes: Uint8Array, at: number): void {
  const stored = Buffer.from(bytes.subarray(at + 16, at + 32));
  if (!createHash("md5").update(bytes.subarray(0, at)).digest().equals(stored))
    throw new UserError("The partition table is damaged: its MD5 does not fit. Flash the firmware again.");
}

function textUpToNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
