import type { AcknowledgementType } from "../../packet/acknowledgement.ts";
import { copyBytes, writeUint16 } from "../../packet/bytes.ts";
import { packetSize, PacketType } from "../../packet/fixed-header.ts";
import { Reason } from "../../packet/reason.ts";
import { checkTopicName } from "../../packet/topic.ts";
import { checkUtf8 } from "../../packet/utf8.ts";
import { AcknowledgementView, decodeAcknowledgement, encodeAcknowledgement } from "../../packet/v5/acknowledgement.ts";
import { decodeAuth, encodeAuth } from "../../packet/v5/auth.ts";
import { ConnackView, decodeConnack } from "../../packet/v5/connack.ts";
import { connectSize, encodeConnect } from "../../packet/v5/connect.ts";
import { decodeDisconnect, encodeDisconnect } from "../../packet/v5/disconnect.ts";
import { Framer } from "../../packet/v5/framer.ts";
import { type Properties, propertiesSize, Property } from "../../packet/v5/properties.ts";
import { decodePublish, PublishView } from "../../packet/v5/publish.ts";
import { disconnectReason, isReasonCode, ReasonCode } from "../../packet/v5/reason-code.ts";
import { decodeSuback, SubackView } from "../../packet/v5/suback.ts";
import { decodeUnsuback } from "../../packet/v5/unsuback.ts";
import type { Platform } from "../../platform.ts";
import { MESSAGE_OVERHEAD, NO_ENTRY } from "../../session/entry.ts";
import { type PayloadSource } from "../../session/outbox.ts";
import { Outbox, type RefusalListener, REFUSED_ENTRY } from "../../session/v5/outbox.ts";
import { TopicAliases } from "../../session/v5/topic-aliases.ts";
import { Client as Client311, Phase, Size } from "../client.ts";
import { checkLength, encodeText, inRange } from "../options.ts";
import { type Payload, Published } from "../publisher.ts";
import { Message, RejectedMessage } from "./message.ts";
import {
  type ClientOptions,
  type Connect,
  connectFields,
  encodeSubscriptionFilter,
  RECEIVE_MAXIMUM_AT,
  TOPIC_ALIAS_MAXIMUM_AT,
} from "./options.ts";
import { LARGEST_UINT32, PropertyList, type UserProperty } from "./property-list.ts";
import { PropertyReader } from "./property-reader.ts";
import { Publisher, type PublisherOptions } from "./publisher.ts";
import { type MessageHandler, type SubscribeOptions, Subscription, Subscriptions } from "./subscriptions.ts";

/** What DISCONNECT says (3.14.2). */
export interface DisconnectOptions {
  /**
   * SUCCESS by default; DISCONNECT_WITH_WILL_MESSAGE has the broker publish the will all the same; or a code of `Reason` from
   * 0x80 up that a DISCONNECT may have.
   */
  reasonCode?: ReasonCode.SUCCESS | ReasonCode.DISCONNECT_WITH_WILL_MESSAGE | Reason;
  /** Seconds that the broker keeps the session, in place of what CONNECT said; not when that was 0 (3.14.2.2.2). */
  sessionExpiryInterval?: number;
  /** A text for the broker's log. */
  reasonString?: string;
  userProperties?: readonly UserProperty[];
}

enum Authentication {
  /** None, or done with. */
  NONE,
  /** The broker has to say something next. */
  AWAITED,
  /** The application has to: the broker's challenge is not answered. */
  CHALLENGED,
}

/**
 * A client of MQTT 5: `mote-mqtt/v5`. It is used as the one of 3.1.1 is, and stays connected in the same way; what MQTT 5 has
 * more is in options, in the properties of messages, and in what the broker says with each of its answers.
 *
 * What the broker says in CONNACK that it does not take, is not sent: it is rejected here, with the reason code that the
 * broker would have ended the connection with.
 */
