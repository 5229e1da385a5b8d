import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ROM } from "esptool-js";
import { expect, test } from "vitest";
import { openImages, parseSources } from "../../../../tools/serial/flash/images.ts";
import { application, bootloader, partitionTable } from "../firmware.ts";

const ESP32 = { CHIP_NAME: "ESP32", IMAGE_CHIP_ID: 0, BOOTLOADER_FLASH_OFFSET: 0x1000 } as ROM;
const ESP32_C3 = { CHIP_NAME: "ESP32-C3", IMAGE_CHIP_ID: 5, BOOTLOADER_FLASH_OFFSET: 0 } as ROM;
const FLASH_BYTES = 4 * 1024 * 1024;

const folder = mkdtempSync(join(tmpdir(), "mote-images-"));
function file(name: string, contents: Uint8Array | string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, contents);
  return path;
}

async function offsets(args: string[], chip = ESP32): Promise<number[]> {
  const images = await openImages(await parseSources(args, chip), chip, FLASH_BYTES, {});
  return images.map(({ offset }) => offset);
}

function forChip(image: Buffer, chipId: number): Buffer {
  image.writeUInt16LE(chipId, 12);
  return image;
}

const boot = file("bootloader.bin", bootloader());
const table = file("partition-table.bin", partitionTable());
const app = file("app.bin", application(5000));
const data = file("data.bin", "anything");

test("files that are known by their contents go where the chip wants them", async () => {
  expect(await offsets([app, table, boot])).toEqual([0x1000, 0x8000, 0x10000]);
  const c3 = [file("c3/bootloader.bin", forChip(bootloader(), 5)), file("c3/app.bin", forChip(application(5000), 5))];
  expect(await offsets(c3, ESP32_C3)).toEqual([0, 0x10000]);
});

test("an offset counts for the file after it", async () => {
  expect(await offsets(["0x20000", data, app])).toEqual([0x10000, 0x20000]);
});

test("the application goes where the partition table beside it says", async () => {
  const moved = partitionTable();
  moved.writeUInt32LE(0x20000, 2 * 32 + 4); // the third entry is the application's
  const unsigned = Buffer.concat([moved.subarray(0, 4 * 32), Buffer.alloc(0xc00 - 4 * 32, 0xff)]); // its MD5 is optional
  expect(await offsets([file("moved.bin", unsigned), app])).toEqual([0x8000, 0x20000]);
});

test("ESP-IDF's list of files is a build folder", async () => {
  const list = file(
    "idf/flasher_args.json",
    JSON.stringify({ flash_files: { "0x1000": "boot/b.bin", "0x10000": "a.bin" } }),
  );
  file("idf/boot/b.bin", bootloader());
  file("idf/a.bin", application(100));
  expect(await offsets([dirname(list)])).toEqual([0x1000, 0x10000]);
});

test.each([
  ["nothing to tell where it goes", [data], /Nothing in .*data\.bin tells where it belongs/],
  ["a missing file", ["0x10000"], /After the offset 0x10000 a file is due/],
  ["two offsets in a row", ["0x1000", "0x2000", data], /After the offset 0x1000 a file is due, not 0x2000/],
  ["an odd offset", ["0x10100", data], /no multiple of 0x1000/],
  ["an image past the end", ["0x400000", data], /the flash ends at 0x400000/],
  ["two images in one place", ["0x10000", data, app], /runs into/],
  ["an empty file", ["0x10000", file("empty.bin", "")], /empty/],
  ["a folder that is no build", [folder], /no build folder: it lacks xs_esp32\.bin/],
  ["a manifest that is none", [file("m.json", "{}")], /no list "builds"/],
  ["a damaged manifest", [file("d.json", "{")], /is not JSON/],
])("%s is refused", async (_, args, message) => {
  await expect(offsets(args)).rejects.toThrow(message);
});

test("an image for another chip is refused", async () => {
  await expect(offsets([app], ESP32_C3)).rejects.toThrow(/built for another chip \(id 0\) than the ESP32-C3/);
});

test("a damaged partition table is refused", async () => {
  const damaged = partitionTable();
  damaged[4]! ^= 1;
  await expect(offsets([file("damaged.bin", damaged), app])).rejects.toThrow(/MD5 does not fit/);
});
