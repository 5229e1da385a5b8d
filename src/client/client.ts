import { ACKNOWLEDGEMENT_SIZE, SUBSCRIPTION_FAILED } from "../packet/constants.ts";
import { type AcknowledgementType, checkAcknowledgement } from "../packet/acknowledgement.ts";
import { copyBytes, readUint16 } from "../packet/bytes.ts";
import { checkConnack } from "../packet/connack.ts";
import { type ConnectFields, connectSize, encodeConnect } from "../packet/connect.ts";
import { checkBodySize, PacketType } from "../packet/fixed-header.ts";
import { Framer, type PacketListener } from "../packet/framer.ts";
import { decodePublish, PublishView } from "../packet/publish.ts";
import { Reason } from "../packet/reason.ts";
import { encodeShortPacket } from "../packet/short-packet.ts";
import { checkTopicFilter, checkTopicName } from "../packet/topic.ts";
import type { Endpoint, Platform, Transport, TransportListener } from "../platform.ts";
import type { Answering, ExactlyOnce } from "../session/exactly-once.ts";
import { MESSAGE_OVERHEAD, NO_ENTRY } from "../session/entry.ts";
import { Outbox, type PayloadSource } from "../session/outbox.ts";
import { Guard } from "./guard.ts";
import { Message } from "./message.ts";
import { checkLength, type ClientOptions, connectFields, encodeText, inRange } from "./options.ts";
import { type Payload, Published, Publisher, type PublisherOptions, type Publishing } from "./publisher.ts";
import { Reconnect } from "./reconnect.ts";
import { type MessageHandler, Subscription, Subscriptions } from "./subscriptions.ts";
import { parseUrl } from "./url.ts";

/** Where a client is on its way to a connection. */
export enum Phase {
  /** Not asked to connect. */
  IDLE,
  /** Until the next attempt. */
  WAITING,
  /** The transport is opening, or CONNECT is sent and CONNACK awaited. */
  CONNECTING,
  CONNECTED,
}

/** Bytes. */
export enum Size {
  /** Room for a request, and behind it for as many acknowledgements that the connection does not take yet as Mosquitto sends messages at once. */
  CONTROL = 336,
  /** The longest request. */
  REQUEST = 256,
  /** What SUBSCRIBE takes besides its filter: fixed header, packet id, length of the filter, QoS. */
  SUBSCRIBE_OVERHEAD = 9,
}

enum Limit {
  /** How many ticks' time may pass in one: a clock that jumps further ends no connection by itself. */
  STEP_TICKS = 8,
  MS = 2_147_483_647,
  BUFFER = 16_777_215,
}

/**
 * An MQTT client that stays connected: it reconnects by itself, sends again what was not acknowledged, and renews
 * its subscriptions. All its memory is taken by the constructor, `publisher` and `subscribe`; from then on it moves bytes
 * between buffers. What goes wrong at run time is told through `onDisconnect` and never thrown.
 */
export class Client implements Publishing, Answering, PacketListener, TransportListener {
  /** The connection is up. `sessionPresent`: the broker kept the session of an earlier connection (3.2.2.2). */
  onConnect: ((sessionPresent: boolean) => void) | undefined;
  /**
   * The connection is lost, or could not be made; the client tries again by itself. While attempts fail for the same
   * reason it is called once. `describe(reason)` is a sentence.
   */
  onDisconnect: ((reason: Reason) => void) | undefined;
  /** Gets a message that no subscription's filter matches, of an earlier session perhaps. */
  onMessage?(message: Message): void;
  /**
   * A message larger than `receiveBytes` was skipped, and is acknowledged. It has its topic (cut where even that was
   * too large) and the length of its payload, but no bytes of it.
   */
  onSkipped?(message: Message): void;

  // What is protected is for the client of MQTT 5, which is an heir of this one; what is internal, for streaming as well.
  /** @internal */ _platform: Platform;
  /** @internal */ _transport: Transport;
  private readonly _endpoint: Endpoint;
  protected readonly _reconnect: Reconnect;
  /** @internal */ readonly _guard: Guard = new Guard();
  /** @internal */ readonly _exactlyOnce: ExactlyOnce | undefined;

