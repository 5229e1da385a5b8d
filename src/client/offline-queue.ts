import { DUP } from "../packet/constants.ts";
import { readUint16, writeUint16 } from "../packet/bytes.ts";
import { publishQos } from "../packet/publish.ts";
import { compact, type Version5 } from "../session/compact.ts";
import { define } from "../session/define.ts";
import { ENTRY_HEADER, MESSAGE_OVERHEAD, NO_ENTRY, State } from "../session/entry.ts";
import type { Outbox, PayloadSource } from "../session/outbox.ts";
import type { Client } from "./client.ts";
import { writeDecimal } from "./decimal.ts";
import { inRange } from "./options.ts";
import { type Payload, Published } from "./publisher.ts";

/** What becomes of messages for which there is no room or no connection. */
export interface QueuePolicy {
  /**
   * What becomes of a message for which the outbox has no room. "refuse", the default: it is not accepted, `publish` answers
   * `FULL`, and the application still has it. "drop-oldest": the oldest messages that wait are dropped until there is room,
   * of publishers with "drop-oldest" alone. "drop-newest": it is dropped itself, `publish` answers `DROPPED`, and what waits
   * goes on waiting.
   */
  whenFull?: "refuse" | "drop-oldest" | "drop-newest";
  /** With "drop-oldest": whether what waits is never dropped to make room for another message. False by default. */
  protect?: boolean;
  /**
   * What becomes of a message with QoS 0 while there is no connection. "keep", the default: it waits like any other. "drop":
   * `publish` answers `DROPPED`, and what waits when the connection is lost is dropped.
   */
  qos0?: "keep" | "drop";
  /**
   * How long a message may wait until it is sent for the first time, in ms: 1 to 2,147,483,647. Then it is dropped. Without
   * end by default. With MQTT 5 a message's `messageExpiryInterval` holds here, too.
   */
  expiryMs?: number;
}

/** How an `OfflineQueue` works. */
export interface OfflineQueueOptions extends QueuePolicy {
  /** Counts the drops as well: an object of `Metrics`. */
  metrics?: DropCounts;
}

/** Messages that were not accepted or are given up, by cause. Plain numbers: whoever reads may set them back to 0. */
export interface DropCounts {
  /** `publish` answered `FULL`: there was no room, or the store of a `SavedSession` did not take it. */
  refused: number;
  /** Dropped to make room for a younger one. */
  droppedOldest: number;
  /** Dropped by `publish`, for there was no room. */
  droppedNewest: number;
  /** With QoS 0, for there was no connection. */
  droppedOffline: number;
  /** Waited too long. */
  expired: number;
}

/** A policy as it is kept. */
interface Rules {
  dropsOldest: boolean;
  dropsNewest: boolean;
  flags: number;
  /** 0 for without end. */
  expiryMs: number;
}

enum Cause {
  REFUSED,
  OLDEST,
  NEWEST,
  OFFLINE,
  EXPIRED,
}

/** What is noted of a message, at the beginning of its entry's margin. */
enum Flag {
  /** A saved session's, of an earlier run, has no note. */
  NOTED = 1,
  DROPPABLE = 2,
  DROPPED_OFFLINE = 4,
  /** The time follows until which it may wait. */
  EXPIRES = 8,
  /** And with MQTT 5 the time from which on its message expiry interval counts. */
  HAS_INTERVAL = 16,
}

/** What is noted, and where: in an entry's margin, after its header of four bytes. */
enum Note {
  FLAGS = 4,
  EXPIRES_AT = 5,
  INTERVAL_AT = 9,
}

/** Bytes of it; with MQTT 5 there is the second time. */
enum Margin {
  V3 = 5,
  V5 = 9,
}

enum Limit {
  LONGEST_MS = 2_147_483_647,
  /** A number has at most so many characters: 21 digits, as many as 9 decimals, sign and point. */
  LONGEST_NUMBER = 32,
}

/** Of MQTT 5's properties those that are before the message expiry interval, where Mote's publishers have it (3.3.2.3). */
enum Property {
  PAYLOAD_FORMAT_INDICATOR = 0x01,
  MESSAGE_EXPIRY_INTERVAL = 0x02,
  TOPIC_ALIAS = 0x23,
}

/** What is taken hold of in a client and is not public there. */
interface Methods {
  _publish: (header: number, topic: Uint8Array, payload: PayloadSource) => Published;
  _tick: () => void;
  _hangUp: () => void;
  /** MQTT 5: the application is lent a message of the outbox. */
  _refused?: (reason: number, entry: number) => void;
}

