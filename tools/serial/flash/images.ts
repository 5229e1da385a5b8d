import { open, readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ROM } from "esptool-js";
import { UserError } from "../../cli/errors.ts";
import { type FlashSettings, IMAGE_PROBE_BYTES, parseImageHeader, patchImage } from "../esptool/image.ts";
import { SECTOR_BYTES } from "../esptool/loader.ts";
import {
  isPartitionTable,
  PARTITION_TABLE_OFFSET,
  parsePartitionTable,
  PartitionType,
} from "../esptool/partition-table.ts";

/** Something to write: read in pieces, so that a large one never stands in memory. */
export interface Image {
  name: string;
  offset: number;
  size: number;
  read(start: number, end: number): Promise<Uint8Array>;
}

/** A file to write; without an offset, its contents decide where it belongs. */
export interface Source {
  file: string;
  offset?: number;
}

const DEFAULT_APP_OFFSET = 0x10000;

/** What the arguments of `mote flash` name: offsets and files in turn, a manifest (.json), or a build folder. */
export async function parseSources(args: string[], chip: ROM): Promise<Source[]> {
  if (args.length === 1) {
    const only = args[0]!;
    if ((await stat(only).catch(() => undefined))?.isDirectory()) return sourcesOfFolder(only);
    if (only.endsWith(".json")) return sourcesOfManifest(only, chip);
  }
  const sources: Source[] = [];
  let offset: number | undefined;
  for (const arg of args) {
    const number = parseNumber(arg);
    if (number === undefined) {
      sources.push(offset === undefined ? { file: arg } : { file: arg, offset });
      offset = undefined;
    } else if (offset === undefined) {
      offset = number;
    } else {
      throw new UserError(`After the offset ${hex(offset)} a file is due, not ${arg}.`);
    }
  }
  if (offset !== undefined) throw new UserError(`After the offset ${hex(offset)} a file is due.`);
  if (sources.length === 0) throw new UserError("Name what to flash: files, a manifest or a build folder.");
  return sources;
}

/** Opens every source, settles where it goes and refuses what cannot be right. */
export async function openImages(
  sources: Source[],
  chip: ROM,
  flashBytes: number,
  settings: FlashSettings,
): Promise<Image[]> {
  const appOffset = await appOffsetOf(sources);
  const images: Image[] = [];
  for (const source of sources) images.push(await openImage(source, chip, appOffset, settings));
  images.sort((a, b) => a.offset - b.offset);
  refuseMisfits(images, flashBytes);
  return images;
}

/** A number as people write offsets: 0x10000, 65536. */
export function parseNumber(text: string): number | undefined {
  return /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : undefined;
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** An image that is in memory already. */
export function memoryImage(name: string, offset: number, bytes: Uint8Array): Image {
  return { name, offset, size: bytes.length, read: async (start, end) => bytes.subarray(start, end) };
}

/** ESP Web Tools' manifest: one build for each kind of chip, each a list of parts with offsets. */
async function sourcesOfManifest(file: string, chip: ROM): Promise<Source[]> {
  const manifest = (await readJson(file)) as { builds?: unknown };
  const builds = Array.isArray(manifest.builds) ? (manifest.builds as Build[]) : undefined;
  if (!builds) throw new UserError(`${file} is no manifest: it has no list "builds" (see ESP Web Tools' format).`);
  const build = builds.find(({ chipFamily }) => chipFamily === chip.CHIP_NAME);
  if (!build)
    throw new UserError(
      `${file} has nothing for the ${chip.CHIP_NAME} that is connected, only for ${builds.map((b) => b.chipFamily).join(", ")}.`,
    );
  return (build.parts ?? []).map(({ path, offset }) => {
    if (typeof path !== "string" || typeof offset !== "number")
      throw new UserError(`${file}: each part needs a "path" and an "offset".`);
    if (/^https?:/.test(path))
      throw new UserError(`${file} names ${path}: download it beside the manifest and put its file name there.`);
    return { file: join(dirname(file), path), offset };
  });
}

interface Build {
  chipFamily?: string;
  parts?: { path?: unknown; offset?: unknown }[];
}

/** What a build leaves behind: ESP-IDF's list of files, or the three images that Moddable's mcconfig collects. */
async function sourcesOfFolder(folder: string): Promise<Source[]> {
  const names = await readdir(folder);
  if (names.includes("flasher_args.json")) {
    const { flash_files } = (await readJson(join(folder, "flasher_args.json"))) as {
      flash_files?: Record<string, string>;
    };
    return Object.entries(flash_files ?? {}).map(([offset, file]) => ({
      file: join(folder, file),
      offset: Number(offset),
    }));
  }
  const wanted = ["bootloader.bin", "partition-table.bin", "xs_esp32.bin"];
  const missing = wanted.filter((name) => !names.includes(name));
  if (missing.length > 0)
    throw new UserError(
      `${folder} is no build folder: it lacks ${missing.join(", ")}. Moddable's is $MODDABLE/build/bin/esp32/release/<app>.`,
    );
  return wanted.map((name) => ({ file: join(folder, name) }));
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, "utf8").catch((error: Error) => {
    throw new UserError(`${file} cannot be read: ${error.message}`);
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`${file} is not JSON: ${(error as Error).message}`);
  }
}

