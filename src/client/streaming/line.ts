import { Reason } from "../../packet/reason.ts";
import type { Endpoint, Transport, TransportListener } from "../../platform.ts";
import type { Client } from "../client.ts";

/** Who may have the line: a publisher, from `begin` until its packet is whole. */
export interface LineOwner {
  /** The line is its own now, and takes bytes through `send`. */
  _proceed(): void;
}

/** Is told about the line. */
export interface LineListener {
  /** Bytes were taken. */
  _onProgress(): void;
  _onClosed(reason: Reason): void;
}

/**
 * Stands between a client and its transport, and lends the connection to one packet that no buffer holds. Nothing may come
 * between the bytes of a packet, so meanwhile it takes nothing of what the client writes: that waits in the client's own
 * buffers, as it does for a slow transport.
 */
export class Line implements Transport, TransportListener {
  /** Whose packet is under way, or the next to be. */
  owner: LineOwner | undefined;
  private readonly _client: Client;
  private readonly _transport: Transport;
  private readonly _listener: LineListener;
  /** Whether what the client wrote ends with a packet: the owner's can begin. */
  private _betweenPackets = true;
  /** Whether the owner's packet has begun. */
  private _lent = false;

  constructor(client: Client, listener: LineListener) {
    this._client = client;
    this._transport = client._transport;
    this._listener = listener;
    client._transport = this;
  }

  /** Whether there is a connection, and nobody has it. */
  get free(): boolean {
    return !this.owner && this._client.connected;
  }

  /** Lends the line, which is free, to `owner`: now, or as soon as what is ahead of it is sent. */
  lend(owner: LineOwner): void {
    this.owner = owner;
    this._listener._onProgress();
    this._advance();
  }

  /** Takes bytes of the owner's packet. Returns how many. */
  send(bytes: Uint8Array, start: number, end: number): number {
    const taken = start < end ? this._transport.write(bytes, start, end) : 0;
    if (taken > 0) {
      this._client._sinceSentMs = 0;
      this._listener._onProgress();
    }
    return taken;
  }

  /** The owner's packet is whole. What has waited for it goes next. */
  release(): void {
    this.owner = undefined;
    this._lent = false;
    this._client._flush();
  }

  /** Lends the line when it can be, and lets the owner know that there is room. */
  private _advance(): void {
    const client = this._client;
    if (!this.owner) return;
    if (!this._lent) {
      // Acknowledgements and requests go first; those of messages in hand are still to come.
      if (client._busy || !this._betweenPackets || client._controlStart < client._controlEnd) return;
      // A broker that counts whole packets alone has all the more patience after a ping.
      if (client._keepAliveMs && client._sinceSentMs * 2 >= client._keepAliveMs) {
        client._sinceSentMs = client._keepAliveMs;
        client._keepAlive(0);
        if (client._controlStart < client._controlEnd) return;
      }
      this._lent = true;
    }
    this.owner?._proceed();
  }

  // As the client's transport

  open(endpoint: Endpoint): void {
    this._transport.open(endpoint, this);
  }

  write(bytes: Uint8Array, start: number, end: number): number {
    const client = this._client;
    if (this._lent || (this.owner && this._betweenPackets && bytes !== client._control)) return 0;
    const taken = this._transport.write(bytes, start, end);
    if (taken > 0) {
      this._betweenPackets = taken === end - start;
      this._listener._onProgress();
    }
    return taken;
  }

  close(): void {
    this._transport.close();
    this.owner = undefined;
    this._lent = false;
    this._betweenPackets = true;
    this._listener._onClosed(this._client._lastReason || Reason.DISCONNECTED);
  }

  // As the transport's listener

  onOpen(): void {
    this._client.onOpen();
  }

  onData(bytes: Uint8Array, start: number, end: number): void {
    try {
      this._client.onData(bytes, start, end);
    } finally {
      this._advance();
    }
  }

  onWritable(): void {
    this._client.onWritable();
    this._advance();
    this._client._guard.rethrow();
  }

  onClose(reason: Reason): void {
    this._client.onClose(reason);
  }
}
