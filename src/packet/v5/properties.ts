import { NO_ROOM } from "../constants.ts";
import { copyBytes, fieldEnd, readUint16, writeField, writeUint16 } from "../bytes.ts";
import { remainingLengthSize } from "../fixed-header.ts";
import { Reason } from "../reason.ts";
import { checkTopicName } from "../topic.ts";
import { checkUtf8 } from "../utf8.ts";
import { readVariableByteInteger, writeVariableByteInteger } from "./variable-byte-integer.ts";

/** The properties, by their identifiers (table 2-4). */
export enum Property {
  PAYLOAD_FORMAT_INDICATOR = 0x01,
  MESSAGE_EXPIRY_INTERVAL = 0x02,
  CONTENT_TYPE = 0x03,
  RESPONSE_TOPIC = 0x08,
  CORRELATION_DATA = 0x09,
  SUBSCRIPTION_IDENTIFIER = 0x0b,
  SESSION_EXPIRY_INTERVAL = 0x11,
  ASSIGNED_CLIENT_IDENTIFIER = 0x12,
  SERVER_KEEP_ALIVE = 0x13,
  AUTHENTICATION_METHOD = 0x15,
  AUTHENTICATION_DATA = 0x16,
  REQUEST_PROBLEM_INFORMATION = 0x17,
  WILL_DELAY_INTERVAL = 0x18,
  REQUEST_RESPONSE_INFORMATION = 0x19,
  RESPONSE_INFORMATION = 0x1a,
  SERVER_REFERENCE = 0x1c,
  REASON_STRING = 0x1f,
  RECEIVE_MAXIMUM = 0x21,
  TOPIC_ALIAS_MAXIMUM = 0x22,
  TOPIC_ALIAS = 0x23,
  MAXIMUM_QOS = 0x24,
  RETAIN_AVAILABLE = 0x25,
  USER_PROPERTY = 0x26,
  MAXIMUM_PACKET_SIZE = 0x27,
  WILDCARD_SUBSCRIPTION_AVAILABLE = 0x28,
  SUBSCRIPTION_IDENTIFIERS_AVAILABLE = 0x29,
  SHARED_SUBSCRIPTION_AVAILABLE = 0x2a,
}

/**
 * What has a property list: a packet, with the number of its type, or a will. PUBLISH and DISCONNECT are here twice, for
 * what they may have depends on who sends them; the pings have no properties and lend their numbers for that.
 */
export enum PropertyOwner {
  WILL = 0,
  CONNECT = 1,
  CONNACK = 2,
  PUBLISH_TO_CLIENT = 3,
  PUBACK = 4,
  PUBREC = 5,
  PUBREL = 6,
  PUBCOMP = 7,
  SUBSCRIBE = 8,
  SUBACK = 9,
  UNSUBSCRIBE = 10,
  UNSUBACK = 11,
  PUBLISH_TO_SERVER = 12,
  DISCONNECT_TO_SERVER = 13,
  DISCONNECT_TO_CLIENT = 14,
  AUTH = 15,
}

// The table of properties is made of sets of identifiers, a set being two words: `_LOW` has bit n for identifier n, `_HIGH`
// for identifier 32 + n. So it is a handful of constants, and what was seen of a list is two numbers.

/** A Byte; of all of them the value is 0 or 1. */
const BYTE_LOW =
  (1 << Property.PAYLOAD_FORMAT_INDICATOR) |
  (1 << Property.REQUEST_PROBLEM_INFORMATION) |
  (1 << Property.REQUEST_RESPONSE_INFORMATION);
const BYTE_HIGH =
  (1 << (Property.MAXIMUM_QOS - 32)) |
  (1 << (Property.RETAIN_AVAILABLE - 32)) |
  (1 << (Property.WILDCARD_SUBSCRIPTION_AVAILABLE - 32)) |
  (1 << (Property.SUBSCRIPTION_IDENTIFIERS_AVAILABLE - 32)) |
  (1 << (Property.SHARED_SUBSCRIPTION_AVAILABLE - 32));

/** A Two Byte Integer. */
const UINT16_LOW = 1 << Property.SERVER_KEEP_ALIVE;
const UINT16_HIGH =
  (1 << (Property.RECEIVE_MAXIMUM - 32)) |
  (1 << (Property.TOPIC_ALIAS_MAXIMUM - 32)) |
  (1 << (Property.TOPIC_ALIAS - 32));

/** A Four Byte Integer. */
const UINT32_LOW =
  (1 << Property.MESSAGE_EXPIRY_INTERVAL) |
  (1 << Property.SESSION_EXPIRY_INTERVAL) |
  (1 << Property.WILL_DELAY_INTERVAL);
const UINT32_HIGH = 1 << (Property.MAXIMUM_PACKET_SIZE - 32);

