/**
 * Why a packet was refused, a connection ended or a request failed: the one table of codes. `0` is success, and 1 to 5
 * are CONNACK's return codes as the broker sent them (MQTT 3.1.1, table 3.1). Codes from 0x80 up are MQTT 5's, with their
 * values on the wire. `describe` has a sentence for each, and `describeV5` for those of MQTT 5.
 */
export enum Reason {
  OK = 0,

  // CONNACK return codes
  UNACCEPTABLE_PROTOCOL_VERSION = 1,
  IDENTIFIER_REJECTED = 2,
  SERVER_UNAVAILABLE = 3,
  BAD_USERNAME_OR_PASSWORD = 4,
  NOT_AUTHORIZED = 5,

  // Malformed packets: each names the clause it breaks
  /** Packet type 0 or 15: reserved (2.2.1). */
  PACKET_TYPE = 16,
  /** [MQTT-2.2.2-2] */
  HEADER_FLAGS = 17,
  /** A remaining length of more than four bytes (2.2.3). */
  REMAINING_LENGTH = 18,
  /** Longer than the limit that the reader set, and not a PUBLISH whose payload could be passed on in pieces. */
  PACKET_TOO_LARGE = 19,
  /** A field ends after its packet does. */
  TRUNCATED = 20,
  /** Bytes are left over after the last field. */
  TRAILING_BYTES = 21,
  /** [MQTT-1.5.3-1] */
  ILL_FORMED_UTF8 = 22,
  /** [MQTT-1.5.3-2] */
  NULL_CHARACTER = 23,
  /** [MQTT-2.3.1-1] */
  PACKET_ID_ZERO = 24,
  /** [MQTT-3.3.1-4], [MQTT-3.1.2-14], [MQTT-3.8.3-4] */
  QOS = 25,
  /** [MQTT-3.3.1-2] */
  DUP_WITH_QOS_0 = 26,
  /** [MQTT-4.7.3-1] */
  EMPTY_TOPIC = 27,
  /** [MQTT-3.3.2-2] */
  WILDCARD_IN_TOPIC = 28,
  /** [MQTT-4.7.1-2], [MQTT-4.7.1-3] */
  MISPLACED_WILDCARD = 29,
  /** [MQTT-3.8.3-3], [MQTT-3.10.3-2] */
  NO_TOPIC_FILTER = 30,
  /** [MQTT-3.1.2-1] */
  PROTOCOL_NAME = 31,
  /** [MQTT-3.1.2-2] */
  PROTOCOL_LEVEL = 32,
  /** [MQTT-3.1.2-3] */
  CONNECT_RESERVED_FLAG = 33,
  /** [MQTT-3.1.2-13], [MQTT-3.1.2-15] */
  WILL_FLAGS = 34,
  /** [MQTT-3.1.2-22] */
  PASSWORD_WITHOUT_USERNAME = 35,
  /** [MQTT-3.1.3-7] */
  EMPTY_CLIENT_ID = 36,
  /** Bits 7 to 1 of CONNACK's acknowledge flags are reserved (3.2.2.1). */
  CONNACK_FLAGS = 37,
  /** CONNACK return codes 6 to 255 are reserved (3.2.2.3). */
  CONNACK_CODE = 38,
  /** [MQTT-3.2.2-1], [MQTT-3.2.2-4] */
  SESSION_PRESENT = 39,
  /** [MQTT-3.9.3-2] */
  SUBACK_CODE = 40,

  // MQTT 5 alone: malformed packets (section 1.2)
  /** Not in the fewest bytes, or in more than four [MQTT5-1.5.5-1]. */
  VARIABLE_BYTE_INTEGER = 41,
  /** An identifier that table 2-4 does not have (2.2.2.2). */
  UNKNOWN_PROPERTY = 42,
  /** A property that this packet does not have, or not in this direction (2.2.2.2). */
  MISPLACED_PROPERTY = 43,
  /** [MQTT5-3.8.3-5] */
  SUBSCRIPTION_RESERVED_BITS = 44,

  // The broker broke the protocol with a well-formed packet
  /** A packet that a broker never sends, or not at this point: [MQTT-3.2.0-1], [MQTT5-3.2.0-2] among others. */
  UNEXPECTED_PACKET = 48,
  /** An acknowledgement that is not the message's, such as PUBACK with QoS 2, or of a request that was not made. */
  UNKNOWN_PACKET_ID = 49,
  /** A message with a QoS above what any subscription asked for (3.8.4). */
  QOS_NOT_REQUESTED = 50,
  /** More messages with QoS 2 are unfinished than `maximumReceived` has room for. */
  TOO_MANY_UNFINISHED = 51,

