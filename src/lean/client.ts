import { readUint16, writeUint16 } from "../packet/bytes.ts";
import { DUP, RETAIN, SUBSCRIPTION_FAILED } from "../packet/constants.ts";
import { Reason } from "../packet/reason.ts";
import { topicMatches } from "../packet/topic.ts";
import { checkUtf8 } from "../packet/utf8.ts";
import type { ClientOptions } from "../client/options.ts";
import type { Payload, Published } from "../client/publisher.ts";
import type { Endpoint, Platform, Transport, TransportListener } from "../platform.ts";
import { encodeConnect } from "./connect.ts";
import { Message } from "./message.ts";
import { publish, type Publisher, type PublisherOptions } from "./publisher.ts";
import { Session } from "./session.ts";
import { type MessageHandler, State, type Subscription, unsubscribe } from "./subscription.ts";
import { close, Room, write, writeField } from "./text.ts";

enum Phase {
  /** Not asked to connect. */
  IDLE,
  /** Until the next attempt. */
  WAITING,
  /** The transport is opening, or open. */
  OPEN,
}

enum Limit {
  /** The longest filter of a request. */
  FILTER = 240,
  /** The size of SUBACK: only PUBLISH is larger, of what a broker sends. */
  SUBACK = 5,
  /** Room for a request that the connection does not take yet, and for acknowledgements: brokers send 20 messages at once. */
  CONTROL = 336,
  /** A connection that ends sooner than this after CONNACK did not last. */
  LASTING_MS = 10_000,
  /** Packet ids of SUBSCRIBE and UNSUBSCRIBE, in turn, above those of messages. */
  REQUESTS = 1_000,
  FIRST_REQUEST = 64_001,
}

/** The first byte of a packet: its type and flags (2.2). PUBLISH has flags of its own. */
enum First {
  CONNACK = 0x20,
  PUBACK = 0x40,
  SUBSCRIBE = 0x82,
  SUBACK = 0x90,
  UNSUBSCRIBE = 0xa2,
  UNSUBACK = 0xb0,
  PINGREQ = 0xc0,
  PINGRESP = 0xd0,
  DISCONNECT = 0xe0,
}

/** What `new Client` of `mote-mqtt/lean` is told: the options of `mote-mqtt`, but for those of what it has not. */
export type LeanOptions = Omit<ClientOptions, "exactlyOnce" | "maximumSubscriptions">;

/**
 * The client of `mote-mqtt` once more, for devices on which code is dear: the same surface, without optional parts, and in
 * less than half the bytecode. It checks topics and the shape of the URL, and else trusts what TypeScript has checked.
 *
 * Its clock is the sum of the steps that the platform's makes forward; what is due is a moment of it.
 */
export class Client extends Session implements TransportListener {
  /** Whether the broker has accepted the connection. Only to be read. */
  connected: boolean;
  /** The connection is up. `sessionPresent`: the broker kept the session of an earlier connection (3.2.2.2). */
  onConnect: ((sessionPresent: boolean) => void) | undefined;
  /**
   * The connection is lost, or could not be made; the client tries again by itself. While attempts fail for the same
   * reason it is called once. `describe(reason)` of `mote-mqtt/describe` is a sentence.
   */
  onDisconnect: ((reason: Reason) => void) | undefined;
  /** Gets a message that no subscription's filter matches, of an earlier session perhaps. */
  onMessage?(message: Message): void;
  /** A message larger than `receiveBytes` was skipped, and is acknowledged. It has its topic and length, but no bytes of it. */
  onSkipped?(message: Message): void;

  /** @internal */ readonly _platform: Platform;
  /** Whether some request may have to be sent. @internal */ _asking!: boolean;
  private readonly _options: LeanOptions;
  private readonly _transport: Transport;
  private readonly _endpoint: Endpoint;
  private readonly _message: Message;
  private _subscriptions: Subscription[];
  private readonly _connect: Uint8Array;
  /** Packets other than PUBLISH on their way out. */
  private readonly _control: Uint8Array;
  private _controlEnd!: number;
  /** How much of the session's next packet the transport has taken. */
  private _written!: number;
  /** A packet that the network has cut: how much of it has come, and must have come for it to be looked at. */
  private readonly _buffer: Uint8Array;
  private _have!: number;
  private _needed!: number;
  /** Where the chunk ends that is being read; 0 once its connection has. */
  private _end!: number;
  /** Bytes to come of a message that is skipped, and the packet id of its acknowledgement. */
  private _skip!: number;
  private _answerId!: number;