export class Client extends Client311 implements RefusalListener {
  override onMessage?(message: Message): void;
  override onSkipped?(message: Message): void;
  /**
   * A message that `publish` accepted is given up: the broker rejected it (PUBACK or PUBREC with a reason code from 0x80 up),
   * or it has said that it takes none such. `message.reason` says why; it is only lent.
   */
  onRejected: ((message: RejectedMessage) => void) | undefined;
  /**
   * The broker sent a challenge of enhanced authentication, its data being in `properties`: answer with `authenticate`, now or
   * later (4.12).
   */
  onAuthenticate: ((properties: PropertyReader) => void) | undefined;
  /** A re-authentication has succeeded (4.12.1). */
  onAuthenticated: ((properties: PropertyReader) => void) | undefined;

  /** Messages that were rejected, see `onRejected`. */
  rejected = 0;
  /**
   * The properties of the packet that a callback is about, until it returns; otherwise empty. In `onConnect` those of CONNACK,
   * in `onDisconnect` of DISCONNECT or CONNACK (reason string, server reference), in `onRejected` of PUBACK or PUBREC, in a
   * subscription's callbacks of SUBACK or UNSUBACK.
   */
  readonly properties: PropertyReader;

  // Made by `_createParts`, before this class's own fields are.
  declare protected _connect: Connect;
  declare _outbox: Outbox;
  declare _subscriptions: Subscriptions;
  declare _message: Message;
  declare _publishView: PublishView;
  declare private _broker: ConnackView;

  private readonly _acknowledgementView = new AcknowledgementView();
  private readonly _codesView = new SubackView();
  // Made at the first rejection: most clients never see one.
  private _rejectedView: PublishView | undefined;
  private _rejectedMessage: RejectedMessage | undefined;

  private readonly _sessionExpiryInterval: number;
  private readonly _problemInformation: boolean;
  private readonly _receiveMaximum: number;
  /** How many aliases CONNECT allowed, and the topics they stand for. */
  private _aliasMaximum: number;
  private readonly _aliases: TopicAliases;

  private readonly _method: Uint8Array | undefined;
  private _authentication = Authentication.NONE;
  private _sinceAuthenticationMs = 0;

  /** What DISCONNECT says. */
  private _goodbyeCode = 0;
  private _goodbyeProperties: Uint8Array | undefined;

  /** Throws a TypeError or RangeError that names the option when one cannot be. */
  constructor(platform: Platform, options: ClientOptions) {
    super(platform, options);
    const method = options.authenticationMethod;
    this.properties = new PropertyReader(platform.text, this._control, this._broker.properties);
    this._sessionExpiryInterval = options.sessionExpiryInterval ?? 0;
    this._problemInformation = options.requestProblemInformation ?? true;
    this._receiveMaximum = options.receiveMaximum ?? 32;
    this._aliasMaximum = options.topicAliasMaximum ?? 0;
    this._aliases = new TopicAliases(
      this._aliasMaximum,
      inRange("topicAliasBytes", options.topicAliasBytes, 64, 1, 65_535),
    );
    this._method =
      method === undefined ? undefined : encodeText(platform.text, "authenticationMethod", method, checkUtf8);
  }

  protected override _createParts(
    options: ClientOptions,
    outboxBytes: number,
    window: number,
    maximumSubscriptions: number,
    receiveBytes: number,
  ): void {
    const text = this._platform.text;
    // The framer keeps a byte for itself.
    const receive = new Uint8Array(receiveBytes + 1);
    this._connect = connectFields(options, text);
    this._control = new Uint8Array(Size.CONTROL);
    this._broker = new ConnackView();
    this._outbox = new Outbox(outboxBytes, window, this._broker, this);
    this._subscriptions = new Subscriptions(maximumSubscriptions, window + 1, this._guard, this._broker);
    this._framer = new Framer(this, receive, remainingLengthIn(options.maximumPacketSize));
    this._publishView = new PublishView();
    this._message = new Message(text, receive, this._publishView);
  }

  /** What the broker said in its last CONNACK: what it supports, its limits. */
  get connack(): ConnackView {
    return this._broker;
  }

  /** The client identifier: the one that the broker assigned when the option is "". A new string at each call. */
  get clientId(): string {
    const bytes = this._connect.clientId;
    return this._platform.text.decode(bytes, 0, bytes.length);
  }

  override connect(): void {
    if (this._phase === Phase.IDLE) this._connect.cleanStart = this._connect.cleanSession;
    super.connect();
  }

