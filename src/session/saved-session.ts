import { ACKNOWLEDGEMENT_SIZE, DUP } from "../packet/constants.ts";
import { encodeAcknowledgement } from "../packet/acknowledgement.ts";
import { readUint16, writeUint16 } from "../packet/bytes.ts";
import { PacketType } from "../packet/fixed-header.ts";
import { publishPacketId, publishQos, setPublishPacketId } from "../packet/publish.ts";
import type { Store } from "../platform.ts";
import { Crc32 } from "./crc32.ts";
import { define } from "./define.ts";
import type { ExactlyOnce, SavedHandshakes } from "./exactly-once.ts";
import { ENTRY_HEADER, NO_ENTRY, State } from "./entry.ts";
import { type Outbox, type PayloadSource } from "./outbox.ts";

/** What is saved: the part of a client that a saved session needs. */
export interface SessionOwner {
  readonly _outbox: Outbox;
  readonly _exactlyOnce: ExactlyOnce | undefined;
  readonly _subscriptions: { readonly _table: readonly unknown[]; _firstPacketId: number };
}

/** How a session is saved. */
export interface SavedSessionOptions {
  /**
   * How many messages with QoS 1 or 2 there may be at once, waiting and in flight; 1 to 1,000. `publish` answers `FULL` to
   * one more. 32 by default. Where the number was lowered, what is beyond stays in the store, and is not sent.
   */
  records?: number;
}

/** Kinds of records. */
enum Kind {
  /** A PUBLISH that was accepted. */
  MESSAGE,
  /** A PUBREL in place of a PUBLISH with QoS 2. */
  RELEASE,
  /** The packet id of a received message with QoS 2. */
  RECEIVED,
  /** None. */
  NONE,
}

/** A record's key: that of each kind for the first packet id, or place of a received one, then for the second … */
const KINDS = 3;
/** Before the packet: the checksum of what follows. In place of a packet's id it has a sequence number. */
const CHECKSUM_SIZE = 4;
const RELEASE_SIZE = CHECKSUM_SIZE + ACKNOWLEDGEMENT_SIZE;
const RECEIVED_SIZE = CHECKSUM_SIZE + 2;
/** In place of a record's length. */
const NOT_THERE = 0;
const NO_ROOM = -1;
/** How far the youngest message may be ahead of the oldest, so that 16 bits tell which of two is older. */
const LONGEST_LEAD = 30_000;

/**
 * A session that outlives a reboot, or a power cut at any moment: an optional part, `mote-mqtt/store`. Make one right after
 * the client; what the store holds is in the outbox then, and goes out before anything else.
 *
 * A message with QoS 1 costs one write and one removal, one with QoS 2 two and two, a received one with QoS 2 one and one,
 * however often it is sent. `publish` returns once the message is in the store: with its packet id, which it keeps
 * [MQTT-4.4.0-1]. A received packet id is in the store before its message is delivered: a power cut between the two
 * costs the delivery, and none comes twice.
 */
export class SavedSession implements SavedHandshakes {
  /** Messages that the store held. */
  restored = 0;
  /** Messages of the store that wait for room in the outbox: until then `publish` answers `FULL` to QoS 1 and 2. */
  waiting = 0;
  /** Records that were torn, not of such a client, or larger than its outbox: they are removed. */
  damaged = 0;
  /** Writes and removals that the store refused. */
  failures = 0;

  private readonly _store: Store;
  private readonly _outbox: Outbox;
  private readonly _crc = new Crc32();
  private readonly _small = new Uint8Array(RELEASE_SIZE);
  /** By packet id - 1: what is in the store, and its place in the order of publishes. */
  private readonly _kinds: Uint8Array;
  private readonly _sequences: Uint16Array;
  /** Stands in for the outbox's table of packet ids when that is to stay as it is. */
  private readonly _noFlight: Int32Array;
  private _lastSequence = 0;
  private _lastSlot = 0;
  /** What a restored message gets: it may have been sent, until the broker says that it knows of none. */
  private _dup = DUP;