  private _phase: Phase;
  private _lastReason!: Reason;
  /** What a handler has thrown, until the client is done with the event. */
  private _error: unknown;
  /** How many times CONNECT was sent since the last CONNACK. */
  private _connects: number;
  /** The packet id of the last request, and how many wait for their answer. */
  private _request: number;
  private _awaited!: number;

  private readonly _tickMs: number;
  private readonly _keepAliveMs: number;
  private _ticking: unknown;
  private _lastTick!: number;
  private _now: number;
  /** The next attempt; or the present one has failed; or the connection has lasted. */
  private _due!: number;
  private _pingDue!: number;
  private _pongDue!: number;
  /** When the broker has acknowledged last, or had nothing to acknowledge. */
  private _acknowledgedAt!: number;
  /** The longest that the last wait for an attempt could have been, in ms; 0 when there was none. */
  private _ceiling!: number;

  /** Throws a TypeError when the URL is not like "mqtt://host:1883". The transport decides which schemes there are. */
  constructor(platform: Platform, options: LeanOptions) {
    super(options.outboxBytes ?? 1_024, options.maximumInFlight ?? 4);
    const parts = options.url.split("/");
    if (!parts[2] || options.url.indexOf("@") >= 0) throw new TypeError("url must be like mqtt://host:1883");
    const host = parts[2].split(":");
    this._platform = platform;
    this._options = options;
    this._endpoint = {
      scheme: parts[0].slice(0, -1),
      hostname: host[0],
      port: +(host[1] ?? (parts[0] === "mqtts:" ? 8883 : 1883)),
      path: "",
    };
    this._tickMs = options.tickMs ?? 250;
    this._keepAliveMs = ((options.keepAlive ?? 60) || Infinity) * 1_000 - 2 * this._tickMs;
    this._buffer = new Uint8Array((options.receiveBytes ?? 1_024) + Room.HEADER);
    this._message = new Message(platform.text, this._buffer);
    this._connect = encodeConnect(options, platform.text);
    this._control = new Uint8Array(Limit.CONTROL + this._connect.length);
    this._transport = platform.createTransport();
    this._subscriptions = [];
    this._phase = this._now = this._connects = this._request = 0;
    this.connected = false;
  }

  /** Connects, and stays connected until `disconnect`. Does nothing when that was asked for before. */
  connect(): void {
    if (this._phase) return;
    this._ceiling = this._due = 0;
    this._tick(); // may throw about the URL's scheme: then nothing has begun
    this._ticking = this._platform.clock.startTicking(this._tickMs, () => {
      this._tick();
      this._rethrow();
    });
  }

  /**
   * Ends the connection with DISCONNECT, so that the broker does not publish the will [MQTT-3.14.4-3]. Messages that were
   * accepted wait for the next `connect`.
   */
  disconnect(): void {
    if (!this._phase) return;
    this._platform.clock.stopTicking(this._ticking);
    this.onWritable();
    this._send(First.DISCONNECT);
    this._lose((this._lastReason = Reason.DISCONNECTED));
    this._phase = Phase.IDLE;
    this.onDisconnect?.(Reason.DISCONNECTED);
  }

  /** Prepares to publish to `topic`. Throws a TypeError when the topic cannot be published to. */
  publisher(topic: string, options?: PublisherOptions): Publisher {
    const bytes = this._bytesOf(topic);
    if (!topic || bytes.length >> 16 || checkUtf8(bytes, 0, bytes.length, true)) {
      throw new TypeError(`topic cannot be published to: "${topic}"`);
    }
    return { publish, _client: this, _topic: bytes, _options: options ?? {} };
  }

  /** Publishes once. A topic that is published to again and again is cheaper through `publisher`. */
  publish(topic: string, payload: Payload, options?: PublisherOptions): Published {
    return this.publisher(topic, options).publish(payload);
  }

