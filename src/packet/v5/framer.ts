import { copyBytes } from "../bytes.ts";
import { PacketType, remainingLengthSize } from "../fixed-header.ts";
import { Framer as Framer311, type PacketListener, State } from "../framer.ts";
import { Reason } from "../reason.ts";
import { writeVariableByteInteger } from "./variable-byte-integer.ts";

/**
 * The framer of MQTT 5. It knows AUTH, holds the remaining length to its fewest bytes [MQTT-1.5.5-1], and hands on the
 * properties of a large PUBLISH as part of its variable header. Properties that do not fit into the buffer with the topic
 * are left out, an empty list in their place; `clipped` then is true, as with a topic that does not fit.
 */
export class Framer extends Framer311 {
  /** @internal */ readonly _large: LargePublish;

  /**
   * @param buffer what a cut packet is gathered in; at least 10 bytes, of which one is kept for the length of a large
   *   PUBLISH's properties. Packets with a longer body are refused, but for PUBLISH, which then comes in pieces.
   * @param maximum the largest remaining length to accept at all; by default, MQTT's own limit.
   */
  constructor(listener: PacketListener, buffer: Uint8Array, maximum?: number) {
    const large = new LargePublish(listener, buffer);
    super(large, buffer.subarray(0, buffer.length - 1), maximum);
    this._large = large;
    large._fail = (reason) => this._fail(reason);
  }

  override reset(): void {
    super.reset();
    this._large._reset();
  }

  protected override _takeFirstByte(byte: number): void {
    if (byte >> 4 !== PacketType.AUTH) return super._takeFirstByte(byte);
    if (byte & 15) return this._fail(Reason.HEADER_FLAGS); // [MQTT-3.15.1-1]
    this._header = byte;
    this._length = this._shift = this._seen = 0;
    this._state = State.REMAINING_LENGTH;
  }

  protected override _takeLengthByte(byte: number): boolean {
    if (byte || this._shift === 0) return super._takeLengthByte(byte);
    this._fail(Reason.VARIABLE_BYTE_INTEGER);
    return false;
  }
}

enum Part {
  NONE,
  PROPERTY_LENGTH,
  PROPERTIES,
  PAYLOAD,
}

/**
 * Stands between the framer of 3.1.1 and the listener: for the former a large PUBLISH's payload begins after the packet
 * id. This gathers the properties behind the packet id in the framer's buffer and hands on the rest.
 */
class LargePublish implements PacketListener {
  _listener: PacketListener;
  private readonly _buffer: Uint8Array;
  private _part = Part.NONE;
  private _header = 0;
  private _clipped = false;
  /** Where what is gathered of the variable header ends. */
  private _end = 0;
  private _propertyLength = 0;
  private _shift = 0;
  /** Bytes of properties that are still to come. */
  private _left = 0;
  /** Whether they are gathered. */
  private _fit = true;
  private _payloadLength = 0;
  /** Stops the framer. */
  _fail!: (reason: Reason) => void;

  constructor(listener: PacketListener, buffer: Uint8Array) {
    this._listener = listener;
    this._buffer = buffer;
  }

  _reset(): void {
    this._part = Part.NONE;
  }

  onPacket(header: number, bytes: Uint8Array, start: number, end: number): void {
    this._listener.onPacket(header, bytes, start, end);
  }

  onMalformed(reason: Reason): void {
    this._part = Part.NONE;
    this._listener.onMalformed(reason);
  }

  onLargePublish(
    header: number,
    _bytes: Uint8Array, // is this._buffer
    _start: number,
    end: number,
    payloadLength: number,
    clipped: boolean,
  ): void {
    if (payloadLength === 0) return this._fail(Reason.TRUNCATED); // no property length
    this._header = header;
    this._end = end;
    this._clipped = clipped;
    this._propertyLength = this._shift = 0;
    this._part = Part.PROPERTY_LENGTH;
  }

  onLargePayload(bytes: Uint8Array, at: number, end: number, missing: number): void {
    while (this._part === Part.PROPERTY_LENGTH && at < end) {
      this._takeLengthByte(bytes[at++], missing + end - at);
    }
    if (this._part === Part.PROPERTIES) {
      const stop = Math.min(end, at + this._left);
      if (this._fit) {
        copyBytes(this._buffer, this._end, bytes, at, stop);
        this._end += stop - at;
      }
      this._left -= stop - at;
      at = stop;
      if (this._left === 0) this._completeHeader();
    }
    if (this._part === Part.PAYLOAD && at < end) {
      if (missing === 0) this._part = Part.NONE;
      this._listener.onLargePayload(bytes, at, end, missing);
    }
  }

  /** Takes a byte of the property length; `rest` bytes of the packet follow it. */
  private _takeLengthByte(byte: number, rest: number): void {
    if (byte === 0 && this._shift) return this._fail(Reason.VARIABLE_BYTE_INTEGER); // [MQTT-1.5.5-1]
    this._propertyLength |= (byte & 127) << this._shift;
    this._shift += 7;
    if (byte > 127) {
      if (this._shift > 21) this._fail(Reason.VARIABLE_BYTE_INTEGER);
      else if (rest === 0) this._fail(Reason.TRUNCATED);
      return;
    }
    const length = this._propertyLength;
    if (length > rest) return this._fail(Reason.TRUNCATED);
    this._fit = this._end + remainingLengthSize(length) + length <= this._buffer.length;
    if (!this._fit) this._clipped = true;
    this._end = writeVariableByteInteger(this._buffer, this._end, this._fit ? length : 0);
    this._left = length;
    this._payloadLength = rest - length;
    if (length) this._part = Part.PROPERTIES;
    else this._completeHeader();
  }

  private _completeHeader(): void {
    this._part = this._payloadLength ? Part.PAYLOAD : Part.NONE;
    this._listener.onLargePublish(this._header, this._buffer, 0, this._end, this._payloadLength, this._clipped);
  }
}
