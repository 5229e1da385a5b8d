import { Reason } from "../../src/packet/reason.ts";
import type { Endpoint, Transport, TransportListener } from "../../src/platform.ts";
import { call } from "./call.ts";
import type { Engine, Socket } from "./engine.ts";
import { bytesToString } from "./native/bytes.ts";
import type { TlsOptions } from "./tls.ts";

declare const E: Engine["E"];
declare const require: Engine["require"];
declare const setTimeout: Engine["setTimeout"];
declare const clearTimeout: Engine["clearTimeout"];

/**
 * How much may wait to be sent: two segments. The engine has no bound of its own, and copies all that waits each time that
 * it has sent a segment.
 */
const UNSENT_BYTES = 1_072;

export class EspruinoTransport implements Transport {
  private readonly _tls: TlsOptions;
  private _socket: Socket | undefined;
  /** Reports a connection that failed before there was a socket. */
  private _failing = 0;
  /** Bytes that were written since all of them were known to be sent. */
  private _unsent = 0;
  private _refused = false;

  constructor(tls: TlsOptions) {
    this._tls = tls;
  }

  open(endpoint: Endpoint, listener: TransportListener): void {
    const secure = endpoint.scheme === "mqtts";
    if (!secure && endpoint.scheme !== "mqtt") {
      throw new TypeError(`url has the scheme "${endpoint.scheme}": on Espruino it must be mqtt or mqtts`);
    }
    const library = require(secure ? "tls" : "net");
    let opened = false;
    let answered = false;
    let reason = Reason.CLOSED_BY_BROKER;
    this._unsent = 0;
    this._refused = false;
    let socket: Socket;
    try {
      socket = library.connect(Object.assign({}, this._tls, { host: endpoint.hostname, port: endpoint.port }), () => {
        opened = true;
        if (this._socket === socket) call(() => listener.onOpen());
      });
    } catch (error) {
      const message = String((error as Partial<Error>).message);
      this._failing = setTimeout(() => {
        this._failing = 0;
        call(() => listener.onClose(reasonOfException(message, secure)));
      }, 0);
      return;
    }
    this._socket = socket;
    const take = (data: string): void => {
      answered = true;
      // The array is a view of the string: nothing is copied.
      if (this._socket === socket) listener.onData(new Uint8Array(E.toArrayBuffer(data)), 0, data.length);
    };
    const drained = (): void => {
      if (this._socket !== socket) return;
      this._unsent = 0;
      if (!this._refused) return;
      this._refused = false;
      listener.onWritable();
    };
    const closed = (): void => {
      if (this._socket !== socket) return;
      this._socket = undefined;
      listener.onClose(reason);
    };
    socket.on("data", (data) => call(take, data));
    socket.on("drain", () => call(drained));
    socket.on("error", (error) => (reason = reasonOfCode(error.code, opened, secure && !answered)));
    socket.on("close", () => call(closed));
  }

  write(bytes: Uint8Array, start: number, end: number): number {
    const socket = this._socket;
    if (!socket) return 0;
    const count = Math.min(end - start, UNSENT_BYTES - this._unsent);
    this._refused = count < end - start;
    if (count === 0) return 0;
    try {
      socket.write(bytesToString(bytes, start, start + count)); // a Uint8Array would be sent as "1,2,255"
    } catch {
      return 0; // it is closed, and about to say so
    }
    this._unsent += count;
    return count;
  }

  close(): void {
    if (this._failing) clearTimeout(this._failing);
    this._failing = 0;
    const socket = this._socket;
    if (!socket) return;
    this._socket = undefined;
    try {
      socket.end();
    } catch {
      // It is closed already.
    }
  }
}

/** The exceptions of `connect`, which tell their causes by their messages alone. */
function reasonOfException(message: string, secure: boolean): Reason {
  if (message.indexOf("locate host") >= 0) return Reason.HOST_NOT_FOUND;
  // Nothing more is said of a host that refuses, or cannot be reached.
  if (message.indexOf("create socket") >= 0) return Reason.CONNECTION_REFUSED;
  return secure ? Reason.TLS_FAILED : Reason.CONNECTION_FAILED;
}

/** The codes of a socket's `error` event. `greeting`: it is TLS, and the broker has sent nothing. */
function reasonOfCode(code: number, opened: boolean, greeting: boolean): Reason {
  if (code === -6) return Reason.HOST_NOT_FOUND;
  // In place of its own codes, the engine has that of data, CONNECT, that it could not send.
  if (code === -13 || code === -14 || (code === -8 && greeting)) return Reason.TLS_FAILED;
  return opened ? Reason.CONNECTION_LOST : code === -9 ? Reason.CONNECTION_REFUSED : Reason.CONNECTION_FAILED;
}
