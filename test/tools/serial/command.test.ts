// The whole path as a user has it: the built `mote` command, a real pseudo-terminal, and the double behind it.
import { execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test, vi } from "vitest";
import { decodeNvs } from "../../../tools/serial/provision/nvs.ts";
import { type Carrier, hasSocat, pseudoTerminal, tcp } from "./carriers.ts";
import { application, bootloader, partitionTable } from "./firmware.ts";
import { MOTE, mote } from "./mote.ts";
import { testWith } from "./requirement.ts";
import { RomDouble } from "./rom-double.ts";

const onPty = testWith("socat", hasSocat);
const folder = mkdtempSync(join(tmpdir(), "mote-serial-"));
const open: Carrier[] = [];
afterEach(async () => {
  for (const carrier of open.splice(0)) await carrier.close();
});

async function onTerminal(double: RomDouble): Promise<string> {
  const carrier = await pseudoTerminal(double);
  double.onUnplug = carrier.unplug;
  open.push(carrier);
  return carrier.path;
}

async function onSocket(double: RomDouble): Promise<string> {
  const carrier = await tcp(double);
  double.onUnplug = carrier.unplug;
  open.push(carrier);
  return carrier.path;
}

/** A Moddable build folder with a host that takes mods. */
function buildFolder(): string {
  const build = join(folder, "build");
  mkdirSync(build, { recursive: true });
  writeFileSync(join(build, "bootloader.bin"), bootloader());
  writeFileSync(join(build, "partition-table.bin"), partitionTable());
  writeFileSync(join(build, "xs_esp32.bin"), application(300_000));
  return build;
}

onPty("a build folder is flashed, verified, read back, and skipped the second time", async () => {
  const double = new RomDouble();
  const port = await onTerminal(double);
  const build = buildFolder();

  const first = await mote(["flash", build, "--port", port, "--json"]);
  expect(first.stderr).toMatch(/Press the board's RESET button/); // a pseudo-terminal has no lines
  const report = JSON.parse(first.stdout) as { images: { offset: number }[]; skippedBytes: number; bytes: number };
  expect(report.images.map(({ offset }) => offset)).toEqual([0x1000, 0x8000, 0x10000]);
  expect(report.skippedBytes).toBe(0);
  expect(first.code).toBe(0);

  const again = await mote(["flash", build, "--port", port]);
  expect(again.stdout).toMatch(/Nothing to write: the chip holds all \d+ bytes already/);

  expect(await mote(["flash", "verify", build, "--port", port])).toMatchObject({ code: 0 });
  double.flash[0x10000 + 290_000]! ^= 1;
  const differs = await mote(["flash", "verify", build, "--port", port]);
  expect(differs).toMatchObject({ code: 1 });
  expect(differs.stdout).toMatch(/same +0x1000[^]*differs +0x10000 .*first in the 256 KB from 0x50000/);

  const backup = join(folder, "backup.bin");
  expect(await mote(["flash", "read", "0x8000", "0x1000", backup, "--port", port])).toMatchObject({ code: 0 });
  expect(readFileSync(backup).subarray(0, 3072).equals(partitionTable())).toBe(true);
});

onPty("info shows the chip and its partitions", async () => {
  const double = new RomDouble();
  const port = await onTerminal(double);
  double.flash.set(partitionTable(), 0x8000);
  const { stdout, code } = await mote(["flash", "info", "--port", port]);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^chip +ESP32[^]*^MAC +10:01:00:c4:0a:24$[^]*^flash +4MB[^]*^ +nvs .*0x9000[^]*^ +xs .*256 KB$/m,
  );
});

