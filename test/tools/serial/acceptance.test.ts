// The same tasks on whatever ESP32 is there: ESP32_SERIAL=/dev/ttyUSB0, or socket://host:port for an emulated one.
// It writes to the last 64 KB of the flash memory and puts back what was there.
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tcp } from "./carriers.ts";
import { mote } from "./mote.ts";
import { RomDouble } from "./rom-double.ts";

const BYTES = 0x10000;

test.skipIf(!process.env["ESP32_SERIAL"])(
  "the ESP32 at ESP32_SERIAL is flashed, verified, read and restored",
  async () => {
    await accept(process.env["ESP32_SERIAL"]!);
  },
  180_000,
);

test("the double at a socket is flashed, verified, read and restored", async () => {
  const carrier = await tcp(new RomDouble());
  await accept(carrier.path);
  await carrier.close();
}, 60_000);

async function accept(port: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "mote-accept-"));
  const [before, written, read] = ["before", "written", "read"].map((name) => join(folder, `${name}.bin`)) as [
    string,
    string,
    string,
  ];
  const run = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { code, stdout, stderr } = await mote(["flash", ...args, "--port", port, "--json"]);
    expect(code, `mote flash ${args.join(" ")}: ${stderr}`).toBe(0);
    return JSON.parse(stdout) as Record<string, unknown>;
  };

  const info = await run("info");
  const offset = `0x${((info["flashBytes"] as number) - BYTES).toString(16)}`;
  await run("read", offset, String(BYTES), before);
  writeFileSync(written, randomBytes(BYTES));
  console.info(JSON.stringify(await run(offset, written)));
  await run("verify", offset, written);
  expect(await run(offset, written)).toMatchObject({ skippedBytes: BYTES });
  await run("read", offset, String(BYTES), read);
  expect(readFileSync(read).equals(readFileSync(written))).toBe(true);
  await run("erase", offset, String(BYTES));
  await run(offset, before);
}
