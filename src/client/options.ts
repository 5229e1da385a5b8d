import { copyBytes } from "../packet/bytes.ts";
import type { ConnectFields, WillFields } from "../packet/connect.ts";
import { Reason } from "../packet/reason.ts";
import { checkTopicFilter, checkTopicName } from "../packet/topic.ts";
import { checkUtf8 } from "../packet/utf8.ts";
import type { ExactlyOnce } from "../session/exactly-once.ts";
import type { Endpoint, Text } from "../platform.ts";

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
  /** How many topic filters may be subscribed to at once; 0 to 1,000. 16 by default. */
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

/** Reads "scheme://host:port/path". */
export function parseUrl(url: string): Endpoint {
  url = `${url}`; // there may be none
  const schemeEnd = url.indexOf("://");
  const pathAt = schemeEnd < 0 ? -1 : url.indexOf("/", schemeEnd + 3);
  const authority = url.slice(schemeEnd + 3, pathAt < 0 ? url.length : pathAt);
  // Wherever it is: a password may have a slash, and must not come into a message of an error.
  if (url.indexOf("@") >= 0) throw new TypeError("url must not contain credentials: use username and password");
  const scheme = url.slice(0, Math.max(schemeEnd, 0));
  // The colons of an IPv6 address are in brackets; the port's is after them.
  const bracket = authority.indexOf("]");
  const colon = authority.indexOf(":", bracket + 1);
  const hostname = bracket > 0 ? authority.slice(1, bracket) : authority.slice(0, colon < 0 ? authority.length : colon);
  if (!scheme || !hostname) throw new TypeError(`url must be like mqtt://host:1883, not "${url}"`);
  const port = colon < 0 ? (scheme === "mqtts" ? 8883 : 1883) : +authority.slice(colon + 1);
  checkRange("port of url", port, 1, 65_535);
  return { scheme, hostname, port, path: pathAt < 0 ? "" : url.slice(pathAt) };
}

/** The fields of CONNECT that the options ask for. */
export function connectFields(options: ClientOptions, text: Text): ConnectFields {
  const username = options.username;
  const password = options.password;
  const will = options.will;
  const fields: ConnectFields = {
    clientId: encodeString(text, "clientId", options.clientId ?? ""),
    cleanSession: options.cleanSession ?? true,
    keepAlive: inRange("keepAlive", options.keepAlive, 60, 0, 65_535),
    will: will && willFields(will, text),
    username: username === undefined ? undefined : encodeString(text, "username", username),
    password: password === undefined ? undefined : encodeBytes(text, "password", password),
  };
  if (!fields.cleanSession && fields.clientId.length === 0) {
    throw new TypeError("clientId must not be empty when cleanSession is false");
  }
  if (fields.password && !fields.username) throw new TypeError("password needs a username");
  return fields;
}

function willFields(will: WillOptions, text: Text): WillFields {
  return {
    topic: encodeTopicName(text, "will.topic", will.topic),
    payload: encodeBytes(text, "will.payload", will.payload),
    qos: inRange("will.qos", will.qos, 0, 0, 2),
    retain: will.retain ?? false,
  };
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
  checkRange(name, value, minimum, maximum);
  return value;
}

function checkRange(name: string, value: number, minimum: number, maximum: number): void {
  if (!(value >= minimum && value <= maximum && value % 1 === 0)) {
    throw new RangeError(`${name} must be a whole number from ${minimum} to ${maximum}, not ${value}`);
  }
}

/** Throws a RangeError when a topic or filter has more bytes than there are buffers for. */
export function checkLength(name: string, bytes: Uint8Array, longest: number): void {
  if (bytes.length > longest)
    throw new RangeError(`${name} has ${bytes.length} bytes: at most ${longest} are possible`);
}

/** The UTF-8 of a topic name to publish to. Throws a TypeError when it is empty, has a wildcard or U+0000. */
export function encodeTopicName(text: Text, name: string, topic: string): Uint8Array {
  const bytes = encodeBytes(text, name, topic);
  refuse(name, topic, checkTopicName(bytes, 0, bytes.length));
  return bytes;
}

/** The UTF-8 of a topic filter. Throws a TypeError when it is empty, has a misplaced wildcard or U+0000. */
export function encodeTopicFilter(text: Text, filter: string): Uint8Array {
  const bytes = encodeBytes(text, "filter", filter);
  refuse("filter", filter, checkTopicFilter(bytes, 0, bytes.length));
  return bytes;
}

/** The UTF-8 of a text. Throws a TypeError when it has U+0000. */
export function encodeString(text: Text, name: string, value: string): Uint8Array {
  const bytes = encodeBytes(text, name, value);
  refuse(name, value, checkUtf8(bytes, 0, bytes.length));
  return bytes;
}

/** Bytes as they are, or the UTF-8 of a text: 65,535 at most. */
export function encodeBytes(text: Text, name: string, value: string | Uint8Array): Uint8Array {
  let size = value.length;
  const room = new Uint8Array(typeof value === "string" ? size * 3 : 0);
  if (typeof value === "string") size = text.encode(value, room, 0, room.length);
  // Written so that what is neither, and has no length, does not pass.
  if (!(size <= 65_535)) throw new RangeError(`${name} must have at most 65535 bytes, not ${size}`);
  if (typeof value !== "string") return value;
  const bytes = new Uint8Array(size);
  copyBytes(bytes, 0, room, 0, size);
  return bytes;
}

/** Throws a TypeError that says what is wrong with a text. */
export function refuse(name: string, value: string, reason: Reason): void {
  if (!reason) return;
  const fault =
    reason === Reason.EMPTY_TOPIC
      ? "must not be empty"
      : reason === Reason.WILDCARD_IN_TOPIC
        ? "must not have the wildcards + and #"
        : reason === Reason.MISPLACED_WILDCARD
          ? "may have + only as a whole level and # only as the last one"
          : "must be well-formed text without U+0000";
  throw new TypeError(name === "username" ? `${name} ${fault}` : `${name} ${fault}: "${value}"`);
}