  // Made by `_createParts`.
  protected _connect!: ConnectFields;
  /** @internal */ _framer!: Framer;
  /** @internal */ _outbox!: Outbox;
  /** @internal */ _subscriptions!: Subscriptions;
  /** @internal */ _message!: Message;
  /** @internal */ _publishView!: PublishView;

  /** Packets other than PUBLISH on their way out, from `_controlStart` up to `_controlEnd`. */
  /** @internal */ _control!: Uint8Array;
  /** @internal */ _controlStart = 0;
  /** @internal */ _controlEnd = 0;
  /** How much of the outbox's next packet the transport has taken. @internal */
  _written = 0;
  /** How the message being received is to be answered: packet id, 0 for not at all, and the packet's type. */
  /** @internal */ _answerId = 0;
  protected _answerType: AcknowledgementType = PacketType.PUBACK;
  /** Whether it is to be delivered: with QoS 2 it may have been already. */
  /** @internal */ _isNew = true;

  /** @internal */ _keepAliveMs: number;
  private readonly _connectTimeoutMs: number;
  private readonly _pingTimeoutMs: number;
  /** @internal */ readonly _acknowledgeTimeoutMs: number;
  private readonly _tickMs: number;

  /** @internal */ _phase = Phase.IDLE;
  private _ticking: unknown;
  private _lastTick = 0;
  /** Until the next attempt, or until the present one fails. */
  protected _remainingMs = 0;
  private _upMs = 0;
  /** @internal */ _sinceSentMs = 0;
  /** @internal */ _sinceAcknowledgedMs = 0;
  /** Since a PINGREQ that is not answered; -1 when there is none. */
  /** @internal */ _sincePingMs = -1;
  /** @internal */ _lastReason = Reason.OK;
  /** How many times CONNECT was sent since the last CONNACK. */
  protected _connects = 0;
  /** @internal */ _busy = false;

  /** Throws a TypeError or RangeError that names the option when one cannot be. */
  constructor(platform: Platform, options: ClientOptions) {
    this._platform = platform;
    this._endpoint = parseUrl(options.url);
    this._exactlyOnce = options.exactlyOnce;
    this._createParts(
      options,
      inRange("outboxBytes", options.outboxBytes, 1_024, 64, Limit.BUFFER),
      inRange("maximumInFlight", options.maximumInFlight, 4, 1, 1_000),
      inRange("maximumSubscriptions", options.maximumSubscriptions, 16, 0, 1_000),
      inRange("receiveBytes", options.receiveBytes, 1_024, 64, Limit.BUFFER),
    );
    this._keepAliveMs = this._connect.keepAlive * 1_000;
    this._connectTimeoutMs = inRange("connectTimeoutMs", options.connectTimeoutMs, 10_000, 1, Limit.MS);
    this._pingTimeoutMs = inRange("pingTimeoutMs", options.pingTimeoutMs, 10_000, 1, Limit.MS);
    this._acknowledgeTimeoutMs = inRange("acknowledgeTimeoutMs", options.acknowledgeTimeoutMs, 30_000, 1, Limit.MS);
    this._tickMs = inRange("tickMs", options.tickMs, 250, 1, 60_000);
    this._reconnect = new Reconnect(
      inRange("reconnectMinMs", options.reconnectMinMs, 1_000, 1, Limit.MS),
      inRange("reconnectMaxMs", options.reconnectMaxMs, 60_000, 1, Limit.MS),
    );
    this._transport = platform.createTransport();
  }

  /** Makes what depends on the version of MQTT. */
  protected _createParts(
    options: ClientOptions,
    outboxBytes: number,
    window: number,
    maximumSubscriptions: number,
    receiveBytes: number,
  ): void {
    const text = this._platform.text;
    const receive = new Uint8Array(receiveBytes);
    this._connect = connectFields(options, text);
    this._control = new Uint8Array(Math.max(Size.CONTROL, connectSize(this._connect)));
    this._outbox = new Outbox(outboxBytes, window);
    this._subscriptions = new Subscriptions(maximumSubscriptions, window + 1, this._guard);
    this._framer = new Framer(this, receive);
    this._message = new Message(text, receive);
    this._publishView = new PublishView();
  }

