import type { Host, HostListener } from "../../platforms/simulator/host.ts";
import type { Board, Machine, MachineOptions, Statistics } from "./machine.ts";

type Script = (host: Host) => void;

/** Programs that were compiled, so that a fleet compiles its program once. */
const scripts = new Map<string, Script>();

function compile(program: string): Script {
  let script = scripts.get(program);
  if (!script) {
    script = new Function("host", program) as Script;
    scripts.set(program, script);
  }
  return script;
}

/** A device's program on Node, in this process: thousands fit. Nothing bounds its memory. */
export class NodeMachine implements Machine, Host {
  readonly settings: string;
  private readonly _board: Board;
  private _random: number;
  private _listener: HostListener | undefined;
  private _now = 0;
  private _running = false;
  /** Why the machine has ended, once it has. */
  private _end: string | undefined;
  private _credits: number[] = [];
  /** Sockets whose program was refused some bytes, and waits for room. */
  private readonly _refused = new Set<number>();
  /** What arrived and is not read yet, and the socket it arrived at. */
  private _incoming: Uint8Array = new Uint8Array();
  private _incomingSocket = -1;
  private _reports: Record<string, number> = {};

  constructor(board: Board, options: MachineOptions) {
    this._board = board;
    this.settings = options.settings;
    this._random = options.seed >>> 0;
  }

  start(program: string): Promise<void> {
    this._run(0, () => compile(program)(this));
    return Promise.resolve();
  }

  wake(now: number): void {
    this._run(now, () => this._listener?.onWake());
  }

  opened(now: number, socket: number, credit: number): void {
    this._credits[socket] = credit;
    this._run(now, () => this._listener?.onOpen(socket));
  }

  received(now: number, socket: number, bytes: Uint8Array): void {
    this._incoming = bytes;
    this._incomingSocket = socket;
    this._run(now, () => this._listener?.onReadable(socket, bytes.length));
    this._incoming = new Uint8Array();
  }

  writable(now: number, socket: number, credit: number): void {
    this._credits[socket] = (this._credits[socket] ?? 0) + credit;
    // Within an event, such as the very write that was refused, it waits until the event is handled.
    if (!this._running) this._run(now, () => undefined);
  }

  closed(now: number, socket: number, reason: number): void {
    this._credits[socket] = 0;
    this._run(now, () => this._listener?.onClose(socket, reason));
  }

  statistics(now: number): Promise<Statistics> {
    this._reports = {};
    this._run(now, () => this._listener?.onReport());
    if (this._end !== undefined) return Promise.reject(new Error(`The machine does not run: ${this._end}`));
    return Promise.resolve({ ...noCounters, reports: this._reports });
  }

  stop(): Promise<void> {
    this._end ??= "it was stopped";
    return Promise.resolve();
  }

  private _run(now: number, handle: () => void): void {
    if (this._end !== undefined) return;
    this._now = now;
    this._running = true;
    try {
      handle();
      for (const socket of this._refused) {
        if (!this._credits[socket]) continue;
        this._refused.delete(socket);
        this._listener?.onWritable(socket);
      }
    } catch (error) {
      this._end = `The program threw an exception: ${error instanceof Error ? error.stack : String(error)}`;
      this._board.onEnd(this._end);
    } finally {
      this._running = false;
    }
  }

  // Host

  listen(listener: HostListener): void {
    this._listener = listener;
  }

  preloaded(): void {}

  now(): number {
    return this._now;
  }

  /** mulberry32: small, and good enough to spread reconnections. */
  random(): number {
    this._random = (this._random + 0x6d2b79f5) >>> 0;
    let bits = this._random;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296;
  }

  wakeAt(time: number): void {
    this._board.wakeAt(time);
  }

  print(line: string): void {
    this._board.print(line);
  }

  report(name: string, value: number): void {
    this._reports[name] = value;
  }

  open(socket: number, hostname: string, port: number, secure: boolean): void {
    this._credits[socket] = 0;
    this._refused.delete(socket);
    this._board.open(socket, hostname, port, secure);
  }

  write(socket: number, bytes: Uint8Array, start: number, end: number): number {
    const credit = this._credits[socket] ?? 0;
    const count = Math.min(credit, end - start);
    if (count < end - start) this._refused.add(socket);
    if (count > 0) {
      this._credits[socket] = credit - count;
      this._board.write(socket, bytes.slice(start, start + count));
    }
    return count;
  }

  read(_socket: number, bytes: Uint8Array, start: number, end: number): number {
    const part = this._incoming.subarray(0, end - start);
    bytes.set(part, start);
    this._incoming = this._incoming.subarray(part.length);
    return part.length;
  }

  close(socket: number): void {
    this._credits[socket] = 0;
    if (socket === this._incomingSocket) this._incoming = new Uint8Array();
    this._board.close(socket);
  }

  slots(): number {
    return 0;
  }

  chunkBytes(): number {
    return 0;
  }
}

const noCounters: Omit<Statistics, "reports"> = {
  slotBytes: 0,
  slots: 0,
  slotsPeak: 0,
  slotsLimit: 0,
  chunkBytes: 0,
  chunkBytesPeak: 0,
  chunkBytesLimit: 0,
  collections: 0,
  baselineSlots: 0,
  baselineChunkBytes: 0,
  wakeSlots: 0,
  wakeChunkBytes: 0,
  receivedSlots: 0,
  receivedChunkBytes: 0,
  codeBytes: 0,
};
