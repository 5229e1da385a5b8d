/** A view whose length changes without a new one being made: what the SDK's classes take is always a whole buffer. */
export class FlexibleBuffer {
  readonly view: Uint8Array;
  readonly buffer: ArrayBuffer;
  readonly capacity: number;

  /** @param capacity the longest that it can be, in bytes. */
  constructor(capacity: number) {
    this.capacity = capacity;
    this.buffer = new ArrayBuffer(capacity, { maxByteLength: capacity });
    this.view = new Uint8Array(this.buffer);
  }

  /** The view, `size` bytes long. */
  resize(size: number): Uint8Array {
    this.buffer.resize(size);
    return this.view;
  }

  /** The view, with bytes `start` up to, not including, `end`. */
  fill(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const view = this.view;
    const size = end - start;
    if (bytes.length > this.capacity) {
      this.resize(size);
      for (let at = 0; at < size; at++) view[at] = bytes[start++]!;
      return view;
    }
    // Copying all, then moving a part, is two native calls: far less than a turn of bytecode for each byte.
    this.resize(bytes.length);
    view.set(bytes);
    if (start > 0) view.copyWithin(0, start, end);
    return this.resize(size);
  }
}
