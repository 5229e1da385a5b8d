import { ConnectFlag, NO_ROOM } from "./constants.ts";
import { fieldEnd, readUint16, writeField, writeUint16 } from "./bytes.ts";
import { firstByte, packetSize, PacketType, writeFixedHeader } from "./fixed-header.ts";
import { Reason } from "./reason.ts";
import { checkTopicName } from "./topic.ts";
import { checkUtf8 } from "./utf8.ts";

/** Protocol name and level of MQTT 3.1.1: the variable header's first seven bytes (3.1.2.1, 3.1.2.2). */
enum Protocol {
  SIZE = 7,
  LEVEL = 4,
}

/** The message that the broker publishes when it loses this client (3.1.2.5). */
export interface WillFields {
  topic: Uint8Array;
  payload: Uint8Array;
  qos: number;
  retain: boolean;
}

/** The fields of CONNECT; texts are UTF-8. */
export interface ConnectFields {
  clientId: Uint8Array;
  cleanSession: boolean;
  /** Seconds, 0 to 65,535; 0 turns keep-alive off (3.1.2.10). */
  keepAlive: number;
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
  into[at + 6] = Protocol.LEVEL;
  into[at + 7] =
    (username ? ConnectFlag.USERNAME : 0) |
    (password ? ConnectFlag.PASSWORD : 0) |
    (will
      ? ConnectFlag.WILL | (will.qos << ConnectFlag.WILL_QOS_SHIFT) | (will.retain ? ConnectFlag.WILL_RETAIN : 0)
      : 0) |
    (connect.cleanSession ? ConnectFlag.CLEAN : 0);
  writeUint16(into, at + 8, connect.keepAlive);
  at = writeField(into, at + 10, connect.clientId);
  if (will) at = writeField(into, writeField(into, at, will.topic), will.payload);
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
    Protocol.SIZE +
    3 +
    (2 + connect.clientId.length) +
    (will ? 4 + will.topic.length + will.payload.length : 0) +
    (connect.username ? 2 + connect.username.length : 0) +
    (connect.password ? 2 + connect.password.length : 0)
  );
}

/** Where the fields of a decoded CONNECT are; a field that is absent has start and end 0. */
export class ConnectView {
  cleanSession = false;
  keepAlive = 0;
  clientIdStart = 0;
  clientIdEnd = 0;
  hasWill = false;
  willQos = 0;
  willRetain = false;
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
  if (start + Protocol.SIZE + 3 > end) return Reason.TRUNCATED;
  const named =
    readUint16(bytes, start) === 4 &&
    bytes[start + 2] === 0x4d &&
    bytes[start + 3] === 0x51 &&
    bytes[start + 4] === 0x54 &&
    bytes[start + 5] === 0x54;
  if (!named) return Reason.PROTOCOL_NAME;
  if (bytes[start + 6] !== Protocol.LEVEL) return Reason.PROTOCOL_LEVEL;
  const flags = bytes[start + 7];
  const reason = checkFlags(flags);
  if (reason) return reason;
  view.cleanSession = (flags & ConnectFlag.CLEAN) !== 0;
  view.hasWill = (flags & ConnectFlag.WILL) !== 0;
  view.willQos = (flags >> ConnectFlag.WILL_QOS_SHIFT) & 3;
  view.willRetain = (flags & ConnectFlag.WILL_RETAIN) !== 0;
  view.hasUsername = (flags & ConnectFlag.USERNAME) !== 0;
  view.hasPassword = (flags & ConnectFlag.PASSWORD) !== 0;
  view.keepAlive = readUint16(bytes, start + 8);
  return decodePayload(bytes, start + Protocol.SIZE + 3, end, view);
}

function checkFlags(flags: number): Reason {
  if (flags & 1) return Reason.CONNECT_RESERVED_FLAG;
  const willQos = (flags >> ConnectFlag.WILL_QOS_SHIFT) & 3;
  if (willQos === 3) return Reason.QOS;
  if (!(flags & ConnectFlag.WILL) && (willQos || flags & ConnectFlag.WILL_RETAIN)) return Reason.WILL_FLAGS;
  return flags & ConnectFlag.PASSWORD && !(flags & ConnectFlag.USERNAME) ? Reason.PASSWORD_WITHOUT_USERNAME : Reason.OK;
}

/** The fields of CONNECT's payload come in this order [MQTT-3.1.3-1]. */
function decodePayload(bytes: Uint8Array, at: number, end: number, view: ConnectView): Reason {
  view.clientIdStart = at + 2;
  at = view.clientIdEnd = fieldEnd(bytes, at, end);
  if (at === 0) return Reason.TRUNCATED;
  if (view.clientIdStart === at && !view.cleanSession) return Reason.EMPTY_CLIENT_ID;
  let reason = checkUtf8(bytes, view.clientIdStart, at);
  if (reason) return reason;

  view.willTopicStart = view.willTopicEnd = view.willPayloadStart = view.willPayloadEnd = 0;
  if (view.hasWill) {
    view.willTopicStart = at + 2;
    at = view.willTopicEnd = fieldEnd(bytes, at, end);
    if (at === 0) return Reason.TRUNCATED;
    reason = checkTopicName(bytes, view.willTopicStart, at);
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
    reason = checkUtf8(bytes, view.usernameStart, at);
    if (reason) return reason;
  }
  if (view.hasPassword) {
    view.passwordStart = at + 2;
    at = view.passwordEnd = fieldEnd(bytes, at, end);
    if (at === 0) return Reason.TRUNCATED;
  }
  return at === end ? Reason.OK : Reason.TRAILING_BYTES;
}
