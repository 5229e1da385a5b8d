import { writeField, writeUint16 } from "../../packet/bytes.ts";
import { MAX_REMAINING_LENGTH, PacketType, remainingLengthSize, writeFixedHeader } from "../../packet/fixed-header.ts";
import { DUP, publishHeader } from "../../packet/publish.ts";
import { Reason } from "../../packet/reason.ts";
import type { Client } from "../client.ts";
import { inRange } from "../options.ts";
import type { Line, LineOwner } from "./line.ts";

/** How a streaming publisher sends. */
export interface StreamingPublisherOptions {
  /** 0 by default. 1: the broker acknowledges. 2: exactly once, with the client's `exactlyOnce`. */
  qos?: 0 | 1 | 2;
  /** Whether the broker keeps the message for later subscribers. False by default. */
  retain?: boolean;
}

enum State {
  /** No message is begun. */
  IDLE,
  /** `begin` was called; other packets, or the message's own header, are still to be sent. */
  BEGUN,
  /** The payload is under way. */
  OPEN,
  /** All of it is handed to the connection. `end` is awaited with QoS 0, else PUBACK or PUBREC. */
  SENT,
  /** QoS 2: the broker has the message, and PUBCOMP is awaited. */
  RELEASED,
}

/** The largest fixed header. */
const FIXED_HEADER = 5;

/**
 * A prepared topic for messages that no buffer holds: `streaming.publisher(topic, options)` makes one. `begin`, then
 * `write` until the payload is whole, then `end`. The pieces go to the connection as they are, and nothing is kept.
 */
export class StreamingPublisher implements LineOwner {
  /** The connection takes bytes again, after `write` took fewer than it was given. */
  onWritable: (() => void) | undefined;
  /**
   * What became of a message, once for each that was begun: `OK` when it is delivered (with QoS 0: handed to the
   * connection), else the reason for which the connection ended. Then the message has to be begun anew.
   */
  onEnd: ((reason: Reason) => void) | undefined;

  private readonly _client: Client;
  private readonly _line: Line;
  private readonly _qos: number;
  private readonly _header: number;
  private readonly _packetId: number;
  /** Room for the fixed header, then the rest of the packet up to its payload. */
  private readonly _head: Uint8Array;
  private _headStart = 0;
  private _state = State.IDLE;
  /** Bytes of the payload that are still to come. */
  private _missing = 0;
  /** Whether `write` was refused something. */
  private _waiting = false;
  /** Whether `end` was called, and whether the broker needs nothing more. */
  private _ended = false;
  private _delivered = false;
  /** Whether the broker may have the message, and would know it again. */
  private _again = false;

  /** @internal */
  constructor(client: Client, line: Line, topic: Uint8Array, packetId: number, options: StreamingPublisherOptions) {
    this._client = client;
    this._line = line;
    this._qos = inRange("qos", options.qos, 0, 0, client._maximumQos);
    this._header = publishHeader(this._qos, options.retain ?? false);
    this._packetId = packetId;
    this._head = new Uint8Array(FIXED_HEADER + 2 + topic.length + (this._qos ? 2 : 0));
    const idAt = writeField(this._head, FIXED_HEADER, topic);
    if (this._qos) writeUint16(this._head, idAt, packetId);
  }

  /**
   * Whether the next message goes with the packet id of one that was sent whole but not acknowledged, and with DUP: begin
   * the same message again [MQTT-4.4.0-1]. With QoS 2 the broker takes whatever comes for that message.
   */
  get repeats(): boolean {
    return this._again;
  }

  /** Bytes of the payload that are still to be written. */
  get missing(): number {
    return this._missing;
  }

  /**
   * Begins a message whose payload has `totalBytes`. Until these are written, nothing else is sent. Returns false when
   * there is no connection, another message is being streamed, or this publisher's last is not yet acknowledged. Throws a
   * RangeError when no packet can be so long.
   */
  begin(totalBytes: number): boolean {
    const longest = MAX_REMAINING_LENGTH - this._head.length + FIXED_HEADER;
    inRange("totalBytes", totalBytes, 0, 0, longest);
    if (this._state !== State.IDLE || !this._line.free) return false;
    this._missing = totalBytes;
    const length = this._head.length - FIXED_HEADER + totalBytes;
    this._headStart = FIXED_HEADER - 1 - remainingLengthSize(length);
    writeFixedHeader(this._head, this._headStart, this._header | (this._again ? DUP : 0), length);
    this._state = State.BEGUN;
    this._waiting = false;
    this._line.lend(this);
    this._waiting = this._state === State.BEGUN;
    return true;
  }

