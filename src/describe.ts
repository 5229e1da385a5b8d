import { Reason } from "./packet/reason.ts";

/**
 * A sentence for a reason: what happened, and what to do. A module of its own, so that a device that prints none carries
 * none.
 */
export function describe(reason: Reason): string {
  switch (reason) {
    case Reason.OK:
      return "All is well.";
    case Reason.UNACCEPTABLE_PROTOCOL_VERSION:
      return "The broker does not speak MQTT 3.1.1: use one that does.";
    case Reason.IDENTIFIER_REJECTED:
      return "The broker rejects the client identifier: set clientId to one that it allows.";
    case Reason.SERVER_UNAVAILABLE:
      return "The broker is there but does not serve MQTT at present: it is tried again.";
    case Reason.BAD_USERNAME_OR_PASSWORD:
      return "The broker rejects the user name or password: check username and password.";
    case Reason.NOT_AUTHORIZED:
      return "The broker does not allow this client to connect: check its credentials and the broker's access rules.";
    case Reason.UNEXPECTED_PACKET:
      return "The broker sent a packet that is not allowed at this point: is it an MQTT broker?";
    case Reason.UNKNOWN_PACKET_ID:
      return "The broker answered a request that was not made, or a message with another QoS than it has.";
    case Reason.QOS_NOT_REQUESTED:
      return "The broker delivered a message with QoS 2, which no subscription asked for: subscribe again with a new session.";
    case Reason.TOO_MANY_UNFINISHED:
      return "There is no room to remember another unfinished message with QoS 2: raise maximumReceived, or see why the store fails.";
    case Reason.CLOSED_BY_BROKER:
      return "The broker ended the connection: its log may say why.";
    case Reason.CONNECTION_REFUSED:
      return "Nobody listens at the broker's address and port: is the broker running, and the port right?";
    case Reason.HOST_NOT_FOUND:
      return "The broker's host name has no address: check the name and the DNS server.";
    case Reason.CONNECTION_LOST:
      return "The connection to the broker broke.";
    case Reason.TLS_FAILED:
      return "TLS failed: check that the port speaks TLS, the certificate authority, the host name in the broker's certificate, the client's own certificate, and the clock.";
    case Reason.CONNECTION_FAILED:
      return "The connection to the broker failed.";
    case Reason.CONNECT_TIMEOUT:
      return "The broker did not accept the connection in time: is it an MQTT broker, and the scheme (mqtt, mqtts) right?";
    case Reason.PING_TIMEOUT:
      return "The broker did not answer a ping in time: the connection is dead, or very slow (pingTimeoutMs).";
    case Reason.ACKNOWLEDGE_TIMEOUT:
      return "The broker did not acknowledge a message or request in time (acknowledgeTimeoutMs).";
    case Reason.OUTPUT_STALLED:
      return "The broker sends messages and reads none of the acknowledgements.";
    case Reason.TAKEN_OVER:
      return "The broker ends each connection shortly after it accepted it: most likely another client has the same clientId, or the broker forbids a topic that this one uses.";
    case Reason.DISCONNECTED:
      return "The application ended the connection.";
    case Reason.WEBSOCKET_FAILED:
      return "The server did not speak WebSocket with MQTT in it: check the port and path of the URL, and that the broker has WebSocket on.";
    case Reason.STREAM_STALLED:
      return "A streamed message did not get on in time (stallTimeoutMs): write it faster, or the connection is too slow.";
  }
  return `The broker sent a malformed packet: ${MALFORMED[reason] ?? `reason ${reason}`}.`;
}

const MALFORMED: Partial<Record<Reason, string>> = {
  [Reason.PACKET_TYPE]: "its type is reserved (2.2.1)",
  [Reason.HEADER_FLAGS]: "its flags are wrong for its type [MQTT-2.2.2-2]",
  [Reason.REMAINING_LENGTH]: "its remaining length has more than four bytes (2.2.3)",
  [Reason.PACKET_TOO_LARGE]: "it is too large for its type",
  [Reason.TRUNCATED]: "a field ends after the packet does",
  [Reason.TRAILING_BYTES]: "bytes are left over after its last field",
  [Reason.ILL_FORMED_UTF8]: "a string is not UTF-8 [MQTT-1.5.3-1]",
  [Reason.NULL_CHARACTER]: "a string has U+0000 [MQTT-1.5.3-2]",
  [Reason.PACKET_ID_ZERO]: "its packet identifier is 0 [MQTT-2.3.1-1]",
  [Reason.QOS]: "its QoS is 3 [MQTT-3.3.1-4]",
  [Reason.DUP_WITH_QOS_0]: "DUP is set with QoS 0 [MQTT-3.3.1-2]",
  [Reason.EMPTY_TOPIC]: "its topic is empty [MQTT-4.7.3-1]",
  [Reason.WILDCARD_IN_TOPIC]: "its topic has a wildcard [MQTT-3.3.2-2]",
  [Reason.MISPLACED_WILDCARD]: "a topic filter has a misplaced wildcard [MQTT-4.7.1-2], [MQTT-4.7.1-3]",
  [Reason.NO_TOPIC_FILTER]: "it has no topic filter [MQTT-3.8.3-3]",
  [Reason.PROTOCOL_NAME]: "its protocol name is not MQTT [MQTT-3.1.2-1]",
  [Reason.PROTOCOL_LEVEL]: "its protocol level is not 4 [MQTT-3.1.2-2]",
  [Reason.CONNECT_RESERVED_FLAG]: "CONNECT's reserved flag is set [MQTT-3.1.2-3]",
  [Reason.WILL_FLAGS]: "it has a QoS or retain flag for a will that it has not [MQTT-3.1.2-13], [MQTT-3.1.2-15]",
  [Reason.PASSWORD_WITHOUT_USERNAME]: "it has a password but no user name [MQTT-3.1.2-22]",
  [Reason.EMPTY_CLIENT_ID]: "it has no client identifier for a session to keep [MQTT-3.1.3-7]",
  [Reason.CONNACK_FLAGS]: "CONNACK's reserved flags are set (3.2.2.1)",
  [Reason.CONNACK_CODE]: "CONNACK's return code is reserved (3.2.2.3)",
  [Reason.SESSION_PRESENT]: "it says that a session is present where none can be [MQTT-3.2.2-1], [MQTT-3.2.2-4]",
  [Reason.SUBACK_CODE]: "SUBACK has a reserved or superfluous return code [MQTT-3.9.3-2]",
};
