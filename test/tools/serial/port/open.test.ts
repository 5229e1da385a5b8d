import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeOpenFailure } from "../../../../tools/serial/port/failure.ts";
import { openPort } from "../../../../tools/serial/port/open.ts";
import { hasSocat, pseudoTerminal } from "../carriers.ts";
import { testWith } from "../requirement.ts";

test("a port that is not there names what lists them", async () => {
  await expect(openPort("/dev/ttyNOWHERE")).rejects.toThrow(/no port \/dev\/ttyNOWHERE.*mote ports/);
});

test("a file that is no port is said to be none", async () => {
  const file = join(await mkdtemp(join(tmpdir(), "mote-port-")), "file");
  writeFileSync(file, "");
  await expect(openPort(file)).rejects.toThrow(/does not open.*Is it a serial port/);
});

test("an emulator that is not running is said to be so", async () => {
  await expect(openPort("socket://127.0.0.1:1")).rejects.toThrow(/Nothing answers at socket:\/\/127\.0\.0\.1:1/);
  await expect(openPort("socket://nohost")).rejects.toThrow(/Write socket:\/\/host:port/);
});

test("permission denied names the group to join", async () => {
  const file = join(await mkdtemp(join(tmpdir(), "mote-port-")), "tty");
  writeFileSync(file, "");
  chmodSync(file, 0o600);
  const error = await describeOpenFailure(file, new Error("Error: Permission denied, cannot open"));
  expect(error.message).toMatch(/You may not open/);
  expect(await describeOpenFailure("/dev/ttyS0", new Error("EACCES")).then(({ message }) => message)).toMatch(
    /You may not open \/dev\/ttyS0\. (It belongs to the group \w+: run "sudo usermod -aG|Run as a user)/,
  );
});

testWith("socat", hasSocat)("a busy port names the process that has it open", async () => {
  const carrier = await pseudoTerminal({ send: () => {}, receive: () => {} });
  const holder = spawn(process.execPath, ["-e", HOLDER, carrier.path], { stdio: ["ignore", "pipe", "inherit"] });
  await once(holder.stdout, "data");
  await expect(openPort(carrier.path)).rejects.toThrow(new RegExp(`in use by .*\\(process ${holder.pid}\\)`));
  holder.kill();
  await carrier.close();
});

/** Opens the port with the exclusive lock that serialport takes, and says so. */
const HOLDER = `
  const { SerialPort } = require("serialport");
  const port = new SerialPort({ path: process.argv[1], baudRate: 115200 }, (error) => console.log(error ?? "open"));
  port.on("data", () => {});
`;
