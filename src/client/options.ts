import type { ConnectFields } from "../packet/connect.ts";
import { Reason } from "../packet/reason.ts";
import { checkTopicName } from "../packet/topic.ts";
import { checkUtf8 } from "../packet/utf8.ts";
import type { ExactlyOnce } from "../session/exactly-once.ts";
import type { Text } from "../platform.ts";

/** The message that the broker publishes when it loses the client (3.1.2.5). */
export interface WillOptions {
  topic: string;
  /** At most 65,535 bytes. */
  payload: string | Uint8Array;
  /** 0 by default. */
  qos?: 0 | 1 | 2;
  /** False by default. */
  retain?: boolean;
}

/** How a client connects, and how much memory and time it may take. The constructor throws when one cannot be. */
export interface ClientOptions {
  /** "mqtt://host:1883" or "mqtts://host:8883"; the port may be left out. Without user name and password. */
  url: string;
  /** At most 65,535 bytes. "" lets the broker choose one, with a clean session only [MQTT-3.1.3-7]. "" by default. */
  clientId?: string;
  /** Whether the broker forgets the session when the connection ends (3.1.2.4). True by default. */
  cleanSession?: boolean;
  username?: string;
  /** Only with a user name [MQTT-3.1.2-22]. */
  password?: string | Uint8Array;
  will?: WillOptions;
  /** Seconds without a packet after which the client sends a ping; 0 to 65,535, 0 for never. 60 by default. */
  keepAlive?: number;
  /** QoS 2, which is not there without: `new ExactlyOnce()` of `mote-mqtt/qos2`, one for each client. */
  exactlyOnce?: ExactlyOnce;
  /** How many messages with QoS 1 or 2 may wait for their acknowledgement at once; 1 to 1,000. 4 by default. */
  maximumInFlight?: number;
  /** Bytes of the buffer for messages on their way out; 64 to 16,777,215. 1,024 by default. */
  outboxBytes?: number;
  /** Bytes of the largest message to receive, its topic included; 64 to 16,777,215. 1,024 by default. */
  receiveBytes?: number;
  /**
   * How many topic filters may be subscribed to at once; 0 to 1,000. 16 by default. One that ended counts until the broker has
   * confirmed it.
   */
  maximumSubscriptions?: number;
  /** How long a connection may take to be up, CONNACK included: 1 to 2^31 - 1. 10,000 by default. */
  connectTimeoutMs?: number;
  /** How long a PINGRESP may take: 1 to 2^31 - 1. 10,000 by default. */
  pingTimeoutMs?: number;
  /** How long the broker may go without acknowledging anything while something waits for it. 30,000 by default. */
  acknowledgeTimeoutMs?: number;
  /** Reconnection waits a random time of up to this, then up to twice as much each time … 1,000 by default. */
  reconnectMinMs?: number;
  /** … and never more than this. 60,000 by default. */
  reconnectMaxMs?: number;
  /** How often the client looks at the clock: 1 to 60,000. 250 by default. */
  tickMs?: number;
}

/** The fields of CONNECT that the options ask for. */
export function connectFields(options: ClientOptions, text: Text): ConnectFields {
  const will = options.will;
  const fields: ConnectFields = {
    clientId: encodeText(text, "clientId", options.clientId ?? "", checkUtf8),
    cleanSession: options.cleanSession ?? true,
    keepAlive: inRange("keepAlive", options.keepAlive, 60, 0, 65_535),
    will: will && {
      topic: encodeText(text, "will.topic", will.topic, checkTopicName),
      payload: encodeBytes(text, "will.payload", will.payload),
      qos: inRange("will.qos", will.qos, 0, 0, 2),
      retain: will.retain ?? false,
    },
    username: options.username === undefined ? undefined : encodeText(text, "username", options.username, checkUtf8),
    password: options.password === undefined ? undefined : encodeBytes(text, "password", options.password),
  };
  if (!fields.cleanSession && fields.clientId.length === 0) {
    throw new TypeError("clientId must not be empty when cleanSession is false");
  }
  if (fields.password && !fields.username) throw new TypeError("password needs a username");
  return fields;
}

/** `value`, or `fallback` when there is none. Throws a RangeError when it is not a whole number in the range. */
export function inRange(
  name: string,
  value: number | undefined,
  fallback: number,
  minimum: number,
  maximum: number,
): number {
  if (value === undefined) return fallback;
  if (value >= minimum && value <= maximum && value % 1 === 0) return value;
  throw new RangeError(`${name} must be a whole number from ${minimum} to ${maximum}, not ${value}`);
}

/** Throws a RangeError when what has a name is longer than it can be. */
export function checkLength(name: string, bytes: Uint8Array, longest: number): void {
  const length = bytes.length;
  // Written so that what has no length does not pass.
  if (!(length <= longest)) throw new RangeError(`${name} must have at most ${longest} bytes, not ${length}`);
}

/** The UTF-8 of a text that passes a check of the codec. Throws a TypeError that says what is wrong with it. */
export function encodeText(
  text: Text,
  name: string,
  value: string,
  check: (bytes: Uint8Array, start: number, end: number) => Reason,
): Uint8Array {
  const bytes = encodeBytes(text, name, value);
  const reason = check(bytes, 0, bytes.length);
  if (!reason) return bytes;
  const fault =
    reason === Reason.EMPTY_TOPIC
      ? "must not be empty"
      : reason === Reason.WILDCARD_IN_TOPIC
        ? "must not have the wildcards + and #"
        : reason === Reason.MISPLACED_WILDCARD
          ? "may have + only as a whole level and # only as the last one"
          : "must be well-formed text without U+0000";
  // A user name must not come into a log.
  throw new TypeError(`${name} ${fault}${name === "username" ? "" : `: "${value}"`}`);
}

/** Bytes as they are, or the UTF-8 of a text: 65,535 at most. */
export function encodeBytes(text: Text, name: string, value: string | Uint8Array): Uint8Array {
  if (typeof value === "string") {
    const room = new Uint8Array(value.length * 3);
    value = room.slice(0, text.encode(value, room, 0, room.length));
  }
  checkLength(name, value, 65_535);
  return value;
}