  /** Ends the connection with DISCONNECT, and says why. Without options the broker does not publish the will. */
  override disconnect(options?: DisconnectOptions): void {
    const code = options?.reasonCode ?? ReasonCode.SUCCESS;
    const expiry = options?.sessionExpiryInterval;
    if (!isReasonCode(PacketType.DISCONNECT, code)) {
      throw new RangeError(`reasonCode must be one that DISCONNECT may have (3.14.2.1), not ${code}`);
    }
    if (expiry && !this._sessionExpiryInterval) {
      throw new RangeError("sessionExpiryInterval must be 0 when it was 0 in CONNECT (3.14.2.2.2)");
    }
    this._goodbyeCode = code;
    this._goodbyeProperties = options && disconnectProperties(options, this._platform.text);
    super.disconnect();
  }

  /** Prepares to publish to `topic`, with the same properties each time. Throws when one of them cannot be. */
  override publisher(topic: string, options?: PublisherOptions): Publisher {
    const text = this._platform.text;
    const bytes = encodeText(text, "topic", topic, checkTopicName);
    const alias = options?.topicAlias ? this._outbox.aliasOf(bytes) : 0;
    const publisher = new Publisher(this, text, bytes, this._maximumQos, options ?? {}, alias);
    const room = this._outbox.bytes.length - MESSAGE_OVERHEAD;
    checkLength("topic", bytes, room);
    checkLength("the property list", publisher._properties, room - bytes.length);
    return publisher;
  }

  override publish(topic: string, payload: Payload, options?: PublisherOptions): Published {
    return this.publisher(topic, options).publish(payload);
  }

  /**
   * Subscribes to a topic filter, or with `$share/name/filter` to a part of what a group of clients gets (4.8.2). `granted` of
   * the subscription is a reason code of SUBACK: below 0x80 the QoS, from there on a code of `Reason`.
   */
  override subscribe(
    filter: string,
    qos: 0 | 1 | 2,
    handler: MessageHandler,
    options?: SubscribeOptions,
  ): Subscription {
    const text = this._platform.text;
    const bytes = encodeSubscriptionFilter(text, filter);
    const maximumQos = inRange("qos", qos, 0, 0, this._maximumQos);
    const table = this._subscriptions;
    const subscription = new Subscription(table, bytes, maximumQos, handler, options ?? {}, text);
    const properties = subscription._properties;
    const size = properties ? propertiesSize(properties.length) : 1;
    checkLength("filter", bytes, Size.REQUEST - Size.SUBSCRIBE_OVERHEAD - size);
    table.add(subscription, filter);
    this._flush();
    return subscription;
  }

  /**
   * Goes on with enhanced authentication: answers the broker's challenge, or when there is none, authenticates again over
   * the connection that is up (4.12.1). `data` is the method's; none by default.
   */
  authenticate(data?: string | Uint8Array): void {
    const method = this._method;
    if (!method) throw new TypeError("authenticate needs the option authenticationMethod [MQTT-4.12.0-7]");
    const answers = this._authentication === Authentication.CHALLENGED;
    if (!answers && (this._phase !== Phase.CONNECTED || this._authentication)) return;
    const text = this._platform.text;
    const list = new PropertyList(text)
      .bytes("", Property.AUTHENTICATION_METHOD, method)
      .bytes("data", Property.AUTHENTICATION_DATA, data).list!;
    const length = 1 + propertiesSize(list.length);
    // Before CONNACK there is no limit: that of an earlier connection does not hold.
    if (this._phase === Phase.CONNECTED && this._broker.isTooLarge(length)) {
      return this._lose(Reason.PACKET_TOO_LARGE_V5);
    }
    this._authentication = Authentication.AWAITED;
    if (!answers) this._sinceAuthenticationMs = 0;
    this._makeRoom(packetSize(length));
    const code = answers ? ReasonCode.CONTINUE_AUTHENTICATION : ReasonCode.REAUTHENTICATE;
    this._controlEnd = encodeAuth(this._control, this._controlEnd, code, list);
    this._flush();
  }