  /** Throws a RangeError when `records` cannot be, and a TypeError when the client was used before. */
  constructor(client: SessionOwner, store: Store, options?: SavedSessionOptions) {
    const records = options?.records ?? 32;
    if (!(records >= 1 && records <= 1_000 && records % 1 === 0)) {
      throw new RangeError(`records must be a whole number from 1 to 1000, not ${records}`);
    }
    const outbox = client._outbox;
    const subscriptions = client._subscriptions;
    if (outbox._entries || outbox._saved || subscriptions._table.length) {
      throw new TypeError("a SavedSession must be made right after its client, before it subscribes or publishes");
    }
    this._store = store;
    this._outbox = outbox;
    this._kinds = new Uint8Array(records).fill(Kind.NONE);
    this._sequences = new Uint16Array(records);
    this._noFlight = new Int32Array(records);
    // Each message has its packet id from the beginning, also those that wait.
    subscriptions._firstPacketId = Math.max(subscriptions._firstPacketId, records + 1);
    outbox._flight = new Int32Array(records).fill(NO_ENTRY);
    if (outbox._carried) outbox._carried = new Uint8Array(records);
    this._attach(outbox);
    this._load(client._exactlyOnce);
  }

  /** Puts the functions below around those of the outbox. */
  private _attach(outbox: Outbox): void {
    const append = outbox.append;
    const finish = outbox.finish;
    const resume = outbox.resume;
    outbox._saved = this;
    define(outbox, {
      append: (header, topic, payload) =>
        publishQos(header) ? this._append(append, header, topic, payload) : append.call(outbox, header, topic, payload),
      finish: (packetId) => {
        const finished = finish.call(outbox, packetId);
        this.ended(packetId);
        return finished;
      },
      resume: (sessionPresent) => this._resume(resume, sessionPresent),
      _takeSlot: (at) => {
        outbox.inFlight++;
        return outbox._flight.indexOf(at);
      },
    });
  }

  // What happens to a message

  private _append(append: Outbox["append"], header: number, topic: Uint8Array, payload: PayloadSource): boolean {
    const outbox = this._outbox;
    const head = outbox._head;
    const slot = this._freeSlot();
    if (slot < 0 || this.waiting || this._leads()) return false;
    if (!append.call(outbox, header, topic, payload)) return false;
    const at = outbox._head > head ? head : 0;
    if (!this._save(slot, outbox.packetAt(at), outbox._head)) {
      outbox._head = head;
      outbox._entries--;
      outbox.queued--;
      return false;
    }
    outbox._flight[slot] = at;
    return true;
  }

  /** Writes the record of a message out of the ring: of the entry it borrows the bytes before the packet. */
  private _save(slot: number, packet: number, end: number): boolean {
    const bytes = this._outbox.bytes;
    const start = packet - CHECKSUM_SIZE;
    const first = readUint16(bytes, start);
    const second = readUint16(bytes, start + 2);
    const sequence = (this._lastSequence + 1) & 0xffff;
    setPublishPacketId(bytes, packet, sequence);
    const written = this._write(slot, Kind.MESSAGE, bytes, start, end);
    setPublishPacketId(bytes, packet, slot + 1);
    writeUint16(bytes, start, first);
    writeUint16(bytes, start + 2, second);
    if (!written) return false;
    this._kinds[slot] = Kind.MESSAGE;
    this._lastSequence = this._sequences[slot] = sequence;
    return true;
  }

  /** The broker has a message with QoS 2: PUBREL takes its place. @internal */
  released(packetId: number): boolean {
    const slot = packetId - 1;
    const small = this._small;
    const sequence = (this._lastSequence + 1) & 0xffff; // in the order of PUBREC
    encodeAcknowledgement(small, CHECKSUM_SIZE, PacketType.PUBREL, sequence);
    if (!this._write(slot, Kind.RELEASE, small, 0, RELEASE_SIZE)) return false;
    this._remove(slot, Kind.MESSAGE);
    this._kinds[slot] = Kind.RELEASE;
    this._lastSequence = this._sequences[slot] = sequence;
    return true;
  }

  /** @internal */
  waits(packetId: number): boolean {
    return this._isWaiting(packetId - 1);
  }

  /** Nothing is to be done any more about the message with this packet id. @internal */
  ended(packetId: number): void {
    this._forget(packetId - 1);
    this._loadWaiting();
  }

  private _forget(slot: number): void {
    const kind = this._kinds[slot];
    if (kind === Kind.NONE) return;
    this._kinds[slot] = Kind.NONE;
    this._remove(slot, kind);
  }

  private _resume(resume: Outbox["resume"], sessionPresent: boolean): void {
    const outbox = this._outbox;
    if (sessionPresent) return resume.call(outbox, true);
    // Messages keep their packet ids in a new session, too, so that no record has to be written anew.
    const flight = outbox._flight;
    outbox._flight = this._noFlight;
    resume.call(outbox, false);
    outbox._flight = flight;
    this._dup = 0;
    for (let slot = 0; slot < flight.length; slot++) {
      // What the broker had taken over is lost with its session.
      if (this._kinds[slot] !== Kind.RELEASE) continue;
      if (flight[slot] === NO_ENTRY) this.waiting--;
      flight[slot] = NO_ENTRY;
      this._forget(slot);
    }
    this._loadWaiting();
  }