  /** Whether the broker has accepted the connection. */
  get connected(): boolean {
    return this._phase === Phase.CONNECTED;
  }

  /** Messages that wait to be sent. */
  get queued(): number {
    return this._outbox.queued;
  }

  /** Messages with QoS 1 or 2 that are sent and wait for their acknowledgement, or to be sent again. */
  get inFlight(): number {
    return this._outbox.inFlight;
  }

  /** Connects, and stays connected until `disconnect`. Does nothing when that was asked for before. */
  connect(): void {
    if (this._phase !== Phase.IDLE) return;
    this._open();
    const clock = this._platform.clock;
    this._lastTick = clock.now();
    this._ticking = clock.startTicking(this._tickMs, () => {
      this._tick();
      this._guard.rethrow();
    });
  }

  /**
   * Ends the connection with DISCONNECT, so that the broker does not publish the will [MQTT-3.14.4-3]. Messages that were
   * accepted stay in the outbox for the next `connect`.
   */
  disconnect(): void {
    if (this._phase === Phase.IDLE) return;
    if (this._phase === Phase.CONNECTED) {
      this._busy = false; // a handler may be the caller
      this._flush();
      // In the midst of another packet there is no place for it: then the will is published.
      if (this._written === 0) this._sendDisconnect();
    }
    this._platform.clock.stopTicking(this._ticking);
    this._phase = Phase.IDLE;
    this._lastReason = Reason.OK;
    this._reconnect.reset();
    this._hangUp();
    this.onDisconnect?.(Reason.DISCONNECTED);
  }

  /** Hands DISCONNECT to the transport, if that takes it. */
  protected _sendDisconnect(): void {
    this._subscriptions.unsent = false; // no request may follow [MQTT-3.14.4-2]
    if (this._send(PacketType.DISCONNECT, 0)) this._flushControl();
  }

  /** Prepares to publish to `topic`. Throws when the topic cannot be published to, or an option cannot be. */
  publisher(topic: string, options?: PublisherOptions): Publisher {
    const text = this._platform.text;
    const bytes = encodeText(text, "topic", topic, checkTopicName);
    checkLength("topic", bytes, this._outbox.bytes.length - MESSAGE_OVERHEAD);
    return new Publisher(this, text, bytes, this._maximumQos, options ?? {});
  }

  /** Publishes once. A topic that is published to again and again is cheaper through `publisher`. */
  publish(topic: string, payload: Payload, options?: PublisherOptions): Published {
    return this.publisher(topic, options).publish(payload);
  }

  /**
   * Subscribes to a topic filter with QoS 0, 1, or 2 (which takes `exactlyOnce`), now or as soon as there is a connection, and again whenever the
   * broker has lost the session. Throws when the filter is not one, is too long, or has a subscription already.
   */
  subscribe(filter: string, qos: 0 | 1 | 2, handler: MessageHandler): Subscription {
    const bytes = encodeText(this._platform.text, "filter", filter, checkTopicFilter);
    checkLength("filter", bytes, Size.REQUEST - Size.SUBSCRIBE_OVERHEAD);
    const maximumQos = inRange("qos", qos, 0, 0, this._maximumQos);
    const subscription = new Subscription(this._subscriptions, bytes, maximumQos, handler);
    this._subscriptions.add(subscription, filter);
    this._flush();
    return subscription;
  }

  /** @internal */
  _publish(header: number, topic: Uint8Array, payload: PayloadSource): Published {
    const outbox = this._outbox;
    if (!outbox.append(header, topic, payload)) return Published.FULL;
    this._flush();
    return outbox.queued === 0 ? Published.SENT : Published.QUEUED;
  }

  protected get _maximumQos(): number {
    return this._exactlyOnce ? 2 : 1;
  }

  // Time