test("a region is erased; what is no sector is refused", async () => {
  const double = new RomDouble();
  double.flash.fill(0);
  const port = await onSocket(double);
  expect(await mote(["flash", "erase", "0x10000", "0x1000", "--port", port])).toMatchObject({ code: 0 });
  expect([double.flash[0xffff], double.flash[0x10000], double.flash[0x11000]]).toEqual([0, 0xff, 0]);
  expect(await mote(["flash", "erase", "0x10001", "0x1000", "--port", port])).toMatchObject({ code: 2 });
  expect(await mote(["flash", "erase", "--all", "--port", port])).toMatchObject({ code: 0 });
  expect(double.flash.every((byte) => byte === 0xff)).toBe(true);
});

test("a manifest of ESP Web Tools is flashed", async () => {
  const double = new RomDouble();
  const port = await onSocket(double);
  const build = buildFolder();
  const parts = [
    { path: "bootloader.bin", offset: 4096 },
    { path: "xs_esp32.bin", offset: 65536 },
  ];
  writeFileSync(join(build, "manifest.json"), JSON.stringify({ builds: [{ chipFamily: "ESP32", parts }] }));
  expect(await mote(["flash", join(build, "manifest.json"), "--port", port])).toMatchObject({ code: 0 });
  expect(double.flash[0x1000]).toBe(0xe9);
  writeFileSync(join(build, "other.json"), JSON.stringify({ builds: [{ chipFamily: "ESP32-C3", parts }] }));
  const other = await mote(["flash", join(build, "other.json"), "--port", port]);
  expect(other.stderr).toMatch(/nothing for the ESP32 that is connected, only for ESP32-C3/);
  expect(other.code).toBe(2);
});

test("changed flash settings keep the bootloader's SHA-256 right", async () => {
  const double = new RomDouble();
  const port = await onSocket(double);
  const build = buildFolder();
  const args = ["flash", build, "--port", port, "--flash-mode", "qio", "--flash-freq", "80m", "--flash-size", "detect"];
  expect(await mote(args)).toMatchObject({ code: 0 });
  const image = double.flash.subarray(0x1000, 0x1000 + bootloader().length);
  expect([image[2], image[3]]).toEqual([0, 0x2f]);
  const hashed = image.length - 32;
  expect(
    Buffer.from(image.subarray(hashed)).equals(createHash("sha256").update(image.subarray(0, hashed)).digest()),
  ).toBe(true);
});

onPty("unplugged in the middle: it says how to recover, and running it again recovers", async () => {
  const double = new RomDouble();
  const build = buildFolder();
  double.faults.unplugAfterBlocks = 9;
  const first = await mote(["flash", build, "--port", await onTerminal(double)]);
  expect(first.stderr).toMatch(/went away.*Run the same command again: it continues/);
  expect(first.code).toBe(3);
  double.faults = {};
  double.start(true);
  const second = await mote(["flash", build, "--port", await onTerminal(double)]);
  expect(second.stdout).toMatch(/Wrote and verified \d+ bytes .* were in place/);
  expect(second.code).toBe(0);
  const app = readFileSync(join(build, "xs_esp32.bin"));
  expect(Buffer.from(double.flash.subarray(0x10000, 0x10000 + app.length)).equals(app)).toBe(true);
});

test.each(["SIGINT", "SIGTERM"] as const)("%s ends with 130 and the way on", async (signal) => {
  const double = new RomDouble();
  const carrier = await tcp(double, {}, () => 115_200); // slow enough to be interrupted
  open.push(carrier);
  const child = spawn(process.execPath, [MOTE, "flash", buildFolder(), "--port", carrier.path, "--baud", "115200"]);
  let stderr = "";
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  const ended = new Promise((resolve) => child.once("close", resolve));
  await vi.waitUntil(() => double.log.some(({ kind }) => kind === "FLASH_DEFL_DATA"), { timeout: 20_000 });
  child.kill(signal);
  expect(await ended).toBe(130);
  expect(stderr).toMatch(/Interrupted\. Run the same command again/);
});

