import { DUP } from "../packet/constants.ts";
import { readUint16, writeUint16 } from "../packet/bytes.ts";
import type { Text } from "../platform.ts";
import type { PublisherOptions } from "./publisher.ts";
import { close, Room, write, writeField } from "./text.ts";

enum Limit {
  /** Packet ids of messages are 1 to this one, in turn; those above are for requests. */
  PACKET_ID = 64_000,
}

enum First {
  PUBLISH = 0x30,
  /** Where PUBLISH's first byte has the QoS (3.3.1). */
  QOS = 6,
}

/**
 * What outlives a connection: the messages on their way to the broker. They are encoded PUBLISH packets in one buffer, in the
 * order they were published and without a gap. The first of them are sent and wait for their acknowledgement; the others
 * wait to be sent. What is done with is cut out, and what is behind it moves up.
 */
export class Session {
  /** Messages that wait to be sent. */
  queued: number;
  /** Messages with QoS 1 that are sent and wait for their acknowledgement. */
  inFlight: number;
  /** @internal */ readonly _bytes: Uint8Array;
  /** Where the first packet is that is to be sent, and where the last one ends. */
  /** @internal */ _next: number;
  private _tail: number;
  private readonly _window: number;
  private _lastId: number;
  /** Where the packet id is of the packet that `_endOf` was asked about last. */
  private _idAt!: number;

  /**
   * @param size bytes of all messages; the last one needs up to three more while it is added.
   * @param window how many messages may be in flight.
   */
  constructor(size: number, window: number) {
    this._bytes = new Uint8Array(size);
    this._window = window;
    this.queued = this.inFlight = this._next = this._tail = this._lastId = 0;
  }

  /** Adds a message. Returns false when there is no room for it. @internal */
  _append(text: Text, topic: Uint8Array, payload: string | Uint8Array, options: PublisherOptions): boolean {
    const bytes = this._bytes;
    const qos = options.qos!; // undefined becomes 0 below
    let end = writeField(text, topic, bytes, this._tail + Room.HEADER);
    if (end < 0) return false;
    if (qos) {
      writeUint16(bytes, end, 0); // none yet
      end += 2;
    }
    end = write(text, payload, bytes, end);
    if (!(end > 0 && end <= bytes.length)) return false; // nor does what has no length
    this._tail = close(bytes, this._tail, end, First.PUBLISH | (qos << 1) | +options.retain!);
    this.queued++;
    return true;
  }

  /** Makes the next packet ready to be sent. Returns where it ends, or 0 when there is none or it has to wait. @internal */
  _peek(): number {
    const bytes = this._bytes;
    if (!this.queued) return 0;
    const end = this._endOf(this._next);
    if (bytes[this._next] & First.QOS) {
      const idAt = this._idAt;
      if (this.inFlight === this._window) return 0;
      if (!readUint16(bytes, idAt)) {
        do this._lastId = (this._lastId % Limit.PACKET_ID) + 1;
        while (this._find(this._lastId) >= 0); // [MQTT-2.3.1-2]
        writeUint16(bytes, idAt, this._lastId);
      }
    }
    return end;
  }

  /** The next packet, which ends at `end`, has been sent. @internal */
  _sent(end: number): void {
    this.queued--;
    if (this._bytes[this._next] & First.QOS) {
      this.inFlight++;
      this._next = end;
    } else {
      this._cut(this._next, end);
    }
  }

  /** PUBACK has come. One that comes again does no harm: the message has had its answer. @internal */
  _acknowledge(packetId: number): void {
    const at = this._find(packetId);
    if (at < 0) return;
    const end = this._endOf(at);
    this.inFlight--;
    this._next -= end - at;
    this._cut(at, end);
  }

  /**
   * A connection is up again: what is not acknowledged is to be sent once more, in order [MQTT-4.6.0-1]; with DUP when the broker
   * kept the session [MQTT-3.3.1-1], and else as new. @internal
   */
  _resume(sessionPresent: boolean): void {
    const bytes = this._bytes;
    let at = 0;
    while (at < this._tail) {
      const end = this._endOf(at);
      // What has its packet id has been sent, or a part of it.
      if (bytes[at] & First.QOS && readUint16(bytes, this._idAt)) {
        bytes[at] = (bytes[at] & ~DUP) | (sessionPresent ? DUP : 0);
      }
      at = end;
    }
    this.queued += this.inFlight;
    this.inFlight = this._next = 0;
  }

  /** Where the packet in flight is that has this packet id, or -1. */
  private _find(packetId: number): number {
    let at = 0;
    while (at < this._next) {
      const end = this._endOf(at);
      if (readUint16(this._bytes, this._idAt) === packetId) return at;
      at = end;
    }
    return -1;
  }

  /** Where the packet at `at` ends. */
  private _endOf(at: number): number {
    const bytes = this._bytes;
    let length = 0;
    let shift = 0;
    do {
      length |= (bytes[++at] & 127) << shift;
      shift += 7;
    } while (bytes[at] & 128);
    this._idAt = at + 3 + readUint16(bytes, at + 1);
    return at + 1 + length;
  }

  private _cut(start: number, end: number): void {
    // eslint-disable-next-line no-restricted-syntax -- not for Espruino
    this._bytes.copyWithin(start, end, this._tail);
    this._tail -= end - start;
  }
}