  /**
   * Hands bytes `start` up to, not including, `end` of the payload to the connection, all of `bytes` when left out. They
   * may change once this returns.
   *
   * @returns how many were taken. When fewer than given, `onWritable` follows; 0 also when no message is begun any more,
   *   of which `onEnd` has told. Throws a RangeError when they are more than `begin` announced.
   */
  write(bytes: Uint8Array, start?: number, end?: number): number {
    const from = start ?? 0;
    const to = end ?? bytes.length;
    if (!(from >= 0 && from <= to && to <= bytes.length && from % 1 === 0 && to % 1 === 0)) {
      throw new RangeError(`write must have bytes that reach from start to end, not from ${from} to ${to}`);
    }
    if (this._state === State.IDLE) return 0;
    if (to - from > this._missing) {
      throw new RangeError(`write has ${to - from} bytes, but begin announced only ${this._missing} more`);
    }
    const taken = this._state === State.OPEN ? this._line.send(bytes, from, to) : 0;
    this._missing -= taken;
    this._waiting = taken < to - from;
    if (taken > 0 && this._missing === 0) this._complete();
    return taken;
  }

  /**
   * Ends the message: `onEnd` follows once it is delivered, with QoS 0 at once. Does nothing when the connection ended
   * before. Throws a RangeError when bytes are missing: as the message cannot be taken back, write them, or end the
   * connection.
   */
  end(): void {
    if (this._missing > 0) throw new RangeError(`end came ${this._missing} bytes before the payload's`);
    this._ended = this._state !== State.IDLE;
    this._settle();
  }

  /** @internal */
  _proceed(): void {
    if (this._state === State.BEGUN) {
      this._headStart += this._line.send(this._head, this._headStart, this._head.length);
      if (this._headStart < this._head.length) return;
      this._state = State.OPEN;
      if (this._missing === 0) return this._complete();
    }
    if (!this._waiting) return;
    this._waiting = false;
    this._client._guard.call(this.onWritable, undefined);
  }

  /** The packet is whole. */
  private _complete(): void {
    this._state = State.SENT;
    this._delivered = this._qos === 0;
    this._line.release();
    this._settle();
  }

  private _settle(): void {
    if (this._ended && this._delivered) this._finish(Reason.OK);
  }

  private _finish(reason: Reason): void {
    this._state = State.IDLE;
    this._missing = 0;
    this._ended = this._delivered = false;
    this._client._guard.call(this.onEnd, reason);
  }

  /** Whether the broker still has to answer. @internal */
  get _awaiting(): boolean {
    return this._state >= State.SENT && !this._delivered;
  }

  /** Takes PUBACK, PUBREC or PUBCOMP. Returns false when that is not awaited. @internal */
  _acknowledged(type: PacketType): boolean {
    if (!this._awaiting) return false;
    if (type === PacketType.PUBREC && this._qos === 2) {
      this._again = false;
      this._state = State.RELEASED; // maybe for the second time: then PUBREL got lost
      this._release();
      return true;
    }
    const awaited = this._state === State.RELEASED ? PacketType.PUBCOMP : PacketType.PUBACK;
    if (type !== awaited || (type === PacketType.PUBACK && this._qos === 2)) return false;
    this._again = false;
    this._state = State.SENT;
    this._delivered = true;
    this._settle();
    return true;
  }

  private _release(): void {
    const reason = this._client._acknowledge(PacketType.PUBREL, this._packetId);
    if (reason) this._client._lose(reason);
  }

  /** The connection has ended. @internal */
  _interrupted(reason: Reason): void {
    // What the broker has taken over goes on with PUBREL on the next connection; what is delivered waits for `end` alone.
    if (this._state === State.IDLE || this._state === State.RELEASED || this._delivered) return;
    if (this._state === State.SENT) this._again = true;
    this._finish(reason);
  }

  /** A connection is up again. @internal */
  _resume(sessionPresent: boolean): void {
    if (this._state === State.RELEASED) {
      if (sessionPresent) return this._release();
      // The broker lost the message, which it had taken over, together with the session.
      this._delivered = true;
      this._settle();
    }
  }

  /** The broker has no session: it knows of no message. @internal */
  _forget(): void {
    this._again = false;
  }
}
