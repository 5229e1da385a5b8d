import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../cli/errors.ts";
import { hardReset } from "../esptool/reset.ts";
import { openPort } from "../port/open.ts";
import type { Port } from "../port/port.ts";
import { LineStamper, timeStamp } from "./lines.ts";
import { addressesIn, decodeAddresses, type PanicDecoder } from "./panic.ts";

export interface MonitorOptions {
  path: string;
  baudRate: number;
  timestamps: boolean;
  /** Restart the board first, to see its output from the beginning. */
  reset: boolean;
  reconnect: boolean;
  decoder?: PanicDecoder;
}

export interface MonitorStreams {
  input: Readable;
  /** The board's output, and nothing else. */
  output: Writable;
  /** What mote itself has to say. */
  notes: Writable;
}

/** Ctrl-], as in telnet. */
const LEAVE = 0x1d;
const RECONNECT_MS = 250;

/** Shows a board's output and sends it what is typed, until Ctrl-], `signal`, or the port is gone for good. */
export async function monitor(options: MonitorOptions, streams: MonitorStreams, signal: AbortSignal): Promise<void> {
  const leave = new AbortController();
  const leaving = AbortSignal.any([signal, leave.signal]);
  let port: Port | undefined;
  const onInput = (bytes: Buffer): void => {
    const end = bytes.indexOf(LEAVE);
    const typed = end < 0 ? bytes : bytes.subarray(0, end);
    const sent = typed.length > 0 && port ? port.write(typed).catch(() => {}) : Promise.resolve(); // it may be gone
    if (end >= 0) void sent.then(() => leave.abort());
  };
  streams.input.on("data", onInput);
  try {
    for (let first = true; !leaving.aborted; first = false) {
      port = first ? await openPort(options.path, options.baudRate) : await reopened(options, leaving);
      if (!port) return;
      if (!first) streams.notes.write(`-- ${options.path} is back --\n`);
      const gone = await show(port, options, streams, leaving, first);
      await port.close();
      port = undefined;
      if (!gone) return;
      if (!options.reconnect) throw new UserError(`${options.path} went away.`);
      streams.notes.write(`\n-- ${options.path} went away; waiting for it (Ctrl-] leaves) --\n`);
    }
  } finally {
    streams.input.off("data", onInput);
    await port?.close();
  }
}

/** Shows what comes until the port goes (true) or the user leaves (false). */
async function show(
  port: Port,
  options: MonitorOptions,
  { output, notes }: MonitorStreams,
  leaving: AbortSignal,
  first: boolean,
): Promise<boolean> {
  const stamper = new LineStamper((line) => void explain(line, options.decoder, notes));
  const ended = new Promise<boolean>((resolve) => {
    port.onData = (bytes) => output.write(stamper.push(bytes, options.timestamps ? timeStamp(new Date()) : ""));
    port.onClose = () => resolve(true);
    leaving.addEventListener("abort", () => resolve(false), { once: true });
    if (leaving.aborted) resolve(false);
  });
  if (options.reset && first) await hardReset(port);
  else await port.setSignals(false, false); // opening asserts both on some systems, which holds boards in reset
  return ended;
}

async function reopened(options: MonitorOptions, leaving: AbortSignal): Promise<Port | undefined> {
  while (!leaving.aborted) {
    const port = await openPort(options.path, options.baudRate).catch(() => undefined);
    if (port) return port;
    await sleep(RECONNECT_MS, undefined, { signal: leaving }).catch(() => {}); // left meanwhile
  }
  return undefined;
}

async function explain(line: string, decoder: PanicDecoder | undefined, notes: Writable): Promise<void> {
  const addresses = addressesIn(line);
  if (addresses.length === 0) return;
  if (!decoder) {
    notes.write("-- a panic: give the build's ELF with --elf to see where --\n");
    return;
  }
  const decoded = await decodeAddresses(addresses, decoder).catch((error: Error) => `not decoded: ${error.message}`);
  notes.write(`-- decoded --\n${decoded}\n--\n`);
}
