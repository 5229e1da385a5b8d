import { ACKNOWLEDGEMENT_SIZE, DUP } from "../packet/constants.ts";
import { readUint16, writeUint16 } from "../packet/bytes.ts";
import { PacketType } from "../packet/fixed-header.ts";
import { closePublish, openPublish, publishQos, setPublishPacketId } from "../packet/publish.ts";
import { ENTRY_HEADER, NO_ENTRY, State } from "./entry.ts";

/** Writes a message's payload in place. */
export interface PayloadSource {
  /** Writes the payload at `at`. Returns where it ends, or a negative number when that would be beyond `limit`. */
  writePayload(into: Uint8Array, at: number, limit: number): number;
}

/** Is told that nothing is to be done any more about the message with a packet id. */
export interface Saved {
  /** Messages that are not in the ring yet: until they are, it takes no others. */
  readonly waiting: number;
  ended(packetId: number): void;
}

/**
 * The messages on their way to the broker: a ring of encoded PUBLISH packets in one buffer, in the order they were
 * published. It outlives connections. A message with QoS 1 stays until it is acknowledged; at most `window` are under way
 * at once, and a message's place among those is its packet id, so that an id is never 0 [MQTT-2.3.1-1], never in use
 * twice [MQTT-2.3.1-2], and found without a search.
 */
export class Outbox {
  /** The ring. The packet that `peek` found is at `packetStart` up to, not including, `packetEnd`. */
  readonly bytes: Uint8Array;
  packetStart = 0;
  packetEnd = 0;
  /** Messages that wait to be sent. */
  queued = 0;
  /** Messages with QoS 1 or 2 that have a packet id and wait for its acknowledgement, or to be sent again. */
  inFlight = 0;

  // What begins with an underscore is for heirs, and for the optional parts of a session: they build on the ring.

  /** Oldest entry, first one not sent, and first free byte. */
  _tail = 0;
  _next = 0;
  _head = 0;
  _entries = 0;
  /** Where the entry is that has packet id index + 1. */
  _flight: Int32Array;
  /** Set where packets are not those of 3.1.1: a saved message of another version is not read. */
  _version: number | undefined;
  /** The part that saves messages, if there is one. */
  _saved: Saved | undefined;
  /** Bytes that parts have for themselves in each entry, after its header; none when undefined. */
  _margin: number | undefined;
  /** MQTT 5's, one for each packet id: a part that has more of those makes a larger one. */
  _carried: Uint8Array | undefined;
  private readonly _window: number;
  private _lastSlot = 0;

  /**
   * @param size bytes of the ring; a message takes its packet and up to 7 bytes.
   * @param window how many messages may wait for their acknowledgement at once; packet ids are 1 to `window`.
   */
  constructor(size: number, window: number) {
    this.bytes = new Uint8Array(size);
    this._window = window;
    this._flight = new Int32Array(window).fill(NO_ENTRY);
  }

  /** Adds a message. Returns false, and changes nothing, when there is no room for it. */
  append(header: number, topic: Uint8Array, payload: PayloadSource): boolean {
    const head = this._head;
    const tail = this._tail;
    const size = this.bytes.length;
    if (head < tail) return this._appendAt(head, tail, header, topic, payload);
    if (head === tail && this._entries) return false;
    if (this._appendAt(head, size, header, topic, payload)) return true;
    if (!this._appendAt(0, tail, header, topic, payload)) return false;
    if (head < size) this.bytes[head] = State.WRAP;
    return true;
  }

  _appendAt(at: number, limit: number, header: number, topic: Uint8Array, payload: PayloadSource): boolean {
    const bytes = this.bytes;
    const body = at + ENTRY_HEADER;
    const payloadAt = openPublish(bytes, body, limit, publishQos(header), topic);
    if (payloadAt < 0) return false;
    const end = payload.writePayload(bytes, payloadAt, limit);
    if (end < 0) return false;
    const padding = closePublish(bytes, body, end, header) - body;
    bytes[at] = State.QUEUED | (padding << 4);
    bytes[at + 1] = (end - body) >> 16;
    writeUint16(bytes, at + 2, end - body);
    if (this.queued++ === 0) this._next = at;
    this._entries++;
    this._head = end;
    return true;
  }

  /**
   * Finds the next packet to send and gives it its packet id. Returns false when there is none, or when it has to wait
   * until another is acknowledged.
   */
  peek(): boolean {
    if (this.queued === 0) return false;
    const at = (this._next = this._begin(this._next));
    const bytes = this.bytes;
    this.packetStart = this.packetAt(at);
    const qos = this.qosAt(this.packetStart);
    this.packetEnd = qos < 0 ? this.packetStart + ACKNOWLEDGEMENT_SIZE : this._end(at);
    if (this._state(at) === State.IDENTIFIED || qos === 0) return true;
    if (this.inFlight >= this._window) return false;
    setPublishPacketId(bytes, this.packetStart, this._takeSlot(at) + 1);
    this._setState(at, State.IDENTIFIED);
    return true;
  }

