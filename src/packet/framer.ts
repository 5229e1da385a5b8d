import { MAX_REMAINING_LENGTH } from "./constants.ts";
import { copyBytes, readUint16, writeUint16 } from "./bytes.ts";
import { checkFirstByte, PacketType } from "./fixed-header.ts";
import { publishQos } from "./publish.ts";
import { Reason } from "./reason.ts";

/** What a `Framer` finds in a stream. The bytes are only lent: they change once the call returns. */
export interface PacketListener {
  /** A packet: its first byte, and its body at bytes `start` up to, not including, `end`. */
  onPacket(header: number, bytes: Uint8Array, start: number, end: number): void;
  /**
   * A PUBLISH larger than the framer's buffer: its first byte, and its variable header alone at `start` to `end`.
   * `payloadLength` bytes of payload follow through `onLargePayload`. A topic that does not fit itself is cut at the
   * end, between characters, and `clipped` says so.
   */
  onLargePublish(
    header: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    payloadLength: number,
    clipped: boolean,
  ): void;
  /** The next piece of the payload that `onLargePublish` announced; `missing` bytes are still to come after it. */
  onLargePayload(bytes: Uint8Array, start: number, end: number, missing: number): void;
  /** The stream is not MQTT. The framer stays silent until `reset`. */
  onMalformed(reason: Reason): void;
}

/** Where in a packet a framer is. */
export enum State {
  FIRST_BYTE,
  REMAINING_LENGTH,
  LARGE_HEADER,
  BODY,
  LARGE_PAYLOAD,
  MALFORMED,
}

/**
 * Turns a stream that is cut anywhere into packets. A packet that is whole in one chunk is handed on where it lies; only
 * one that is cut is gathered in the framer's buffer. Whether a PUBLISH counts as large depends on its length alone,
 * never on how the network cut it.
 */
export class Framer {
  /** The listener may set it, and finds what follows the packet or piece that it was handed still there. */
  paused = false;
  /** @internal */ _listener: PacketListener;
  private readonly _buffer: Uint8Array;
  private readonly _maximum: number;
  protected _state = State.FIRST_BYTE;
  protected _header = 0;
  protected _length = 0;
  protected _shift = 0;
  /** How much of the body has been seen. */
  protected _seen = 0;
  /** Of a large PUBLISH: size of the variable header. */
  private _headerLength = 0;
  /** Changes with every reset, so that a chunk in progress notices one made by the listener. */
  private _epoch = 0;

  /**
   * @param buffer what a cut packet is gathered in; at least 9 bytes. Packets with a longer body are refused, but for
   *   PUBLISH, which then comes in pieces.
   * @param maximum the largest remaining length to accept at all; by default, MQTT's own limit.
   */
  constructor(listener: PacketListener, buffer: Uint8Array, maximum?: number) {
    this._listener = listener;
    this._buffer = buffer;
    this._maximum = maximum ?? MAX_REMAINING_LENGTH;
  }

  /** Forgets what it has seen: a new stream begins. May be called by the listener. */
  reset(): void {
    this.paused = false;
    this._state = State.FIRST_BYTE;
    this._epoch++;
  }

  /** Takes the next bytes of the stream, from `at` up to, not including, `end`. Returns where it stopped: `end`, or paused. */
  push(bytes: Uint8Array, at: number, end: number): number {
    const epoch = this._epoch;
    while (at < end && epoch === this._epoch && !this.paused) {
      const state = this._state;
      if (state === State.MALFORMED) return end;
      if (state >= State.BODY) {
        at = this._takeBody(bytes, at, end);
        continue;
      }
      const byte = bytes[at++];
      if (state === State.FIRST_BYTE) this._takeFirstByte(byte);
      else if (state === State.LARGE_HEADER) this._takeLargeHeaderByte(byte);
      else if (this._takeLengthByte(byte)) at = this._beginBody(bytes, at, end);
    }
    return at;
  }

  protected _takeFirstByte(byte: number): void {
    const reason = checkFirstByte(byte);
    if (reason) return this._fail(reason);
    this._header = byte;
    this._length = this._shift = this._seen = 0;
    this._state = State.REMAINING_LENGTH;
  }

  /** True when the remaining length is complete. */
  protected _takeLengthByte(byte: number): boolean {
    this._length |= (byte & 127) << this._shift;
    this._shift += 7;
    if (byte < 128) return true;
    if (this._shift > 21) this._fail(Reason.REMAINING_LENGTH);
    return false;
  }

  private _beginBody(bytes: Uint8Array, at: number, end: number): number {
    const length = this._length;
    const large = length > this._buffer.length;
    if (length > this._maximum || (large && this._header >> 4 !== PacketType.PUBLISH)) {
      this._fail(Reason.PACKET_TOO_LARGE);
    } else if (large) {
      this._headerLength = 2;
      this._state = State.LARGE_HEADER;
    } else if (end - at >= length) {
      this._state = State.FIRST_BYTE;
      this._listener.onPacket(this._header, bytes, at, at + length);
      at += length;
    } else {
      this._state = State.BODY;
    }
    return at;
  }

  private _takeLargeHeaderByte(byte: number): void {
    const buffer = this._buffer;
    const idSize = publishQos(this._header) ? 2 : 0;
    const room = buffer.length - idSize;
    let idAt = this._headerLength - idSize;
    // The topic fills the room there is; a longer one loses its end, but never the packet id that follows it.
    if (this._seen < 2 || this._seen < idAt) {
      if (this._seen < room) buffer[this._seen] = byte;
    } else {
      buffer[Math.min(idAt, room) + this._seen - idAt] = byte;
    }
    this._seen++;
    if (this._seen === 2) {
      idAt = 2 + readUint16(buffer, 0);
      this._headerLength = idAt + idSize;
    }
    if (this._headerLength > this._length) return this._fail(Reason.TRUNCATED);
    if (this._seen < 2 || this._seen < this._headerLength) return;

    let topicEnd = idAt;
    const clipped = topicEnd > room;
    if (clipped) {
      topicEnd = room;
      // Cut between characters: back over the last one, whole or not. None has more than four bytes.
      do topicEnd--;
      while (topicEnd > room - 4 && (buffer[topicEnd] & 0xc0) === 0x80);
      writeUint16(buffer, 0, topicEnd - 2);
      for (let index = 0; index < idSize; index++) buffer[topicEnd + index] = buffer[room + index];
    }
    const missing = this._length - this._headerLength;
    this._state = missing ? State.LARGE_PAYLOAD : State.FIRST_BYTE;
    this._listener.onLargePublish(this._header, buffer, 0, topicEnd + idSize, missing, clipped);
  }

  /** Takes what there is of a body: gathers it, or hands on the payload of a large PUBLISH. */
  private _takeBody(bytes: Uint8Array, at: number, end: number): number {
    const isLarge = this._state === State.LARGE_PAYLOAD;
    const stop = Math.min(end, at + this._length - this._seen);
    if (!isLarge) copyBytes(this._buffer, this._seen, bytes, at, stop);
    this._seen += stop - at;
    const missing = this._length - this._seen;
    if (missing === 0) this._state = State.FIRST_BYTE;
    if (isLarge) this._listener.onLargePayload(bytes, at, stop, missing);
    else if (missing === 0) this._listener.onPacket(this._header, this._buffer, 0, this._length);
    return stop;
  }

  protected _fail(reason: Reason): void {
    this._state = State.MALFORMED;
    this._listener.onMalformed(reason);
  }
}
