import { RETAIN } from "../../packet/constants.ts";
import { readUint16, sameBytes, writeUint16 } from "../../packet/bytes.ts";
import { packetSize, remainingLengthSize, writeFixedHeader } from "../../packet/fixed-header.ts";
import { publishQos, setPublishPacketId } from "../../packet/publish.ts";
import { Reason } from "../../packet/reason.ts";
import type { ConnackView } from "../../packet/v5/connack.ts";
import { Property } from "../../packet/v5/properties.ts";
import { readVariableByteInteger, writeVariableByteInteger } from "../../packet/v5/variable-byte-integer.ts";
import { ENTRY_HEADER, NO_ENTRY, State } from "../entry.ts";
import { Outbox as Outbox311, type PayloadSource } from "../outbox.ts";

/** Is told of a message that the broker does not take: `entry` is in the ring until this returns. */
export interface RefusalListener {
  /** Whether there still is a connection: the application may end it when it is told. */
  readonly connected: boolean;
  _refused(reason: Reason, entry: number): void;
}

/** What `newest` is when that message was refused. */
export const REFUSED_ENTRY = -2;
/** In place of a padding: it is longer, and in three bytes of its own. */
const LONG_PADDING = 15;
/** A topic alias among the properties: identifier and number. */
const ALIAS_SIZE = 3;
/** A topic that is not longer than this costs less than its alias, and could not hold a long padding. */
const SHORT_TOPIC = 16;

/**
 * The messages on their way to a broker of MQTT 5. It keeps to what that said in CONNACK: no more under way than it
 * receives at once (4.9), nothing that it does not take, and topic aliases where it knows them. A packet is rewritten in
 * place when its turn comes: between two connections it always has its whole topic.
 */
export class Outbox extends Outbox311 {
  private readonly _broker: ConnackView;
  private readonly _listener: RefusalListener;
  /** The topics that have an alias: of alias n at n - 1, and whether the broker knows it from this connection. */
  private readonly _topics: Uint8Array[] = [];
  private readonly _known: boolean[] = [];
  /** How many messages with QoS 1 or 2 may be sent until one is acknowledged [MQTT-4.9.0-2]. Streaming takes of it. */
  _quota = 0;
  /** Where the message is that was added last, until it is sent; `REFUSED_ENTRY` when it was refused. */
  newest = NO_ENTRY;
  /** 1 for each packet id whose PUBLISH was sent on an earlier connection: its end gives nothing back. */
  declare _carried: Uint8Array;
  /** The alias with which the packet at hand has its topic; 0 for none. */
  private _alias = 0;
  /** The entry of a PUBREL that goes before messages for which there is no quota. */
  private _ahead = NO_ENTRY;

  constructor(size: number, window: number, broker: ConnackView, listener: RefusalListener) {
    super(size, window);
    this._broker = broker;
    this._listener = listener;
    this._carried = new Uint8Array(window);
    this._version = 5;
  }

  /** The alias for a topic; 0 when the topic is so short that it is not worth it. */
  aliasOf(topic: Uint8Array): number {
    const topics = this._topics;
    if (topic.length < SHORT_TOPIC) return 0;
    let index = 0;
    while (index < topics.length && !sameBytes(topics[index], topic)) index++;
    if (index === 65_535) return 0;
    topics[index] = topic;
    this._known[index] ??= false;
    return index + 1;
  }

  /** The topic that an alias stands for. */
  topicOf(alias: number): Uint8Array {
    return this._topics[alias - 1];
  }

  /** Where the entry at `at` ends, and with it the packet of a message. */
  endOf(at: number): number {
    return this._end(at);
  }

  override _appendAt(at: number, limit: number, header: number, topic: Uint8Array, payload: PayloadSource): boolean {
    const fits = super._appendAt(at, limit, header, topic, payload);
    if (fits) this.newest = at;
    return fits;
  }

  override peek(): boolean {
    // Part of it may have been sent; `packetStart` and `packetEnd` still are its.
    if (this._ahead !== NO_ENTRY) return true;
    // An application that publishes anew what was refused must not hold this up for ever.
    for (let left = this.queued; left > 0 && this.queued && this._listener.connected; left--) {
      const at = (this._next = this._begin(this._next));
      const packet = this.packetAt(at);
      const qos = this.qosAt(packet);
      this._alias = 0;
      if (qos > 0 && this._quota === 0) return this._peekPubrel(at);
      const reason = qos < 0 ? Reason.OK : this._prepare(at, packet, qos);
      if (!reason) return super.peek();
      this._refuse(at, reason);
    }
    return false;
  }

