import { createConnection, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Reason } from "../../src/packet/reason.ts";
import type { Endpoint, Transport, TransportListener } from "../../src/platform.ts";
import type { NodePlatformOptions } from "./index.ts";

/** How long a closed connection may take to send what it had taken. */
const LINGER_MS = 2_000;

export class NodeTransport implements Transport {
  private readonly _options: NodePlatformOptions;
  private _socket: Socket | undefined;

  constructor(options: NodePlatformOptions) {
    this._options = options;
  }

  open(endpoint: Endpoint, listener: TransportListener): void {
    const socket = this._connect(endpoint);
    this._socket = socket;
    socket.setNoDelay(true);
    // Events of a socket that was closed meanwhile are nobody's.
    const current = (): boolean => this._socket === socket;
    let failure: NodeJS.ErrnoException | undefined;
    /** The server is there; what fails until it is through with TLS, TLS has failed. */
    let handshaking = false;
    if (endpoint.scheme === "mqtts") socket.on("connect", () => (handshaking = true));
    socket.on(endpoint.scheme === "mqtts" ? "secureConnect" : "connect", () => {
      handshaking = false;
      if (current()) listener.onOpen();
    });
    socket.on("data", (chunk: Buffer) => {
      if (current()) listener.onData(chunk, 0, chunk.length);
    });
    socket.on("drain", () => {
      if (current()) listener.onWritable();
    });
    socket.on("error", (error) => (failure = error));
    socket.on("close", () => {
      if (!current()) return;
      this._socket = undefined;
      if (failure) this._options.onError?.(failure);
      if (handshaking) return listener.onClose(Reason.TLS_FAILED);
      listener.onClose(failure ? reasonOf(failure) : Reason.CLOSED_BY_BROKER);
    });
  }

  private _connect({ scheme, hostname, port }: Endpoint): Socket {
    if (scheme === "mqtt") return createConnection({ host: hostname, port });
    if (scheme === "mqtts") {
      const isAddress = /^[\d.]+$|:/.test(hostname);
      return connectTls({ host: hostname, port, ...(isAddress ? {} : { servername: hostname }), ...this._options.tls });
    }
    throw new TypeError(`url has the scheme "${scheme}": on Node.js it must be mqtt or mqtts`);
  }

  write(bytes: Uint8Array, start: number, end: number): number {
    const socket = this._socket;
    if (!socket || socket.writableNeedDrain || !socket.writable) return 0;
    // Node may keep what it is given until later; the caller's buffer changes at once.
    socket.write(Buffer.copyBytesFrom(bytes, start, end - start));
    return end - start;
  }

  close(): void {
    const socket = this._socket;
    if (!socket) return;
    this._socket = undefined;
    if (socket.connecting) {
      socket.destroy();
    } else {
      const linger = setTimeout(() => socket.destroy(), LINGER_MS).unref();
      socket.once("close", () => clearTimeout(linger));
      socket.destroySoon();
    }
  }
}

function reasonOf(error: NodeJS.ErrnoException): Reason {
  switch (error.code) {
    case "ECONNREFUSED":
      return Reason.CONNECTION_REFUSED;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return Reason.HOST_NOT_FOUND;
    case "ECONNRESET":
    case "EPIPE":
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return Reason.CONNECTION_LOST;
  }
  const tls = /^EPROTO$|^ERR_(TLS|SSL|OSSL)|CERT|SSL|UNABLE_TO_|SELF_SIGNED/.test(error.code ?? "");
  return tls ? Reason.TLS_FAILED : Reason.CONNECTION_FAILED;
}