  /**
   * Subscribes to a topic filter, now or as soon as there is a connection, and again whenever the broker has lost the session.
   * It takes the place of an earlier subscription to the same filter. Throws a RangeError when that has more than 240 bytes.
   */
  subscribe(filter: string, qos: 0 | 1, handler: MessageHandler): Subscription {
    const table = this._subscriptions;
    let place = 0;
    while (place < table.length && table[place]._name !== filter) place++;
    const bytes = this._bytesOf(filter);
    if (bytes.length > Limit.FILTER) throw new RangeError("filter has more than 240 bytes");
    const subscription: Subscription = {
      filter: bytes,
      qos,
      granted: -1,
      unsubscribe,
      _client: this,
      _name: filter,
      _handler: handler,
      _state: State.WANTED,
      _id: -1,
    };
    table[place] = subscription;
    this._asking = true;
    this.onWritable();
    return subscription;
  }

  private _bytesOf(value: string): Uint8Array {
    const room = new Uint8Array(value.length * 3);
    return room.slice(0, write(this._platform.text, value, room, 0));
  }

  // Time

  private _tick(): void {
    const time = this._platform.clock.now();
    const passed = (time - this._lastTick) | 0;
    this._lastTick = time;
    const now = (this._now += passed > 0 ? passed : 0);
    if (this.connected) {
      if (now >= this._due) this._ceiling = 0; // the connection has lasted
      if (!(this.inFlight + this._awaited)) this._acknowledgedAt = now;
      if (now >= this._pingDue) {
        this._pongDue = Math.min(this._pongDue, now + (this._options.pingTimeoutMs ?? 10_000));
        if (!this._controlEnd) this._send(First.PINGREQ); // else there is something to send
      }
      this._lose(
        now - this._acknowledgedAt >= (this._options.acknowledgeTimeoutMs ?? 30_000)
          ? Reason.ACKNOWLEDGE_TIMEOUT
          : now >= this._pongDue
            ? Reason.PING_TIMEOUT
            : Reason.OK,
      );
      this.onWritable();
    } else if (now >= this._due) {
      if (this._phase > Phase.WAITING) this._lose(Reason.CONNECT_TIMEOUT);
      else {
        this._transport.open(this._endpoint, this);
        this._phase = Phase.OPEN;
        this._due = now + (this._options.connectTimeoutMs ?? 10_000);
        this._controlEnd = this._written = this._have = this._skip = 0;
      }
    }
  }

  // The connection

  /** @internal */
  onOpen(): void {
    this._connects++;
    this._control.set(this._connect);
    this._controlEnd = this._connect.length;
    this.onWritable();
  }

  /** @internal */
  onClose(reason: Reason): void {
    this._lose(reason);
    this._rethrow();
  }

  /** The connection ended, or is of no use any more; with `Reason.OK` nothing is wrong. */
  private _lose(reason: Reason): void {
    if (!reason || this._phase < Phase.OPEN) return;
    this._phase = Phase.WAITING;
    this.connected = false;
    // Exponential back-off with full jitter.
    this._ceiling = Math.min(
      this._ceiling * 2 || (this._options.reconnectMinMs ?? 1_000),
      this._options.reconnectMaxMs ?? 60_000,
    );
    this._due = this._now + this._platform.random() * this._ceiling;
    this._end = 0;
    this._transport.close();
    if (reason !== this._lastReason) this._call(this.onDisconnect, (this._lastReason = reason));
  }

  /** Calls a function of the application's: one that throws must not leave the client between two states. */
  private _call<Argument>(callback: ((argument: Argument) => void) | undefined, argument: Argument): void {
    try {
      if (callback) callback(argument);
    } catch (error) {
      this._error ??= error;
    }
  }

  private _rethrow(): void {
    const error = this._error;
    this._error = undefined;
    if (error !== undefined) throw error;
  }

  // Output

  /** Hands the transport all that it takes: what is left of a message, then acknowledgements and requests, then messages. @internal */
  onWritable(): void {
    while (this._phase > Phase.WAITING) {
      if (this._asking && this.connected && !this._controlEnd) this._ask();
      const isControl = !this._written && this._controlEnd > 0;
      const bytes = isControl ? this._control : this._bytes;
      const start = isControl ? 0 : this._next + this._written;
      const end = isControl ? this._controlEnd : this.connected && this._peek();
      if (!end) return;
      const taken = this._transport.write(bytes, start, end);
      if (taken > 0) this._pingDue = this._now + this._keepAliveMs;
      if (isControl) {
        // eslint-disable-next-line no-restricted-syntax -- not for Espruino
        bytes.copyWithin(0, taken, end);
        this._controlEnd -= taken;
      } else {
        this._written += taken;
      }
      if (start + taken < end) return;
      if (!isControl) {
        this._written = 0;
        this._sent(end);
      }
    }
  }

