import { ExitCode, UserError } from "../../cli/errors.ts";
import { crc32 } from "../crc32.ts";
import { type Port, PortClosedError } from "../port/port.ts";

/**
 * Espruino's console, by its packet protocol (2v25 and later): DLE SOH, 3 bits of type and 13 of length, then data.
 * The board answers ACK or NAK, and to some packets with packets of its own.
 */
const DLE = 0x10;
const SOH = 0x01;
const ACK = 0x06;
const NAK = 0x15;
const XON = 0x11;
const XOFF = 0x13;
const CTRL_C = 0x03;

const PacketType = { RESPONSE: 0x0000, EVAL: 0x2000, FILE_SEND: 0x6000, DATA: 0x8000 } as const;
const TYPE_MASK = 0xe000;

const BLOCK_BYTES = 512;
/** Written at once, so that an XOFF takes effect before the board's buffer is full. */
const PIECE_BYTES = 128;
/** The board gives an incomplete packet up after at most 5 s, with a NAK. */
const ANSWER_TIMEOUT_MS = 6_000;
const PROBE_TIMEOUT_MS = 1_500;
const PROMPT_TIMEOUT_MS = 500;
const RUN_DELAY_MS = 50;
const XOFF_TIMEOUT_MS = 10_000;
const ATTACH_ATTEMPTS = 5;
const STORE_ATTEMPTS = 4;
const MAX_TEXT = 4096;
const MAX_FILE_NAME = 28;

type Event = { kind: "ack" } | { kind: "nak" } | { kind: "packet"; type: number; data: Uint8Array };

export class EspruinoRepl {
  private readonly _port: Port;
  private readonly _events: Event[] = [];
  private readonly _packet: number[] = [];
  private _text = "";
  private _paused = false;
  private _closed = false;
  private _wake: () => void = () => {};

  private constructor(port: Port) {
    this._port = port;
    port.onData = (bytes) => {
      for (const byte of bytes) this._take(byte);
      this._wake();
    };
    port.onClose = () => {
      this._closed = true;
      this._wake();
    };
  }

  /** Gets the console's attention, whatever it is doing: a program that runs, a half-typed line, half a packet. */
  static async attach(port: Port): Promise<EspruinoRepl> {
    const repl = new EspruinoRepl(port);
    await port.setSignals(false, false); // some adapters assert both on opening, which holds boards in reset
    for (let attempt = 1; attempt <= ATTACH_ATTEMPTS; attempt++) {
      if (await repl._probe(attempt > 1)) return repl;
    }
    throw repl._describeSilence();
  }

  /** The value of an expression: a number, a boolean, a plain string, or undefined. */
  async evaluate(expression: string): Promise<unknown> {
    await this._send(PacketType.EVAL, new TextEncoder().encode(expression));
    await this._acknowledged(`evaluating ${expression}`);
    const { data } = await this._receivedPacket(PacketType.RESPONSE);
    const text = new TextDecoder().decode(data);
    return text === "undefined" ? undefined : (JSON.parse(text) as unknown);
  }

  /** Writes a file into the board's Storage and holds what is stored against its CRC; starts over when a block is lost. */
  async storeFile(name: string, bytes: Uint8Array, onProgress: (sent: number) => void = () => {}): Promise<void> {
    if (name.length === 0 || name.length > MAX_FILE_NAME)
      throw new UserError(
        `${JSON.stringify(name)}: names in Espruino's Storage have 1 to ${MAX_FILE_NAME} characters.`,
      );
    let failure: unknown;
    for (let attempt = 1; attempt <= STORE_ATTEMPTS; attempt++) {
      try {
        await this._sendFile(name, bytes, onProgress);
        if ((await this._storedCrc(name)) === crc32(bytes)) return;
        failure = new Error("what is stored differs from what was sent");
      } catch (error) {
        if (error instanceof PortClosedError) throw error;
        failure = error;
      }
      if (!(await this._recover())) throw this._describeSilence();
    }
    throw new UserError(
      `${name} (${bytes.length} bytes) is not stored, ${STORE_ATTEMPTS} times over: ${(failure as Error).message}. ${await this._spaceAdvice()}`,
      ExitCode.UNAVAILABLE,
    );
  }

