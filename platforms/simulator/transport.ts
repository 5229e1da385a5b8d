import type { Reason } from "../../src/packet/reason.ts";
import type { Endpoint, Transport, TransportListener } from "../../src/platform.ts";
import type { Host } from "./host.ts";

/** What is read at once: about a segment of lwIP's. */
const CHUNK_BYTES = 1_024;
const CLOSED = -1;

export class SimulatorTransport implements Transport {
  private readonly _host: Host;
  private readonly _connections: (SimulatorTransport | undefined)[];
  private readonly _chunk = new Uint8Array(CHUNK_BYTES);
  private _listener: TransportListener | undefined;
  private _socket = CLOSED;
  /** Whether the connection is up: not while it opens. */
  private _isOpen = false;

  /** @param connections the device's table of open transports, by socket number. */
  constructor(host: Host, connections: (SimulatorTransport | undefined)[]) {
    this._host = host;
    this._connections = connections;
  }

  open(endpoint: Endpoint, listener: TransportListener): void {
    const secure = endpoint.scheme === "mqtts";
    if (!secure && endpoint.scheme !== "mqtt") {
      throw new TypeError(`url has the scheme "${endpoint.scheme}": in the simulator it must be mqtt or mqtts`);
    }
    let socket = 0;
    while (this._connections[socket]) socket++;
    this._connections[socket] = this;
    this._socket = socket;
    this._listener = listener;
    this._host.open(socket, endpoint.hostname, endpoint.port, secure);
  }

  write(bytes: Uint8Array, start: number, end: number): number {
    return this._socket === CLOSED ? 0 : this._host.write(this._socket, bytes, start, end);
  }

  close(): void {
    if (this._socket === CLOSED) return;
    this._host.close(this._socket);
    this._forget();
  }

  opened(): void {
    this._isOpen = true;
    this._listener!.onOpen();
  }

  readable(): void {
    const chunk = this._chunk;
    // The listener may close this connection, and begin to open another.
    while (this._isOpen) {
      const count = this._host.read(this._socket, chunk, 0, chunk.length);
      if (count === 0) return;
      this._listener!.onData(chunk, 0, count);
    }
  }

  writable(): void {
    this._listener!.onWritable();
  }

  closed(reason: Reason): void {
    this._forget();
    this._listener!.onClose(reason);
  }

  private _forget(): void {
    this._connections[this._socket] = undefined;
    this._socket = CLOSED;
    this._isOpen = false;
  }
}
