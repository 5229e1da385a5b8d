/**
 * Why a packet was refused, a connection ended or a request failed: the one table of codes. `0` is success, and 1 to 5
 * are CONNACK's return codes as the broker sent them (MQTT 3.1.1, table 3.1). Codes from 0x80 up are left to MQTT 5,
 * whose reason codes have those values on the wire. `describe` has a sentence for each.
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
  /** [MQTT-3.3.1-4], [MQTT-3.1.2-14], [MQTT-3-8.3-4] */
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

  // The broker broke the protocol with a well-formed packet
  /** A packet that a broker never sends, or not at this point: [MQTT-3.2.0-1], [MQTT-3.2.0-2] among others. */
  UNEXPECTED_PACKET = 48,
  /** An acknowledgement of something that was never sent, or was acknowledged before. */
  UNKNOWN_PACKET_ID = 49,
  /** A message with a QoS above what any subscription asked for (3.8.4). */
  QOS_NOT_REQUESTED = 50,
  /** More messages with QoS 2 are unfinished than `maximumReceived` has room for. */
  TOO_MANY_UNFINISHED = 51,

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
  /** The broker floods the client with messages and reads none of its acknowledgements. */
  OUTPUT_STALLED = 73,
  /** Closed shortly after CONNACK, again and again: most likely another client has the same client identifier. */
  TAKEN_OVER = 74,
  /** The application asked for it. */
  DISCONNECTED = 75,

  // Messages
  /** The message is larger than the receive buffer: it was skipped and acknowledged. */
  MESSAGE_TOO_LARGE = 80,
}
