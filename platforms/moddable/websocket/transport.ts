import { Reason } from "../../../src/packet/reason.ts";
import type { Endpoint, Platform, Transport, TransportListener } from "../../../src/platform.ts";
import { FrameReader, Opcode, writeFrame } from "./frame.ts";
import { Handshake } from "./handshake.ts";

/** The largest frame that is sent, its header included: what the transport below writes at once. */
const FRAME_BYTES = 1_024;
const LONGEST_HEADER = 8;
/** Status code 1000 (RFC 6455, 7.4.1): the purpose is fulfilled. */
const NORMAL_CLOSURE = Object.freeze([0x03, 0xe8]);

enum State {
  CLOSED,
  /** Of a scheme that is not WebSocket's: everything goes straight through. */
  PLAIN,
  CONNECTING,
  UPGRADING,
  OPEN,
}

/** A stream of bytes in the binary frames of WebSocket [MQTT-6.0.0-1], above a stream of bytes. */
export class WebSocketTransport implements Transport, TransportListener {
  private readonly _below: Transport;
  private readonly _platform: Platform;
  private readonly _frames = new FrameReader();
  private readonly _frame = new Uint8Array(FRAME_BYTES);
  private _state = State.CLOSED;
  private _listener: TransportListener | undefined;
  private _handshake: Handshake | undefined;
  /** What is taken, and not yet by the transport below. */
  private _output: Uint8Array = this._frame;
  private _outputAt = 0;
  private _outputEnd = 0;
  /** A PING that waits to be answered. */
  private _pinged = false;

  constructor(below: Transport, platform: Platform) {
    this._below = below;
    this._platform = platform;
  }

  open(endpoint: Endpoint, listener: TransportListener): void {
    const scheme = endpoint.scheme;
    this._reset(State.PLAIN);
    if (scheme !== "ws" && scheme !== "wss") return this._below.open(endpoint, listener);
    this._handshake = new Handshake(endpoint, this._platform);
    this._listener = listener;
    this._state = State.CONNECTING;
    const hostname = endpoint.hostname;
    this._below.open({ scheme: scheme === "ws" ? "mqtt" : "mqtts", hostname, port: endpoint.port, path: "" }, this);
  }

  write(bytes: Uint8Array, start: number, end: number): number {
    if (this._state === State.PLAIN) return this._below.write(bytes, start, end);
    let at = start;
    while (at < end && this._state === State.OPEN && this._flush()) {
      const size = Math.min(end - at, FRAME_BYTES - LONGEST_HEADER);
      this._send(Opcode.BINARY, bytes, at, at + size);
      at += size;
    }
    return at - start;
  }

  close(): void {
    if (this._state === State.OPEN && this._flush()) this._send(Opcode.CLOSE, NORMAL_CLOSURE, 0, 2);
    this._reset(State.CLOSED);
    this._below.close();
  }

  private _reset(state: State): void {
    this._state = state;
    this._listener = this._handshake = undefined;
    this._output = this._frame;
    this._outputAt = this._outputEnd = 0;
    this._pinged = false;
    this._frames.reset();
  }

  /** The connection is of no use any more. */
  private _fail(reason: Reason): void {
    const listener = this._listener!;
    this._reset(State.CLOSED);
    this._below.close();
    listener.onClose(reason);
  }

  // Output

  private _send(opcode: Opcode, payload: ArrayLike<number>, start: number, end: number): void {
    this._outputEnd = writeFrame(this._frame, opcode, payload, start, end, this._platform);
    this._flush();
  }

  /** Hands on what waits. Returns whether nothing does any more. */
  private _flush(): boolean {
    if (this._outputAt < this._outputEnd) {
      this._outputAt += this._below.write(this._output, this._outputAt, this._outputEnd);
      if (this._outputAt < this._outputEnd) return false;
      this._output = this._frame;
      this._outputAt = this._outputEnd = 0;
    }
    if (!this._pinged) return true;
    this._pinged = false;
    const frames = this._frames;
    this._send(Opcode.PONG, frames.control, 0, frames.controlSize);
    return this._outputEnd === 0;
  }

  // What the transport below tells

  onOpen(): void {
    this._state = State.UPGRADING;
    this._output = this._handshake!.request;
    this._outputEnd = this._output.length;
    this._flush();
  }

  onWritable(): void {
    if (this._flush() && this._state === State.OPEN) this._listener!.onWritable();
  }

  onClose(reason: Reason): void {
    const listener = this._listener!;
    // A port that is not WebSocket's ends the connection when it gets the request.
    const refused = this._state === State.UPGRADING && reason !== Reason.TLS_FAILED;
    this._reset(State.CLOSED);
    listener.onClose(refused ? Reason.WEBSOCKET_FAILED : reason);
  }

  onData(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    if (this._state === State.UPGRADING) at = this._upgrade(bytes, start, end);
    const frames = this._frames;
    // In another state the connection was closed meanwhile, or made anew by the same listener.
    while (at < end && this._state === State.OPEN) {
      at = frames.push(bytes, at, end);
      switch (frames.event) {
        case Opcode.BINARY:
          this._listener!.onData(bytes, at - frames.count, at);
          break;
        case Opcode.PING:
          this._pinged = true;
          this._flush();
          break;
        case Opcode.CLOSE:
          if (this._flush()) this._send(Opcode.CLOSE, frames.control, 0, Math.min(frames.controlSize, 2));
          return this._fail(Reason.CLOSED_BY_BROKER);
        case Opcode.MALFORMED:
          return this._fail(Reason.WEBSOCKET_FAILED);
      }
    }
  }

  /** Takes of the server's answer to the request what there is. Returns where it ends. */
  private _upgrade(bytes: Uint8Array, start: number, end: number): number {
    const handshake = this._handshake!;
    const at = handshake.push(bytes, start, end);
    if (handshake.accepted === undefined) return end;
    if (!handshake.accepted) {
      this._fail(Reason.WEBSOCKET_FAILED);
      return end;
    }
    this._handshake = undefined;
    this._state = State.OPEN;
    this._listener!.onOpen();
    return at;
  }
}