  protected _tick(): void {
    const now = this._platform.clock.now();
    const longest = Limit.STEP_TICKS * this._tickMs;
    let passed = (now - this._lastTick) | 0; // right even when the clock wraps at 32 bits
    this._lastTick = now;
    if (passed < 0) passed = 0;
    if (passed > longest) {
      // The clock was set, or the device slept: which of them, a ping will show.
      passed = longest;
      this._sinceSentMs = this._keepAliveMs;
    }
    if (this._phase === Phase.CONNECTED) return this._keepAlive(passed);
    this._remainingMs -= passed;
    if (this._remainingMs > 0) return;
    if (this._phase === Phase.WAITING) this._open();
    else this._lose(Reason.CONNECT_TIMEOUT);
  }

  /** Sends PINGREQ when nothing else was sent for so long [MQTT-3.1.2-23], and notices when the broker is silent. @internal */
  _keepAlive(passed: number): void {
    this._upMs = Math.min(this._upMs + passed, Limit.MS);
    this._sinceSentMs += passed;
    if (this._outbox.inFlight || this._subscriptions.awaited) {
      this._sinceAcknowledgedMs += passed;
      if (this._sinceAcknowledgedMs >= this._acknowledgeTimeoutMs) return this._lose(Reason.ACKNOWLEDGE_TIMEOUT);
    } else {
      this._sinceAcknowledgedMs = 0;
    }
    if (this._sincePingMs >= 0) {
      this._sincePingMs += passed;
      if (this._sincePingMs >= this._pingTimeoutMs) return this._lose(Reason.PING_TIMEOUT);
    }
    // Also while an earlier one is not answered: the broker counts the silence, and its answer may be slow to arrive.
    if (this._keepAliveMs && this._sinceSentMs + 2 * this._tickMs >= this._keepAliveMs) {
      if (!this._send(PacketType.PINGREQ, 0)) return this._lose(Reason.OUTPUT_STALLED);
      this._sinceSentMs = 0;
      if (this._sincePingMs < 0) this._sincePingMs = 0;
    }
    this._flush(); // of an ended subscription, the broker is told here
  }

  // The connection

  private _open(): void {
    this._transport.open(this._endpoint, this);
    this._phase = Phase.CONNECTING;
    this._remainingMs = this._connectTimeoutMs;
  }

  /** @internal */
  onOpen(): void {
    this._connects++;
    this._controlEnd = encodeConnect(this._control, 0, this._connect);
    this._flushControl();
  }

  /** @internal */
  onClose(reason: Reason): void {
    this._lose(reason);
    this._guard.rethrow();
  }

  /** @internal */
  _connected(sessionPresent: boolean): void {
    this._phase = Phase.CONNECTED;
    this._upMs = this._sinceAcknowledgedMs = this._sinceSentMs = 0;
    this._sincePingMs = -1;
    this._lastReason = Reason.OK;
    this._outbox.resume(sessionPresent);
    // Where a CONNACK got lost, the session may be a new one that began with it.
    const doubtful = this._connects > 1;
    this._exactlyOnce?.resume(sessionPresent, doubtful);
    this._subscriptions.resume(sessionPresent, doubtful);
    this._connects = 0;
    this._guard.call(this.onConnect, sessionPresent);
  }

  /** The connection ended, or is of no use any more; with `Reason.OK` nothing is wrong. @internal */
  _lose(reason: Reason): void {
    if (!reason || this._phase === Phase.IDLE || this._phase === Phase.WAITING) return;
    const up = this._phase === Phase.CONNECTED;
    reason = this._reconnect.lost(reason, up ? this._upMs : -1);
    this._phase = Phase.WAITING;
    this._remainingMs = this._reconnect.delay(reason, this._platform.random());
    const news = reason !== this._lastReason;
    this._lastReason = reason;
    this._hangUp();
    if (news) this._guard.call(this.onDisconnect, reason);
  }

  protected _hangUp(): void {
    this._framer.reset();
    this._controlStart = this._controlEnd = this._written = this._answerId = 0;
    this._transport.close();
  }

  // Output

  /** @internal */
  onWritable(): void {
    this._flush();
  }