  override sent(): void {
    if (this._ahead !== NO_ENTRY) {
      this._setState(this._ahead, State.SENT);
      this._ahead = NO_ENTRY;
      this.queued--;
      return;
    }
    if (this.qosAt(this.packetStart) > 0) this._quota--;
    if (this._alias) this._known[this._alias - 1] = true;
    if (this._next === this.newest) this.newest = NO_ENTRY;
    super.sent();
  }

  override finish(packetId: number): boolean {
    if (this._carried[packetId - 1]) this._carried[packetId - 1] = 0;
    else this._quota++;
    return super.finish(packetId);
  }

  override resume(sessionPresent: boolean): void {
    // No alias outlives its connection [MQTT-3.3.2-7], no quota either (4.9).
    for (let index = 0; index < this._known.length; index++) this._known[index] = false;
    this._quota = this._broker.receiveMaximum;
    this._ahead = NO_ENTRY;
    this._carried.fill(0);
    let at = this._tail;
    for (let index = 0; index < this._entries; index++) {
      at = this._begin(at);
      if (this._state(at) !== State.DONE) this._carryOver(at);
      at = this._end(at);
    }
    super.resume(sessionPresent);
    if (!sessionPresent) this._carried.fill(0); // their packet ids are free
  }

  override packetAt(at: number): number {
    const padding = this.bytes[at] >> 4;
    const body = at + ENTRY_HEADER;
    if (padding < LONG_PADDING) return body + padding;
    const margin = this._margin ?? 0;
    return body + ((this.bytes[body + margin] << 16) | readUint16(this.bytes, body + margin + 1));
  }

  /** PUBREL must not wait for a message that has to wait for its quota [MQTT-3.3.4-8]. */
  private _peekPubrel(at: number): boolean {
    for (let left = this.queued; left > 0; at = this._begin(this._end(at))) {
      const state = this._state(at);
      if (state !== State.QUEUED && state !== State.IDENTIFIED) continue;
      left--;
      const packet = this.packetAt(at);
      if (this.qosAt(packet) >= 0) continue;
      this._ahead = at;
      this.packetStart = packet;
      this.packetEnd = packet + 4;
      return true;
    }
    return false;
  }

  /** Entries that went ahead are passed over, too. */
  override _skipDone(): void {
    let at = this._begin(this._next);
    for (let state = this._state(at); state === State.DONE || state === State.SENT; state = this._state(at)) {
      at = this._begin(this._end(at));
    }
    this._next = at;
  }

  /** Makes the packet what this broker takes on this connection, or says why it takes none such. */
  private _prepare(at: number, packet: number, qos: number): Reason {
    const bytes = this.bytes;
    const broker = this._broker;
    if (qos > broker.maximumQos) return Reason.QOS_NOT_SUPPORTED; // [MQTT-3.2.2-11]
    if (bytes[packet] & RETAIN && !broker.retainAvailable) return Reason.RETAIN_NOT_SUPPORTED; // [MQTT-3.2.2-14]
    const maximum = broker.maximumPacketSize || Infinity;
    const end = this._end(at);
    let topicAt = packet + 2;
    while (bytes[topicAt - 1] & 128) topicAt++;
    const topicEnd = topicAt + 2 + readUint16(bytes, topicAt);
    const propertiesAt = topicEnd + (qos ? 2 : 0);
    const length = readVariableByteInteger(bytes, propertiesAt, end);
    const listAt = propertiesAt + remainingLengthSize(length);
    if (length && bytes[listAt] === Property.TOPIC_ALIAS) {
      const alias = readUint16(bytes, listAt + 1);
      const unknown = this._saved && !this._isTopic(alias, topicAt + 2, topicEnd);
      if (unknown || alias > broker.topicAliasMaximum) {
        this._rewrite(at, packet, topicEnd, bytes, topicAt + 2, topicEnd, length - ALIAS_SIZE, listAt + ALIAS_SIZE);
      } else if (this._known[alias - 1]) {
        // If it has to be sent again, then with its whole topic.
        if (qos && end - packet > maximum) return Reason.PACKET_TOO_LARGE_V5;
        this._rewrite(at, packet, topicEnd, bytes, 0, 0, length, listAt);
      } else if (alias <= this._topics.length) {
        this._alias = alias;
      }
    }
    return end - this.packetAt(at) > maximum ? Reason.PACKET_TOO_LARGE_V5 : Reason.OK; // [MQTT-3.2.2-15]
  }

