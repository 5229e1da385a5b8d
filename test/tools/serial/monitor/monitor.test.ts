import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, test, vi } from "vitest";
import { LineStamper } from "../../../../tools/serial/monitor/lines.ts";
import { monitor, type MonitorOptions } from "../../../../tools/serial/monitor/monitor.ts";
import { addressesIn } from "../../../../tools/serial/monitor/panic.ts";
import { type Device, tcp } from "../carriers.ts";
import { testWith } from "../requirement.ts";

const OPTIONS = { baudRate: 115_200, timestamps: false, reset: false, reconnect: true };

/** A monitor on a device, with what it prints at hand. */
function start(options: MonitorOptions): {
  input: PassThrough;
  printed: () => string;
  noted: () => string;
  ended: Promise<void>;
} {
  const streams = { input: new PassThrough(), output: new PassThrough(), notes: new PassThrough() };
  let printed = "";
  let noted = "";
  streams.output.on("data", (text: Buffer) => (printed += text.toString()));
  streams.notes.on("data", (text: Buffer) => (noted += text.toString()));
  const ended = monitor(options, streams, new AbortController().signal);
  return { input: streams.input, printed: () => printed, noted: () => noted, ended };
}

test("shows output, sends input, leaves with Ctrl-]", async () => {
  const received: string[] = [];
  const board: Device = { send: () => {}, receive: (bytes) => void received.push(Buffer.from(bytes).toString()) };
  const carrier = await tcp(board);
  const { input, printed, ended } = start({ ...OPTIONS, path: carrier.path });
  await vi.waitUntil(() => (board.send(Buffer.from("tick\r\n")), printed().includes("tick\n")));
  input.write("typed\x1dnot sent");
  await ended;
  await vi.waitUntil(() => received.join("").length > 0);
  expect(received.join("")).toBe("typed");
  await carrier.close();
});

test("comes back when the board does", async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.on("error", () => {})));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { input, printed, noted, ended } = start({
    ...OPTIONS,
    path: `socket://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
  await vi.waitUntil(() => sockets.length === 1);
  sockets[0]!.write("before\n");
  await vi.waitUntil(() => printed().includes("before"));
  sockets[0]!.destroy();
  await vi.waitUntil(() => sockets.length === 2, { timeout: 5000 });
  sockets[1]!.write("after\n");
  await vi.waitUntil(() => printed().includes("after"));
  expect(noted()).toMatch(/went away; waiting[^]*is back/);
  input.write("\x1d");
  await ended;
  sockets.forEach((socket) => socket.destroy());
  server.close();
});

test("a line cut anywhere, within a character too, has one time before it", () => {
  const lines: string[] = [];
  const stamper = new LineStamper((line) => lines.push(line));
  const bytes = Buffer.from("warm 21 °C\r\nnext");
  let printed = "";
  for (const byte of bytes) printed += stamper.push(Uint8Array.of(byte), "12:00 ");
  expect(printed).toBe("12:00 warm 21 °C\n12:00 next");
  expect(lines).toEqual(["warm 21 °C"]);
});

test("panic messages of both kinds of chip give their addresses", () => {
  expect(addressesIn("Backtrace: 0x400d1234:0x3ffb2000 0x400d5678:0x3ffb2020")).toEqual(["0x400d1234", "0x400d5678"]);
  expect(addressesIn("MEPC    : 0x42001234  RA      : 0x42005678  SP      : 0x3fc90000")).toEqual([
    "0x42001234",
    "0x42005678",
  ]);
  expect(addressesIn("temperature 21")).toEqual([]);
});

const hasToolchain = ["gcc", "addr2line", "nm"].every((tool) => spawnSync(tool, ["--version"]).status === 0);

testWith("gcc with addr2line", hasToolchain)("a panic is decoded with a real ELF and a real addr2line", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mote-panic-"));
  writeFileSync(
    join(folder, "crash.c"),
    "int crash(void) { return *(volatile int *)0; }\nint main(void) { return crash(); }\n",
  );
  const elf = join(folder, "crash");
  execFileSync("gcc", ["-g", "-no-pie", "-O0", "-o", elf, join(folder, "crash.c")]);
  const symbol = execFileSync("nm", [elf], { encoding: "utf8" }).match(/^([0-9a-f]+) T crash$/m)![1]!;
  const board: Device = { send: () => {}, receive: () => {} };
  const carrier = await tcp(board);
  const { input, noted, ended } = start({ ...OPTIONS, path: carrier.path, decoder: { elf, addr2line: "addr2line" } });
  const panic = `Backtrace: 0x${symbol.slice(-8)}:0x3ffb2000\r\n`;
  await vi.waitUntil(() => (board.send(Buffer.from(panic)), /crash at .*crash\.c:1/.test(noted())), {
    timeout: 10_000,
    interval: 200,
  });
  input.write("\x1d");
  await ended;
  await carrier.close();
});
