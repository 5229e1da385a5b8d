import { Transport } from "esptool-js";
import { type Port, PortClosedError } from "../port/port.ts";
import { encodeSlip, SlipDecoder } from "./slip.ts";

/** The boot message of a chip is a few hundred bytes. */
const MAX_TEXT_BYTES = 4096;
/** A loader answers one command at a time, at most with eight frames. */
const MAX_FRAMES = 128;

/**
 * esptool-js's transport over a `Port`. The library's own reads Web Serial streams, copies every received frame once
 * for each of its bytes, prints to the console and needs the port closed and opened to change speed.
 */
export class PortTransport extends Transport {
  /** What the chip said outside of frames since `clearText`: its boot message, or noise. */
  text = "";
  /** Bytes put on the wire so far, framing included. */
  bytesWritten = 0;
  private readonly _port: Port;
  private readonly _decoder: SlipDecoder;
  private readonly _frames: Uint8Array[] = [];
  private _received = 0;
  private _closed = false;
  private _wake: () => void = () => {};

  constructor(port: Port) {
    super(undefined as never, false, false);
    this._port = port;
    this.baudrate = port.baudRate;
    this._decoder = new SlipDecoder(
      (frame) => {
        if (this._frames.length < MAX_FRAMES) this._frames.push(frame);
      },
      (byte) => {
        if (this.text.length < MAX_TEXT_BYTES) this.text += String.fromCharCode(byte);
      },
    );
    port.onData = (bytes) => {
      this._received += bytes.length;
      this._decoder.push(bytes);
      this._wake();
    };
    port.onClose = () => {
      this._closed = true;
      this._wake();
    };
  }

  clearText(): void {
    this.text = "";
  }

  override async write(payload: Uint8Array): Promise<void> {
    this._refuseIfClosed();
    const frame = encodeSlip(payload);
    await this._port.write(frame);
    this.bytesWritten += frame.length;
  }

  override async read(timeoutMs: number): Promise<Uint8Array> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const frame = this._frames.shift();
      if (frame) return frame;
      this._refuseIfClosed();
      const left = deadline - performance.now();
      if (left <= 0) throw new TimeoutError(timeoutMs);
      await this._arrivalWithin(left);
    }
  }

  override flushInput(): void {
    this._frames.length = 0;
    this._decoder?.reset();
  }

  override async drainInput(quietMs = 100, maxMs = 400): Promise<void> {
    const deadline = performance.now() + maxMs;
    for (let before = -1; before !== this._received && performance.now() < deadline;) {
      before = this._received;
      await new Promise((resolve) => setTimeout(resolve, quietMs));
    }
    this.flushInput();
  }

  override peek(): Uint8Array {
    return new TextEncoder().encode(this.text);
  }

  override inWaiting(): number {
    return this._frames.length;
  }

  override async setSignals(dtr: boolean, rts: boolean): Promise<void> {
    await this._port.setSignals(dtr, rts);
  }

  override async changeBaudrate(baudRate: number): Promise<boolean> {
    if (baudRate !== this._port.baudRate) await this._port.setBaudRate(baudRate);
    this.baudrate = baudRate;
    return false;
  }

  /** The port is opened, closed and set to a speed by whoever made it. */
  override async connect(): Promise<void> {}
  override async disconnect(): Promise<void> {}
  override async readLoop(): Promise<void> {}

  override getInfo(): string {
    return this._port.path;
  }
  override getVid(): number | undefined {
    return this._port.usbVendorId;
  }
  override getPid(): number | undefined {
    return this._port.usbProductId;
  }

  /** The library traces even when told not to. */
  override trace(): void {}

  private _refuseIfClosed(): void {
    if (this._closed) throw new PortClosedError(this._port.path);
  }

  private async _arrivalWithin(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this._wake = resolve;
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
    this._wake = () => {};
  }
}

export class TimeoutError extends Error {
  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms`);
    this.name = "TimeoutError";
  }
}
