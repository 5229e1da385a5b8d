import { crc32 } from "../../../tools/serial/crc32.ts";
import type { Device } from "./carriers.ts";

/**
 * Espruino's console as far as an upload meets it: echo, the prompt, Ctrl-C, the packet protocol and flow control. Held
 * against the real thing by running the same tests on a real binary (espruino.test.ts).
 */
export class EspruinoDouble implements Device {
  readonly files = new Map<string, Uint8Array>();
  /** What was given to `setTimeout`, which is how mote starts programs. */
  readonly executed: string[] = [];
  faults: ReplFaults = {};
  send: (bytes: Uint8Array) => void = () => {};

  private _line = "";
  private _packet: number[] | undefined;
  private _open: { name: string; bytes: Uint8Array; at: number } | undefined;
  private _dataPackets = 0;
  private _interrupts = 0;

  receive(bytes: Uint8Array): void {
    if (this.faults.silent) return;
    if (this.faults.holdOff && bytes.length > 64) this._holdOff();
    for (const byte of bytes) this._take(byte);
  }

  private _take(byte: number): void {
    if (this._packet) return this._takeOfPacket(byte);
    if (byte === 0x03) return this._interrupt();
    if (this._isStuck()) return;
    if (byte === 0x01 && this._line.endsWith("\x10")) {
      this._line = this._line.slice(0, -1);
      if (!this.faults.old) this._packet = [];
      return;
    }
    if (byte === 0x0a) {
      this._line = "";
      return this._print("\r\n>");
    }
    this._line += String.fromCharCode(byte);
    if (byte !== 0x10) this._print(String.fromCharCode(byte)); // the echo
  }

  private _isStuck(): boolean {
    return this._interrupts < (this.faults.stuckFor ?? 0);
  }

  private _interrupt(): void {
    this._interrupts++;
    this._line = "";
    if (!this._isStuck()) this._print("\r\nExecution Interrupted\r\n>");
    else if (this.faults.debugger) this._print("\r\ndebug>");
  }

  private _takeOfPacket(byte: number): void {
    const packet = this._packet!;
    packet.push(byte);
    if (packet.length < 2) return;
    const header = (packet[0]! << 8) | packet[1]!;
    if (packet.length < 2 + (header & 0x1fff)) return;
    this._packet = undefined;
    this._onPacket(header & 0xe000, Uint8Array.from(packet.slice(2)));
  }

  private _onPacket(type: number, data: Uint8Array): void {
    const text = new TextDecoder().decode(data);
    if (type === 0x2000) return this._evaluate(text);
    if (type === 0x6000) {
      const { fn, s } = JSON.parse(text) as { fn: string; s: number };
      this._open = { name: fn, bytes: new Uint8Array(s), at: 0 };
      return this.send(Uint8Array.of(ACK));
    }
    if (type === 0x8000) return this._store(data);
    this.send(Uint8Array.of(NAK));
  }

  private _store(data: Uint8Array): void {
    const open = this._open;
    if (!open || ++this._dataPackets === this.faults.refuseBlock) return this.send(Uint8Array.of(NAK));
    const lost = this._dataPackets === this.faults.corruptBlock;
    open.bytes.set(lost ? data.map((byte) => byte ^ 1) : data, open.at);
    open.at += data.length;
    if (open.at >= open.bytes.length) {
      this.files.set(open.name, open.bytes);
      this._open = undefined;
    }
    this.send(Uint8Array.of(ACK));
  }

  /** The few expressions that mote asks for. */
  private _evaluate(expression: string): void {
    const stored = /^E\.CRC32\(require\("Storage"\)\.read\("(.*)"\)\|\|""\)$/.exec(expression);
    const size = /^\(f=>.*\)\(require\("Storage"\)\.read\("(.*)"\)\)$/.exec(expression);
    const part = /^btoa\(require\("Storage"\)\.read\("(.*)",(\d+),(\d+)\)\)$/.exec(expression);
    const timeout = /^setTimeout\((".*"),\d+\)$/.exec(expression);
    let value: number | string | undefined;
    if (expression === "40 + 2") value = 42;
    else if (stored) value = crc32(this.files.get(stored[1]!) ?? new Uint8Array(0));
    else if (size) value = this.files.get(size[1]!)?.length ?? -1;
    else if (part) value = this._part(part[1]!, Number(part[2]), Number(part[3]));
    else if (/getFree/.test(expression)) value = 900_000;
    else if (timeout) value = this.executed.push(JSON.parse(timeout[1]!) as string);
    if (value === undefined) return this.send(Uint8Array.of(NAK));
    this.send(Uint8Array.of(ACK));
    this._reply(0x0000, new TextEncoder().encode(String(value)));
  }

  private _part(name: string, at: number, length: number): string {
    return JSON.stringify(Buffer.from(this.files.get(name)!.subarray(at, at + length)).toString("base64"));
  }

  private _reply(type: number, data: Uint8Array): void {
    const header = type | data.length;
    this.send(Uint8Array.from([0x10, 0x01, header >> 8, header & 0xff, ...data]));
  }

  private _holdOff(): void {
    this.send(Uint8Array.of(XOFF));
    setTimeout(() => this.send(Uint8Array.of(XON)), 20);
  }

  private _print(text: string): void {
    this.send(new TextEncoder().encode(text));
  }
}

export interface ReplFaults {
  silent?: boolean;
  /** Knows no packets, as before 2v25. */
  old?: boolean;
  /** Shows the debugger's prompt for as long as it is stuck. */
  debugger?: boolean;
  /** Takes this many Ctrl-C to come back. */
  stuckFor?: number;
  refuseBlock?: number;
  corruptBlock?: number;
  /** Answers every piece with XOFF, and XON a moment later. */
  holdOff?: boolean;
}

const ACK = 0x06;
const NAK = 0x15;
const XON = 0x11;
const XOFF = 0x13;