  /** @internal */
  override _publish(header: number, topic: Uint8Array, payload: PayloadSource): Published {
    const outbox = this._outbox;
    const newest = outbox.newest; // of the `publish` that this one is called within, if it is
    outbox.newest = NO_ENTRY;
    const full = super._publish(header, topic, payload) === Published.FULL;
    const entry = outbox.newest;
    outbox.newest = newest;
    if (full) return Published.FULL;
    if (entry === REFUSED_ENTRY) return Published.REJECTED;
    return entry === NO_ENTRY ? Published.SENT : Published.QUEUED;
  }

  /** A message is given up; it is at `entry` of the outbox. @internal */
  _refused(reason: Reason, entry: number): void {
    this.rejected++;
    if (!this.onRejected) return;
    const outbox = this._outbox;
    const bytes = outbox.bytes;
    const packet = outbox.packetAt(entry);
    let start = packet + 2;
    while (bytes[start - 1] & 128) start++;
    const view = (this._rejectedView ??= new PublishView());
    const message = (this._rejectedMessage ??= new RejectedMessage(this._platform.text, bytes, view));
    decodePublish(bytes[packet], bytes, start, outbox.endOf(entry), view, true);
    message.reason = reason;
    message._set(bytes, view);
    if (view.topicStart === view.topicEnd) {
      const topic = outbox.topicOf(view.topicAlias);
      message._setTopic(topic, 0, topic.length);
    }
    // What is published in there, has its turn after this.
    const busy = this._busy;
    this._busy = true;
    this._guard.call(this.onRejected, message);
    this._busy = busy;
    message.properties._clear();
  }

  // Time

  override _keepAlive(passed: number): void {
    if (this._authentication) {
      this._sinceAuthenticationMs += passed;
      if (this._sinceAuthenticationMs >= this._acknowledgeTimeoutMs) return this._lose(Reason.ACKNOWLEDGE_TIMEOUT);
    }
    this._subscriptions.tellRefused();
    super._keepAlive(passed);
  }

  // The connection

  /** @internal */
  override onOpen(): void {
    this._connects++;
    const connect = this._connect;
    const free = this._exactlyOnce?.free ?? this._receiveMaximum;
    // What a broker sends beyond that is taken while there is room: Mosquitto 2.0.11 at times does, and would again.
    writeUint16(connect.properties, RECEIVE_MAXIMUM_AT, Math.max(1, Math.min(this._receiveMaximum, free)));
    writeUint16(connect.properties, TOPIC_ALIAS_MAXIMUM_AT, this._aliasMaximum);
    this._aliases.forget();
    this._authentication = this._method ? Authentication.AWAITED : Authentication.NONE;
    this._makeRoom(connectSize(connect));
    this._controlEnd = encodeConnect(this._control, 0, connect);
    this._flushControl();
  }

  override _lose(reason: Reason): void {
    const up = this._phase === Phase.CONNECTED || this._phase === Phase.CONNECTING;
    // What the broker did wrong, it is told (4.13.1).
    if (up && reason >= Reason.PACKET_TYPE && reason < Reason.CLOSED_BY_BROKER && this._written === 0) {
      this._goodbyeCode = disconnectReason(reason);
      this._goodbyeProperties = undefined;
      this._sendDisconnect();
    }
    super._lose(reason);
    // Slow enough that the other client with this identifier notices a connection that lasts.
    if (up && reason === Reason.SESSION_TAKEN_OVER) {
      this._remainingMs = this._reconnect.delay(Reason.TAKEN_OVER, this._platform.random());
    }
  }

  protected override _sendDisconnect(): void {
    let properties = this._goodbyeProperties;
    if (properties && this._broker.isTooLarge(1 + propertiesSize(properties.length))) {
      // Reason string and user properties are left out then [MQTT-3.14.2-3], [MQTT-3.14.2-4].
      properties = properties[0] === Property.SESSION_EXPIRY_INTERVAL ? properties.slice(0, 5) : undefined;
    }
    this._makeRoom(packetSize(1 + propertiesSize(properties ? properties.length : 0)));
    this._controlEnd = encodeDisconnect(this._control, this._controlEnd, this._goodbyeCode, properties);
    // What an application subscribed to within `onRejected` must not follow [MQTT-3.14.4-1].
    this._subscriptions.unsent = false;
    this._flushControl();
  }

