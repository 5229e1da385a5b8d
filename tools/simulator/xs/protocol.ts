/**
 * Frames between this process and the XS host. host/protocol.h is the other side; the comment there describes the
 * header and the payloads.
 */
export const HEADER_BYTES = 16;

/** The most that one frame may carry to the host: a program with its settings, and anything else. */
export const EVALUATE_MAX_BYTES = 4 * 1024 * 1024;
export const EVENT_MAX_BYTES = 64 * 1024;

/** Types of frames to the host. */
export const ToHost = {
  EVALUATE: 1,
  WAKE: 2,
  OPENED: 3,
  RECEIVED: 4,
  WRITABLE: 5,
  CLOSED: 6,
  STATISTICS: 7,
} as const;

/** Types of frames from the host. */
export const FromHost = {
  OPEN: 65,
  WRITE: 66,
  CLOSE: 67,
  WAKE_AT: 68,
  PRINT: 69,
  REPORT: 70,
  STATISTICS: 71,
  DONE: 72,
  ENDED: 73,
} as const;

export interface Frame {
  type: number;
  socket: number;
  connection: number;
  /** To the host the time in ms; from it the number that some types carry. */
  number: number;
  /** A view of what was read; valid while it is handled. */
  payload: Buffer;
}

/** A frame's bytes, with room for `length` bytes of payload after the header. */
export function createFrame(type: number, socket: number, connection: number, now: number, length: number): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame.writeUInt32LE(length, 0);
  frame.writeUInt8(type, 4);
  frame.writeUInt8(socket, 5);
  frame.writeUInt16LE(connection, 6);
  frame.writeDoubleLE(now, 8);
  return frame;
}

/** Turns a stream that is cut anywhere into frames. */
export class FrameReader {
  private _rest: Buffer = Buffer.alloc(0);

  /** Hands every frame that `chunk` completes to `handle`. */
  read(chunk: Buffer, handle: (frame: Frame) => void): void {
    const bytes = this._rest.length > 0 ? Buffer.concat([this._rest, chunk]) : chunk;
    let offset = 0;
    while (bytes.length - offset >= HEADER_BYTES) {
      const start = offset + HEADER_BYTES;
      const end = start + bytes.readUInt32LE(offset);
      if (end > bytes.length) break;
      handle({
        type: bytes.readUInt8(offset + 4),
        socket: bytes.readUInt8(offset + 5),
        connection: bytes.readUInt16LE(offset + 6),
        number: bytes.readDoubleLE(offset + 8),
        payload: bytes.subarray(start, end),
      });
      offset = end;
    }
    this._rest = bytes.subarray(offset);
  }
}