  /** Writes the next request, when one is due: acknowledgements have to find room behind it. */
  private _ask(): void {
    for (let index = 0; index < this._subscriptions.length; index++) {
      const one = this._subscriptions[index];
      if (one._state % State.UNWANTED === 0) {
        one._id = this._request = (this._request % Limit.REQUESTS) + Limit.FIRST_REQUEST;
        this._put(one._state++ ? First.UNSUBSCRIBE : First.SUBSCRIBE, one._id, one);
        this._awaited++;
        return;
      }
    }
    this._asking = false;
  }

  /** Adds a packet to those that wait, with what it has of a packet id, a filter and a QoS. Returns false when there is no room. */
  private _put(first: First, id?: number, request?: Subscription): boolean {
    const control = this._control;
    let end = this._controlEnd + Room.HEADER;
    if (id) {
      writeUint16(control, end, id);
      end += 2;
    }
    if (request) {
      end = writeField(this._platform.text, request.filter, control, end);
      if (first === First.SUBSCRIBE) control[end++] = request.qos;
    }
    if (end > control.length) return false;
    this._controlEnd = close(control, this._controlEnd, end, first);
    return true;
  }

  /** Sends a packet that is a packet id, or nothing; with packet id 0 it is not sent. */
  private _send(first: First, id?: number): void {
    if (!this.connected || id === 0) return;
    if (this._put(first, id)) {
      this.connected = first < First.DISCONNECT; // nothing may follow that [MQTT-3.14.4-2]
      this.onWritable();
    } else {
      this._lose(Reason.OUTPUT_STALLED);
    }
  }

  // Input

  /** @internal */
  onData(bytes: Uint8Array, at: number, end: number): void {
    this._pongDue = Infinity; // whatever comes, shows that the broker is there
    this._end = end;
    while (at < this._end) {
      let next = this._have || this._skip ? 0 : this._take(bytes, at, end);
      if (!next) {
        next = Math.min(at + (this._skip || this._needed - this._have), end);
        if (this._skip) {
          this._acknowledgedAt = this._now; // no acknowledgement can overtake a message that is still arriving
          this._skip -= next - at;
          if (!this._skip) this._send(First.PUBACK, this._answerId);
        } else {
          while (at < next) this._buffer[this._have++] = bytes[at++];
          if (this._have === this._needed && this._take(this._buffer, 0, this._have)) this._have = 0;
        }
      }
      at = next;
    }
    this._rethrow();
  }

  /** Takes the packet at `at`. Returns where what it took ends, or 0 when more must come, `_needed` bytes of it. */
  private _take(bytes: Uint8Array, at: number, limit: number): number {
    const first = bytes[at];
    const isPublish = first >> 4 === 3;
    const room = isPublish ? this._buffer.length : Limit.SUBACK;
    let body = at + 1;
    let end = 0;
    let shift = 0;
    let missing = 0;
    do {
      this._needed = body - at + 1;
      if (body >= limit) return 0;
      end |= (bytes[body] & 127) << shift;
      shift += 7;
    } while (bytes[body++] > 127 && shift < 28);
    end += body;
    if (end - at > room) {
      // Of a message that is too large, all before its payload is enough.
      missing = end;
      end = body + 2;
      if (end <= limit) end += readUint16(bytes, body) + (first & 2);
      missing -= end;
    }
    this._needed = end - at;
    if (end > limit && this._needed <= room) return 0;
    this._lose(
      (first === First.CONNACK) === this.connected || bytes[body - 1] > 127
        ? Reason.UNEXPECTED_PACKET
        : this._needed > room || (missing && !isPublish)
          ? Reason.PACKET_TOO_LARGE
          : isPublish
            ? this._receive(first, bytes, body, end, missing)
            : this._handle(first, readUint16(bytes, body), bytes[end - 1], end - body),
    );
    return end;
  }

