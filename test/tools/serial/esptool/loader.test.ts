import { expect, test, vi } from "vitest";
import { type ConnectOptions, Loader } from "../../../../tools/serial/esptool/loader.ts";
import { openPort } from "../../../../tools/serial/port/open.ts";
import { tcp, WiredPort } from "../carriers.ts";
import { RomDouble } from "../rom-double.ts";

const OPTIONS: ConnectOptions = { baudRate: 921_600, before: "auto" };

test("connects from a running program: resets into the loader, starts the stub, raises the speed", async () => {
  const double = new RomDouble();
  double.mode = "program";
  const loader = await Loader.connect(new WiredPort(double), OPTIONS);
  expect(double.mode).toBe("stub");
  expect(double.baudRate).toBe(921_600);
  expect(loader.flashBytes).toBe(4 * 1024 * 1024);
  expect(await loader.info()).toMatchObject({ chip: "ESP32", mac: "10:01:00:c4:0a:24", crystalMhz: 40 });
});

test.each([
  ["ESP32", 0x1000],
  ["ESP32-S2", 0x1000],
  ["ESP32-S3", 0],
  ["ESP32-C3", 0],
] as const)("an %s is recognised, with the place of its bootloader", async (name, bootloaderOffset) => {
  const double = new RomDouble(8 * 1024 * 1024, name);
  const { chip, flashBytes } = await Loader.connect(new WiredPort(double), OPTIONS);
  expect([chip.CHIP_NAME, chip.BOOTLOADER_FLASH_OFFSET, flashBytes]).toEqual([name, bootloaderOffset, 8 * 1024 * 1024]);
});

test.each(["classic", "tight"] as const)("the %s reset enters the loader", async (before) => {
  const double = new RomDouble();
  double.mode = "program";
  await Loader.connect(new WiredPort(double), { ...OPTIONS, before });
  expect(double.mode).toBe("stub");
});

test("restart() leaves the program running and both lines released", async () => {
  const double = new RomDouble();
  const port = new WiredPort(double);
  const loader = await Loader.connect(port, OPTIONS);
  expect(await loader.restart()).toBe(true);
  await vi.waitUntil(() => double.mode === "program");
  expect({ mode: double.mode, starts: double.programStarts }).toEqual({ mode: "program", starts: 1 });
  expect({ dtr: port.dtr, rts: port.rts }).toEqual({ dtr: false, rts: false });
});

test("falls back to 115200 when the board does not follow the change of speed", async () => {
  const double = new RomDouble();
  double.faults.failAtBaudRate = 921_600;
  const port = new WiredPort(double);
  const loader = await Loader.connect(port, OPTIONS);
  expect(port.baudRate).toBe(115_200);
  expect(await loader.md5(0, 4096)).toMatch(/^[0-9a-f]{32}$/);
});

test("reads flash, and the command after it is answered: the digest frame is taken", async () => {
  const double = new RomDouble();
  double.flash.set([1, 2, 3], 0x1000);
  const loader = await Loader.connect(new WiredPort(double), OPTIONS);
  expect(await loader.read(0x1000, 0x2010)).toEqual(double.flash.slice(0x1000, 0x3010));
  expect(await loader.md5(0, 16)).toMatch(/^[0-9a-f]{32}$/);
});

test("erases a region and leaves its neighbours", async () => {
  const double = new RomDouble();
  double.flash.fill(0x55, 0, 0x4000);
  const loader = await Loader.connect(new WiredPort(double), OPTIONS);
  await loader.eraseRegion(0x1000, 0x2000);
  expect([0xfff, 0x1000, 0x2fff, 0x3000].map((at) => double.flash[at])).toEqual([0x55, 0xff, 0xff, 0x55]);
});

test("a stub left running by an interrupted session is used as it is", async () => {
  const double = new RomDouble();
  const carrier = await tcp(double);
  const port = await openPort(carrier.path);
  await Loader.connect(port, { ...OPTIONS, before: "none" });
  await port.close();
  const uploads = double.log.filter(({ kind }) => kind === "MEM_BEGIN").length;
  const loader = await Loader.connect(await openPort(carrier.path), { ...OPTIONS, before: "none" });
  expect(await loader.md5(0, 16)).toMatch(/^[0-9a-f]{32}$/);
  expect(double.log.filter(({ kind }) => kind === "MEM_BEGIN").length).toBe(uploads);
  await carrier.close();
});

test.concurrent.each([
  ["says nothing", { silent: true }, /Nothing answers at .*BOOT.*RESET/],
  ["starts its program", { wrongBootMode: true }, /Wrong boot mode \(0x13\).*BOOT.*RESET/],
  ["answers garbage", { garbage: true }, /bytes of noise/],
])("a chip that %s ends in a sentence with the recipe", async (_, faults, message) => {
  const double = new RomDouble();
  if (!("wrongBootMode" in faults)) double.start = () => {}; // no boot message either
  double.faults = faults;
  await expect(Loader.connect(new WiredPort(double), OPTIONS)).rejects.toThrow(message);
});