  /**
   * Hands the transport all that it takes: what is left of a packet, then acknowledgements and requests, then messages.
   * @internal
   */
  _flush(): void {
    // Within onData the messages of one chunk are answered together, by one write.
    if (this._busy) return;
    const outbox = this._outbox;
    if (this._phase !== Phase.CONNECTED) {
      if (this._phase === Phase.CONNECTING) this._flushControl();
      return;
    }
    while (this._written > 0 || this._flushControl()) {
      if (!outbox.peek()) return;
      const start = outbox.packetStart + this._written;
      const taken = this._transport.write(outbox.bytes, start, outbox.packetEnd);
      if (taken > 0) this._sinceSentMs = 0;
      if (taken < outbox.packetEnd - start) {
        this._written += taken;
        return;
      }
      this._written = 0;
      outbox.sent();
    }
  }

  /** Returns whether the transport took all of it. */
  protected _flushControl(): boolean {
    do {
      const start = this._controlStart;
      const end = this._controlEnd;
      if (start < end) {
        const taken = this._transport.write(this._control, start, end);
        if (taken > 0) this._sinceSentMs = 0;
        this._controlStart += taken;
        if (taken < end - start) return false;
      }
      this._controlStart = this._controlEnd = 0;
      if (this._subscriptions.unsent && this._phase === Phase.CONNECTED) {
        this._controlEnd = this._subscriptions.writeRequest(this._control, 0);
      }
    } while (this._controlEnd > 0);
    return true;
  }

  /** Adds a packet that is a packet id, or with 0 nothing, to those that wait. Returns false when there is no room. */
  private _send(type: PacketType, packetId: number): boolean {
    if (!this._reserve(ACKNOWLEDGEMENT_SIZE)) return false;
    this._controlEnd = encodeShortPacket(this._control, this._controlEnd, type, packetId);
    return true;
  }

  /** Makes room for a packet after those that wait in `_control`. Returns false when there is none. */
  protected _reserve(size: number): boolean {
    const control = this._control;
    if (this._controlEnd + size > control.length && this._written === 0) this._flushControl();
    if (this._controlEnd + size > control.length && this._controlStart > 0) {
      copyBytes(control, 0, control, this._controlStart, this._controlEnd);
      this._controlEnd -= this._controlStart;
      this._controlStart = 0;
    }
    return this._controlEnd + size <= control.length;
  }

  // Input

  /** @internal */
  onData(bytes: Uint8Array, start: number, end: number): void {
    this._busy = true;
    this._framer.push(bytes, start, end);
    this._busy = false;
    this._flush();
    if (this._exactlyOnce?.overflowed()) this._lose(Reason.TOO_MANY_UNFINISHED);
    this._guard.rethrow();
  }

  /** @internal */
  onPacket(header: number, bytes: Uint8Array, start: number, end: number): void {
    this._lose(this._handle(header, bytes, start, end));
  }

  /** @internal */
  onMalformed(reason: Reason): void {
    this._lose(reason); // a protocol violation ends the connection [MQTT-4.8.0-1]
  }

  protected _handle(header: number, bytes: Uint8Array, start: number, end: number): Reason {
    const type = header >> 4;
    // The first packet is CONNACK, and it comes once [MQTT-3.2.0-1].
    if ((type === PacketType.CONNACK) !== (this._phase === Phase.CONNECTING)) return Reason.UNEXPECTED_PACKET;
    switch (type) {
      case PacketType.PUBLISH:
        return this._handlePublish(header, bytes, start, end);
      case PacketType.PUBACK:
      case PacketType.SUBACK:
      case PacketType.UNSUBACK:
        return this._handleAnswer(type, bytes, start, end);
      case PacketType.PINGRESP:
        this._sincePingMs = -1;
        return checkBodySize(start, end, 0);
      case PacketType.CONNACK:
        return this._handleConnack(bytes, start, end);
    }
    if (!this._exactlyOnce) return Reason.UNEXPECTED_PACKET;
    if (type !== PacketType.PUBREL) this._sinceAcknowledgedMs = 0;
    return this._exactlyOnce.handle(type, bytes, start, end, this._outbox, this);
  }

  protected _handleConnack(bytes: Uint8Array, start: number, end: number): Reason {
    const reason = checkConnack(bytes, start, end) || (bytes[start + 1] as Reason);
    if (reason) return reason;
    const sessionPresent = bytes[start] === 1;
    // A broker has no session to present to a client that asked for a clean one [MQTT-3.2.2-1].
    if (sessionPresent && this._connect.cleanSession) return Reason.SESSION_PRESENT;
    this._connected(sessionPresent);
    return Reason.OK;
  }