// The subscription identifier is a Variable Byte Integer, the user property a UTF-8 String Pair; all others are fields:
/** Binary Data; the rest are UTF-8 Encoded Strings. */
const BINARY_LOW = (1 << Property.CORRELATION_DATA) | (1 << Property.AUTHENTICATION_DATA);

/** Numbers that must not be 0 (3.1.2.11.3, 3.1.2.11.4, [MQTT-3.3.2-8]); so must a subscription identifier (3.8.2.1.2). */
const NOT_ZERO_HIGH =
  (1 << (Property.RECEIVE_MAXIMUM - 32)) |
  (1 << (Property.TOPIC_ALIAS - 32)) |
  (1 << (Property.MAXIMUM_PACKET_SIZE - 32));

const MESSAGE_LOW =
  (1 << Property.PAYLOAD_FORMAT_INDICATOR) |
  (1 << Property.MESSAGE_EXPIRY_INTERVAL) |
  (1 << Property.CONTENT_TYPE) |
  (1 << Property.RESPONSE_TOPIC) |
  (1 << Property.CORRELATION_DATA);
const AUTHENTICATION_LOW = (1 << Property.AUTHENTICATION_METHOD) | (1 << Property.AUTHENTICATION_DATA);
const REASON_STRING_LOW = 1 << Property.REASON_STRING;
const USER_PROPERTY_HIGH = 1 << (Property.USER_PROPERTY - 32);
const CONNECTION_HIGH =
  USER_PROPERTY_HIGH |
  (1 << (Property.RECEIVE_MAXIMUM - 32)) |
  (1 << (Property.TOPIC_ALIAS_MAXIMUM - 32)) |
  (1 << (Property.MAXIMUM_PACKET_SIZE - 32));

/** The properties below 32 that an owner may have. */
function allowedLow(owner: PropertyOwner): number {
  switch (owner) {
    case PropertyOwner.WILL:
      return MESSAGE_LOW | (1 << Property.WILL_DELAY_INTERVAL);
    case PropertyOwner.PUBLISH_TO_SERVER:
      return MESSAGE_LOW; // no subscription identifier [MQTT-3.3.4-6]
    case PropertyOwner.PUBLISH_TO_CLIENT:
      return MESSAGE_LOW | (1 << Property.SUBSCRIPTION_IDENTIFIER);
    case PropertyOwner.CONNECT:
      return (
        AUTHENTICATION_LOW |
        (1 << Property.SESSION_EXPIRY_INTERVAL) |
        (1 << Property.REQUEST_PROBLEM_INFORMATION) |
        (1 << Property.REQUEST_RESPONSE_INFORMATION)
      );
    case PropertyOwner.CONNACK:
      return (
        AUTHENTICATION_LOW |
        REASON_STRING_LOW |
        (1 << Property.SESSION_EXPIRY_INTERVAL) |
        (1 << Property.ASSIGNED_CLIENT_IDENTIFIER) |
        (1 << Property.SERVER_KEEP_ALIVE) |
        (1 << Property.RESPONSE_INFORMATION) |
        (1 << Property.SERVER_REFERENCE)
      );
    case PropertyOwner.SUBSCRIBE:
      return 1 << Property.SUBSCRIPTION_IDENTIFIER;
    case PropertyOwner.UNSUBSCRIBE:
      return 0;
    case PropertyOwner.DISCONNECT_TO_SERVER:
      return REASON_STRING_LOW | (1 << Property.SESSION_EXPIRY_INTERVAL);
    case PropertyOwner.DISCONNECT_TO_CLIENT:
      return REASON_STRING_LOW | (1 << Property.SERVER_REFERENCE); // no session expiry [MQTT-3.14.2-2]
    case PropertyOwner.AUTH:
      return AUTHENTICATION_LOW | REASON_STRING_LOW;
    default:
      return REASON_STRING_LOW;
  }
}

/** The properties from 32 up that an owner may have, 32 being bit 0. */
function allowedHigh(owner: PropertyOwner): number {
  switch (owner) {
    case PropertyOwner.CONNECT:
      return CONNECTION_HIGH;
    case PropertyOwner.CONNACK:
      return CONNECTION_HIGH | BYTE_HIGH;
    case PropertyOwner.PUBLISH_TO_CLIENT:
    case PropertyOwner.PUBLISH_TO_SERVER:
      return USER_PROPERTY_HIGH | (1 << (Property.TOPIC_ALIAS - 32));
    default:
      return USER_PROPERTY_HIGH;
  }
}