test("settings are provisioned into NVS beside what is there, and shown without secrets", async () => {
  const double = new RomDouble();
  double.flash.set(partitionTable(), 0x8000);
  const port = await onSocket(double);
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, certificate());
  const args = [
    "--wifi-ssid",
    "garden",
    "--broker",
    "mqtts://broker.example",
    "--client-id",
    "greenhouse-7",
    "--ca",
    ca,
  ];
  const env = { MOTE_WIFI_PASSWORD: "not to be shown", MOTE_PASSWORD: "nor this" };
  const first = await mote(["provision", ...args, "--port", port], { env });
  expect(first).toMatchObject({ code: 0 });
  expect(first.stdout).toMatch(
    /^wifiSsid +garden\nwifiPassword +\*{8}\nhost +broker\.example\nport +8883\ntls +true$/m,
  );
  expect(first.stdout + first.stderr).not.toMatch(/not to be shown|nor this/);

  const second = await mote(["provision", "--client-id", "greenhouse-8", "--port", port, "--json"]);
  expect(JSON.parse(second.stdout)).toMatchObject({
    clientId: "greenhouse-8",
    wifiSsid: "garden",
    wifiPassword: "********",
  });
  const shown = await mote(["provision", "--show", "--port", port, "--json"]);
  expect(JSON.parse(shown.stdout)).toEqual(JSON.parse(second.stdout));
  const entries = decodeNvs(double.flash.subarray(0x9000, 0xf000));
  expect(entries.find(({ key }) => key === "wifiPassword")?.value).toEqual({ type: "string", text: "not to be shown" });
});

test("a mod goes into the partition for mods; one that is too large, or no mod, does not", async () => {
  const double = new RomDouble();
  double.flash.set(partitionTable(), 0x8000);
  const port = await onSocket(double);
  const upload = (bytes: Buffer): ReturnType<typeof mote> => {
    const file = join(folder, "mod.xsa");
    writeFileSync(file, bytes);
    return mote(["upload", file, "--target", "moddable", "--port", port]);
  };
  const mod = archive(20_000);
  expect((await upload(mod)).stdout).toMatch(/Stored 20000 bytes as partition xs/);
  expect(Buffer.from(double.flash.subarray(0x310000, 0x310000 + 20_000)).equals(mod)).toBe(true);
  expect((await upload(archive(300_000))).stderr).toMatch(/300000 bytes; the partition xs takes 262144/);
  expect((await upload(Buffer.from("no archive at all"))).stderr).toMatch(/no mod archive/);
  expect((await upload(mod.subarray(0, 19_000))).stderr).toMatch(/cut short/);
  double.flash.fill(0xff, 0x8000, 0x9000);
  expect((await upload(mod)).stderr).toMatch(/no partition table at 0x8000.*mote flash/);
});

test("usage errors exit with 2 before any port is opened", async () => {
  for (const args of [
    ["flash"],
    ["flash", "--baud", "fast", "x.bin"],
    ["provision", "--target", "toaster"],
    ["flash", "erase", "--port", "socket://127.0.0.1:1"],
    ["upload", "app.ts"],
  ])
    expect(await mote(args), args.join(" ")).toMatchObject({ code: 2 });
});

test("unrelated commands do not load the serial port's native module", () => {
  const loaded = execFileSync(process.execPath, ["--input-type=module", "-e", LIST_LOADED, MOTE], { encoding: "utf8" });
  expect(loaded).not.toMatch(/serialport|esptool/);
});

/** Prints the native modules of a process that has imported everything mote imports at start. */
const LIST_LOADED = `
  process.argv = [process.argv[0], process.argv[1], "--version"];
  await import(process.argv[1]);
  console.log(process.report.getReport().sharedObjects.join("\\n"));
`;

function archive(bytes: number): Buffer {
  const mod = Buffer.from(randomBytes(bytes));
  mod.writeUInt32BE(bytes, 0);
  mod.write("XS_A", 4, "latin1");
  return mod;
}

function certificate(): string {
  return readFileSync(fileURLToPath(new URL("data/ca.pem", import.meta.url)), "utf8");
}