/** The application goes where the partition table among the files wants it. */
async function appOffsetOf(sources: Source[]): Promise<number> {
  for (const { file } of sources) {
    const start = await readStart(file, 0xc00);
    if (!isPartitionTable(start)) continue;
    const app = parsePartitionTable(start).find(({ type }) => type === PartitionType.APP);
    if (app) return app.offset;
  }
  return DEFAULT_APP_OFFSET;
}

async function openImage(source: Source, chip: ROM, appOffset: number, settings: FlashSettings): Promise<Image> {
  const start = await readStart(source.file, IMAGE_PROBE_BYTES);
  const header = parseImageHeader(start);
  if (header && chip.IMAGE_CHIP_ID !== undefined && header.chipId !== chip.IMAGE_CHIP_ID)
    throw new UserError(
      `${source.file} is built for another chip (id ${header.chipId}) than the ${chip.CHIP_NAME} that is connected (id ${chip.IMAGE_CHIP_ID}).`,
    );
  const offset = source.offset ?? offsetByContents(source.file, start, chip, appOffset);
  if (header && offset === chip.BOOTLOADER_FLASH_OFFSET && Object.keys(settings).length > 0)
    return memoryImage(source.file, offset, patchImage(await readFile(source.file), settings, chip));
  const { size } = await stat(source.file);
  return { name: source.file, offset, size, read: (from, to) => readPart(source.file, from, to) };
}

function offsetByContents(file: string, start: Uint8Array, chip: ROM, appOffset: number): number {
  if (isPartitionTable(start)) return PARTITION_TABLE_OFFSET;
  const header = parseImageHeader(start);
  if (header && /bootloader/i.test(file)) return chip.BOOTLOADER_FLASH_OFFSET;
  if (header) return appOffset;
  throw new UserError(
    `Nothing in ${file} tells where it belongs. Put the offset before it: mote flash 0x10000 ${file}`,
  );
}

function refuseMisfits(images: Image[], flashBytes: number): void {
  let previous: Image | undefined;
  for (const image of images) {
    if (image.size === 0) throw new UserError(`${image.name} is empty.`);
    if (image.offset % SECTOR_BYTES !== 0)
      throw new UserError(
        `${hex(image.offset)} is no multiple of ${hex(SECTOR_BYTES)}: flash is erased in such sectors.`,
      );
    if (image.offset + image.size > flashBytes)
      throw new UserError(
        `${image.name} (${image.size} bytes at ${hex(image.offset)}) does not fit: the flash ends at ${hex(flashBytes)}.`,
      );
    if (previous && previous.offset + previous.size > image.offset)
      throw new UserError(
        `${previous.name} at ${hex(previous.offset)} runs into ${image.name} at ${hex(image.offset)}.`,
      );
    previous = image;
  }
}

async function readStart(file: string, length: number): Promise<Uint8Array> {
  return readPart(file, 0, length).catch((error: Error) => {
    throw new UserError(`${file} cannot be read: ${error.message}`);
  });
}

async function readPart(file: string, start: number, end: number): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(end - start), 0, end - start, start);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
