import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Port, PortClosedError } from "../../../tools/serial/port/port.ts";
import type { RomDouble } from "./rom-double.ts";

/** Anything that talks over a serial line. */
export interface Device {
  send: (bytes: Uint8Array) => void;
  receive(bytes: Uint8Array): void;
}

/** A line that a device can be reached over, by its name as a user would give it. */
export interface Carrier {
  path: string;
  unplug(): void;
  close(): Promise<void>;
}

/** Changes what passes: index counts the bytes of its direction. Returns the bytes that arrive. */
export type Disturb = (byte: number, index: number) => number[];
export interface Disturbance {
  toDevice?: Disturb;
  toHost?: Disturb;
}

const EN_RISE_MS = 2;

export const hasSocat = spawnSync("socat", ["-V"]).status === 0;

/** A pseudo-terminal, made by socat, with the device behind it. */
export async function pseudoTerminal(device: Device): Promise<Carrier> {
  const folder = mkdtempSync(join(tmpdir(), "mote-pty-"));
  const path = join(folder, "tty");
  const socat = spawn("socat", ["-d", "-d", "-b", "65536", "-", `pty,rawer,link=${path}`], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  await new Promise<void>((resolve, reject) => {
    socat.once("error", reject);
    socat.once("exit", (code) => reject(new Error(`socat ended with ${code}`)));
    socat.stderr.on("data", (text: Buffer) => {
      if (text.includes("starting data transfer loop")) resolve();
    });
  });
  socat.stdout.on("data", (bytes: Buffer) => device.receive(bytes));
  socat.stdin.on("error", () => {}); // unplugged
  device.send = (bytes) => socat.stdin.write(bytes);
  const gone = new Promise((resolve) => socat.once("exit", resolve));
  return {
    path,
    unplug: () => socat.kill(),
    close: async () => {
      socat.kill();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A TCP server on the loopback interface, as emulators offer their serial port. `baudRate` makes the wire that slow. */
export async function tcp(device: Device, disturbance: Disturbance = {}, baudRate?: () => number): Promise<Carrier> {
  const hosts: Socket[] = [];
  const server = createServer((socket) => {
    hosts.unshift(socket.setNoDelay(true));
    socket.on("error", () => {}); // unplugged
    pump(socket).catch(() => {}); // unplugged
  });
  let received = 0;
  let sent = 0;
  const pump = async (socket: Socket): Promise<void> => {
    let freeAt = performance.now();
    for await (const bytes of socket as AsyncIterable<Buffer>) {
      if (baudRate) {
        freeAt = Math.max(freeAt, performance.now()) + (bytes.length * 10_000) / baudRate();
        if (freeAt - performance.now() > 1) await sleep(freeAt - performance.now());
      }
      device.receive(through(disturbance.toDevice, bytes, received));
      received += bytes.length;
    }
  };
  device.send = (bytes) => {
    hosts[0]?.write(through(disturbance.toHost, bytes, sent));
    sent += bytes.length;
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    path: `socket://127.0.0.1:${(server.address() as AddressInfo).port}`,
    unplug: () => hosts.forEach((host) => host.destroy()),
    close: async () => {
      hosts.forEach((host) => host.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function through(disturb: Disturb | undefined, bytes: Uint8Array, index: number): Uint8Array {
  return disturb ? Uint8Array.from([...bytes].flatMap((byte, at) => disturb(byte, index + at))) : bytes;
}

/** The double on a serial port whose lines reach it through the usual two transistors; no bytes leave this process. */
export class WiredPort implements Port {
  readonly path = "/dev/ttyDOUBLE";
  readonly hasControlLines = true;
  baudRate = 115_200;
  onData: (bytes: Uint8Array) => void = () => {};
  onClose: () => void = () => {};
  dtr = false;
  rts = false;
  private readonly _double: RomDouble;
  private _unplugged = false;

  constructor(double: RomDouble) {
    this._double = double;
    double.send = (bytes) => setImmediate(() => !this._unplugged && this.onData(bytes));
    double.onUnplug = () => this.unplug();
  }

  unplug(): void {
    this._unplugged = true;
    this.onClose();
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this._unplugged) throw new PortClosedError(this.path);
    this._double.receive(bytes, this.baudRate);
  }

  async setBaudRate(baudRate: number): Promise<void> {
    this.baudRate = baudRate;
  }

  async setSignals(dtr: boolean, rts: boolean): Promise<void> {
    const wasInReset = this.rts && !this.dtr;
    const inReset = rts && !dtr;
    this.dtr = dtr;
    this.rts = rts;
    if (wasInReset && !inReset) setTimeout(() => this._riseOfEnable(), EN_RISE_MS);
  }

  async close(): Promise<void> {}

  /** IO0 counts as EN rises, which the capacitor at EN delays. */
  private _riseOfEnable(): void {
    if (this.rts && !this.dtr) return; // back in reset
    this._double.start(this.dtr && !this.rts);
  }
}
