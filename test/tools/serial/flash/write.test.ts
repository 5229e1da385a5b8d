import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { Loader } from "../../../../tools/serial/esptool/loader.ts";
import { type Image, memoryImage } from "../../../../tools/serial/flash/images.ts";
import { REGION_BYTES, writeImages } from "../../../../tools/serial/flash/write.ts";
import { openPort } from "../../../../tools/serial/port/open.ts";
import { tcp, WiredPort } from "../carriers.ts";
import { type Faults, RomDouble } from "../rom-double.ts";

/** Half noise, half repetition: compresses to about half, as programs do. */
function program(bytes: number): Uint8Array {
  const image = Buffer.alloc(bytes, "a program repeats itself. ");
  for (let at = 0; at < bytes; at += 64) randomBytes(32).copy(image, at);
  return image;
}

function connect(double: RomDouble): Promise<Loader> {
  return Loader.connect(new WiredPort(double), { baudRate: 921_600, before: "auto" });
}

function holds(double: RomDouble, image: Uint8Array, offset: number): boolean {
  return Buffer.from(double.flash.subarray(offset, offset + image.length)).equals(image);
}

test("writes images over old contents and verifies them", async () => {
  const double = new RomDouble();
  double.flash.fill(0);
  const boot = program(20_001);
  const app = program(600_000);
  const images = [memoryImage("boot", 0x1000, boot), memoryImage("app", 0x10000, app)];
  const report = await writeImages(await connect(double), images);
  expect(holds(double, boot, 0x1000)).toBe(true);
  expect(holds(double, app, 0x10000)).toBe(true);
  expect(report.skippedBytes).toBe(0);
  expect(double.flash[0x10000 + 600_000 + 4096]).toBe(0); // what follows is left alone
});

test("skips what is in place, to the region", async () => {
  const double = new RomDouble();
  const app = program(3 * REGION_BYTES);
  const loader = await connect(double);
  await writeImages(loader, [memoryImage("app", 0, app)]);
  expect((await writeImages(loader, [memoryImage("app", 0, app)])).skippedBytes).toBe(app.length);
  app[REGION_BYTES + 100_000]! ^= 1;
  expect((await writeImages(loader, [memoryImage("app", 0, app)])).skippedBytes).toBe(2 * REGION_BYTES);
  expect(holds(double, app, 0)).toBe(true);
  expect((await writeImages(loader, [memoryImage("app", 0, app)], { force: true })).skippedBytes).toBe(0);
});

test.each<[string, Faults]>([
  ["a block refused", { refuseBlock: 3 }],
  ["a wrong MD5 after writing", { wrongMd5: 2 }],
])("%s costs a region and no more", async (_, faults) => {
  const double = new RomDouble();
  const app = program(2 * REGION_BYTES);
  double.faults = faults;
  await writeImages(await connect(double), [memoryImage("app", 0, app)]);
  expect(holds(double, app, 0)).toBe(true);
});

test("a flash chip that does not hold what it is given ends in a sentence", async () => {
  const double = new RomDouble();
  double.faults.wrongMd5 = 100;
  const writing = writeImages(await connect(double), [memoryImage("app.bin", 0, program(8192))]);
  await expect(writing).rejects.toThrow(/app\.bin: what the chip holds at 0x0 differs .* 3 times over/);
});

test("unplugged at any block, a second run completes what the first began", async () => {
  const app = program(2 * REGION_BYTES + 5000);
  for (const block of [1, 2, 8, 12, 17]) {
    const double = new RomDouble();
    double.faults.unplugAfterBlocks = block;
    const first = connect(double).then((loader) => writeImages(loader, [memoryImage("app", 0x10000, app)]));
    await expect(first).rejects.toThrow(/is gone/);
    double.faults = {};
    const complete = regionsInPlace(double, app, 0x10000);
    const report = await writeImages(await connect(double), [memoryImage("app", 0x10000, app)]);
    expect(holds(double, app, 0x10000)).toBe(true);
    expect(report.skippedBytes).toBe(complete);
    if (block === 17) expect(complete).toBeGreaterThan(0);
  }
});