  /**
   * A file of the board's Storage; undefined when there is none of that name. In base64, because the packets made for
   * this (FILE_RECV) pass the console, which puts a CR before each LF and counts it not.
   */
  async readFile(name: string): Promise<Uint8Array | undefined> {
    const file = `require("Storage").read(${JSON.stringify(name)}`;
    const size = await this.evaluate(`(f=>f===undefined?-1:f.length)(${file}))`);
    if (typeof size !== "number" || size < 0) return undefined;
    const blocks: Uint8Array[] = [];
    for (let at = 0; at < size; at += BLOCK_BYTES) {
      blocks.push(Buffer.from(String(await this.evaluate(`btoa(${file},${at},${BLOCK_BYTES}))`)), "base64"));
    }
    return Uint8Array.from(Buffer.concat(blocks));
  }

  /** Runs a line of JavaScript as soon as this conversation is over, so that it may also restart the board. */
  async execute(line: string): Promise<void> {
    await this.evaluate(`setTimeout(${JSON.stringify(line)},${RUN_DELAY_MS})`);
  }

  private async _sendFile(name: string, bytes: Uint8Array, onProgress: (sent: number) => void): Promise<void> {
    const request = JSON.stringify({ fn: name, s: bytes.length });
    await this._send(PacketType.FILE_SEND, new TextEncoder().encode(request));
    await this._acknowledged(`opening ${name}`);
    for (let sent = 0; sent < bytes.length;) {
      const block = bytes.subarray(sent, sent + BLOCK_BYTES);
      await this._send(PacketType.DATA, block);
      await this._acknowledged(`storing byte ${sent} of ${name}`);
      sent += block.length;
      onProgress(sent);
    }
  }

  private async _storedCrc(name: string): Promise<number> {
    const crc = await this.evaluate(`E.CRC32(require("Storage").read(${JSON.stringify(name)})||"")`);
    return Number(crc) >>> 0;
  }

  private async _spaceAdvice(): Promise<string> {
    const free = await this.evaluate(`require("Storage").getFree()`).catch(() => undefined);
    return typeof free === "number"
      ? `Its Storage has ${free} bytes free; require("Storage").eraseAll() on the board empties it.`
      : "Reset the board and run the command again.";
  }

  /** After a failure: true once a whole packet passes again. */
  private async _recover(): Promise<boolean> {
    for (let attempt = 1; attempt <= ATTACH_ATTEMPTS; attempt++) if (await this._probe(attempt > 1)) return true;
    return false;
  }

  /** Whether a packet is answered; where it was not, Ctrl-C first ends what runs and clears a half-typed line. */
  private async _probe(interrupt: boolean): Promise<boolean> {
    this._events.length = 0;
    this._packet.length = 0;
    this._paused = false;
    try {
      if (interrupt) await this._interrupt();
      await this._send(PacketType.EVAL, new TextEncoder().encode("40 + 2"));
      if ((await this._nextAnswer(PROBE_TIMEOUT_MS)).kind !== "ack") return false;
      const { data } = await this._receivedPacket(PacketType.RESPONSE, PROBE_TIMEOUT_MS);
      return new TextDecoder().decode(data) === "42";
    } catch (error) {
      if (error instanceof PortClosedError) throw error;
      return false;
    }
  }

  /** The first Ctrl-C within a loop leads into Espruino's debugger, where nothing else runs; a second leads out. */
  private async _interrupt(): Promise<void> {
    for (let times = 0; times < 2; times++) {
      this._text = "";
      await this._write(Uint8Array.of(CTRL_C));
      await this._prompt();
      if (!this._text.endsWith("debug>")) return;
    }
  }

  /** Waits for ">" for a moment; a program that keeps printing never shows one, and packets pass all the same. */
  private async _prompt(): Promise<void> {
    const deadline = performance.now() + PROMPT_TIMEOUT_MS;
    while (!this._text.endsWith(">") && performance.now() < deadline) await this._arrival(deadline);
  }