/** What is asked of the publisher that a message comes from. */
interface Source {
  _rules?: Rules;
  readonly _payload: Payload;
  readonly _start: number;
  readonly _end: number | undefined;
  readonly _decimals: number;
  /** MQTT 5. */
  readonly _properties?: Uint8Array;
  /** Bytes that a `Responder` adds. */
  readonly _more?: number;
}

// On XS every property of a string primitive that is touched costs 2 slots; a method borrowed from the prototype, none.
const charCodeAt = String.prototype.charCodeAt;

/**
 * Says what becomes of messages for which there is no room or no connection: an optional part, `mote-mqtt/queue`. Make one
 * right after the client, before a `SavedSession` or `Streaming`. Its options are for all publishers of the client; those that
 * it makes itself may have others.
 *
 * Only what waits to be sent for the first time is ever dropped: a message that the broker may know of stays until it is
 * acknowledged. Whatever is dropped, the others keep their order. Nothing is dropped for a message that would not fit all the
 * same, nor while a saved session still loads its messages. A message takes 5 bytes more of the outbox; with MQTT 5, 9.
 */
export class OfflineQueue<Of extends Client = Client> implements DropCounts {
  /** Messages have been dropped, so many since the last call. It is called with the client's tick, thus only while it connects. */
  onDropped: ((count: number) => void) | undefined;

  refused = 0;
  droppedOldest = 0;
  droppedNewest = 0;
  droppedOffline = 0;
  expired = 0;

  private readonly _client: Of;
  private readonly _outbox: Outbox & Version5;
  private readonly _rules: Rules;
  private readonly _metrics: DropCounts | undefined;
  private readonly _number = new Uint8Array(Limit.LONGEST_NUMBER);
  private readonly _margin: number;
  /** The moment at which the next message expires, if one does. */
  private _expires = false;
  private _expiresAt = 0;
  /** Whether the application has a message of the outbox at hand: then none is moved. */
  private _lent = false;
  private _untold = 0;

  /** Throws a TypeError or RangeError that names the option when one cannot be, and a TypeError when the client was used before. */
  constructor(client: Of, options?: OfflineQueueOptions) {
    const outbox = client._outbox;
    if (outbox._entries || outbox._saved || outbox._margin !== undefined) {
      throw new TypeError("an OfflineQueue must be made right after its client, before a SavedSession, and only one");
    }
    this._client = client;
    this._outbox = outbox;
    this._rules = rules(options ?? {}, undefined);
    this._metrics = options?.metrics;
    this._margin = outbox._margin = outbox._version === 5 ? Margin.V5 : Margin.V3;
    this._attach(client as unknown as Methods);
  }

  /**
   * Prepares to publish to `topic` like `client.publisher`, with a policy of its own: what its options leave out, those of the
   * queue say. Throws when the topic cannot be published to, or an option cannot be.
   */
  publisher(
    topic: string,
    options?: NonNullable<Parameters<Of["publisher"]>[1]> & QueuePolicy,
  ): ReturnType<Of["publisher"]> {
    const publisher = this._client.publisher(topic, options);
    (publisher as unknown as Source)._rules = rules(options ?? {}, this._rules);
    return publisher as ReturnType<Of["publisher"]>;
  }

  /** All that were accepted, or dropped at once, and are given up. */
  get dropped(): number {
    return this.droppedOldest + this.droppedNewest + this.droppedOffline + this.expired;
  }

  /** Puts the functions below around those of the client and its outbox. */
  private _attach(client: Methods): void {
    const outbox = this._outbox;
    const publish = client._publish;
    const tick = client._tick;
    const hangUp = client._hangUp;
    const refused = client._refused;
    const appendAt = outbox._appendAt;
    const peek = outbox.peek;
    const resume = outbox.resume;
    define(client, {
      _publish: (header, topic, payload) => this._publish(publish, header, topic, payload),
      _tick: () => {
        tick.call(client);
        if (this._isDue()) this._sweep();
        this._tell();
      },
      _hangUp: () => {
        hangUp.call(client);
        this._sweep();
      },
    });
    if (refused) {
      define(client, {
        _refused: (reason, entry) => {
          this._lent = true;
          refused.call(client, reason, entry);
          this._lent = false;
        },
      });
    }
    define(outbox, {
      _appendAt: (at, limit, header, topic, payload) => {
        if (!appendAt.call(outbox, at + this._margin, limit, header, topic, payload)) return false;
        this._note(at, (payload as unknown as Source)._rules ?? this._rules);
        return true;
      },
      resume: (sessionPresent) => {
        resume.call(outbox, sessionPresent);
        this._expect(this._client._platform.clock.now()); // what a lost session knew of, waits once more
      },
      peek: () => {
        if (this._isDue()) this._sweep();
        if (!peek.call(outbox)) return false;
        if (this._margin === Margin.V5 && this._client._written === 0) this._reduceInterval();
        return true;
      },
    });
  }