/** How many bytes of the image stand in regions that are complete. */
function regionsInPlace(double: RomDouble, image: Uint8Array, offset: number): number {
  let bytes = 0;
  for (let start = 0; start < image.length;) {
    const end = Math.min(image.length, start + REGION_BYTES - ((offset + start) % REGION_BYTES));
    if (holds(double, image.subarray(start, end), offset + start)) bytes += end - start;
    start = end;
  }
  return bytes;
}

const DISTURBANCES: [string, (byte: number, seed: number) => number[]][] = [
  ["lost", () => []],
  ["doubled", (byte) => [byte, byte]],
  ["changed", (byte, seed) => [byte ^ (1 << (seed % 8))]],
];

test.concurrent.each(Array.from({ length: 24 }, (_, index) => index + 1))(
  "one byte of the conversation lost, doubled or changed is survived (seed %i)",
  async (seed) => {
    const [what, disturb] = DISTURBANCES[seed % 3]!;
    const direction = seed % 4 === 0 ? "toHost" : "toDevice";
    const at = (seed * 7919) % (direction === "toHost" ? 900 : 110_000);
    const double = new RomDouble();
    const carrier = await tcp(double, {
      [direction]: (byte: number, index: number) => (index === at ? disturb(byte, seed) : [byte]),
    });
    const port = await openPort(carrier.path);
    const app = randomBytes(100_000);
    const loader = await Loader.connect(port, { baudRate: 115_200, before: "auto" });
    await writeImages(loader, [memoryImage("app", 0, app)]);
    expect(holds(double, app, 0), `byte ${at} ${direction} ${what}`).toBe(true);
    await port.close();
    await carrier.close();
  },
);

test("answers that come late and byte by byte are waited for", async () => {
  const double = new RomDouble();
  const carrier = await tcp(double);
  const { send } = double;
  double.send = (bytes) => setTimeout(() => bytes.forEach((byte) => send(Uint8Array.of(byte))), 20);
  const port = await openPort(carrier.path);
  const app = program(100_000);
  await writeImages(await Loader.connect(port, { baudRate: 115_200, before: "auto" }), [memoryImage("app", 0, app)]);
  expect(holds(double, app, 0)).toBe(true);
  await port.close();
  await carrier.close();
});

test("memory stays flat for a 16 MB image", async () => {
  const double = new RomDouble(16 * 1024 * 1024);
  const piece = program(64 * 1024);
  let largest = 0;
  const image: Image = {
    name: "large",
    offset: 0,
    size: double.flash.length,
    read: async (start, end) => {
      largest = Math.max(largest, end - start);
      return Uint8Array.from(
        { length: end - start },
        (_, index) => piece[(start + index) % piece.length]! ^ (start >> 16),
      );
    },
  };
  const loader = await connect(double);
  let peak = 0;
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  await writeImages(loader, [image], { onProgress: () => (peak = Math.max(peak, process.memoryUsage().rss)) });
  console.info(
    `16 MB image: ${((peak - before) / 1024 / 1024).toFixed(0)} MB above the start, the double's work included`,
  );
  expect(largest).toBe(REGION_BYTES);
  expect(await loader.md5(0, 16)).toMatch(/^[0-9a-f]{32}$/);
}, 60_000);

test("at 921600 baud nearly all time goes to the wire", async () => {
  const double = new RomDouble();
  const carrier = await tcp(double, {}, () => double.baudRate);
  const port = await openPort(carrier.path);
  const start = performance.now();
  const loader = await Loader.connect(port, { baudRate: 921_600, before: "auto" });
  const connectMs = performance.now() - start;
  const report = await writeImages(loader, [memoryImage("app", 0x10000, program(1024 * 1024))]);
  const { compareMs, eraseMs, writeMs, verifyMs, wireMs } = report;
  const total = compareMs + eraseMs + writeMs + verifyMs;
  const rounded = Object.entries({ connectMs, compareMs, eraseMs, writeMs, verifyMs, wireMs, total });
  console.info(rounded.map(([name, ms]) => `${name} ${ms.toFixed(0)}`).join(", "));
  console.info(`${((100 * (total - wireMs)) / total).toFixed(1)} % of the time is not the wire's`);
  expect(writeMs).toBeGreaterThanOrEqual(wireMs * 0.99); // the double's wire is as slow as it says
  await port.close();
  await carrier.close();
}, 60_000);
