// `embedded:io/socket/tcp` as Moddable's classes for lwIP and Linux behave, their limits included.

import type { Host } from "../../../platforms/simulator/host.ts";
import { Control, CONTROL_SOCKET } from "../control.ts";
import { device } from "./device.ts";

declare const host: Host;

interface Options {
  address: string;
  port: number;
  onReadable?: (count: number) => void;
  onWritable?: (count: number) => void;
  onError?: () => void;
}

/** What may lie unread, and what may be written at once. */
const READ_BYTES = 8_192;

/** Ports at which something is wrong with the network. */
const PORT_NO_SOCKET = 1;
const PORT_REFUSED = 2;

export default class TCP {
  /** @internal */ _fault = 0;
  private _socket: number;
  private readonly _options: Options;
  private readonly _unread = new Uint8Array(READ_BYTES);
  private _start = 0;
  private _end = 0;
  private _writable = 0;
  private _ready = false;
  private _error = false;

  constructor(options: Options) {
    if (!/^\d+\.\d+\.\d+\.\d+$/.test(options.address)) throw new Error("invalid address");
    if (!(options.port >= 0 && options.port <= 65_535)) throw new RangeError("invalid port");
    if (options.port === PORT_NO_SOCKET) throw new RangeError("no socket");
    let socket = 0;
    while (device.sockets[socket]) socket++;
    if (socket === CONTROL_SOCKET) throw new RangeError("no socket");
    this._socket = socket;
    this._options = options;
    device.sockets[socket] = this;
    if (options.port === PORT_REFUSED) device.timers.start(() => this._failed(), 1, false);
    else host.open(socket, options.address, options.port, false);
  }

  read(buffer: Uint8Array): number | undefined {
    this._mustBeOpen();
    const available = this._end - this._start;
    if (available === 0) return undefined;
    const fault = this._takeFault();
    if (fault === Control.READ_THROWS || buffer.byteLength === 0 || buffer.byteLength > available) {
      throw new Error("invalid");
    }
    // Native in the real classes: a copy that makes nothing.
    for (let at = 0; at < buffer.byteLength; at++) buffer[at] = this._unread[this._start++]!;
    if (fault === Control.READ_REENTERS) this._options.onReadable?.(this._end - this._start);
    if (this._error && this._start === this._end) device.timers.start(() => this._failed(), 1, false);
    return buffer.byteLength;
  }

  write(buffer: Uint8Array): number | undefined {
    this._mustBeOpen();
    if (!this._ready) throw new Error("not ready");
    if (this._error) return undefined; // lost, as lwIP's does
    if (this._takeFault() === Control.WRITE_THROWS || buffer.byteLength > this._writable) {
      throw new Error("would block");
    }
    host.write(this._socket, buffer, 0, buffer.byteLength);
    this._writable -= buffer.byteLength;
    return this._writable;
  }

  close(): void {
    if (this._socket < 0) return;
    device.sockets[this._socket] = undefined;
    host.close(this._socket);
    this._socket = -1;
  }

  /** @internal */
  _granted(count: number): void {
    this._ready = true;
    this._writable = count;
    this._options.onWritable?.(count);
  }

  /** @internal */
  _arrived(): void {
    const unread = this._unread;
    if (this._start > 0) {
      unread.copyWithin(0, this._start, this._end);
      this._end -= this._start;
      this._start = 0;
    }
    this._end += host.read(this._socket, unread, this._end, unread.length);
    this._options.onReadable?.(this._end);
  }

  /** @internal */
  _failed(): void {
    if (this._socket < 0) return;
    this._error = true;
    if (this._start === this._end) this._options.onError?.(); // without an argument, and only once all is read
  }

  private _takeFault(): number {
    const fault = this._fault;
    this._fault = 0;
    return fault;
  }

  private _mustBeOpen(): void {
    if (this._socket < 0) throw new TypeError("this: host object is closed");
  }
}