  // What happens to a message

  private _publish(publish: Methods["_publish"], header: number, topic: Uint8Array, payload: PayloadSource): Published {
    const client = this._client;
    const source = payload as unknown as Source;
    const rules = source._rules ?? this._rules;
    const qos = publishQos(header);
    if (qos === 0 && rules.flags & Flag.DROPPED_OFFLINE && !client.connected) return this._dropAtOnce(Cause.OFFLINE);
    if (this._isDue()) this._sweep();
    let published = publish.call(client, header, topic, payload);
    if (published !== Published.FULL) return published;

    const saved = this._outbox._saved;
    const record = qos > 0 && saved !== undefined && this._outbox._flight.indexOf(NO_ENTRY) < 0;
    const size = this._margin + MESSAGE_OVERHEAD - (qos ? 0 : 2) + topic.length + this._payloadSize(source);
    const isFull = record || size > this._room();
    // Else it is the store that does not take it, or has not got all that it holds into the outbox yet.
    if (isFull && !this._lent && !(saved && saved.waiting)) {
      if (this._makeRoom(size, record, rules.dropsOldest)) published = publish.call(client, header, topic, payload);
      else if (rules.dropsNewest) return this._dropAtOnce(Cause.NEWEST);
    }
    if (published === Published.FULL) this._count(Cause.REFUSED);
    return published;
  }

  private _dropAtOnce(cause: Cause): Published {
    this._count(cause);
    return Published.DROPPED;
  }

  /** A message was added at `at`, its entry's margin apart: makes one entry of both, and notes what is to be known of it. */
  private _note(at: number, rules: Rules): void {
    const outbox = this._outbox;
    const bytes = outbox.bytes;
    const margin = this._margin;
    const length = outbox._head - at - ENTRY_HEADER;
    bytes[at] = bytes[at + margin] + (margin << 4);
    bytes[at + 1] = length >> 16;
    writeUint16(bytes, at + 2, length);
    if (outbox.queued === 1) outbox._next = at;
    if (outbox.newest !== undefined) outbox.newest = at;

    const now = this._client._platform.clock.now();
    let flags = rules.flags;
    let expiryMs = rules.expiryMs;
    if (margin === Margin.V5) {
      const intervalAt = this._intervalOf(at);
      const interval = intervalAt && readUint32(bytes, intervalAt);
      if (interval) flags |= Flag.HAS_INTERVAL;
      if (interval && interval * 1_000 < (expiryMs || Limit.LONGEST_MS)) expiryMs = interval * 1_000;
      writeUint32(bytes, at + Note.INTERVAL_AT, now);
    }
    if (expiryMs) {
      flags |= Flag.EXPIRES;
      this._expect(now + expiryMs);
    }
    bytes[at + Note.FLAGS] = flags;
    writeUint32(bytes, at + Note.EXPIRES_AT, now + expiryMs);
  }

  /** A message expires then: perhaps it is the next to. */
  private _expect(moment: number): void {
    if (this._expires && ((moment - this._expiresAt) | 0) >= 0) return;
    this._expires = true;
    this._expiresAt = moment;
  }

  private _isDue(): boolean {
    // Also when the clock wraps at 32 bits.
    return this._expires && ((this._client._platform.clock.now() - this._expiresAt) | 0) >= 0;
  }

  /** Drops what has waited too long, and without a connection what is not to wait for one. */
  private _sweep(): void {
    const outbox = this._outbox;
    const bytes = outbox.bytes;
    const now = this._client._platform.clock.now();
    this._expires = this._lent;
    this._expiresAt = now; // until then it can wait
    if (this._lent) return;
    let dropped = false;
    let at = outbox._tail;
    for (let left = outbox._entries; left > 0; left--) {
      at = outbox._begin(at);
      if (this._isWaiting(at)) {
        const flags = bytes[at + Note.FLAGS];
        const moment = readUint32(bytes, at + Note.EXPIRES_AT);
        const expired = (flags & Flag.EXPIRES) !== 0 && ((moment - now) | 0) <= 0;
        const offline =
          !this._client.connected && flags & Flag.DROPPED_OFFLINE && outbox.qosAt(outbox.packetAt(at)) === 0;
        if (expired || offline) {
          this._drop(at, expired ? Cause.EXPIRED : Cause.OFFLINE);
          dropped = true;
        } else if (flags & Flag.EXPIRES) {
          this._expect(moment);
        }
      }
      at = outbox._end(at);
    }
    if (dropped) compact(outbox);
  }

