// Frames of WebSocket (RFC 6455, 5).

import type { Platform } from "../../../src/platform.ts";

export enum Opcode {
  CONTINUATION = 0,
  BINARY = 2,
  CLOSE = 8,
  PING = 9,
  PONG = 10,
  /** Not of the wire: there is nothing to do. */
  NONE = 16,
  /** Nor this: the server broke the protocol. */
  MALFORMED = 17,
}

const FINAL = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
/** What a control frame carries at most (5.5). */
const CONTROL_BYTES = 125;

/**
 * Writes a frame at the start of `into`, masked with a number of its own (5.3). At most 65,535 bytes of payload.
 *
 * @returns where it ends.
 */
export function writeFrame(
  into: Uint8Array,
  opcode: Opcode,
  payload: ArrayLike<number>,
  start: number,
  end: number,
  platform: Platform,
): number {
  const size = end - start;
  let at = 2;
  into[0] = FINAL | opcode;
  into[1] = MASKED | Math.min(size, 126);
  if (size > CONTROL_BYTES) {
    into[2] = size >> 8;
    into[3] = size;
    at = 4;
  }
  const mask = at;
  while (at < mask + 4) into[at++] = platform.random() * 256;
  for (let index = 0; index < size; index++) into[at++] = payload[start + index]! ^ into[mask + (index & 3)]!;
  return at;
}

/** Takes a stream of a server's frames apart, cut anywhere. */
export class FrameReader {
  /** What the last `push` came to: BINARY, PING, CLOSE, NONE or MALFORMED. */
  event = Opcode.NONE;
  /** With BINARY: how many bytes of a message there are, the last that were taken. */
  count = 0;
  /** What the last PING or CLOSE carried. */
  readonly control = new Uint8Array(CONTROL_BYTES);
  controlSize = 0;
  private readonly _header = new Uint8Array(10);
  private _headerAt = 0;
  private _headerSize = 2;
  /** Of the frame's payload, how much is to come. */
  private _left = 0;
  /** Whether a message is begun that more frames are to follow. */
  private _fragmented = false;

  reset(): void {
    this._headerAt = 0;
    this._headerSize = 2;
    this._fragmented = false;
  }

  /** Takes from `bytes` until there is something to tell. Returns where it stopped. */
  push(bytes: Uint8Array, start: number, end: number): number {
    this.event = Opcode.NONE;
    if (this._headerAt < this._headerSize) {
      this._pushHeader(bytes[start]!);
      return start + 1;
    }
    const count = Math.min(end - start, this._left);
    this._left -= count;
    if (this._opcode & 8) {
      for (let at = start; at < start + count; at++) this.control[this.controlSize++] = bytes[at]!;
      if (this._left === 0) this.event = this._opcode;
    } else {
      this.count = count;
      this.event = Opcode.BINARY;
    }
    if (this._left === 0) this._finish();
    return start + count;
  }

  private get _opcode(): number {
    return this._header[0]! & 0x0f;
  }

  private _pushHeader(byte: number): void {
    const header = this._header;
    header[this._headerAt++] = byte;
    // A server masks nothing, and has no length of 8 bytes with the first bit set (5.1, 5.2).
    if (this._headerAt === 2) this._headerSize = byte === 126 ? 4 : byte === 127 ? 10 : 2;
    if (this._headerAt < this._headerSize) return;
    if (!this._begin(header[0]!, header[1]!)) this.event = Opcode.MALFORMED;
    else if (this._left === 0) {
      if (this._opcode & 8) this.event = this._opcode;
      this._finish();
    }
  }

  /** The header is there. Returns whether it is one that may come. */
  private _begin(first: number, length: number): boolean {
    const opcode = this._opcode;
    const final = (first & FINAL) !== 0;
    if (first & RESERVED || length & MASKED) return false;
    if (opcode & 8) {
      this.controlSize = 0;
      this._left = length;
      return final && length <= CONTROL_BYTES && opcode <= Opcode.PONG;
    }
    // Text is refused by [MQTT-6.0.0-1].
    if (opcode !== (this._fragmented ? Opcode.CONTINUATION : Opcode.BINARY)) return false;
    this._fragmented = !final;
    return this._readLength(length);
  }

  /** A length that 32 bits do not hold is refused. */
  private _readLength(length: number): boolean {
    const header = this._header;
    this._left = length;
    if (length < 126) return true;
    this._left = 0;
    for (let at = 2; at < this._headerSize; at++) this._left = this._left * 256 + header[at]!;
    return this._left <= 0xffff_ffff;
  }

  private _finish(): void {
    this._headerAt = 0;
    this._headerSize = 2;
  }
}
