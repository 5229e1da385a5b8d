import type { ClientOptions } from "../../../src/client/options.ts";
import type { Payload, Published, PublisherOptions } from "../../../src/client/publisher.ts";
import { Reason } from "../../../src/packet/reason.ts";
import type { Platform } from "../../../src/platform.ts";
import type { Engine, Socket, SocketOptions } from "../engine.ts";
import { flush, lose, tick } from "./connection.ts";
import { type Message, messageText } from "./input.ts";
import { publish, type Publisher } from "./publisher.ts";
import { First, Limit } from "./limit.ts";
import { type MessageHandler, State, type Subscription, unsubscribe } from "./subscription.ts";
import { chars, checked, field, must, packet, whole } from "./text.ts";

declare const setInterval: Engine["setInterval"];
declare const clearInterval: Engine["clearInterval"];

/**
 * The client of src/client once more, for the interpreter of Espruino: the same surface and the same bounds, in few
 * functions over strings. Here a call takes as long as the copying of a packet, and a function 8 variables.
 *
 * The engine looks for a property from the first to the last: what every message needs comes first. What has no value at
 * first is undefined until it has one, and costs nothing. Time is counted in ticks.
 */
export class Client {
  /** The socket, while a message may be written to it at once. */
  _direct: Socket | undefined | 0;
  /** Bytes that were written since all of them were known to be sent. */
  _unsent!: number;
  /** What handlers get; its first byte and topic, and the subscriptions that match the topic. */
  readonly _message: Message;
  _first: number | undefined;
  _topic: string | undefined;
  _matching!: Subscription[];
  /** Whether the broker has accepted the connection. */
  connected = false;
  /** Acknowledgements and requests that wait to be sent. */
  _control!: string;
  /** Whether some requests are still to be written. */
  _asking: boolean | undefined;

  onConnect: ((sessionPresent: boolean) => void) | undefined;
  onDisconnect: ((reason: Reason) => void) | undefined;
  onMessage: MessageHandler | undefined;
  onSkipped: MessageHandler | undefined;

  /** Packets: first those in flight ("" once acknowledged, behind one that is not), then those that wait. */
  readonly _outbox: string[] = [];
  _outboxUsed = 0;
  /** Messages with QoS 1 that are sent and wait for their acknowledgement. */
  inFlight = 0;
  /** The packet id of the oldest message with QoS 1, and of the youngest. */
  _oldestId = 1;
  _lastId = 0;
  _subscriptions: Subscription[] = [];
  /** How many requests were sent, modulo `REQUEST_IDS`. */
  _requests = 0;
  /** How many times CONNECT was sent since the last CONNACK. */
  _connects = 0;

  readonly _secure: number;
  readonly _endpoint: SocketOptions;
  readonly _connect: string;
  readonly _clean: number;
  _socket: Socket | undefined | 0;
  /** Why the connection is about to end, as far as is known. */
  _why!: Reason;
  _lastReason: Reason | undefined;

  /** A packet that has come in part; or how many bytes are still to come of a message that is skipped, … */
  _part!: string | number;
  /** … and its acknowledgement, for then. */
  _skipped!: string;
  /** How long the packet is, or how much of it there must be to go on. */
  _needed!: number;

  /** The timer, unless the application does not want to be connected. */
  _ticking: number | undefined;
  /** Ticks until the next attempt, until the present one fails, or until the connection has lasted. */
  _remaining!: number;
  /** The longest wait before the next attempt. */
  _ceiling!: number;
  _sincePing!: number;
  /** Since a PINGREQ that is not answered; -1 when there is none. */
  _silent!: number;
  /** Since the last acknowledgement, while one is waited for. */
  _unacknowledged!: number;

  readonly _tickMs: number;
  readonly _keepAlive: number;
  readonly _connectTimeout: number;
  readonly _pingTimeout: number;
  readonly _acknowledgeTimeout: number;
  readonly _reconnectMin: number;
  readonly _reconnectMax: number;
  readonly _outboxBytes: number;
  readonly _receiveBytes: number;
  readonly _maximumInFlight: number;
  readonly _maximumSubscriptions: number;