  /** Makes room for a packet in `_control`, which grows if need be: what an application adds to it has no bound. */
  private _makeRoom(size: number): void {
    if (this._reserve(size)) return;
    const control = this._control;
    this._control = new Uint8Array(this._controlEnd + size);
    copyBytes(this._control, 0, control, 0, this._controlEnd);
  }

  // Input

  /** @internal */
  override onPacket(header: number, bytes: Uint8Array, start: number, end: number): void {
    super.onPacket(header, bytes, start, end);
    this.properties._clear();
  }

  protected override _handle(header: number, bytes: Uint8Array, start: number, end: number): Reason {
    const type: PacketType = header >> 4;
    if (type === PacketType.AUTH) return this._handleAuth(bytes, start, end);
    if (this._phase === Phase.CONNECTED) {
      if (type === PacketType.DISCONNECT) return this._handleDisconnect(bytes, start, end);
      if (this._exactlyOnce && type >= PacketType.PUBREC && type <= PacketType.PUBCOMP) {
        return this._handleExactlyOnce(type as AcknowledgementType, bytes, start, end);
      }
    }
    return super._handle(header, bytes, start, end);
  }

  protected override _handleConnack(bytes: Uint8Array, start: number, end: number): Reason {
    const view = this._broker;
    const connect = this._connect;
    const properties = view.properties;
    const reason = decodeConnack(bytes, start, end, view);
    if (reason) return reason;
    this.properties._set(bytes, properties);
    if (view.reasonCode) return view.reasonCode;
    // A broker has no session to present to a client that asked for a new one [MQTT-3.2.2-2], [MQTT-3.2.2-4].
    if (view.sessionPresent && connect.cleanStart) return Reason.SESSION_PRESENT;
    if (!this._hasMethod(bytes, properties)) return Reason.AUTHENTICATION_METHOD;
    this._authentication = Authentication.NONE;
    if (connect.clientId.length === 0 && properties.find(bytes, Property.ASSIGNED_CLIENT_IDENTIFIER)) {
      connect.clientId = bytes.slice(properties.valueStart, properties.valueEnd);
    }
    const expiry = view.sessionExpiryInterval < 0 ? this._sessionExpiryInterval : view.sessionExpiryInterval;
    connect.cleanStart = connect.cleanSession && expiry === 0;
    this._keepAliveMs = (view.serverKeepAlive < 0 ? connect.keepAlive : view.serverKeepAlive) * 1_000; // [MQTT-3.2.2-21]
    properties.rewind();
    this._connected(view.sessionPresent);
    return Reason.OK;
  }

  protected override _handleAnswer(type: PacketType, bytes: Uint8Array, start: number, end: number): Reason {
    if (type === PacketType.SUBACK) return this._handleSuback(bytes, start, end);
    if (type === PacketType.UNSUBACK) return this._handleUnsuback(bytes, start, end);
    const view = this._acknowledgementView;
    const reason =
      decodeAcknowledgement(PacketType.PUBACK, bytes, start, end, view) || this._takeAnswer(bytes, view.properties);
    if (reason) return reason;
    const outbox = this._outbox;
    const entry = outbox.sentEntry(view.packetId);
    // One that comes again does no harm: the message has had its answer.
    if (entry === NO_ENTRY) return Reason.OK;
    if (outbox.qosAt(outbox.packetAt(entry)) !== 1) return Reason.UNKNOWN_PACKET_ID;
    if (view.reasonCode >= Reason.UNSPECIFIED_ERROR) this._refused(view.reasonCode, entry);
    this._sinceAcknowledgedMs = 0;
    outbox.finish(view.packetId);
    return Reason.OK;
  }