  /**
   * Takes a packet that has two bytes, `id`, and one more, `code`, as far as its `length` goes. CONNACK's `id` are its flags and
   * its code.
   */
  private _handle(first: First, id: number, code: number, length: number): Reason {
    if (length !== (first === First.PINGRESP ? 0 : first === First.SUBACK ? 3 : 2)) return Reason.TRUNCATED;
    switch (first) {
      case First.PINGRESP:
        return Reason.OK;
      case First.CONNACK:
        if (id >> 9) return Reason.CONNACK_FLAGS;
        if (code > 5) return Reason.CONNACK_CODE;
        if (id >> 8 && (code || this._options.cleanSession !== false)) return Reason.SESSION_PRESENT;
        if (code) return code;
        this._accepted(id > 0);
        break;
      case First.PUBACK:
        if (!id) return Reason.PACKET_ID_ZERO;
        this._acknowledge(id);
        break;
      case First.SUBACK:
      case First.UNSUBACK:
        if (!id) return Reason.PACKET_ID_ZERO;
        if (length > 2 && code > 2 && code !== SUBSCRIPTION_FAILED) return Reason.SUBACK_CODE;
        this._awaited--;
        this._answered(id, code);
        break;
      default:
        return Reason.UNEXPECTED_PACKET;
    }
    this._acknowledgedAt = this._now;
    this.onWritable();
    return Reason.OK;
  }

  private _accepted(session: boolean): void {
    for (let index = 0; index < this._subscriptions.length; index++) {
      const one = this._subscriptions[index];
      if (one._state > State.GRANTED) one._state = State.UNWANTED;
      // Where a CONNACK got lost, the session may be a new one that began with it.
      else if (!session || this._connects > 1 || one._state < State.GRANTED) one._state = State.WANTED;
    }
    this.connected = this._asking = true;
    this._lastReason = this._connects = this._awaited = 0;
    this._due = this._now + Limit.LASTING_MS;
    this._resume(session);
    this._call(this.onConnect, session);
  }

  private _answered(id: number, code: number): void {
    for (let index = 0; index < this._subscriptions.length; index++) {
      const one = this._subscriptions[index];
      if (one._id === id) {
        one._id = -1;
        if (one._state === State.REQUESTED) {
          if (code < SUBSCRIPTION_FAILED) one._state = State.GRANTED;
          this._call(one.onGranted, (one.granted = code));
        } else {
          this._subscriptions.splice(index, 1);
        }
      }
    }
  }

  /** Takes a PUBLISH, `missing` bytes of whose payload are still to come: that one is skipped. */
  private _receive(first: number, bytes: Uint8Array, at: number, end: number, missing: number): Reason {
    const message = this._message;
    const topicStart = at + 2;
    const topicEnd = topicStart + readUint16(bytes, at);
    const qos = (first >> 1) & 3;
    const start = topicEnd + 2 * qos;
    const reason =
      qos > 1 || (first & 14) === DUP
        ? Reason.QOS_NOT_REQUESTED
        : start > end || missing < 0 || topicStart === topicEnd
          ? Reason.TRUNCATED
          : checkUtf8(bytes, topicStart, topicEnd, true);
    if (reason) return reason;
    message.bytes = bytes;
    message.qos = qos;
    message.retain = (first & RETAIN) > 0;
    message.dup = (first & DUP) > 0;
    message.topicStart = topicStart;
    message.topicEnd = topicEnd;
    message.start = start;
    message.end = end;
    message.length = end - start + missing;
    // Before the handlers, which may end the connection.
    this._skip = missing;
    this._answerId = qos && readUint16(bytes, topicEnd);
    if (qos > this._answerId) return Reason.PACKET_ID_ZERO;
    if (missing) this._call(this.onSkipped, message);
    else {
      this._deliver(message);
      this._send(First.PUBACK, this._answerId);
    }
    return Reason.OK;
  }

  /** Calls the handlers whose filter matches. */
  private _deliver(message: Message): void {
    let handler = this.onMessage as MessageHandler | undefined;
    for (let index = 0; index < this._subscriptions.length; index++) {
      const one = this._subscriptions[index];
      if (
        one._state < State.UNWANTED &&
        topicMatches(one.filter, 0, one.filter.length, message.bytes, message.topicStart, message.topicEnd)
      ) {
        handler = undefined;
        this._call(one._handler, message);
      }
    }
    this._call(handler, message);
  }
}
