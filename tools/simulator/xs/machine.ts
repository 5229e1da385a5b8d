import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { UserError } from "../../cli/errors.ts";
import type { Board, Machine, MachineOptions, Statistics } from "../machine.ts";
import { buildHost, type XsHost } from "./build.ts";
import {
  EVALUATE_MAX_BYTES,
  EVENT_MAX_BYTES,
  FrameReader,
  FromHost,
  HEADER_BYTES,
  ToHost,
  createFrame,
  type Frame,
} from "./protocol.ts";

export interface XsMachineOptions extends MachineOptions {
  /** Slots that the program may take. Default 2048, as Moddable gives a program on an ESP32. At least 256. */
  slots?: number;
  /** Bytes of chunks that the program may take. Default 32768, as on an ESP32. At least 4096. */
  chunkBytes?: number;
  /** Slots of the stack. Default 384, as on an ESP32. At least 64. */
  stackSlots?: number;
  /** How long the program may take to handle one event, in ms of real time, before the machine is ended. Default 30000. */
  answerWithinMs?: number;
  /** The compiled host; by default it is built when it has to be. */
  host?: XsHost;
}

const SOCKET_COUNT = 8;

/** Bytes that may be written when a connection opens: four segments, as lwIP buffers by default on an ESP32. */
const OPENING_CREDIT = 5744;

/** How much of what the host prints on stderr is kept, to explain a crash. */
const STDERR_BYTES = 2000;

/** The order in which host/engine.h sends the counters. */
const COUNTERS = [
  "slotBytes",
  "slots",
  "slotsPeak",
  "slotsLimit",
  "chunkBytes",
  "chunkBytesPeak",
  "chunkBytesLimit",
  "collections",
  "baselineSlots",
  "baselineChunkBytes",
  "wakeSlots",
  "wakeChunkBytes",
  "receivedSlots",
  "receivedChunkBytes",
  "codeBytes",
] as const satisfies readonly Exclude<keyof Statistics, "reports">[];

interface StatisticsWaiter {
  resolve: (statistics: Statistics) => void;
  reject: (error: Error) => void;
}

/**
 * A device's program on the real XS engine, with a heap of a fixed size, in a process of its own.
 *
 * Events are sent at once and handled in turn; what the program asks for arrives later, as calls of the board, in the
 * order in which it asked. `settled` tells when all of it has arrived.
 */
export class XsMachine implements Machine {
  private readonly _board: Board;
  private readonly _options: Required<XsMachineOptions>;
  private readonly _reader = new FrameReader();
  private _process: ChildProcessByStdio<Writable, Readable, Readable> | undefined;
  private _exited: Promise<unknown> | undefined;
  private _stderr = "";
  /** Why the machine has ended, once it has. */
  private _end: string | undefined;
  /** Which connection each socket is, as of the program's last `open`; see host/protocol.h. */
  private readonly _connections = new Uint16Array(SOCKET_COUNT);
  /** Frames sent and not yet answered with DONE. */
  private _unanswered = 0;
  private _answerTimer: NodeJS.Timeout | undefined;
  private readonly _settling: (() => void)[] = [];
  private _reports: Record<string, number> = {};
  private readonly _statistics: StatisticsWaiter[] = [];

  /** Makes a machine; builds the XS host first where that has not been done. `start` then starts it. */
  static async create(board: Board, options: XsMachineOptions): Promise<XsMachine> {
    return new XsMachine(board, { ...options, host: options.host ?? (await buildHost()) });
  }

  constructor(board: Board, options: XsMachineOptions & { host: XsHost }) {
    this._board = board;
    this._options = { slots: 2048, chunkBytes: 32768, stackSlots: 384, answerWithinMs: 30_000, ...options };
    requireInteger("seed", this._options.seed, 0, 0xffffffff);
    requireInteger("slots", this._options.slots, 256, 1_000_000);
    requireInteger("chunkBytes", this._options.chunkBytes, 4096, 64 * 1024 * 1024);
    requireInteger("stackSlots", this._options.stackSlots, 64, 100_000);
  }