  // MQTT 5 alone: protocol errors (section 1.2)
  /** A property with a value that it cannot have, such as receive maximum 0. */
  PROPERTY_VALUE = 52,
  /** Topic alias 0, or above the maximum that was agreed [MQTT5-3.3.2-8], [MQTT5-3.3.2-11]. */
  TOPIC_ALIAS = 53,
  /** A reason code that its packet does not have (table 2-6). */
  REASON_CODE = 54,
  /** QoS 3 or retain handling 3 (3.8.3.1). */
  SUBSCRIPTION_OPTIONS = 55,
  /** [MQTT-3.8.3-4] */
  NO_LOCAL_ON_SHARED = 56,
  /** [MQTT5-4.8.2-1], [MQTT5-4.8.2-2] */
  SHARE_NAME = 57,
  /** Authentication data, or an AUTH, without an authentication method (3.1.2.11.10, 3.15.2.2.2). */
  NO_AUTHENTICATION_METHOD = 58,
  /** A property twice that may be there once (2.2.2.2). */
  DUPLICATE_PROPERTY = 59,
  /** A topic alias without a topic, that none was sent for on this connection (3.3.2.3.4). */
  UNKNOWN_TOPIC_ALIAS = 60,
  /** A topic with an alias is longer than the client has room for: a limit of its own, not of the protocol. */
  TOPIC_ALIAS_TOO_LONG = 61,
  /** Not the authentication method that the client asked for [MQTT5-4.12.0-5], [MQTT5-4.12.0-6]. */
  AUTHENTICATION_METHOD = 62,
  /** A reason string or user property where `requestProblemInformation` forbids it [MQTT5-3.1.2-29]. */
  PROBLEM_INFORMATION = 63,

  // The connection
  /** The broker ended the connection. */
  CLOSED_BY_BROKER = 64,
  /** Nobody listens at that address and port. */
  CONNECTION_REFUSED = 65,
  /** The broker's name has no address. */
  HOST_NOT_FOUND = 66,
  /** The connection broke. */
  CONNECTION_LOST = 67,
  /** The TLS handshake failed, or the broker's certificate is not trusted. */
  TLS_FAILED = 68,
  /** The connection failed in a way that the platform has no better name for. */
  CONNECTION_FAILED = 69,
  /** No CONNACK within `connectTimeoutMs`. */
  CONNECT_TIMEOUT = 70,
  /** No PINGRESP within `pingTimeoutMs` (3.1.2.10). */
  PING_TIMEOUT = 71,
  /** A PUBLISH, SUBSCRIBE or UNSUBSCRIBE was not acknowledged within `acknowledgeTimeoutMs`. */
  ACKNOWLEDGE_TIMEOUT = 72,
  /**
   * The broker floods the client with messages and reads none of its acknowledgements: 64 wait, and there is room for no other.
   * A broker that has no more under way at once does not get there (Mosquitto: 20; by MQTT 5 the `receiveMaximum`, 32 by default).
   */
  OUTPUT_STALLED = 73,
  /** Closed shortly after CONNACK, again and again: most likely another client has the same client identifier. */
  TAKEN_OVER = 74,
  /** The application asked for it. */
  DISCONNECTED = 75,
  /** The server did not switch to WebSocket with the subprotocol mqtt, or broke RFC 6455 later. */
  WEBSOCKET_FAILED = 76,
  /** A streamed message on its way out did not get on for `stallTimeoutMs`. */
  STREAM_STALLED = 77,

  // Requests of MQTT 5
  /** No response came within `timeoutMs`. */
  RESPONSE_TIMEOUT = 78,

  // MQTT 5's reason codes that tell of an error (table 2-6). `_V5` sets apart those whose name has another code above
  UNSPECIFIED_ERROR = 0x80,
  MALFORMED_PACKET = 0x81,
  PROTOCOL_ERROR = 0x82,
  IMPLEMENTATION_SPECIFIC_ERROR = 0x83,
  UNSUPPORTED_PROTOCOL_VERSION = 0x84,
  CLIENT_IDENTIFIER_NOT_VALID = 0x85,
  BAD_USERNAME_OR_PASSWORD_V5 = 0x86,
  NOT_AUTHORIZED_V5 = 0x87,
  SERVER_UNAVAILABLE_V5 = 0x88,
  SERVER_BUSY = 0x89,
  BANNED = 0x8a,
  SERVER_SHUTTING_DOWN = 0x8b,
  BAD_AUTHENTICATION_METHOD = 0x8c,
  KEEP_ALIVE_TIMEOUT = 0x8d,
  SESSION_TAKEN_OVER = 0x8e,
  TOPIC_FILTER_INVALID = 0x8f,
  TOPIC_NAME_INVALID = 0x90,
  PACKET_IDENTIFIER_IN_USE = 0x91,
  PACKET_IDENTIFIER_NOT_FOUND = 0x92,
  RECEIVE_MAXIMUM_EXCEEDED = 0x93,
  TOPIC_ALIAS_INVALID = 0x94,
  PACKET_TOO_LARGE_V5 = 0x95,
  MESSAGE_RATE_TOO_HIGH = 0x96,
  QUOTA_EXCEEDED = 0x97,
  ADMINISTRATIVE_ACTION = 0x98,
  PAYLOAD_FORMAT_INVALID = 0x99,
  RETAIN_NOT_SUPPORTED = 0x9a,
  QOS_NOT_SUPPORTED = 0x9b,
  USE_ANOTHER_SERVER = 0x9c,
  SERVER_MOVED = 0x9d,
  SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9e,
  CONNECTION_RATE_EXCEEDED = 0x9f,
  MAXIMUM_CONNECT_TIME = 0xa0,
  SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xa1,
  WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xa2,
}
