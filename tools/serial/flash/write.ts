import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import { ExitCode, UserError } from "../../cli/errors.ts";
import { type Loader, SECTOR_BYTES } from "../esptool/loader.ts";
import { PortClosedError } from "../port/port.ts";
import { hex, type Image } from "./images.ts";

/** What is compared, written and verified as one: small enough that little is lost by starting over. */
export const REGION_BYTES = 256 * 1024;
const REGION_ATTEMPTS = 3;

export interface WriteOptions {
  /** Write even what is there already. */
  force?: boolean;
  /** Called as bytes of `total` are settled, written or found in place. */
  onProgress?: (done: number, total: number, image: Image) => void;
  /** Stops between two blocks, with its reason. */
  signal?: AbortSignal;
}

/** Where the time went, in milliseconds; `wire` is what the bytes sent take at the line's speed at the very least. */
export interface WriteReport {
  bytes: number;
  skippedBytes: number;
  sentBytes: number;
  compareMs: number;
  eraseMs: number;
  writeMs: number;
  verifyMs: number;
  wireMs: number;
}

interface Region {
  image: Image;
  offset: number;
  bytes: Uint8Array;
}

/**
 * Writes images region by region: one that is in place already is skipped, every one written is verified by the chip's
 * own MD5. So a run that was interrupted is continued by running it again. Two regions are in memory at a time.
 */
export async function writeImages(loader: Loader, images: Image[], options: WriteOptions = {}): Promise<WriteReport> {
  const total = images.reduce((sum, image) => sum + image.size, 0);
  const report = {
    bytes: total,
    skippedBytes: 0,
    sentBytes: 0,
    compareMs: 0,
    eraseMs: 0,
    writeMs: 0,
    verifyMs: 0,
    wireMs: 0,
  };
  let done = 0;
  let next = prepare(images, 0);
  while (next) {
    const { region, deflated, following } = await next;
    next = following(); // read and compressed while this one is on the wire
    next?.catch(() => {}); // met when its turn comes, unless this one fails first
    options.signal?.throwIfAborted();
    const progress = (part: number): void => {
      options.signal?.throwIfAborted();
      options.onProgress?.(done + part, total, region.image);
    };
    if (!options.force && (await timed(report, "compareMs", () => isInPlace(loader, region)))) {
      report.skippedBytes += region.bytes.length;
    } else {
      await writeRegion(loader, region, deflated, report, progress);
    }
    done += region.bytes.length;
    progress(0);
  }
  return report;
}

interface Prepared {
  region: Region;
  deflated: Uint8Array;
  following: () => Promise<Prepared> | undefined;
}

/** Cuts at multiples of `REGION_BYTES` of the flash, which are also the blocks that it erases fastest. */
function prepare(images: Image[], index: number, start = 0): Promise<Prepared> | undefined {
  const image = images[index];
  if (!image) return undefined;
  const end = Math.min(image.size, start + REGION_BYTES - ((image.offset + start) % REGION_BYTES));
  return (async () => {
    const bytes = padded(await image.read(start, end));
    const deflated = await promisify(deflate)(bytes, { level: 9 });
    const following = (): Promise<Prepared> | undefined =>
      end < image.size ? prepare(images, index, end) : prepare(images, index + 1);
    return { region: { image, offset: image.offset + start, bytes }, deflated, following };
  })();
}

/** Flash is written in words. */
function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length % 4 === 0) return bytes;
  const words = new Uint8Array(Math.ceil(bytes.length / 4) * 4).fill(0xff);
  words.set(bytes);
  return words;
}

/** A region that differs mostly differs in its first sector, whose MD5 costs the chip a few milliseconds. */
async function isInPlace(loader: Loader, { offset, bytes }: Region): Promise<boolean> {
  const first = bytes.subarray(0, SECTOR_BYTES);
  if ((await loader.md5(offset, first.length)) !== md5(first)) return false;
  return bytes.length === first.length || (await loader.md5(offset, bytes.length)) === md5(bytes);
}

async function writeRegion(
  loader: Loader,
  region: Region,
  deflated: Uint8Array,
  report: WriteReport,
  onProgress: (done: number) => void,
): Promise<void> {
  const { offset, bytes, image } = region;
  const share = bytes.length / deflated.length;
  for (let attempt = 1; ; attempt++) {
    try {
      await timedWrite(loader, region, deflated, report, (sent) => onProgress(Math.round(sent * share)));
      const found = await timed(report, "verifyMs", () => loader.md5(offset, bytes.length));
      if (found === md5(bytes)) return;
      if (attempt === REGION_ATTEMPTS)
        throw new UserError(
          `${image.name}: what the chip holds at ${hex(offset)} differs from what was sent, ${REGION_ATTEMPTS} times over. Try a lower --baud and a shorter cable; if it stays, the flash chip is worn out.`,
          ExitCode.FAILED,
        );
    } catch (error) {
      if (error instanceof UserError || error instanceof PortClosedError || attempt === REGION_ATTEMPTS) throw error;
      await loader.resynchronise();
    }
  }
}

async function timedWrite(
  loader: Loader,
  { offset, bytes }: Region,
  deflated: Uint8Array,
  report: WriteReport,
  onSent: (sent: number) => void,
): Promise<void> {
  const sentBefore = loader.bytesWritten;
  let mark = performance.now();
  let erased = false;
  await loader.writeDeflated(offset, bytes.length, deflated, (sent) => {
    if (!erased) {
      report.eraseMs += performance.now() - mark;
      mark = performance.now();
      erased = true;
    }
    onSent(sent);
  });
  report.writeMs += performance.now() - mark;
  const sent = loader.bytesWritten - sentBefore;
  report.sentBytes += sent;
  report.wireMs += (sent * 10_000) / loader.port.baudRate;
}

async function timed<T>(report: WriteReport, part: "compareMs" | "verifyMs", work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  try {
    return await work();
  } finally {
    report[part] += performance.now() - start;
  }
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}