  /** Ids are taken in turn, so that one is not used again at once, and a store that has a place for each wears evenly. */
  private _freeSlot(): number {
    const kinds = this._kinds;
    for (let count = kinds.length; count > 0; count--) {
      this._lastSlot = (this._lastSlot + 1) % kinds.length;
      if (kinds[this._lastSlot] === Kind.NONE) return this._lastSlot;
    }
    return -1;
  }

  private _leads(): boolean {
    for (let slot = 0; slot < this._kinds.length; slot++) {
      const lead = (this._lastSequence - this._sequences[slot]) & 0xffff;
      if (this._kinds[slot] !== Kind.NONE && lead >= LONGEST_LEAD) return true;
    }
    return false;
  }

  // What happens to a received packet id

  /** @internal */
  received(place: number, packetId: number): boolean {
    const small = this._small;
    writeUint16(small, CHECKSUM_SIZE, packetId);
    return this._write(place, Kind.RECEIVED, small, 0, RECEIVED_SIZE);
  }

  /** @internal */
  forgotten(place: number): void {
    this._remove(place, Kind.RECEIVED);
  }

  // At the beginning

  private _load(exactlyOnce: ExactlyOnce | undefined): void {
    // The outbox is empty: its ring is the buffer.
    for (let slot = 0; slot < this._kinds.length; slot++) this._scan(slot, exactlyOnce ? 2 : 1);
    this._lastSequence = this._youngest();
    this._loadWaiting();
    if (!exactlyOnce) return;
    const ids = exactlyOnce._received;
    const small = this._small;
    for (let place = 0; place < ids.length; place++) {
      const length = this._read(place, Kind.RECEIVED, small, 0, small.length);
      if (length === RECEIVED_SIZE) ids[place] = readUint16(small, CHECKSUM_SIZE);
      else if (length !== NOT_THERE) this._discard(place, Kind.RECEIVED);
    }
    // Whether the broker lost the session before the power was cut, the client may not have learned.
    exactlyOnce.resume(true, true);
    exactlyOnce._saved = this;
  }

  /** Finds out what the store has for a packet id. */
  private _scan(slot: number, maximumQos: number): void {
    const bytes = this._outbox.bytes;
    const limit = bytes.length - (this._outbox._margin ?? 0);
    const release = this._read(slot, Kind.RELEASE, bytes, 0, limit);
    if (release === RELEASE_SIZE && bytes[CHECKSUM_SIZE] >> 4 === PacketType.PUBREL) {
      this._found(slot, Kind.RELEASE, readUint16(bytes, CHECKSUM_SIZE + 2));
      // The power was cut before the message was removed.
      if (this._store.read(this._key(slot, Kind.MESSAGE), bytes, 0, 0) >= 0) this._remove(slot, Kind.MESSAGE);
      return;
    }
    if (release !== NOT_THERE) this._discard(slot, Kind.RELEASE);
    const length = this._read(slot, Kind.MESSAGE, bytes, 0, limit);
    if (length === NOT_THERE) return;
    const header = bytes[CHECKSUM_SIZE];
    const qos = publishQos(header);
    const usable = length > 0 && header >> 4 === PacketType.PUBLISH && qos > 0 && qos <= maximumQos;
    if (usable) this._found(slot, Kind.MESSAGE, publishPacketId(bytes, CHECKSUM_SIZE));
    else this._discard(slot, Kind.MESSAGE);
  }

  private _found(slot: number, kind: Kind, sequence: number): void {
    this._kinds[slot] = kind;
    this._sequences[slot] = sequence;
    this.restored++;
    this.waiting++;
  }

  /**
   * Takes what waits in the store into the outbox, as far as there is room: PUBRELs first, so that none is behind one whose
   * PUBREC comes now [MQTT-4.6.0-4], and of either the oldest first.
   */
  private _loadWaiting(): void {
    while (this.waiting && this._restore(this._firstWaiting())) this.waiting--;
  }

  private _firstWaiting(): number {
    const kinds = this._kinds;
    let first = -1;
    for (let slot = 0; slot < kinds.length; slot++) {
      if (!this._isWaiting(slot)) continue;
      if (first < 0 || (kinds[slot] === kinds[first] ? this._isBefore(slot, first) : kinds[slot] === Kind.RELEASE)) {
        first = slot;
      }
    }
    return first;
  }

