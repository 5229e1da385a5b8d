import { existsSync, readFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { createContext, Script } from "node:vm";
import { crc32 } from "node:zlib";
import type { Device } from "../../acceptance/device.ts";
import type { SocketOptions } from "../../../platforms/espruino/engine.ts";
import { BoardStorage } from "./board-storage.ts";

/** What Espruino hands on at once, and sends at once. */
const SEGMENT_BYTES = 536;
/** What it keeps of a socket without a data handler. */
const UNREAD_BYTES = 512;

/**
 * Takes away and breaks what Espruino lacks, and adds what it has. It runs inside the context, so that what it makes is of
 * the context's own classes. A string is bytes here as there: the script is decoded as Latin-1.
 */
const PRELUDE = `
  for (const name of ["Map", "Set", "WeakMap", "WeakSet", "WeakRef", "Symbol", "Proxy", "Reflect", "BigInt",
    "BigInt64Array", "BigUint64Array", "FinalizationRegistry", "SharedArrayBuffer", "Atomics", "WebAssembly", "Intl",
    "RangeError", "EvalError", "URIError", "AggregateError"]) {
    delete globalThis[name];
  }
  for (const name of ["freeze", "isFrozen", "seal", "is"]) delete Object[name];
  for (const name of ["imul", "clz32", "trunc", "fround", "log10", "log2", "cbrt", "hypot"]) delete Math[name];
  for (const name of ["from", "of"]) delete Array[name];
  for (const name of ["flat", "flatMap", "at"]) delete Array.prototype[name];
  for (const name of ["normalize", "localeCompare", "matchAll", "codePointAt", "at"]) delete String.prototype[name];
  {
    const typed = Object.getPrototypeOf(Uint8Array);
    delete typed.from;
    delete typed.of;
    delete typed.prototype.copyWithin;
    delete typed.prototype.at;
    const set = typed.prototype.set;
    typed.prototype.set = function (from, at) {
      if (typeof from !== "string") return set.call(this, from, at);
      for (let index = 0; index < from.length; index++) this[(at || 0) + index] = from.charCodeAt(index);
    };
    const subarray = typed.prototype.subarray;
    typed.prototype.subarray = function (start, end) {
      if (start > 65535) throw new Error("Unsupported offset");
      return subarray.call(this, start, end);
    };
    const slice = typed.prototype.slice;
    typed.prototype.slice = function (start, end) {
      const list = [];
      slice.call(this, start, end).forEach((value) => list.push(value));
      return list;
    };
    const fromCharCode = String.fromCharCode;
    String.fromCharCode = function () {
      let text = "";
      for (let index = 0; index < arguments.length; index++) text += fromCharCode(arguments[index] & 255);
      return text;
    };
    const host = globalThis.host;
    delete globalThis.host;
    globalThis.E = {
      toString: (bytes) => {
        let text = "";
        for (let index = 0; index < bytes.length; index++) text += fromCharCode(bytes[index]);
        return text;
      },
      toArrayBuffer: (text) => {
        const bytes = new Uint8Array(text.length);
        for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
        return bytes.buffer;
      },
    };
    globalThis.getTime = host.getTime;
    globalThis.setTimeout = host.setTimeout;
    globalThis.clearTimeout = host.clearTimeout;
    globalThis.setInterval = host.setInterval;
    globalThis.clearInterval = host.clearTimeout;
    globalThis.print = host.print;
    globalThis.console = { log: host.print };
    E.CRC32 = host.crc32;
    globalThis.atob = host.atob;
    globalThis.require = (name) => {
      if (name === "Storage") return host.storage;
      if (name !== "net" && name !== "tls") throw new Error('Module "' + name + '" not found');
      return { connect: (options, onConnect) => host.connect(name, options, onConnect) };
    };
  }
`;

/** A stand-in for a board with Espruino, in this process. */
export class Sandbox implements Device {
  readonly lines: string[] = [];
  onLine: ((line: string) => void) | undefined;
  /** The most bytes that ever waited in the engine to be sent. */
  mostUnsent = 0;
  /** What `connect` was called with; arrays as lists. */
  readonly connects: (SocketOptions & { library: string })[] = [];

  private readonly _sockets = new Set<EngineSocket>();
  private readonly _timers = new Map<number, NodeJS.Timeout>();
  private _timer = 0;

  constructor(code: Uint8Array, storage = new BoardStorage()) {
    type Callback = (...values: unknown[]) => void;
    const host = {
      print: (...values: unknown[]) => this._print(values.map(String).join(" ")),
      getTime: () => Date.now() / 1_000,
      setTimeout: (callback: Callback, delayMs: number, ...values: unknown[]) =>
        this._start(() => callback(...values), delayMs, false),
      setInterval: (callback: Callback, delayMs: number, ...values: unknown[]) =>
        this._start(() => callback(...values), delayMs, true),
      clearTimeout: (timer: number) => clearTimeout(this._timers.get(timer)),
      crc32: (text: string) => crc32(Buffer.from(text, "latin1")),
      storage,
      atob: (text: string) => Buffer.from(text, "base64").toString("latin1"),
      connect: (library: string, options: SocketOptions, onConnect: () => void) =>
        this._connect(library, options, onConnect),
    };
    const context = createContext({ host });
    new Script(PRELUDE).runInContext(context);
    const script = new Script(Buffer.from(code).toString("latin1"), { filename: "program" });
    this.run(() => script.runInContext(context));
  }

  /** Calls into the program. What it throws is printed, as at Espruino's console. Returns whether it threw nothing. */
  run(callback: (() => void) | undefined): boolean {
    try {
      callback?.();
      return true;
    } catch (error) {
      this._print(`Uncaught ${String(error)}`);
      return false;
    }
  }

  kill(): Promise<void> {
    for (const timer of this._timers.values()) clearTimeout(timer);
    for (const socket of this._sockets) socket.destroy();
    return Promise.resolve();
  }

  /** The program prints UTF-8, a character of its strings each byte. */
  private _print(text: string): void {
    const line = Buffer.from(text, "latin1").toString("utf8");
    this.lines.push(line);
    this.onLine?.(line);
  }

  private _start(callback: () => void, delayMs: number, repeat: boolean): number {
    const timer = ++this._timer;
    const run = (): boolean => this.run(callback);
    this._timers.set(timer, repeat ? setInterval(run, delayMs) : setTimeout(run, delayMs));
    return timer;
  }

  /** TLS is not spoken here: the broker sees what it would be after that. */
  private _connect(library: string, options: SocketOptions, onConnect: () => void): EngineSocket {
    const { host: hostname, port, ca, cert } = options;
    this.connects.push({ library, ...(JSON.parse(JSON.stringify(options, plain)) as SocketOptions) });
    if ([ca, cert].some((one) => typeof one === "string" && one.startsWith("-----BEGIN"))) {
      throw new Error("HTTPS init failed! mbedtls_x509_crt_parse of 'ca': Invalid format");
    }
    if (hostname !== "127.0.0.1") throw new Error("Unable to locate host");
    if (!isListening(port)) throw new Error("Unable to create socket");
    const socket = new EngineSocket(this, createConnection({ host: hostname, port }), onConnect);
    this._sockets.add(socket);
    return socket;
  }
}

/** A socket with the habits of Espruino's. */
class EngineSocket {
  private readonly _sandbox: Sandbox;
  private readonly _socket: Socket;
  private readonly _handlers: Record<string, (this: EngineSocket, argument?: unknown) => void> = {};
  private _unsent = "";
  private _unread = "";
  private _sending = false;
  private _ending = false;
  private _closed = false;
  /** After an exception the engine leaves out what was to follow. */
  private _upset = false;

  constructor(sandbox: Sandbox, socket: Socket, onConnect: () => void) {
    this._sandbox = sandbox;
    this._socket = socket;
    socket.setNoDelay(true);
    let code = 0;
    socket.on("connect", () => {
      sandbox.run(() => onConnect.call(this));
      if (this._unsent === "") this._emit("drain");
    });
    socket.on("data", (chunk: Buffer) => {
      for (let at = 0; at < chunk.length; at += SEGMENT_BYTES) {
        this._deliver(chunk.subarray(at, at + SEGMENT_BYTES).toString("latin1"));
      }
    });
    socket.on("error", () => (code = -9));
    socket.on("close", () => {
      this._closed = true;
      if (code === 0 && this._unsent !== "") code = -8;
      if (code) this._emit("error", { code });
      this._emit("end");
      this._emit("close", code !== 0);
    });
  }

  on(event: string, handler: (argument?: unknown) => void): void {
    this._handlers[event] = handler;
  }

  write(data: unknown): boolean {
    if (this._closed) throw new Error("This socket is closed");
    this._unsent += String(data);
    this._sandbox.mostUnsent = Math.max(this._sandbox.mostUnsent, this._unsent.length);
    this._sendLater();
    return false;
  }

  end(): void {
    this._ending = true;
    this._sendLater();
  }

  destroy(): void {
    this._socket.destroy();
  }

  private _sendLater(): void {
    if (this._sending) return;
    this._sending = true;
    setImmediate(() => {
      const segment = this._unsent.slice(0, SEGMENT_BYTES);
      this._socket.write(segment, "latin1", () => {
        this._sending = false;
        this._unsent = this._unsent.slice(segment.length);
        if (this._unsent !== "") this._sendLater();
        else if (this._ending) this._socket.end();
        else this._emit("drain");
      });
    });
  }

  private _deliver(data: string): void {
    if (this._handlers["data"]) this._emit("data", data);
    else this._unread = (this._unread + data).slice(0, UNREAD_BYTES);
  }

  private _emit(event: string, argument?: unknown): void {
    const leftOut = this._upset && event === "drain";
    this._upset = false;
    if (!leftOut) this._upset = !this._sandbox.run(() => this._handlers[event]?.call(this, argument));
  }
}

/** Typed arrays of another context as lists. */
function plain(_: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) ? [...(value as Uint8Array)] : value;
}

/** Whether somebody listens there. Espruino's `connect` knows that before it returns; Node's does not, but Linux will say. */
function isListening(port: number): boolean {
  if (!existsSync("/proc/net/tcp")) return true; // then a refusal comes as an event, as it may there too
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .some(([, local, , state]) => local?.endsWith(suffix) && state === "0A");
}