/** All properties that there are. */
const KNOWN_LOW =
  BYTE_LOW |
  UINT16_LOW |
  UINT32_LOW |
  BINARY_LOW |
  REASON_STRING_LOW |
  (1 << Property.CONTENT_TYPE) |
  (1 << Property.RESPONSE_TOPIC) |
  (1 << Property.SUBSCRIPTION_IDENTIFIER) |
  (1 << Property.ASSIGNED_CLIENT_IDENTIFIER) |
  (1 << Property.AUTHENTICATION_METHOD) |
  (1 << Property.RESPONSE_INFORMATION) |
  (1 << Property.SERVER_REFERENCE);
const KNOWN_HIGH = BYTE_HIGH | UINT16_HIGH | UINT32_HIGH | USER_PROPERTY_HIGH;

/** Bytes of a property whose value is an integer of fixed size; 0 for the others. */
function integerSize(identifier: number): number {
  const low = identifier < 32;
  const bit = 1 << (identifier & 31);
  if (bit & (low ? BYTE_LOW : BYTE_HIGH)) return 1;
  if (bit & (low ? UINT16_LOW : UINT16_HIGH)) return 2;
  return bit & (low ? UINT32_LOW : UINT32_HIGH) ? 4 : 0;
}

/**
 * A decoded property list. `next` steps through its properties, `find` and `findNext` look for one; nothing of it
 * allocates, and a property twice, as the user property may be, needs no array. `bytes` are those that were decoded.
 */
export class Properties {
  /** Where the list is, its length not included. */
  start = 0;
  end = 0;
  /** The property at hand. */
  identifier: Property | 0 = 0;
  /** Its value, when that is a number. */
  number = 0;
  /** Its value, when that is a text or data, or the value of a user property. */
  valueStart = 0;
  valueEnd = 0;
  /** The name of a user property. */
  nameStart = 0;
  nameEnd = 0;
  _at = 0;
  _low = 0;
  _high = 0;

  /** Whether the list has the property. */
  has(identifier: Property): boolean {
    return ((identifier < 32 ? this._low : this._high) & (1 << (identifier & 31))) !== 0;
  }

  /** Goes back to before the first property. */
  rewind(): void {
    this._at = this.start;
  }

  /** Steps to the next property; false after the last. */
  next(bytes: Uint8Array): boolean {
    return this._at < this.end && this._read(bytes) === Reason.OK;
  }

  /** Steps to the first property with this identifier; false when there is none. */
  find(bytes: Uint8Array, identifier: Property): boolean {
    if (!this.has(identifier)) return false;
    this.rewind();
    return this.findNext(bytes, identifier);
  }

  /** Steps to the next property with this identifier, such as another user property; false when there is none. */
  findNext(bytes: Uint8Array, identifier: Property): boolean {
    while (this.next(bytes)) if (this.identifier === identifier) return true;
    return false;
  }

  /** The number that this property has, or `absent`. */
  numberOf(bytes: Uint8Array, identifier: Property, absent: number): number {
    return this.find(bytes, identifier) ? this.number : absent;
  }

  /** Reads the property at `_at`, without a look at its value. */
  _read(bytes: Uint8Array): Reason {
    const identifier = bytes[this._at];
    const at = this._at + 1;
    const end = this.end;
    const size = integerSize(identifier);
    this.identifier = identifier;
    if (size) {
      if (at + size > end) return Reason.TRUNCATED;
      this.number =
        size === 1
          ? bytes[at]
          : size === 2
            ? readUint16(bytes, at)
            : readUint16(bytes, at) * 65_536 + readUint16(bytes, at + 2);
      this._at = at + size;
    } else if (identifier === Property.SUBSCRIPTION_IDENTIFIER) {
      const number = readVariableByteInteger(bytes, at, end);
      if (number < 0) return -number;
      this.number = number;
      this._at = at + remainingLengthSize(number);
    } else {
      this.valueStart = at + 2;
      this._at = this.valueEnd = fieldEnd(bytes, at, end);
      if (this._at === 0) return Reason.TRUNCATED;
      if (identifier === Property.USER_PROPERTY) {
        this.nameStart = this.valueStart;
        this.nameEnd = this.valueEnd;
        this.valueStart = this._at + 2;
        this._at = this.valueEnd = fieldEnd(bytes, this._at, end);
        if (this._at === 0) return Reason.TRUNCATED;
      }
    }
    return Reason.OK;
  }