  private _describeSilence(): UserError {
    const path = this._port.path;
    const what = this._text.includes(">")
      ? `The console at ${path} shows a prompt but knows no packets: its Espruino is older than 2v25. Flash a newer one with "mote flash".`
      : this._text.length > 0
        ? `What answers at ${path} is not Espruino's console. Flash Espruino first, with "mote flash".`
        : `Nothing answers at ${path}. Is Espruino flashed, and is this the right port? Tap RESET and run the command again.`;
    return new UserError(what, ExitCode.UNAVAILABLE);
  }

  private async _send(type: number, data: Uint8Array): Promise<void> {
    this._events.length = 0; // what is left over belongs to a packet given up
    const header = type | data.length;
    const packet = new Uint8Array(4 + data.length);
    packet.set([DLE, SOH, header >> 8, header & 0xff]);
    packet.set(data, 4);
    await this._write(packet);
  }

  private async _write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const deadline = performance.now() + XOFF_TIMEOUT_MS;
      while (this._paused && performance.now() < deadline) await this._arrival(deadline);
      if (this._paused) throw new Error(`the board held us off for ${XOFF_TIMEOUT_MS / 1000} s`);
      this._refuseIfClosed();
      await this._port.write(bytes.subarray(at, at + PIECE_BYTES));
    }
  }

  private async _acknowledged(doing: string): Promise<void> {
    if ((await this._nextAnswer()).kind === "nak") throw new Error(`the board refused ${doing}`);
  }

  private async _nextAnswer(timeoutMs = ANSWER_TIMEOUT_MS): Promise<Event> {
    for (;;) {
      const event = await this._next(timeoutMs);
      if (event.kind !== "packet") return event;
    }
  }

  private async _receivedPacket(
    type: number,
    timeoutMs = ANSWER_TIMEOUT_MS,
  ): Promise<Extract<Event, { kind: "packet" }>> {
    for (;;) {
      const event = await this._next(timeoutMs);
      if (event.kind === "nak") throw new Error("the board broke its answer off");
      if (event.kind === "packet" && event.type === type) return event;
    }
  }

  private async _next(timeoutMs: number): Promise<Event> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const event = this._events.shift();
      if (event) return event;
      if (performance.now() >= deadline) throw new Error(`no answer within ${timeoutMs / 1000} s`);
      await this._arrival(deadline);
    }
  }

  private async _arrival(deadline: number): Promise<void> {
    this._refuseIfClosed();
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this._wake = resolve;
      timer = setTimeout(resolve, Math.max(0, deadline - performance.now()));
    });
    clearTimeout(timer);
    this._wake = () => {};
  }

  private _refuseIfClosed(): void {
    if (this._closed) throw new PortClosedError(this._port.path);
  }

  /** One received byte. Within a packet every byte is data; between packets some control the conversation. */
  private _take(byte: number): void {
    if (this._packet.length > 0) this._takeOfPacket(byte);
    else if (byte === XOFF || byte === XON) this._paused = byte === XOFF;
    else if (byte === ACK) this._events.push({ kind: "ack" });
    else if (byte === NAK) this._events.push({ kind: "nak" });
    else if (byte === DLE) this._packet.push(byte);
    else if (this._text.length < MAX_TEXT) this._text += String.fromCharCode(byte);
    else this._text = this._text.slice(-MAX_TEXT / 2) + String.fromCharCode(byte);
  }

  private _takeOfPacket(byte: number): void {
    this._packet.push(byte);
    if (this._packet.length === 2 && byte !== SOH) this._packet.length = 0;
    if (this._packet.length < 4) return;
    const header = (this._packet[2]! << 8) | this._packet[3]!;
    if (this._packet.length < 4 + (header & ~TYPE_MASK)) return;
    this._events.push({ kind: "packet", type: header & TYPE_MASK, data: Uint8Array.from(this._packet.slice(4)) });
    this._packet.length = 0;
  }
}
