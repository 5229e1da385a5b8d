import { DUP, MAX_REMAINING_LENGTH, RETAIN } from "../../packet/constants.ts";
import { writeField, writeUint16 } from "../../packet/bytes.ts";
import { packetSize, PacketType, remainingLengthSize, writeFixedHeader } from "../../packet/fixed-header.ts";
import { publishQos } from "../../packet/publish.ts";
import { Reason } from "../../packet/reason.ts";
import type { Client } from "../client.ts";
import { inRange } from "../options.ts";
import type { Publisher } from "../publisher.ts";
import type { Line, LineOwner } from "./line.ts";

/** What MQTT 5 has more. */
interface Version5 {
  /** What the broker said in CONNACK that it takes. */
  readonly connack?: {
    readonly maximumQos: number;
    readonly retainAvailable: boolean;
    readonly maximumPacketSize: number;
  };
  /** `_quota`: how many messages may be sent until one is acknowledged [MQTT5-4.9.0-2]. */
  readonly _outbox: { _quota?: number };
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
   * connection); the reason for which the connection ended: then it has to be begun anew; or with MQTT 5 a code from 0x80
   * up with which the broker rejected it.
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
  /** Whether it takes a place of MQTT 5's quota on this connection. */
  private _counts = false;

  /** @internal */
  constructor(client: Client, line: Line, publisher: Publisher, packetId: number) {
    const topic = publisher._topic;
    const properties = (publisher as { _properties?: Uint8Array })._properties; // of MQTT 5
    this._client = client;
    this._line = line;
    this._header = publisher._header;
    this._qos = publishQos(this._header);
    this._packetId = packetId;
    const propertiesAt = FIXED_HEADER + 2 + topic.length + (this._qos ? 2 : 0);
    this._head = new Uint8Array(propertiesAt + (properties ? properties.length : 0));
    const idAt = writeField(this._head, FIXED_HEADER, topic);
    if (this._qos) writeUint16(this._head, idAt, packetId);
    if (properties) this._head.set(properties, propertiesAt);
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
   * there is no connection, another message is being streamed, this publisher's last is not yet acknowledged, or with
   * MQTT 5 the broker takes no more at present. Of a message that it
   * never takes `onEnd` tells the reason. Throws a RangeError when no packet can be so long.
   */
  begin(totalBytes: number): boolean {
    const longest = MAX_REMAINING_LENGTH - this._head.length + FIXED_HEADER;
    inRange("totalBytes", totalBytes, 0, 0, longest);
    if (this._state !== State.IDLE || !this._line.free) return false;
    const length = this._head.length - FIXED_HEADER + totalBytes;
    if (!this._isTaken(length)) return false;
    this._missing = totalBytes;
    this._headStart = FIXED_HEADER - 1 - remainingLengthSize(length);
    writeFixedHeader(this._head, this._headStart, this._header | (this._again ? DUP : 0), length);
    this._state = State.BEGUN;
    this._waiting = false;
    this._line.lend(this);
    this._waiting = this._state === State.BEGUN;
    return true;
  }

  /** Whether a broker of MQTT 5 takes the message, now and at all; one of 3.1.1 does. */
  private _isTaken(length: number): boolean {
    const version5 = this._client as unknown as Version5;
    const broker = version5.connack;
    if (!broker) return true;
    const maximum = broker.maximumPacketSize;
    let reason = Reason.OK;
    if (this._qos > broker.maximumQos) reason = Reason.QOS_NOT_SUPPORTED;
    else if (this._header & RETAIN && !broker.retainAvailable) reason = Reason.RETAIN_NOT_SUPPORTED;
    else if (maximum && packetSize(length) > maximum) reason = Reason.PACKET_TOO_LARGE_V5;
    if (reason) this._client._guard.call(this.onEnd, reason);
    if (reason || (this._qos && !version5._outbox._quota)) return false;
    if (this._qos) {
      version5._outbox._quota!--;
      this._counts = true;
    }
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
    if (this._counts) (this._client as unknown as Version5)._outbox._quota!++;
    this._counts = false;
    this._state = State.IDLE;
    this._missing = 0;
    this._ended = this._delivered = false;
    this._client._guard.call(this.onEnd, reason);
  }

  /** Whether the broker still has to answer. @internal */
  get _awaiting(): boolean {
    return this._state >= State.SENT && !this._delivered;
  }

  /** Takes PUBACK, PUBREC or PUBCOMP; with MQTT 5 it has a reason code. Returns false when it is not awaited. @internal */
  _acknowledged(type: PacketType, reason: Reason): boolean {
    const released = this._state === State.RELEASED;
    const expected = type === PacketType.PUBCOMP ? released : this._qos === (type === PacketType.PUBACK ? 1 : 2);
    if (!expected || !this._awaiting) return false;
    this._again = false;
    if (reason >= Reason.UNSPECIFIED_ERROR && !released) {
      this._finish(reason);
    } else if (type === PacketType.PUBREC) {
      this._state = State.RELEASED; // maybe for the second time: then PUBREL got lost
      this._release();
    } else {
      this._deliver();
    }
    return true;
  }

  private _deliver(): void {
    this._state = State.SENT;
    this._delivered = true;
    this._settle();
  }

  private _release(): void {
    const reason = this._client._acknowledge(PacketType.PUBREL, this._packetId);
    if (reason) this._client._lose(reason);
  }

  /** The connection has ended. @internal */
  _interrupted(reason: Reason): void {
    this._counts = false;
    // What the broker has taken over goes on with PUBREL on the next connection; what is delivered waits for `end` alone.
    if (this._state === State.IDLE || this._state === State.RELEASED || this._delivered) return;
    if (this._state === State.SENT) this._again = true;
    this._finish(reason);
  }

  /** A connection is up again. @internal */
  _resume(): void {
    if (this._state === State.RELEASED) this._release();
    else this._settle();
  }

  /** The broker has no session: it knows of no message, and has lost together with it the one that it had taken over. @internal */
  _forget(): void {
    this._again = false;
    if (this._state !== State.RELEASED) return;
    this._state = State.SENT;
    this._delivered = true;
  }
}