  /** Whether the property that was read has a value that it may have. */
  _check(bytes: Uint8Array): Reason {
    const identifier = this.identifier;
    const bit = 1 << (identifier & 31);
    const size = integerSize(identifier);
    if (size || identifier === Property.SUBSCRIPTION_IDENTIFIER) {
      if (size === 1) return this.number > 1 ? Reason.PROPERTY_VALUE : Reason.OK;
      if (this.number || (identifier >= 32 ? !(bit & NOT_ZERO_HIGH) : size)) return Reason.OK;
      return identifier === Property.TOPIC_ALIAS ? Reason.TOPIC_ALIAS : Reason.PROPERTY_VALUE;
    }
    if (identifier < 32 && bit & BINARY_LOW) return Reason.OK;
    if (identifier === Property.RESPONSE_TOPIC) return checkTopicName(bytes, this.valueStart, this.valueEnd); // [MQTT-3.3.2-14]
    if (identifier === Property.USER_PROPERTY) {
      const reason = checkUtf8(bytes, this.nameStart, this.nameEnd); // [MQTT-1.5.7-1]
      if (reason) return reason;
    }
    return checkUtf8(bytes, this.valueStart, this.valueEnd);
  }
}

/** Makes `properties` an empty list at `at`, for a packet that leaves its property length out. */
export function clearProperties(at: number, properties: Properties): void {
  properties.start = properties.end = properties._at = at;
  properties._low = properties._high = 0;
}

/**
 * Checks the whole property list whose length is at `at`, and sets `properties` before its first property;
 * `properties.end` is then where the list ends.
 */
export function decodeProperties(
  bytes: Uint8Array,
  at: number,
  end: number,
  owner: PropertyOwner,
  properties: Properties,
): Reason {
  const length = readVariableByteInteger(bytes, at, end);
  if (length < 0) return -length;
  at += remainingLengthSize(length);
  clearProperties(at, properties);
  if (length > end - at) return Reason.TRUNCATED;
  properties.end = at + length;

  const low = allowedLow(owner);
  const high = allowedHigh(owner);
  while (properties._at < properties.end) {
    // An identifier is a Variable Byte Integer (2.2.2.2), but there is none of two bytes.
    const identifier = bytes[properties._at];
    const bit = 1 << (identifier & 31);
    if (identifier > 63 || !(bit & (identifier < 32 ? KNOWN_LOW : KNOWN_HIGH))) return Reason.UNKNOWN_PROPERTY;
    if (!(bit & (identifier < 32 ? low : high))) return Reason.MISPLACED_PROPERTY;
    const mayRepeat =
      identifier === Property.USER_PROPERTY ||
      (identifier === Property.SUBSCRIPTION_IDENTIFIER && owner === PropertyOwner.PUBLISH_TO_CLIENT);
    if (!mayRepeat && properties.has(identifier)) return Reason.DUPLICATE_PROPERTY;
    if (identifier < 32) properties._low |= bit;
    else properties._high |= bit;
    const reason = properties._read(bytes) || properties._check(bytes);
    if (reason) return reason;
  }
  properties.rewind();
  return Reason.OK;
}

/** What a property list of `length` bytes takes in a packet, its length included. */
export function propertiesSize(length: number): number {
  return remainingLengthSize(length) + length;
}

/** Writes a property list: its length, then bytes `start` up to, not including, `end`. Returns where it ends. */
export function writeProperties(
  into: Uint8Array,
  at: number,
  properties: Uint8Array | undefined,
  start: number,
  end: number,
): number {
  at = writeVariableByteInteger(into, at, end - start);
  if (properties) copyBytes(into, at, properties, start, end);
  return at + (end - start);
}

// The encoders of single properties; a list for the encoders of packets is those one after the other. Given `NO_ROOM` for
// `at` they return it, so that a list can be written first and looked at then.

/** Writes a property whose value is a number at `at`. Returns where it ends, or `NO_ROOM`. */
export function encodeNumberProperty(into: Uint8Array, at: number, identifier: Property, value: number): number {
  const size = integerSize(identifier);
  if (at === NO_ROOM || at + 1 + (size || remainingLengthSize(value)) > into.length) return NO_ROOM;
  into[at++] = identifier;
  if (!size) return writeVariableByteInteger(into, at, value);
  if (size === 1) into[at] = value;
  else if (size === 2) writeUint16(into, at, value);
  else {
    writeUint16(into, at, value >>> 16);
    writeUint16(into, at + 2, value);
  }
  return at + size;
}

/** Writes a property whose value is a text in UTF-8 or data at `at`. Returns where it ends, or `NO_ROOM`. */
export function encodeFieldProperty(into: Uint8Array, at: number, identifier: Property, value: Uint8Array): number {
  if (at === NO_ROOM || at + 3 + value.length > into.length) return NO_ROOM;
  into[at] = identifier;
  return writeField(into, at + 1, value);
}

/** Writes a user property at `at`; name and value are UTF-8. Returns where it ends, or `NO_ROOM`. */
export function encodeUserProperty(into: Uint8Array, at: number, name: Uint8Array, value: Uint8Array): number {
  if (at === NO_ROOM || at + 5 + name.length + value.length > into.length) return NO_ROOM;
  into[at] = Property.USER_PROPERTY;
  return writeField(into, writeField(into, at + 1, name), value);
}
