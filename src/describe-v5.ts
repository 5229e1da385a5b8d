import { describe } from "./describe.ts";
import { Reason } from "./packet/reason.ts";

/** A sentence for a reason of MQTT 5, or of any other: what `describe` is to a client of 3.1.1. */
export function describeV5(reason: Reason): string {
  return SENTENCES[reason] ?? describe(reason);
}

const SENTENCES: Partial<Record<Reason, string>> = {
  [Reason.PACKET_TYPE]: "The broker sent a malformed packet: its type is reserved (2.1.2).",
  [Reason.HEADER_FLAGS]: "The broker sent a malformed packet: its flags are wrong for its type [MQTT-2.1.3-1].",
  [Reason.PACKET_ID_ZERO]: "The broker broke the protocol: a packet identifier is 0 [MQTT-2.2.1-4].",
  [Reason.ILL_FORMED_UTF8]: "The broker sent a malformed packet: a string is not UTF-8 [MQTT-1.5.4-1].",
  [Reason.NULL_CHARACTER]: "The broker sent a malformed packet: a string has U+0000 [MQTT-1.5.4-2].",
  [Reason.SESSION_PRESENT]:
    "The broker says that a session is present where none can be [MQTT-3.2.2-4], [MQTT-3.2.2-6].",
  [Reason.VARIABLE_BYTE_INTEGER]:
    "The broker sent a malformed packet: a length or identifier is not encoded in the fewest bytes [MQTT-1.5.5-1].",
  [Reason.UNKNOWN_PROPERTY]:
    "The broker sent a malformed packet: it has a property that MQTT 5 does not have (2.2.2.2).",
  [Reason.MISPLACED_PROPERTY]: "The broker sent a malformed packet: it has a property of another packet (2.2.2.2).",
  [Reason.SUBSCRIPTION_RESERVED_BITS]:
    "A malformed packet: reserved bits of the subscription options are set [MQTT-3.8.3-5].",
  [Reason.DUPLICATE_PROPERTY]: "The broker broke the protocol: it sent a property twice that may be there once.",
  [Reason.PROPERTY_VALUE]: "The broker broke the protocol: a property has a value that it cannot have.",
  [Reason.TOPIC_ALIAS]:
    "The broker broke the protocol: a topic alias is 0, unknown or above topicAliasMaximum [MQTT-3.3.2-8], [MQTT-3.3.2-11].",
  [Reason.REASON_CODE]: "The broker broke the protocol: a reason code is not one of its packet's (2.4).",
  [Reason.SUBSCRIPTION_OPTIONS]: "A protocol error: QoS 3 or retain handling 3 in a subscription (3.8.3.1).",
  [Reason.NO_LOCAL_ON_SHARED]: "A protocol error: a shared subscription with no local [MQTT-3.8.3-4].",
  [Reason.SHARE_NAME]:
    "The filter of a shared subscription is not $share/, a name without wildcards, / and a filter [MQTT-4.8.2-1], [MQTT-4.8.2-2].",
  [Reason.TOO_MANY_UNFINISHED]:
    "The broker sent more messages with QoS 2 than there is room for: raise maximumReceived, or see why the store fails.",
  [Reason.UNKNOWN_TOPIC_ALIAS]: "The broker broke the protocol: it sent a topic alias before its topic (3.3.2.3.4).",
  [Reason.TOPIC_ALIAS_TOO_LONG]:
    "The broker gave an alias to a topic longer than topicAliasBytes, so it is asked for none any more: raise that.",
  [Reason.AUTHENTICATION_METHOD]:
    "The broker's authentication method is not the one asked for [MQTT-4.12.0-5], [MQTT-4.12.0-6].",
  [Reason.PROBLEM_INFORMATION]:
    "The broker broke the protocol: it told why although requestProblemInformation is false [MQTT-3.1.2-29].",
  [Reason.NO_AUTHENTICATION_METHOD]:
    "The broker broke the protocol: authentication data without an authentication method (3.15.2.2.2).",
  [Reason.RESPONSE_TIMEOUT]: "Nobody answered the request in time (timeoutMs): is the responder there, and subscribed?",

  // What the broker said. The sentences hold for CONNACK, DISCONNECT and the acknowledgements alike.
  [Reason.UNSPECIFIED_ERROR]: "The broker refuses for a reason that it does not tell: its log may.",
  [Reason.MALFORMED_PACKET]:
    "The broker could not parse what this client sent: is a proxy between them? Otherwise please report it.",
  [Reason.PROTOCOL_ERROR]: "The broker found a packet of this client out of order or with data that is not allowed.",
  [Reason.IMPLEMENTATION_SPECIFIC_ERROR]: "The request is valid, but this broker does not accept it: see its manual.",
  [Reason.UNSUPPORTED_PROTOCOL_VERSION]: "The broker does not speak MQTT 5: use MQTT 3.1.1 or another broker.",
  [Reason.CLIENT_IDENTIFIER_NOT_VALID]: "The broker rejects the client identifier: set clientId to one that it allows.",
  [Reason.BAD_USERNAME_OR_PASSWORD_V5]: "The broker rejects the user name or password: check username and password.",
  [Reason.NOT_AUTHORIZED_V5]: "The broker does not allow this client to do so: check the broker's access rules.",
  [Reason.SERVER_UNAVAILABLE_V5]: "The broker is there but does not serve MQTT at present: it is tried again.",
  [Reason.SERVER_BUSY]: "The broker is busy: it is tried again later.",
  [Reason.BANNED]: "The broker's administrator has banned this client: ask them.",
  [Reason.SERVER_SHUTTING_DOWN]: "The broker is shutting down: it is tried again.",
  [Reason.BAD_AUTHENTICATION_METHOD]:
    "The broker does not support the authentication method, or it is not the one in use: check authenticationMethod.",
  [Reason.KEEP_ALIVE_TIMEOUT]:
    "The broker heard nothing for one and a half times the keep-alive: the device was too busy or the network too slow.",
  [Reason.SESSION_TAKEN_OVER]:
    "Another client has connected with the same client identifier: give each its own clientId.",
  [Reason.TOPIC_FILTER_INVALID]: "The broker does not accept the topic filter: check its rules for filters.",
  [Reason.TOPIC_NAME_INVALID]: "The broker does not accept the topic name: check its rules for topics.",
  [Reason.PACKET_IDENTIFIER_IN_USE]:
    "The packet identifier is in use on the broker: its session is not this client's; start with cleanStart.",
  [Reason.PACKET_IDENTIFIER_NOT_FOUND]:
    "The broker does not know the packet identifier: harmless while a session is resumed, a mismatch of sessions otherwise.",
  [Reason.RECEIVE_MAXIMUM_EXCEEDED]: "More messages were sent without acknowledgement than receiveMaximum allows.",
  [Reason.TOPIC_ALIAS_INVALID]: "The broker says that a topic alias is 0 or above its maximum.",
  [Reason.PACKET_TOO_LARGE_V5]: "A packet is larger than the broker's maximum packet size: send smaller messages.",
  [Reason.MESSAGE_RATE_TOO_HIGH]: "The broker finds that this client sends too often: publish less.",
  [Reason.QUOTA_EXCEEDED]: "A quota of the broker is exceeded: publish or subscribe less, or ask its administrator.",
  [Reason.ADMINISTRATIVE_ACTION]: "The broker's administrator ended the connection.",
  [Reason.PAYLOAD_FORMAT_INVALID]: "A payload is not in the format that its payload format indicator says (UTF-8).",
  [Reason.RETAIN_NOT_SUPPORTED]: "The broker does not keep retained messages: publish and set the will without retain.",
  [Reason.QOS_NOT_SUPPORTED]: "The broker does not support this QoS: use a lower one, for the will too.",
  [Reason.USE_ANOTHER_SERVER]: "The broker asks to use another server for now: see the server reference.",
  [Reason.SERVER_MOVED]: "The broker has moved for good: change url, see the server reference.",
  [Reason.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED]:
    "The broker does not support shared subscriptions: subscribe without $share.",
  [Reason.CONNECTION_RATE_EXCEEDED]: "This client connects too often for the broker: it is tried again later.",
  [Reason.MAXIMUM_CONNECT_TIME]: "The broker allows connections of a certain time, which is over: it is tried again.",
  [Reason.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED]:
    "The broker does not support subscription identifiers: subscribe without one.",
  [Reason.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED]:
    "The broker does not support wildcards in subscriptions: name each topic.",
};