  /** The packet that `peek` found has been sent. */
  sent(): void {
    const at = this._next;
    this._next = this._end(at);
    this.queued--;
    if (this._state(at) === State.IDENTIFIED) {
      this._setState(at, State.SENT);
    } else {
      this._setState(at, State.DONE);
      // The youngest entry gives its bytes back at once, even while older ones wait for their acknowledgement.
      if (this.queued === 0) {
        this._head = this._next = at;
        this._entries--;
      }
      this._release();
    }
    if (this.queued) this._skipDone();
  }

  /** PUBACK has come. Returns false when no message with QoS 1 and this packet id was sent. */
  acknowledge(packetId: number): boolean {
    const at = this.sentEntry(packetId);
    return at !== NO_ENTRY && this.qosAt(this.packetAt(at)) === 1 && this.finish(packetId);
  }

  /** Where the entry is that was sent with this packet id, or `NO_ENTRY`. */
  sentEntry(packetId: number): number {
    const at = packetId <= this._flight.length ? this._flight[packetId - 1] : NO_ENTRY;
    return at !== NO_ENTRY && this._state(at) === State.SENT ? at : NO_ENTRY;
  }

  /** Where the packet is of the entry at `at`. */
  packetAt(at: number): number {
    return at + ENTRY_HEADER + (this.bytes[at] >> 4);
  }

  /** The QoS of the PUBLISH at `packet`; -1 of a PUBREL that has taken its place. */
  qosAt(packet: number): number {
    const header = this.bytes[packet];
    return header >> 4 === PacketType.PUBLISH ? publishQos(header) : -1;
  }

  /** The message with this packet id, which `sentEntry` found, is delivered. Returns true. */
  finish(packetId: number): boolean {
    this._setState(this._flight[packetId - 1], State.DONE);
    this._flight[packetId - 1] = NO_ENTRY;
    this.inFlight--;
    this._release();
    return true;
  }

  /**
   * A connection is up again: everything not acknowledged is to be sent once more, in order [MQTT-4.6.0-1]. When the
   * broker kept the session, with the same packet ids and with DUP [MQTT-4.4.0-1], [MQTT-3.3.1-1]; else as new messages.
   */
  resume(sessionPresent: boolean): void {
    this.queued = 0;
    this._next = this._tail;
    let at = this._tail;
    for (let index = 0; index < this._entries; index++) {
      at = this._begin(at);
      const state = this._state(at);
      if (state !== State.DONE) this._requeue(at, state, sessionPresent);
      at = this._end(at);
    }
    if (!sessionPresent) {
      this._flight.fill(NO_ENTRY);
      this.inFlight = 0;
      this._release();
    }
    if (this.queued) this._skipDone();
  }

  protected _requeue(at: number, state: State, sessionPresent: boolean): void {
    const packet = this.packetAt(at);
    const released = this.qosAt(packet) < 0;
    if (sessionPresent) {
      if (state === State.SENT) {
        this._setState(at, State.IDENTIFIED);
        if (!released) this.bytes[packet] |= DUP;
      }
    } else if (released) {
      // The broker had taken the message over, and lost it together with the session.
      this._setState(at, State.DONE);
      return;
    } else {
      this._setState(at, State.QUEUED);
      this.bytes[packet] &= ~DUP;
    }
    this.queued++;
  }

  /** Ids are taken in turn, so that one is not used again at once. */
  _takeSlot(at: number): number {
    const flight = this._flight;
    let slot = this._lastSlot;
    do slot = (slot + 1) % flight.length;
    while (flight[slot] !== NO_ENTRY);
    flight[slot] = at;
    this._lastSlot = slot;
    this.inFlight++;
    return slot;
  }

  _release(): void {
    while (this._entries) {
      const at = this._begin(this._tail);
      if (this._state(at) !== State.DONE) return;
      this._tail = this._end(at);
      this._entries--;
    }
    this._tail = this._next = this._head = 0;
  }

  _skipDone(): void {
    let at = this._begin(this._next);
    while (this._state(at) === State.DONE) at = this._begin(this._end(at));
    this._next = at;
  }

  /** Where the entry is that follows an entry which ends at `at`. */
  _begin(at: number): number {
    return at < this.bytes.length && this._state(at) !== State.WRAP ? at : 0;
  }

  _end(at: number): number {
    return at + ENTRY_HEADER + ((this.bytes[at + 1] << 16) | readUint16(this.bytes, at + 2));
  }

  _state(at: number): State {
    return this.bytes[at] & 15;
  }

  _setState(at: number, state: State): void {
    this.bytes[at] = (this.bytes[at] & ~15) | state;
  }
}
