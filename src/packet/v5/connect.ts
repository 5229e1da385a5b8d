import { ConnectFlag, NO_ROOM } from "../constants.ts";
import { fieldEnd, readUint16, writeField, writeUint16 } from "../bytes.ts";
import { firstByte, packetSize, PacketType, writeFixedHeader } from "../fixed-header.ts";
import { Reason } from "../reason.ts";
import { checkTopicName } from "../topic.ts";
import { checkUtf8 } from "../utf8.ts";
import {
  clearProperties,
  decodeProperties,
  Properties,
  propertiesSize,
  Property,
  PropertyOwner,
  writeProperties,
} from "./properties.ts";

/** Protocol name and version: the variable header's first seven bytes (3.1.2.1, 3.1.2.2). */
const PROTOCOL_SIZE = 7;
const PROTOCOL_VERSION = 5;

/** The message that the server publishes when it loses this client (3.1.2.5). */
export interface WillFields {
  topic: Uint8Array;
  payload: Uint8Array;
  qos: number;
  retain: boolean;
  /** Encoded properties (3.1.3.2). */
  properties?: Uint8Array | undefined;
}

/** The fields of CONNECT; texts are UTF-8. A password needs no user name (3.1.2.9). */
export interface ConnectFields {
  clientId: Uint8Array;
  cleanStart: boolean;
  /** Seconds, 0 to 65,535; 0 turns keep-alive off (3.1.2.10). */
  keepAlive: number;
  /** Encoded properties (3.1.2.11). */
  properties?: Uint8Array | undefined;
  will?: WillFields | undefined;
  username?: Uint8Array | undefined;
  password?: Uint8Array | undefined;
}

/** Writes CONNECT at `at`. Returns where it ends, or `NO_ROOM`. */
export function encodeConnect(into: Uint8Array, at: number, connect: ConnectFields): number {
  const length = connectLength(connect);
  if (at + packetSize(length) > into.length) return NO_ROOM;
  const will = connect.will;
  const username = connect.username;
  const password = connect.password;
  at = writeFixedHeader(into, at, firstByte(PacketType.CONNECT), length);
  writeUint16(into, at, 4);
  into[at + 2] = 0x4d; // MQTT
  into[at + 3] = 0x51;
  into[at + 4] = into[at + 5] = 0x54;
  into[at + 6] = PROTOCOL_VERSION;
  into[at + 7] =
    (username ? ConnectFlag.USERNAME : 0) |
    (password ? ConnectFlag.PASSWORD : 0) |
    (will
      ? ConnectFlag.WILL | (will.qos << ConnectFlag.WILL_QOS_SHIFT) | (will.retain ? ConnectFlag.WILL_RETAIN : 0)
      : 0) |
    (connect.cleanStart ? ConnectFlag.CLEAN : 0);
  writeUint16(into, at + 8, connect.keepAlive);
  at = writeProperties(into, at + 10, connect.properties, 0, lengthOf(connect.properties));
  at = writeField(into, at, connect.clientId);
  if (will) {
    at = writeProperties(into, at, will.properties, 0, lengthOf(will.properties));
    at = writeField(into, writeField(into, at, will.topic), will.payload);
  }
  if (username) at = writeField(into, at, username);
  if (password) at = writeField(into, at, password);
  return at;
}

/** CONNECT's size in bytes, its fixed header included. */
export function connectSize(connect: ConnectFields): number {
  return packetSize(connectLength(connect));
}

function connectLength(connect: ConnectFields): number {
  const will = connect.will;
  return (
    PROTOCOL_SIZE +
    3 +
    propertiesSize(lengthOf(connect.properties)) +
    (2 + connect.clientId.length) +
    (will ? propertiesSize(lengthOf(will.properties)) + 4 + will.topic.length + will.payload.length : 0) +
    (connect.username ? 2 + connect.username.length : 0) +
    (connect.password ? 2 + connect.password.length : 0)
  );
}

function lengthOf(bytes: Uint8Array | undefined): number {
  return bytes ? bytes.length : 0;
}

/** Where the fields of a decoded CONNECT are; a field that is absent has start and end 0. */
export class ConnectView {
  cleanStart = false;
  keepAlive = 0;
  readonly properties: Properties = new Properties();
  clientIdStart = 0;
  clientIdEnd = 0;
  hasWill = false;
  willQos = 0;
  willRetain = false;
  readonly willProperties: Properties = new Properties();
  willTopicStart = 0;
  willTopicEnd = 0;
  willPayloadStart = 0;
  willPayloadEnd = 0;
  hasUsername = false;
  usernameStart = 0;
  usernameEnd = 0;
  hasPassword = false;
  passwordStart = 0;
  passwordEnd = 0;
}