  /**
   * Makes room for an entry of `size` bytes, and a record if it needs one, by dropping if that is allowed; but only if there is
   * enough that may be dropped.
   */
  private _makeRoom(size: number, record: boolean, drops: boolean): boolean {
    const outbox = this._outbox;
    let free = outbox.bytes.length;
    let most = 0;
    let hasRecord = !record;
    let at = outbox._tail;
    for (let left = outbox._entries; left > 0; left--) {
      at = outbox._begin(at);
      const end = outbox._end(at);
      if (outbox._state(at) !== State.DONE) free -= end - at;
      if (drops && this._isDroppable(at)) {
        most += end - at;
        hasRecord ||= outbox._flight.indexOf(at) >= 0;
      }
      at = end;
    }
    if (free + most < size || !hasRecord) return false;
    at = outbox._tail;
    for (let left = outbox._entries; left > 0 && (free < size || record); left--) {
      at = outbox._begin(at);
      const end = outbox._end(at);
      const hasOne = record && outbox._flight.indexOf(at) >= 0;
      if (this._isDroppable(at) && (free < size || hasOne)) {
        free += end - at;
        if (hasOne) record = false;
        this._drop(at, Cause.OLDEST);
      }
      at = end;
    }
    compact(outbox);
    return true;
  }

  /** Whether the entry waits to be sent for the first time: whatever else is there, the broker may know of. */
  private _isWaiting(at: number): boolean {
    const outbox = this._outbox;
    if (outbox._state(at) !== State.QUEUED || (this._client._written > 0 && at === outbox._next)) return false;
    // What a saved session has of an earlier run, has DUP as long as the broker may know of it.
    return (outbox.bytes[outbox.packetAt(at)] & DUP) === 0;
  }

  private _isDroppable(at: number): boolean {
    const flags = this._outbox.bytes[at + Note.FLAGS];
    return ((flags & Flag.NOTED ? flags : this._rules.flags) & Flag.DROPPABLE) !== 0 && this._isWaiting(at);
  }

  /** Gives up a message that waits. Its place is free once the ring is compacted. */
  private _drop(at: number, cause: Cause): void {
    const outbox = this._outbox;
    const slot = outbox._flight.indexOf(at); // a saved session's messages have their packet ids from the beginning
    outbox._setState(at, State.DONE);
    outbox.queued--;
    if (slot >= 0) {
      outbox._flight[slot] = NO_ENTRY;
      outbox._saved?.ended(slot + 1);
    }
    this._count(cause);
  }

  // Sizes

  /** The largest entry that there is room for. */
  private _room(): number {
    const outbox = this._outbox;
    const head = outbox._head;
    const tail = outbox._tail;
    const wraps = outbox._entries > 0 && head <= tail;
    return wraps ? tail - head : Math.max(outbox.bytes.length - head, tail);
  }

  /** Bytes that a publisher's payload takes, and with MQTT 5 its properties; Infinity for what cannot be. */
  private _payloadSize(source: Source): number {
    const payload = source._payload;
    const properties = (source._properties ? source._properties.length : 0) + (source._more ?? 0);
    if (typeof payload === "string") return properties + utf8Length(payload);
    if (typeof payload === "number") {
      return properties + writeDecimal(this._number, 0, Limit.LONGEST_NUMBER, payload, source._decimals);
    }
    return properties + Math.min(source._end ?? payload.length, payload.length) - source._start;
  }

  // MQTT 5

  /** Where the message expiry interval is of the entry at `at`; 0 when it has none. */
  private _intervalOf(at: number): number {
    const bytes = this._outbox.bytes;
    at = this._outbox.packetAt(at);
    const qos = publishQos(bytes[at]);
    while (bytes[++at] & 128); // over the remaining length
    at += 3 + readUint16(bytes, at + 1) + (qos ? 2 : 0);
    let left = bytes[at] & 127; // the first byte of the list's length says enough
    if (bytes[at] & 128) left = 127;
    while (bytes[at++] & 128);
    const end = at + left;
    if (at < end && bytes[at] === Property.TOPIC_ALIAS) at += 3;
    if (at < end && bytes[at] === Property.PAYLOAD_FORMAT_INDICATOR) at += 2;
    return at < end && bytes[at] === Property.MESSAGE_EXPIRY_INTERVAL ? at + 1 : 0;
  }