  /** PUBREC, PUBREL and PUBCOMP: their reason codes are looked at here, all else is as in 3.1.1. */
  private _handleExactlyOnce(type: AcknowledgementType, bytes: Uint8Array, start: number, end: number): Reason {
    const view = this._acknowledgementView;
    const reason =
      decodeAcknowledgement(type as PacketType.PUBREC, bytes, start, end, view) ||
      this._takeAnswer(bytes, view.properties);
    if (reason) return reason;
    if (type !== PacketType.PUBREL) this._sinceAcknowledgedMs = 0;
    const packetId = view.packetId;
    const outbox = this._outbox;
    if (type === PacketType.PUBREC) {
      const entry = outbox.sentEntry(packetId);
      if (entry === NO_ENTRY && !this._exactlyOnce!.unsent(packetId, outbox)) {
        return this._acknowledgeUnknown(PacketType.PUBREL, packetId);
      }
      if (
        entry !== NO_ENTRY &&
        view.reasonCode >= Reason.UNSPECIFIED_ERROR &&
        outbox.qosAt(outbox.packetAt(entry)) === 2
      ) {
        this._refused(view.reasonCode, entry); // ends it [MQTT-4.4.0-2]
        outbox.finish(packetId);
        return Reason.OK;
      }
    } else if (type === PacketType.PUBREL) {
      if (!this._exactlyOnce!.has(packetId)) return this._acknowledgeUnknown(PacketType.PUBCOMP, packetId);
    }
    return this._exactlyOnce!.handle(type, bytes, start, start + 2, outbox, this);
  }

  /** An answer to a packet id that is not in use: no error while a session is resumed (3.6.2.1, 3.7.2.1). */
  private _acknowledgeUnknown(type: PacketType.PUBREL | PacketType.PUBCOMP, packetId: number): Reason {
    if (!this._reserve(5)) return Reason.OUTPUT_STALLED;
    const code = Reason.PACKET_IDENTIFIER_NOT_FOUND;
    this._controlEnd = encodeAcknowledgement(this._control, this._controlEnd, type, packetId, code);
    return Reason.OK;
  }

  private _handleSuback(bytes: Uint8Array, start: number, end: number): Reason {
    const view = this._codesView;
    const reason = decodeSuback(bytes, start, end, view) || this._takeAnswer(bytes, view.properties);
    if (reason) return reason;
    // One filter a SUBSCRIBE, so one reason code [MQTT-3.8.4-6].
    if (view.codesEnd - view.codesStart !== 1) return Reason.TRAILING_BYTES;
    this._sinceAcknowledgedMs = 0;
    const known = this._subscriptions.subscribed(view.packetId, bytes[view.codesStart]);
    return known ? Reason.OK : Reason.UNKNOWN_PACKET_ID;
  }

  private _handleUnsuback(bytes: Uint8Array, start: number, end: number): Reason {
    const view = this._codesView;
    const reason = decodeUnsuback(bytes, start, end, view) || this._takeAnswer(bytes, view.properties);
    if (reason) return reason;
    if (view.codesEnd - view.codesStart !== 1) return Reason.TRAILING_BYTES;
    this._sinceAcknowledgedMs = 0;
    const known = this._subscriptions.ended(view.packetId, bytes[view.codesStart]);
    return known ? Reason.OK : Reason.UNKNOWN_PACKET_ID;
  }

  private _handleDisconnect(bytes: Uint8Array, start: number, end: number): Reason {
    const view = this._acknowledgementView;
    const reason = decodeDisconnect(bytes, start, end, view);
    if (reason) return reason;
    const code = view.reasonCode;
    if (code === ReasonCode.DISCONNECT_WITH_WILL_MESSAGE) return Reason.REASON_CODE; // a client's alone (3.14.2.1)
    this.properties._set(bytes, view.properties);
    return code || Reason.CLOSED_BY_BROKER;
  }

  private _handleAuth(bytes: Uint8Array, start: number, end: number): Reason {
    const view = this._acknowledgementView;
    const reason = decodeAuth(bytes, start, end, view) || this._takeAnswer(bytes, view.properties);
    if (reason) return reason;
    // Asked for neither by CONNECT nor by `authenticate` [MQTT-4.12.0-6].
    if (this._authentication !== Authentication.AWAITED) return Reason.UNEXPECTED_PACKET;
    if (!this._hasMethod(bytes, view.properties)) return Reason.AUTHENTICATION_METHOD;
    if (view.reasonCode === ReasonCode.CONTINUE_AUTHENTICATION) {
      this._authentication = Authentication.CHALLENGED;
      this._guard.call(this.onAuthenticate, this.properties);
      return Reason.OK;
    }
    // Success of the first authentication is CONNACK's to tell; to begin again is the client's (4.12.1).
    if (this._phase !== Phase.CONNECTED) return Reason.UNEXPECTED_PACKET;
    if (view.reasonCode !== ReasonCode.SUCCESS) return Reason.REASON_CODE;
    this._authentication = Authentication.NONE;
    this._guard.call(this.onAuthenticated, this.properties);
    return Reason.OK;
  }

