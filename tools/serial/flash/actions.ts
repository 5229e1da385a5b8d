import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { UserError } from "../../cli/errors.ts";
import { paint } from "../../cli/terminal.ts";
import { flashSizeName, type FlashSettings } from "../esptool/image.ts";
import { type Loader, SECTOR_BYTES } from "../esptool/loader.ts";
import { type Partition, readPartitionTable } from "../esptool/partition-table.ts";
import { type Session, withLoader } from "../esptool/session.ts";
import type { LoaderOptions } from "../options.ts";
import { hex, type Image, openImages, parseNumber, parseSources } from "./images.ts";
import { Progress } from "./progress.ts";
import { REGION_BYTES, writeImages, type WriteReport } from "./write.ts";

export interface WriteOptions extends LoaderOptions {
  force?: boolean;
  flashMode?: string;
  flashFreq?: string;
  flashSize?: string;
}

const RUN_AGAIN =
  "Run the same command again: it continues where this one stopped, and the board starts once it is done.";
const NOTHING_CHANGED = "Nothing on the board was changed: run the command again.";

/** How much is read before a failure costs reading it again. */
const READ_PART_BYTES = 256 * 1024;

export async function write(args: string[], options: WriteOptions): Promise<void> {
  await withLoader(options, RUN_AGAIN, async (session) => {
    const { loader } = session;
    const sources = await parseSources(args, loader.chip);
    const images = await openImages(sources, loader.chip, loader.flashBytes, flashSettings(options, loader));
    const report = await writeWithProgress(session, images, options.force);
    session.status.done();
    printReport(images, report, session.connectMs, options);
  });
}

/** Writes, showing a bar: for `mote flash` and whatever else ends in flash memory. */
export async function writeWithProgress(session: Session, images: Image[], force = false): Promise<WriteReport> {
  const progress = new Progress();
  return writeImages(session.loader, images, {
    force,
    signal: session.signal,
    onProgress: (done, total, image) => session.status.update(progress.line(done, total, image.name)),
  });
}

export async function read(offset: string, length: string, file: string, options: LoaderOptions): Promise<void> {
  await withLoader(options, NOTHING_CHANGED, async ({ loader, status, signal }) => {
    const start = parseOffset(offset);
    const total = length === "all" ? loader.flashBytes - start : parseOffset(length);
    refuseOutside(start, total, loader);
    const output = await open(file, "w");
    const hash = createHash("md5");
    const progress = new Progress();
    try {
      for (let done = 0; done < total;) {
        const part = await loader.read(start + done, Math.min(READ_PART_BYTES, total - done), (sofar) => {
          signal.throwIfAborted();
          status.update(progress.line(done + sofar, total, file));
        });
        await output.write(part);
        hash.update(part);
        done += part.length;
      }
    } finally {
      await output.close();
    }
    status.done();
    const result = { file, offset: start, bytes: total, md5: hash.digest("hex") };
    print(options, result, `Read ${total} bytes at ${hex(start)} into ${file} (MD5 ${result.md5}).`);
  });
}

export async function verify(args: string[], options: LoaderOptions): Promise<boolean> {
  return withLoader(options, NOTHING_CHANGED, async ({ loader, status, signal }) => {
    const images = await openImages(await parseSources(args, loader.chip), loader.chip, loader.flashBytes, {});
    const results: { name: string; offset: number; same: boolean; differsAt?: number }[] = [];
    for (const image of images) {
      status.update(`comparing ${image.name}`);
      const differsAt = await firstDifference(loader, image, signal);
      results.push({
        name: image.name,
        offset: image.offset,
        same: differsAt === undefined,
        ...(differsAt !== undefined && { differsAt }),
      });
    }
    status.done();
    const lines = results.map(({ name, offset, same, differsAt }) =>
      same
        ? `${paint("green", "same")}     ${hex(offset)}  ${name}`
        : `${paint("red", "differs")}  ${hex(offset)}  ${name}, first in the ${REGION_BYTES / 1024} KB from ${hex(differsAt!)}`,
    );
    print(options, { images: results }, lines.join("\n"));
    return results.every(({ same }) => same);
  });
}