  /** The sequence number of the youngest message. */
  private _youngest(): number {
    let youngest = -1;
    for (let slot = 0; slot < this._kinds.length; slot++) {
      if (this._isWaiting(slot) && (youngest < 0 || this._isBefore(youngest, slot))) youngest = slot;
    }
    return youngest < 0 ? 0 : this._sequences[youngest];
  }

  private _isWaiting(slot: number): boolean {
    return this._kinds[slot] < Kind.NONE && this._outbox._flight[slot] === NO_ENTRY;
  }

  private _isBefore(one: number, other: number): boolean {
    return ((this._sequences[one] - this._sequences[other]) & 0x8000) !== 0;
  }

  /** Makes an entry of a record. Returns false when there is no room for it now. */
  private _restore(slot: number): boolean {
    const outbox = this._outbox;
    const head = outbox._head;
    const tail = outbox._tail;
    const size = outbox.bytes.length;
    if (head < tail) return this._restoreAt(slot, head, tail);
    if (head === tail && outbox._entries) return false;
    if (this._restoreAt(slot, head, size)) return true;
    if (!this._restoreAt(slot, 0, tail)) return false;
    if (head < size) outbox.bytes[head] = State.WRAP;
    return true;
  }

  private _restoreAt(slot: number, at: number, limit: number): boolean {
    const outbox = this._outbox;
    const bytes = outbox.bytes;
    const kind = this._kinds[slot];
    const body = at + ENTRY_HEADER;
    const packet = body + (outbox._margin ?? 0);
    const length = this._read(slot, kind, bytes, packet - CHECKSUM_SIZE, limit);
    if (length === NO_ROOM) return false;
    if (length === NOT_THERE) {
      // It was there a moment ago: what the store does not keep cannot be sent.
      this._kinds[slot] = Kind.NONE;
      return true;
    }
    const end = packet + length - CHECKSUM_SIZE;
    if (kind === Kind.RELEASE) {
      writeUint16(bytes, packet + 2, slot + 1);
      outbox.inFlight++;
    } else {
      setPublishPacketId(bytes, packet, slot + 1);
      bytes[packet] |= this._dup;
    }
    bytes.fill(0, body, packet);
    bytes[at] = (kind === Kind.RELEASE ? State.IDENTIFIED : State.QUEUED) | ((packet - body) << 4);
    bytes[at + 1] = (end - body) >> 16;
    writeUint16(bytes, at + 2, end - body);
    outbox._flight[slot] = at;
    outbox._entries++;
    outbox._head = end;
    if (outbox.queued++ === 0) outbox._next = at;
    return true;
  }

  // Records

  private _key(index: number, kind: Kind): number {
    return index * KINDS + kind;
  }

  private _write(index: number, kind: Kind, bytes: Uint8Array, start: number, end: number): boolean {
    const key = this._key(index, kind);
    const crc = this._checksum(key, bytes, start, end);
    writeUint16(bytes, start, crc >> 16);
    writeUint16(bytes, start + 2, crc);
    if (this._store.write(key, bytes, start, end)) return true;
    this.failures++;
    this._store.remove(key); // whatever there is of it
    return false;
  }

  /** Reads a record that counts. Returns its length, `NO_ROOM`, or `NOT_THERE`: what is damaged is removed. */
  private _read(index: number, kind: Kind, into: Uint8Array, start: number, limit: number): number {
    const key = this._key(index, kind);
    if (start >= limit) return NO_ROOM;
    const length = this._store.read(key, into, start, limit);
    if (length < 0) return NOT_THERE;
    if (start + length > limit) return NO_ROOM;
    if (length > CHECKSUM_SIZE) {
      const crc = this._checksum(key, into, start, start + length);
      if (readUint16(into, start) === crc >>> 16 && readUint16(into, start + 2) === (crc & 0xffff)) return length;
    }
    this._discard(index, kind);
    return NOT_THERE;
  }

  /** Of a record, and for its key and MQTT's version: any other record is as good as damaged. */
  private _checksum(key: number, bytes: Uint8Array, start: number, end: number): number {
    return this._crc.sum(bytes, start + CHECKSUM_SIZE, end, key | ((this._outbox._version ?? 0) << 16));
  }

  private _discard(index: number, kind: Kind): void {
    this.damaged++;
    this._remove(index, kind);
  }

  private _remove(index: number, kind: Kind): void {
    if (!this._store.remove(this._key(index, kind))) this.failures++;
  }
}