  /** Takes the time that the next message has waited from its message expiry interval, as a server does [MQTT5-3.3.2-6]. */
  private _reduceInterval(): void {
    const outbox = this._outbox;
    const bytes = outbox.bytes;
    const at = outbox._next;
    if (!(bytes[at + Note.FLAGS] & Flag.HAS_INTERVAL) || outbox.packetAt(at) !== outbox.packetStart) return;
    if (outbox.qosAt(outbox.packetStart) < 0) return; // PUBREL has taken its place
    const since = readUint32(bytes, at + Note.INTERVAL_AT);
    const seconds = Math.floor(((this._client._platform.clock.now() - since) | 0) / 1_000);
    if (seconds <= 0) return;
    const intervalAt = this._intervalOf(at);
    // A message that may be with the broker already is sent whatever its age; but 0 could be taken for no interval.
    writeUint32(bytes, intervalAt, Math.max(1, readUint32(bytes, intervalAt) - seconds));
    writeUint32(bytes, at + Note.INTERVAL_AT, since + seconds * 1_000);
  }

  // Counting

  private _count(cause: Cause): void {
    add(this, cause);
    if (this._metrics) add(this._metrics, cause);
    if (cause !== Cause.REFUSED) this._untold++;
  }

  private _tell(): void {
    const count = this._untold;
    this._untold = 0;
    if (count) this._client._guard.call(this.onDropped, count);
  }
}

function add(counts: DropCounts, cause: Cause): void {
  switch (cause) {
    case Cause.REFUSED:
      counts.refused++;
      break;
    case Cause.OLDEST:
      counts.droppedOldest++;
      break;
    case Cause.NEWEST:
      counts.droppedNewest++;
      break;
    case Cause.OFFLINE:
      counts.droppedOffline++;
      break;
    case Cause.EXPIRED:
      counts.expired++;
  }
}

/** A policy as it is kept; where it says nothing, `others` hold. */
function rules(policy: QueuePolicy, others: Rules | undefined): Rules {
  const flags = others ? others.flags : 0;
  const whenFull = oneOf("whenFull", policy.whenFull, ["refuse", "drop-oldest", "drop-newest"]);
  const qos0 = oneOf("qos0", policy.qos0, ["keep", "drop"]);
  const dropsOldest = whenFull ? whenFull === "drop-oldest" : others !== undefined && others.dropsOldest;
  const dropsNewest = whenFull ? whenFull === "drop-newest" : others !== undefined && others.dropsNewest;
  const dropsOffline = qos0 ? qos0 === "drop" : (flags & Flag.DROPPED_OFFLINE) !== 0;
  const protect = policy.protect ?? (others !== undefined && others.dropsOldest && !(flags & Flag.DROPPABLE));
  return {
    dropsOldest,
    dropsNewest,
    flags: Flag.NOTED | (dropsOldest && !protect ? Flag.DROPPABLE : 0) | (dropsOffline ? Flag.DROPPED_OFFLINE : 0),
    expiryMs: inRange("expiryMs", policy.expiryMs, others ? others.expiryMs : 0, 1, Limit.LONGEST_MS),
  };
}

function oneOf(name: string, value: string | undefined, values: string[]): string | undefined {
  if (value !== undefined && values.indexOf(value) < 0) {
    throw new TypeError(`${name} must be "${values.join('" or "')}", not ${JSON.stringify(value)}`);
  }
  return value;
}

/** Bytes of a string in UTF-8; at least as many as an engine's own way to encode it takes. */
function utf8Length(text: string): number {
  let length = 0;
  for (let index = 0; ; index++) {
    const code = charCodeAt.call(text, index);
    if (code !== code) return length; // NaN: the end of the string
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
    if (code < 0xd800 || code >= 0xdc00) continue;
    const low = charCodeAt.call(text, index + 1);
    if (low >= 0xdc00 && low < 0xe000) {
      length++;
      index++;
    }
  }
}

function readUint32(bytes: Uint8Array, at: number): number {
  return ((readUint16(bytes, at) << 16) | readUint16(bytes, at + 2)) >>> 0;
}

function writeUint32(into: Uint8Array, at: number, value: number): void {
  writeUint16(into, at, value >> 16);
  writeUint16(into, at + 2, value);
}