export async function erase(
  offset: string | undefined,
  length: string | undefined,
  options: LoaderOptions & { all?: boolean },
): Promise<void> {
  if (options.all ? offset !== undefined : offset === undefined || length === undefined)
    throw new UserError("Say what to erase: an offset and a length, or --all.");
  await withLoader(options, "Run the same command again: erasing twice does no harm.", async ({ loader, status }) => {
    const start = options.all ? 0 : parseOffset(offset!);
    const total = options.all ? loader.flashBytes : parseOffset(length!);
    refuseOutside(start, total, loader);
    if (start % SECTOR_BYTES || total % SECTOR_BYTES)
      throw new UserError(
        `Flash is erased in sectors of ${hex(SECTOR_BYTES)}: offset and length have to be multiples of it.`,
      );
    status.update(`erasing ${flashSizeName(total)}; a whole chip takes up to two minutes`);
    if (options.all) await loader.eraseFlash();
    else await loader.eraseRegion(start, total);
    status.done();
    print(options, { offset: start, bytes: total }, `Erased ${total} bytes at ${hex(start)}.`);
  });
}

export async function info(options: LoaderOptions): Promise<void> {
  await withLoader(options, NOTHING_CHANGED, async ({ loader, status }) => {
    const chip = await loader.info();
    const partitions = await readPartitionTable(loader).catch(() => []);
    status.done();
    const lines = [
      `chip        ${chip.description}`,
      `features    ${chip.features.join(", ")}`,
      `crystal     ${chip.crystalMhz} MHz`,
      `MAC         ${chip.mac}`,
      `flash       ${flashSizeName(chip.flashBytes)} (id ${chip.flashId})`,
      ...(partitions.length > 0 ? ["partitions", ...partitions.map(describePartition)] : ["partitions  none"]),
    ];
    print(options, { ...chip, partitions }, lines.join("\n"));
  });
}

function describePartition({ label, type, subtype, offset, size }: Partition): string {
  const kind = `type ${hex(type)}/${hex(subtype)}`;
  return `  ${label.padEnd(16)} ${kind.padEnd(16)} ${hex(offset).padStart(9)}  ${String(size / 1024).padStart(6)} KB`;
}

function flashSettings(options: WriteOptions, loader: Loader): FlashSettings {
  const size = options.flashSize === "detect" ? flashSizeName(loader.flashBytes) : options.flashSize;
  return {
    ...(options.flashMode !== undefined && { mode: options.flashMode }),
    ...(options.flashFreq !== undefined && { frequency: options.flashFreq }),
    ...(size !== undefined && { size }),
  };
}

async function firstDifference(loader: Loader, image: Image, signal: AbortSignal): Promise<number | undefined> {
  for (let start = 0; start < image.size; start += REGION_BYTES) {
    signal.throwIfAborted();
    const bytes = await image.read(start, Math.min(image.size, start + REGION_BYTES));
    const wanted = createHash("md5").update(bytes).digest("hex");
    if ((await loader.md5(image.offset + start, bytes.length)) !== wanted) return image.offset + start;
  }
  return undefined;
}

function parseOffset(text: string): number {
  const value = parseNumber(text);
  if (value === undefined) throw new UserError(`${JSON.stringify(text)} is not a number. Write 0x10000 or 65536.`);
  return value;
}

function refuseOutside(start: number, length: number, loader: Loader): void {
  if (length <= 0 || start + length > loader.flashBytes)
    throw new UserError(
      `${hex(start)} to ${hex(start + length)} is not within the flash memory, which ends at ${hex(loader.flashBytes)}.`,
    );
}

function printReport(images: Image[], report: WriteReport, connectMs: number, options: LoaderOptions): void {
  const { bytes, skippedBytes, sentBytes, compareMs, eraseMs, writeMs, verifyMs, wireMs } = report;
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const written = bytes - skippedBytes;
  const said =
    written <= 0
      ? `Nothing to write: the chip holds all ${bytes} bytes already.`
      : `Wrote and verified ${written} bytes (${sentBytes} sent)${skippedBytes > 0 ? `; ${skippedBytes} were in place` : ""}.`;
  const times =
    `connect ${seconds(connectMs)}, compare ${seconds(compareMs)}, erase ${seconds(eraseMs)}, ` +
    `write ${seconds(writeMs)} (the wire alone ${seconds(wireMs)}), verify ${seconds(verifyMs)}`;
  print(
    options,
    { images: images.map(({ name, offset, size }) => ({ name, offset, size })), connectMs, ...report },
    `${said}\n${paint("dim", times)}`,
  );
}

function print(options: LoaderOptions, result: object, text: string): void {
  console.log(options.json ? JSON.stringify(result) : text);
}