  /**
   * Runs the program, a script. Resolves when it has run to its end, and likewise when that ended the machine: then
   * `board.onEnd` has been told why.
   */
  async start(program: string): Promise<void> {
    if (this._process) throw new Error("An XsMachine is started once.");
    const settings = Buffer.from(this._options.settings);
    const script = Buffer.from(program);
    const length = 4 + settings.length + script.length;
    if (length > EVALUATE_MAX_BYTES) {
      throw new UserError(
        `The program and its settings are ${length} bytes; the XS engine takes ${EVALUATE_MAX_BYTES} at most.`,
      );
    }
    if (settings.includes(0) || script.includes(0)) {
      throw new UserError("The program and its settings must not contain U+0000: write it as \\0.");
    }
    const { host, slots, chunkBytes, stackSlots, seed } = this._options;
    const child = spawn(host.path, [slots, chunkBytes, stackSlots, seed].map(String), { stdio: "pipe" });
    this._process = child;
    this._exited = once(child, "close").catch(() => undefined); // an error is told of by the listener below
    child.stdin.on("error", () => undefined); // the host has gone: its exit tells why
    child.stdout.on("data", (chunk: Buffer) => this._reader.read(chunk, (frame) => this._handle(frame)));
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text: string) => {
      this._stderr = (this._stderr + text).slice(-STDERR_BYTES);
    });
    child.on("error", (error) => this._ended(`The XS host ${host.path} does not start: ${error.message}.`));
    child.on("close", (code, signal) => {
      const reason = signal ? `was ended by ${signal}` : `exited with ${code}`;
      const last = this._stderr.trim();
      this._ended(`The XS engine crashed: it ${reason}${last ? `, after printing "${last}"` : ""}.`);
    });

    const frame = createFrame(ToHost.EVALUATE, 0, 0, 0, length);
    frame.writeUInt32LE(settings.length, HEADER_BYTES);
    settings.copy(frame, HEADER_BYTES + 4);
    script.copy(frame, HEADER_BYTES + 4 + settings.length);
    this._send(frame);
    await this.settled();
  }

  wake(now: number): void {
    this._send(createFrame(ToHost.WAKE, 0, 0, now, 0));
  }

  /** `credit` is how many bytes the program may write until `writable` grants more. */
  opened(now: number, socket: number, credit: number = OPENING_CREDIT): void {
    this._sendNumber(ToHost.OPENED, now, socket, credit);
  }

  received(now: number, socket: number, bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; start += EVENT_MAX_BYTES) {
      const part = bytes.subarray(start, start + EVENT_MAX_BYTES);
      const frame = createFrame(ToHost.RECEIVED, socket, this._connections[socket]!, now, part.length);
      frame.set(part, HEADER_BYTES);
      this._send(frame);
    }
  }

  /** `credit` is how many bytes more may be written. The program is told when it has been refused before. */
  writable(now: number, socket: number, credit: number): void {
    this._sendNumber(ToHost.WRITABLE, now, socket, credit);
  }

  closed(now: number, socket: number, code: number): void {
    this._sendNumber(ToHost.CLOSED, now, socket, code);
  }

  /** @throws Error when the machine has ended, or ends before it answers. */
  statistics(now: number): Promise<Statistics> {
    return new Promise((resolve, reject) => {
      if (!this._running) return reject(this._endError());
      this._statistics.push({ resolve, reject });
      this._send(createFrame(ToHost.STATISTICS, 0, 0, now, 0));
    });
  }

  /** Resolves when every event sent so far has been handled, and the board been told what came of it; or at the end. */
  settled(): Promise<void> {
    if (this._unanswered === 0 || this._end !== undefined) return Promise.resolve();
    return new Promise((resolve) => this._settling.push(resolve));
  }

  /** The host holds nothing that would have to be saved: it is ended on the spot, whatever it is at. */
  async stop(): Promise<void> {
    if (this._end === undefined) this._conclude("it was stopped");
    this._process?.kill("SIGKILL");
    await this._exited;
  }

  private get _running(): boolean {
    return this._process !== undefined && this._end === undefined;
  }

  private _sendNumber(type: number, now: number, socket: number, value: number): void {
    const frame = createFrame(type, socket, this._connections[socket]!, now, 4);
    frame.writeUInt32LE(value, HEADER_BYTES);
    this._send(frame);
  }

  /** Events for a machine that has ended are dropped: there is nobody to tell. */
  private _send(frame: Buffer): void {
    if (!this._running) return;
    this._process!.stdin.write(frame);
    if (this._unanswered++ === 0) this._restartAnswerTimer();
  }

  private _restartAnswerTimer(): void {
    if (this._answerTimer) {
      this._answerTimer.refresh();
      return;
    }
    this._answerTimer = setTimeout(() => {
      this._answerTimer = undefined;
      const unanswered = this._unanswered;
      // If this process was the slow one, an answer lies in the pipe and is read before the next immediate.
      setImmediate(() => {
        if (this._end !== undefined || this._unanswered === 0 || this._answerTimer) return;
        if (this._unanswered !== unanswered) this._restartAnswerTimer();
        else this._ended(this._tooSlow());
      });
    }, this._options.answerWithinMs);
    this._answerTimer.unref();
  }

  private _tooSlow(): string {
    const seconds = this._options.answerWithinMs / 1000;
    return `The program did not return from an event within ${seconds} s: it loops, or does too much at once.`;
  }

  private _handle(frame: Frame): void {
    if (this._end !== undefined) return;
    const { type, socket, number, payload } = frame;
    switch (type) {
      case FromHost.OPEN:
        this._connections[socket] = frame.connection;
        this._board.open(socket, payload.toString("utf8", 3), payload.readUInt16LE(0), payload[2] === 1);
        break;
      case FromHost.WRITE:
        this._board.write(socket, Uint8Array.from(payload));
        break;
      case FromHost.CLOSE:
        this._board.close(socket);
        break;
      case FromHost.WAKE_AT:
        this._board.wakeAt(number);
        break;
      case FromHost.PRINT:
        this._board.print(payload.toString());
        break;
      case FromHost.REPORT:
        this._reports[payload.toString()] = number;
        break;
      case FromHost.STATISTICS:
        this._answerStatistics(payload);
        break;
      case FromHost.DONE:
        this._restartAnswerTimer();
        if (--this._unanswered === 0) this._settle();
        break;
      case FromHost.ENDED:
        this._ended(payload.toString());
        break;
      default:
        this._ended(`The XS host sent a frame of type ${type}, which is unknown: a fault of Mote.`);
    }
  }

  private _answerStatistics(payload: Buffer): void {
    const statistics: Partial<Statistics> = { reports: this._reports };
    COUNTERS.forEach((name, index) => {
      statistics[name] = payload.readDoubleLE(index * 8);
    });
    this._reports = {};
    this._statistics.shift()?.resolve(statistics as Statistics);
  }

  /** The machine has ended by itself: tells the board, once. */
  private _ended(message: string): void {
    if (this._end !== undefined) return;
    this._process?.kill("SIGKILL");
    this._end = message;
    this._board.onEnd(message);
    this._conclude(message);
  }

  private _conclude(reason: string): void {
    this._end = reason;
    clearTimeout(this._answerTimer);
    this._settle();
    for (const waiter of this._statistics.splice(0)) waiter.reject(this._endError());
  }

  private _settle(): void {
    for (const resolve of this._settling.splice(0)) resolve();
  }

  private _endError(): Error {
    return new Error(`The machine does not run: ${this._end ?? "it was not started"}`);
  }
}

function requireInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new UserError(`The option ${name} of an XS machine is an integer from ${least} to ${most}, not ${value}.`);
}
