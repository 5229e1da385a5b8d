import { PacketType } from "../packet/fixed-header.ts";
import type { Clock, Endpoint, Platform, Text, Transport, TransportListener } from "../platform.ts";
import type { Reason } from "../packet/reason.ts";
import type { DropCounts } from "./offline-queue.ts";

/**
 * Counts what goes through a client's connections: an optional part, `mote-mqtt/metrics`. It is a platform around another:
 * give it to the client in its place. All is plain numbers, read at any time without making anything; whoever reads may set
 * them back to 0. Given to several clients, it counts what they do together.
 */
export class Metrics implements Platform, DropCounts {
  /** Bytes of MQTT, without those of TLS, WebSocket, TCP. */
  bytesSent = 0;
  bytesReceived = 0;
  /** MQTT control packets that were whole. */
  packetsSent = 0;
  packetsReceived = 0;
  /** How many times a connection was tried. */
  attempts = 0;
  /** How many of them the broker accepted. */
  connections = 0;
  /** Accepted after an earlier one: `connections` without the first of each client. */
  reconnections = 0;
  /** From the last PINGREQ that was answered to its PINGRESP, in ms; -1 as long as there is none. */
  pingMs = -1;

  // Of an `OfflineQueue` that was given these metrics; without one they stay 0.
  refused = 0;
  droppedOldest = 0;
  droppedNewest = 0;
  droppedOffline = 0;
  expired = 0;

  readonly clock: Clock;
  readonly text: Text;
  private readonly _platform: Platform;

  constructor(platform: Platform) {
    this._platform = platform;
    this.clock = platform.clock;
    this.text = platform.text;
  }

  random(): number {
    return this._platform.random();
  }

  createTransport(): Transport {
    return new MeteredTransport(this, this._platform.createTransport());
  }
}

/** Looks at what passes between a client and its transport. */
class MeteredTransport implements Transport, TransportListener {
  private readonly _metrics: Metrics;
  private readonly _transport: Transport;
  private _listener: TransportListener | undefined;
  private readonly _sent = new PacketCounter();
  private readonly _received = new PacketCounter();
  private _wasConnected = false;
  private _pingSent = 0;
  private _pinging = false;

  constructor(metrics: Metrics, transport: Transport) {
    this._metrics = metrics;
    this._transport = transport;
  }

  open(endpoint: Endpoint, listener: TransportListener): void {
    this._listener = listener;
    this._sent.reset();
    this._received.reset();
    this._pinging = false;
    this._metrics.attempts++;
    this._transport.open(endpoint, this);
  }

  write(bytes: Uint8Array, start: number, end: number): number {
    const metrics = this._metrics;
    const sent = this._sent;
    const taken = this._transport.write(bytes, start, end);
    metrics.bytesSent += taken;
    for (end = start + taken; (start = sent.next(bytes, start, end)) >= 0;) {
      metrics.packetsSent++;
      if (sent.type !== PacketType.PINGREQ || this._pinging) continue;
      this._pinging = true;
      this._pingSent = metrics.clock.now();
    }
    return taken;
  }

  close(): void {
    this._transport.close();
  }

  onOpen(): void {
    this._listener!.onOpen();
  }

  onData(bytes: Uint8Array, start: number, end: number): void {
    const metrics = this._metrics;
    const received = this._received;
    metrics.bytesReceived += end - start;
    for (let at = start; (at = received.next(bytes, at, end)) >= 0;) {
      metrics.packetsReceived++;
      if (received.type === PacketType.CONNACK && received.second === 0) this._connected();
      else if (received.type === PacketType.PINGRESP && this._pinging) this._ponged();
    }
    this._listener!.onData(bytes, start, end);
  }

  onWritable(): void {
    this._listener!.onWritable();
  }

  onClose(reason: Reason): void {
    this._listener!.onClose(reason);
  }

  private _connected(): void {
    this._metrics.connections++;
    if (this._wasConnected) this._metrics.reconnections++;
    this._wasConnected = true;
  }

  private _ponged(): void {
    this._pinging = false;
    this._metrics.pingMs = Math.max(0, (this._metrics.clock.now() - this._pingSent) | 0); // also when the clock wraps
  }
}

/** Finds where packets end in a stream that is cut anywhere. */
class PacketCounter {
  /** Of the packet that `next` found: its type, and the second byte of its body. */
  type = 0;
  second = 0;
  /** Bytes of the packet that are through: its first byte is none of them, its remaining length is not counted. */
  private _passed = 0;
  private _length = 0;
  /** Where in the number the next byte of the remaining length belongs; -1 where none is awaited. */
  private _shift = -1;

  reset(): void {
    this._shift = -1;
    this._passed = this._length = 0;
  }

  /** Reads on at `at`, up to the end of a packet. Returns what follows it, or -1 when it does not end before `end`. */
  next(bytes: Uint8Array, at: number, end: number): number {
    while (at < end) {
      if (this._shift >= 0) {
        const byte = bytes[at++];
        this._length |= (byte & 127) << this._shift;
        this._shift = byte & 128 ? this._shift + 7 : -1;
        if (byte === 0 && this._length === 0) return at;
      } else if (this._passed < this._length) {
        at = this._pass(bytes, at, end);
        if (this._passed === this._length) return at;
      } else {
        this.type = bytes[at++] >> 4;
        this._shift = this._passed = this._length = 0;
      }
    }
    return -1;
  }

  /** Passes over bytes of the body. */
  private _pass(bytes: Uint8Array, at: number, end: number): number {
    const step = Math.min(this._length - this._passed, end - at);
    const second = at + 1 - this._passed;
    if (second >= at && second < at + step) this.second = bytes[second];
    this._passed += step;
    return at + step;
  }
}