/** Reads the body of CONNECT into `view`. */
export function decodeConnect(bytes: Uint8Array, start: number, end: number, view: ConnectView): Reason {
  if (start + PROTOCOL_SIZE > end) return Reason.TRUNCATED;
  const named =
    readUint16(bytes, start) === 4 &&
    bytes[start + 2] === 0x4d &&
    bytes[start + 3] === 0x51 &&
    bytes[start + 4] === 0x54 &&
    bytes[start + 5] === 0x54;
  if (!named) return Reason.PROTOCOL_NAME;
  if (bytes[start + 6] !== PROTOCOL_VERSION) return Reason.PROTOCOL_LEVEL;
  const at = start + PROTOCOL_SIZE;
  if (at + 3 > end) return Reason.TRUNCATED;
  const flags = bytes[at];
  let reason = checkFlags(flags);
  if (reason) return reason;
  view.cleanStart = (flags & ConnectFlag.CLEAN) !== 0;
  view.hasWill = (flags & ConnectFlag.WILL) !== 0;
  view.willQos = (flags >> ConnectFlag.WILL_QOS_SHIFT) & 3;
  view.willRetain = (flags & ConnectFlag.WILL_RETAIN) !== 0;
  view.hasUsername = (flags & ConnectFlag.USERNAME) !== 0;
  view.hasPassword = (flags & ConnectFlag.PASSWORD) !== 0;
  view.keepAlive = readUint16(bytes, at + 1);
  const properties = view.properties;
  reason = decodeProperties(bytes, at + 3, end, PropertyOwner.CONNECT, properties);
  if (reason) return reason;
  if (properties.has(Property.AUTHENTICATION_DATA) && !properties.has(Property.AUTHENTICATION_METHOD)) {
    return Reason.NO_AUTHENTICATION_METHOD;
  }
  return decodePayload(bytes, properties.end, end, view);
}

function checkFlags(flags: number): Reason {
  if (flags & 1) return Reason.CONNECT_RESERVED_FLAG; // [MQTT-3.1.2-3]
  const willQos = (flags >> ConnectFlag.WILL_QOS_SHIFT) & 3;
  if (willQos === 3) return Reason.QOS; // [MQTT-3.1.2-12]
  return !(flags & ConnectFlag.WILL) && (willQos || flags & ConnectFlag.WILL_RETAIN) ? Reason.WILL_FLAGS : Reason.OK; // [MQTT-3.1.2-11], [MQTT-3.1.2-13]
}

/** The fields of CONNECT's payload come in this order [MQTT-3.1.3-1]. */
function decodePayload(bytes: Uint8Array, at: number, end: number, view: ConnectView): Reason {
  view.clientIdStart = at + 2;
  at = view.clientIdEnd = fieldEnd(bytes, at, end);
  if (at === 0) return Reason.TRUNCATED;
  let reason = checkUtf8(bytes, view.clientIdStart, at); // [MQTT-3.1.3-4]
  if (reason) return reason;

  view.willTopicStart = view.willTopicEnd = view.willPayloadStart = view.willPayloadEnd = 0;
  clearProperties(0, view.willProperties);
  if (view.hasWill) {
    reason = decodeProperties(bytes, at, end, PropertyOwner.WILL, view.willProperties);
    if (reason) return reason;
    at = view.willProperties.end;
    view.willTopicStart = at + 2;
    at = view.willTopicEnd = fieldEnd(bytes, at, end);
    if (at === 0) return Reason.TRUNCATED;
    reason = checkTopicName(bytes, view.willTopicStart, at); // [MQTT-3.1.3-11]
    if (reason) return reason;
    view.willPayloadStart = at + 2;
    at = view.willPayloadEnd = fieldEnd(bytes, at, end);
    if (at === 0) return Reason.TRUNCATED;
  }

  view.usernameStart = view.usernameEnd = view.passwordStart = view.passwordEnd = 0;
  if (view.hasUsername) {
    view.usernameStart = at + 2;
    at = view.usernameEnd = fieldEnd(bytes, at, end);
    if (at === 0) return Reason.TRUNCATED;
    reason = checkUtf8(bytes, view.usernameStart, at); // [MQTT-3.1.3-12]
    if (reason) return reason;
  }
  if (view.hasPassword) {
    view.passwordStart = at + 2;
    at = view.passwordEnd = fieldEnd(bytes, at, end);
    if (at === 0) return Reason.TRUNCATED;
  }
  return at === end ? Reason.OK : Reason.TRAILING_BYTES;
}