  /** Has the callbacks see an answer's properties, if there may be such [MQTT-3.1.2-29]. */
  private _takeAnswer(bytes: Uint8Array, properties: Properties): Reason {
    this.properties._set(bytes, properties);
    const told = properties.has(Property.REASON_STRING) || properties.has(Property.USER_PROPERTY);
    return told && !this._problemInformation ? Reason.PROBLEM_INFORMATION : Reason.OK;
  }

  /** Whether the authentication method is the one that CONNECT had, or none as there [MQTT-4.12.0-5], [MQTT-4.12.0-6]. */
  private _hasMethod(bytes: Uint8Array, properties: Properties): boolean {
    const method = this._method;
    if (!properties.find(bytes, Property.AUTHENTICATION_METHOD)) return !method;
    let at = properties.valueStart;
    let index = properties.valueEnd - at === method?.length ? 0 : -1;
    while (index >= 0 && index < method!.length && bytes[at] === method![index]) {
      at++;
      index++;
    }
    properties.rewind();
    return index === method?.length;
  }

  protected override _decodePublish(header: number, bytes: Uint8Array, start: number, end: number): Reason {
    const view = this._publishView;
    const reason = decodePublish(header, bytes, start, end, view);
    if (reason) return reason;
    return view.topicAlias ? this._learnAlias(bytes, view) : Reason.OK;
  }

  private _learnAlias(bytes: Uint8Array, view: PublishView): Reason {
    const alias = view.topicAlias;
    if (alias > this._aliasMaximum) return Reason.TOPIC_ALIAS; // [MQTT-3.3.2-11]
    if (view.topicStart === view.topicEnd) return this._aliases.has(alias) ? Reason.OK : Reason.UNKNOWN_TOPIC_ALIAS;
    return this._aliases.set(alias, bytes, view.topicStart, view.topicEnd) ? Reason.OK : this._refuseAliases();
  }

  /** A message whose topic cannot be known must not come: from the next connection on the broker sends no aliases. */
  private _refuseAliases(): Reason {
    this._aliasMaximum = 0;
    return Reason.TOPIC_ALIAS_TOO_LONG;
  }

  override _takePublish(header: number, bytes: Uint8Array, start: number, end: number): Reason {
    const reason = super._takePublish(header, bytes, start, end);
    const view = this._publishView;
    if (!reason && view.topicStart === view.topicEnd) {
      const aliases = this._aliases;
      this._message._setTopic(aliases.bytes, aliases.startOf(view.topicAlias), aliases.endOf(view.topicAlias));
    }
    return reason;
  }

  /** @internal */
  override onLargePublish(
    header: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    payloadLength: number,
    clipped?: boolean,
  ): void {
    // What was left out may have been an alias, or the end of a topic that has one.
    if (clipped && this._aliasMaximum) this._lose(this._refuseAliases());
    else super.onLargePublish(header, bytes, start, end, payloadLength);
  }
}

/** The largest remaining length of a packet of so many bytes. */
function remainingLengthIn(maximumPacketSize: number | undefined): number | undefined {
  if (maximumPacketSize === undefined) return undefined;
  let length = maximumPacketSize - 2;
  while (packetSize(length) > maximumPacketSize) length--;
  return length;
}

function disconnectProperties(options: DisconnectOptions, text: Platform["text"]): Uint8Array | undefined {
  return new PropertyList(text)
    .number("sessionExpiryInterval", Property.SESSION_EXPIRY_INTERVAL, options.sessionExpiryInterval, LARGEST_UINT32)
    .text("reasonString", Property.REASON_STRING, options.reasonString)
    .users("userProperties", options.userProperties).list;
}
