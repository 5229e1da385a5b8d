/** SLIP (RFC 1055): how the ESP32's loaders cut a byte stream into frames. */

const END = 0xc0;
const ESC = 0xdb;
const ESC_END = 0xdc;
const ESC_ESC = 0xdd;

/** No loader sends a larger frame: reading flash comes in blocks of 4 KB. */
const MAX_FRAME_BYTES = 64 * 1024;

export function encodeSlip(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(slipLength(payload));
  let at = 0;
  frame[at++] = END;
  for (const byte of payload) {
    if (byte === END || byte === ESC) {
      frame[at++] = ESC;
      frame[at++] = byte === END ? ESC_END : ESC_ESC;
    } else {
      frame[at++] = byte;
    }
  }
  frame[at] = END;
  return frame;
}

/** How many bytes `payload` is on the wire. */
export function slipLength(payload: Uint8Array): number {
  let length = payload.length + 2;
  for (const byte of payload) if (byte === END || byte === ESC) length++;
  return length;
}

/** Turns a stream cut anywhere into frames; what stands between frames (a boot message, noise) goes to `onText`. */
export class SlipDecoder {
  private readonly _onFrame: (frame: Uint8Array) => void;
  private readonly _onText: (byte: number) => void;
  private readonly _frame = new Uint8Array(MAX_FRAME_BYTES);
  private _length = -1; // -1: between frames
  private _escaped = false;

  constructor(onFrame: (frame: Uint8Array) => void, onText: (byte: number) => void = () => {}) {
    this._onFrame = onFrame;
    this._onText = onText;
  }

  push(bytes: Uint8Array): void {
    for (const byte of bytes) this._take(byte);
  }

  reset(): void {
    this._length = -1;
    this._escaped = false;
  }

  private _take(byte: number): void {
    if (byte === END) this._end();
    else if (this._length < 0) this._onText(byte);
    else if (this._escaped) this._unescape(byte);
    else if (byte === ESC) this._escaped = true;
    else this._append(byte);
  }

  /** An empty frame is the end of one and the start of the next: so the decoder finds its feet after a lost byte. */
  private _end(): void {
    this._escaped = false;
    if (this._length > 0) {
      this._onFrame(this._frame.slice(0, this._length));
      this._length = -1;
    } else {
      this._length = 0;
    }
  }

  private _unescape(byte: number): void {
    this._escaped = false;
    if (byte === ESC_END) this._append(END);
    else if (byte === ESC_ESC) this._append(ESC);
    else this._length = -1; // not SLIP: drop the frame
  }

  private _append(byte: number): void {
    if (this._length === MAX_FRAME_BYTES) this._length = -1;
    else this._frame[this._length++] = byte;
  }
}