  /** Whether the alias of a packet is its topic's in this run of the program: a saved session may have messages of another. */
  private _isTopic(alias: number, start: number, end: number): boolean {
    if (start === end) return true;
    const topic = this._topics[alias - 1] as Uint8Array | undefined;
    let index = topic?.length === end - start ? 0 : -1;
    while (index >= 0 && start + index < end && topic![index] === this.bytes[start + index]) index++;
    return start + index === end;
  }

  /** Drops a message that is not sent. What the listener publishes meanwhile, waits behind. */
  private _refuse(at: number, reason: Reason): void {
    const slot = this._flight.indexOf(at);
    if (slot >= 0) this._flight[slot] = NO_ENTRY;
    else if (this.qosAt(this.packetAt(at)) > 0) setPublishPacketId(this.bytes, this.packetAt(at), 1); // so that it can be read
    if (this._state(at) === State.IDENTIFIED) this.inFlight--;
    this._setState(at, State.DONE);
    this._next = this._end(at);
    this.queued--;
    if (at === this.newest) this.newest = REFUSED_ENTRY;
    this._listener._refused(reason, at);
    this._release();
    if (this.queued) this._skipDone();
    if (slot >= 0) this._saved?.ended(slot + 1);
  }

  /** Makes an entry of an earlier connection ready for this one: a packet that went with an alias alone gets its topic. */
  private _carryOver(at: number): void {
    const bytes = this.bytes;
    const packet = this.packetAt(at);
    const qos = this.qosAt(packet);
    if (qos < 0) {
      this._carried[readUint16(bytes, packet + 2) - 1] = 1;
      return;
    }
    let topicAt = packet + 2;
    while (bytes[topicAt - 1] & 128) topicAt++;
    if (readUint16(bytes, topicAt)) return;
    const propertiesAt = topicAt + 2 + (qos ? 2 : 0);
    const length = readVariableByteInteger(bytes, propertiesAt, this._end(at));
    const listAt = propertiesAt + remainingLengthSize(length);
    const topic = this.topicOf(readUint16(bytes, listAt + 1));
    this._rewrite(at, packet, topicAt + 2, topic, 0, topic.length, length, listAt);
  }

  /**
   * Writes all of a packet that comes before its properties anew, from behind: they begin at `listAt` and are `length`
   * bytes, and the topic is taken from a part of `from`, which may be this very packet if it is to move backwards.
   */
  private _rewrite(
    at: number,
    packet: number,
    oldTopicEnd: number,
    from: Uint8Array,
    topicStart: number,
    topicEnd: number,
    length: number,
    listAt: number,
  ): void {
    const bytes = this.bytes;
    const header = bytes[packet];
    const end = this._end(at);
    let front = listAt - remainingLengthSize(length);
    writeVariableByteInteger(bytes, front, length);
    if (publishQos(header)) {
      const packetId = readUint16(bytes, oldTopicEnd);
      front -= 2;
      writeUint16(bytes, front, packetId);
    }
    const topicLength = topicEnd - topicStart;
    while (topicEnd > topicStart) bytes[--front] = from[--topicEnd];
    front -= 2;
    writeUint16(bytes, front, topicLength);
    const body = end - front;
    front -= packetSize(body) - body;
    writeFixedHeader(bytes, front, header, body);
    this._setPadding(at, front - at - ENTRY_HEADER);
  }

  private _setPadding(at: number, padding: number): void {
    const bytes = this.bytes;
    bytes[at] = this._state(at) | (Math.min(padding, LONG_PADDING) << 4);
    if (padding < LONG_PADDING) return;
    at += ENTRY_HEADER + (this._margin ?? 0);
    bytes[at] = padding >> 16;
    writeUint16(bytes, at + 1, padding);
  }
}