  /** @param platform what `require("tls")` gets besides host and port; null for nothing. */
  constructor(platform: Platform, options: ClientOptions) {
    const url = /^mqtt(s*):\/\/([^:@\/]+):*(\d*)\/*$/.exec(options.url)!;
    const number = (name: keyof ClientOptions, fallback: number, min?: number, max?: number): number =>
      whole(name, options[name] as number | undefined, fallback, min ?? 1, max ?? Limit.LARGEST);
    // As an integer, which Math.ceil is not: that would take another variable.
    const inTicks = (ms: number): number => (ms / this._tickMs + 0.9999) | 0;
    const ticks = (name: keyof ClientOptions, fallback: number): number => inTicks(number(name, fallback));
    must("url", url && url[1].length < 2, "like mqtt://host:1883 or mqtts://host:8883, without user and password");
    this._message = { text: messageText } as Message;
    this._secure = url[1].length;
    this._endpoint = Object.assign({}, platform, {
      host: url[2],
      port: whole("port", url[3] ? +url[3] : undefined, this._secure ? 8883 : 1883, 1, 65_535),
    });
    this._tickMs = number("tickMs", 250);
    this._connectTimeout = ticks("connectTimeoutMs", 10_000);
    this._pingTimeout = ticks("pingTimeoutMs", 10_000);
    this._acknowledgeTimeout = ticks("acknowledgeTimeoutMs", 30_000);
    this._reconnectMin = ticks("reconnectMinMs", 1_000);
    this._reconnectMax = ticks("reconnectMaxMs", 60_000);
    this._outboxBytes = number("outboxBytes", 1_024, 64);
    this._receiveBytes = number("receiveBytes", 1_024, 64);
    this._maximumInFlight = number("maximumInFlight", 4);
    this._maximumSubscriptions = number("maximumSubscriptions", 16, 0);

    // CONNECT (3.1).
    const will = options.will;
    const keepAlive = number("keepAlive", 60, 0, 65_535);
    let flags = (this._clean = (options.cleanSession ?? true) ? 2 : 0);
    let payload = checked("clientId", options.clientId ?? "", /\0/);
    must("clientId", flags || options.clientId, "set when cleanSession is false");
    if (will) {
      flags |= 4 | (whole("will.qos", will.qos, 0, 0, 2) << 3) | (will.retain ? 32 : 0);
      payload += checked("will.topic", will.topic, /^$|[+#]/) + checked("will.payload", will.payload);
    }
    if (options.username !== undefined) {
      flags |= 128;
      payload += checked("username", options.username, /\0/);
    }
    if (options.password !== undefined) {
      must("username", flags & 128, "set with a password");
      flags |= 64;
      payload += checked("password", options.password);
    }
    payload = field("MQTT") + chars(4, flags, keepAlive >> 8, keepAlive) + payload;
    this._connect = packet(First.CONNECT, payload.length, payload);
    this._keepAlive = inTicks(keepAlive * 1_000);
  }

  /** Messages that wait to be sent. */
  get queued(): number {
    return this._outbox.length - this.inFlight;
  }

  connect(): void {
    if (this._ticking) return;
    this._lastReason = this._remaining = 0;
    this._ceiling = this._reconnectMin;
    this._ticking = setInterval(tick, this._tickMs, this);
    tick(this);
  }

  disconnect(): void {
    if (!this._ticking) return;
    clearInterval(this._ticking);
    this._ticking = undefined;
    flush(this);
    try {
      if (this.connected) (this._socket as Socket).write(chars(First.DISCONNECT, 0));
    } catch {
      // It is closed already.
    }
    lose(this, Reason.DISCONNECTED);
  }

  publisher(topic: string, options?: PublisherOptions): Publisher {
    options = options ?? {};
    must("topic", topic.length <= this._outboxBytes - Limit.MESSAGE_OVERHEAD, "shorter, or outboxBytes more");
    return {
      publish,
      _client: this,
      _length: -1,
      _head: "",
      _first: First.PUBLISH | (whole("qos", options.qos, 0, 0, 1) << 1) | (options.retain ? 1 : 0),
      _topic: checked("topic", topic, /^$|[+#]/),
      _decimals: whole("decimals", options.decimals, 0, 0, 9),
    };
  }

  publish(topic: string, payload: Payload, options?: PublisherOptions): Published {
    return this.publisher(topic, options).publish(payload);
  }

  subscribe(filter: string, qos: 0 | 1, handler: MessageHandler): Subscription {
    const table = this._subscriptions;
    table.forEach((other) => {
      if (other.filter !== filter) return;
      must("filter", other._state > State.ANSWERED, "one without a subscription");
      other.filter = ""; // UNSUBSCRIBE would end the new one
    });
    must("maximumSubscriptions", table.length < this._maximumSubscriptions, "more, for another");
    const subscription: Subscription = {
      // A wildcard that is not a whole level, or # that is not the last one.
      filter: checked("filter", filter, /^$|[^\/][+#]|[+#][^\/]|#\//).substr(2),
      qos: whole("qos", qos, 0, 0, 1),
      granted: -1,
      onGranted: undefined,
      unsubscribe,
      _client: this,
      _handler: handler,
      _state: State.WANTED,
      _id: 0,
    };
    table.push(subscription);
    this._topic = undefined;
    this._asking = true;
    flush(this);
    return subscription;
  }
}
