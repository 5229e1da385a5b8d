import { createConnection, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { CloseCode } from "../../platforms/simulator/host.ts";
import type { Board, Machine, MachineOptions, Statistics } from "./machine.ts";
import { NodeMachine } from "./node-machine.ts";
import { XsMachine } from "./xs/machine.ts";

export type Engine = "xs" | "node";

export interface DeviceOptions extends MachineOptions {
  engine: Engine;
  /** Gets each line that the device prints. */
  onPrint?: (line: string) => void;
  /** Told, with a sentence, that the device ended by itself: its program threw, or its heap was too small. */
  onEnd?: (message: string) => void;
}

/** Bytes a device may have under way in a connection: lwIP's default send buffer on an ESP32. */
const SEND_BUFFER_BYTES = 5_744;
/** The longest delay that Node's timers take. */
const LONGEST_DELAY_MS = 2_147_483_647;

/** A simulated device: a machine on real time, with real sockets. */
export class Device implements Board {
  private readonly _options: DeviceOptions;
  private readonly _started = performance.now();
  private readonly _sockets = new Map<number, Socket>();
  private _machine: Machine | undefined;
  private _alarm: NodeJS.Timeout | undefined;
  private _stopped = false;

  /** Makes a device; on XS this compiles the engine at the first use. `start` starts it. */
  static async create(options: DeviceOptions): Promise<Device> {
    const device = new Device(options);
    device._machine =
      options.engine === "xs" ? await XsMachine.create(device, options) : new NodeMachine(device, options);
    return device;
  }

  private constructor(options: DeviceOptions) {
    this._options = options;
  }

  start(program: string): Promise<void> {
    return this._machine!.start(program);
  }

  statistics(): Promise<Statistics> {
    return this._machine!.statistics(this._now());
  }

  /** Pulls the plug: the program is not asked. */
  async stop(): Promise<void> {
    this._stopped = true;
    clearTimeout(this._alarm);
    for (const socket of this._sockets.values()) socket.destroy();
    this._sockets.clear();
    await this._machine?.stop();
  }

  private _now(): number {
    return performance.now() - this._started;
  }

  // Board

  open(number: number, hostname: string, port: number, secure: boolean): void {
    if (this._stopped) return;
    const machine = this._machine!;
    const socket = secure
      ? connectTls({ host: hostname, port, servername: hostname })
      : createConnection({ host: hostname, port });
    this._sockets.set(number, socket);
    socket.setNoDelay(true);
    // The device may have closed this connection and opened another with the same number.
    const current = (): boolean => this._sockets.get(number) === socket;
    let failure: NodeJS.ErrnoException | undefined;
    socket.on(secure ? "secureConnect" : "connect", () => {
      if (current()) machine.opened(this._now(), number, SEND_BUFFER_BYTES);
    });
    socket.on("data", (chunk) => {
      if (current()) machine.received(this._now(), number, chunk);
    });
    socket.on("error", (error) => (failure = error));
    socket.on("close", () => {
      if (!current()) return;
      this._sockets.delete(number);
      machine.closed(this._now(), number, codeOf(failure, secure));
    });
  }

  write(number: number, bytes: Uint8Array): void {
    const socket = this._sockets.get(number);
    if (!socket?.writable) return;
    socket.write(bytes, (error) => {
      if (error || this._sockets.get(number) !== socket) return;
      this._machine!.writable(this._now(), number, bytes.length);
    });
  }

  close(number: number): void {
    const socket = this._sockets.get(number);
    this._sockets.delete(number);
    if (socket?.connecting) socket.destroy();
    else socket?.destroySoon();
  }

  wakeAt(time: number): void {
    if (this._stopped) return;
    clearTimeout(this._alarm);
    const delay = Math.min(Math.max(0, time - this._now()), LONGEST_DELAY_MS);
    this._alarm = setTimeout(() => this._machine!.wake(this._now()), delay);
  }

  print(line: string): void {
    this._options.onPrint?.(line);
  }

  onEnd(message: string): void {
    if (this._stopped) return;
    void this.stop();
    this._options.onEnd?.(message);
  }
}

function codeOf(failure: NodeJS.ErrnoException | undefined, secure: boolean): number {
  if (!failure) return CloseCode.ENDED;
  switch (failure.code) {
    case "ECONNREFUSED":
      return CloseCode.REFUSED;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return CloseCode.NOT_FOUND;
    case "ECONNRESET":
    case "EPIPE":
    case "ETIMEDOUT":
      return CloseCode.RESET;
  }
  return secure ? CloseCode.TLS : CloseCode.OTHER;
}