  /** PUBACK, SUBACK and UNSUBACK: a packet id, and SUBACK's return code. */
  protected _handleAnswer(type: PacketType, bytes: Uint8Array, start: number, end: number): Reason {
    // One filter a SUBSCRIBE, so one return code [MQTT-3.8.4-5].
    const codes = type === PacketType.SUBACK ? 1 : 0;
    if (codes && end - start > 3) return Reason.SUBACK_CODE;
    const reason = checkAcknowledgement(bytes, start, end - codes);
    if (reason) return reason;
    const packetId = readUint16(bytes, start);
    const subscriptions = this._subscriptions;
    let known;
    if (type === PacketType.PUBACK) {
      // One that comes again does no harm: the message has had its answer.
      if (this._outbox.sentEntry(packetId) === NO_ENTRY) return Reason.OK;
      known = this._outbox.acknowledge(packetId);
    } else if (codes) {
      const code = bytes[start + 2];
      if (code > 2 && code !== SUBSCRIPTION_FAILED) return Reason.SUBACK_CODE;
      known = subscriptions.subscribed(packetId, code);
    } else {
      known = subscriptions.unsubscribed(packetId);
    }
    this._sinceAcknowledgedMs = 0;
    return known ? Reason.OK : Reason.UNKNOWN_PACKET_ID;
  }

  protected _handlePublish(header: number, bytes: Uint8Array, start: number, end: number): Reason {
    const reason = this._takePublish(header, bytes, start, end);
    if (reason) return reason;
    const message = this._message;
    if (this._isNew && this._subscriptions.dispatch(message) === 0) this._guard.call(this.onMessage, message);
    return this._answer();
  }

  /** Reads a PUBLISH into the message, and decides how it is to be answered. @internal */
  _takePublish(header: number, bytes: Uint8Array, start: number, end: number): Reason {
    const view = this._publishView;
    const reason = this._decodePublish(header, bytes, start, end);
    if (reason) return reason;
    this._isNew = true;
    this._answerType = PacketType.PUBACK;
    if (view.qos === 2) {
      if (!this._exactlyOnce) return Reason.QOS_NOT_REQUESTED;
      this._isNew = this._exactlyOnce.receive(view);
      this._answerType = PacketType.PUBREC;
    }
    this._answerId = view.packetId;
    this._message._set(bytes, view);
    return Reason.OK;
  }

  protected _decodePublish(header: number, bytes: Uint8Array, start: number, end: number): Reason {
    return decodePublish(header, bytes, start, end, this._publishView);
  }

  private _answer(): Reason {
    const packetId = this._answerId;
    this._answerId = 0;
    return packetId ? this._acknowledge(this._answerType, packetId) : Reason.OK;
  }

  /** @internal */
  _acknowledge(type: AcknowledgementType, packetId: number): Reason {
    // A handler may have ended the connection that the message came through.
    return this._phase !== Phase.CONNECTED || this._send(type, packetId) ? Reason.OK : Reason.OUTPUT_STALLED;
  }

  // Messages larger than the receive buffer

  /** @internal */
  onLargePublish(header: number, bytes: Uint8Array, start: number, end: number, payloadLength: number): void {
    const early = this._phase !== Phase.CONNECTED;
    const reason = early ? Reason.UNEXPECTED_PACKET : this._takePublish(header, bytes, start, end);
    if (reason) return this._lose(reason);
    this._message.length = payloadLength;
    if (this._isNew) this._guard.call(this.onSkipped, this._message);
    if (payloadLength === 0) this._lose(this._answer());
  }

  /** @internal */
  onLargePayload(_bytes: Uint8Array, _start: number, _end: number, missing: number): void {
    // Neither PINGRESP nor an acknowledgement can overtake a message that is still arriving.
    if (this._sincePingMs > 0) this._sincePingMs = 0;
    this._sinceAcknowledgedMs = 0;
    if (missing === 0) this._lose(this._answer());
  }
}
