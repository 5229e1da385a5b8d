import { gunzipSync } from "node:zlib";

/** A file of an archive. */
export interface TarEntry {
  /** The path as the archive has it: `package/…` in a package of npm. */
  name: string;
  bytes: Uint8Array;
}

const BLOCK_BYTES = 512;
const REGULAR_FILE = new Set(["0", "\0"]);

/**
 * The regular files of a gzipped archive in the format ustar. What else an archive may hold, such as links and the
 * extended headers of pax, is passed over: the packages read here hold none that matters.
 */
export function* readTarball(gzipped: Uint8Array): Generator<TarEntry> {
  const archive = gunzipSync(gzipped);
  let offset = 0;
  while (offset + BLOCK_BYTES <= archive.length) {
    const header = archive.subarray(offset, offset + BLOCK_BYTES);
    if (header[0] === 0) return; // the end is marked with empty blocks
    const name = text(header, 0, 100);
    const prefix = text(header, 345, 155);
    const size = Number.parseInt(text(header, 124, 12), 8);
    const start = offset + BLOCK_BYTES;
    if (!(size >= 0 && start + size <= archive.length)) throw new Error(`The archive breaks off in ${name}.`);
    if (REGULAR_FILE.has(String.fromCharCode(header[156]!))) {
      yield { name: prefix ? `${prefix}/${name}` : name, bytes: archive.subarray(start, start + size) };
    }
    offset = start + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
}

/** A field of a header: text up to the first zero byte. */
function text(header: Uint8Array, start: number, length: number): string {
  const field = Buffer.from(header.subarray(start, start + length));
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? length : end).trim();
}
