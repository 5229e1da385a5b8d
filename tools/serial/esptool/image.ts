import { createHash } from "node:crypto";
import type { ROM } from "esptool-js";
import { UserError } from "../../cli/errors.ts";

/**
 * The header of an ESP32 program image (bootloader or application): 8 bytes as old as the ESP8266, 16 more since the
 * ESP32, then segments. Whoever changes it has to renew the SHA-256 at the end, or the chip refuses the image.
 */
const IMAGE_MAGIC = 0xe9;
const HEADER_BYTES = 24;
const SEGMENT_HEADER_BYTES = 8;
const SHA256_BYTES = 32;
const APP_DESCRIPTION_MAGIC = 0xabcd5432;

const FLASH_MODES = ["qio", "qout", "dio", "dout"];

/** What to write into the header of a bootloader in place of what was built in. */
export interface FlashSettings {
  mode?: string;
  /** "40m" */
  frequency?: string;
  /** "4MB" */
  size?: string;
}

export interface ImageHeader {
  chipId: number;
  /** Whether an application description follows: an application has one, a bootloader has not. */
  isApplication: boolean;
}

/** How much of a file `parseImageHeader` looks at. */
export const IMAGE_PROBE_BYTES = 64;

/** The header of an ESP32 image; undefined for anything else. */
export function parseImageHeader(bytes: Uint8Array): ImageHeader | undefined {
  if (bytes.length < HEADER_BYTES || bytes[0] !== IMAGE_MAGIC) return undefined;
  const view = viewOf(bytes);
  const descriptionAt = HEADER_BYTES + SEGMENT_HEADER_BYTES;
  return {
    chipId: view.getUint16(12, true),
    isApplication: bytes.length >= descriptionAt + 4 && view.getUint32(descriptionAt, true) === APP_DESCRIPTION_MAGIC,
  };
}

/** A copy of `image` with other flash settings and, where it has one, a SHA-256 that fits them. */
export function patchImage(image: Uint8Array, settings: FlashSettings, chip: ROM): Uint8Array {
  const patched = Uint8Array.from(image);
  if (settings.mode !== undefined) patched[2] = codeOf(settings.mode, FLASH_MODES.indexOf(settings.mode), FLASH_MODES);
  let sizeAndFrequency = patched[3]!;
  if (settings.size !== undefined) {
    const code = codeOf(settings.size, chip.FLASH_SIZES[settings.size], Object.keys(chip.FLASH_SIZES));
    sizeAndFrequency = code | (sizeAndFrequency & 0x0f);
  }
  if (settings.frequency !== undefined) {
    const code = codeOf(
      settings.frequency,
      chip.FLASH_FREQUENCY[settings.frequency],
      Object.keys(chip.FLASH_FREQUENCY),
    );
    sizeAndFrequency = (sizeAndFrequency & 0xf0) | code;
  }
  patched[3] = sizeAndFrequency;
  if (patched[23] === 1) renewHash(patched);
  return patched;
}

/** "4MB" for 4194304: the way flash settings are written. */
export function flashSizeName(bytes: number): string {
  return bytes >= 1024 * 1024 ? `${bytes / 1024 / 1024}MB` : `${bytes / 1024}KB`;
}

function codeOf(value: string, code: number | undefined, known: string[]): number {
  if (code === undefined || code < 0)
    throw new UserError(`${JSON.stringify(value)} is not a flash setting of this chip; it knows ${known.join(", ")}.`);
  return code;
}

function renewHash(image: Uint8Array): void {
  const end = hashedLength(image);
  if (end + SHA256_BYTES > image.length)
    throw new UserError("The bootloader image is cut short: its SHA-256 is missing. Build or download it again.");
  image.set(createHash("sha256").update(image.subarray(0, end)).digest(), end);
}

/** Header and segments, then zeros up to one byte before a multiple of 16, then the checksum. */
function hashedLength(image: Uint8Array): number {
  const view = viewOf(image);
  let at = HEADER_BYTES;
  for (let segment = 0; segment < image[1]!; segment++) {
    if (at + SEGMENT_HEADER_BYTES > image.length) break;
    at += SEGMENT_HEADER_BYTES + view.getUint32(at + 4, true);
  }
  return (Math.floor(at / 16) + 1) * 16;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
