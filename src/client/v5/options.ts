import type { Text } from "../../platform.ts";
import type { ConnectFields } from "../../packet/v5/connect.ts";
import { Property } from "../../packet/v5/properties.ts";
import { Reason } from "../../packet/reason.ts";
import { checkTopicName } from "../../packet/topic.ts";
import { checkUtf8 } from "../../packet/utf8.ts";
import { checkSubscriptionFilter } from "../../packet/v5/topic.ts";
import {
  type ClientOptions as ClientOptions311,
  encodeBytes,
  encodeText,
  inRange,
  type WillOptions as WillOptions311,
} from "../options.ts";
import { LARGEST_UINT32, PropertyList, type UserProperty } from "./property-list.ts";

/** The largest packet that MQTT has: four bytes of remaining length say no more (2.1.4). */
const LARGEST_PACKET = 268_435_460;

/** What a message may carry besides its payload (3.3.2.3). */
export interface MessageProperties {
  /** 1: the payload is UTF-8; 0: it is bytes of any kind, which is what absent means. */
  payloadFormatIndicator?: 0 | 1;
  /** Seconds after which the broker drops the message if it has not delivered it; 0 to 4,294,967,295. None by default. */
  messageExpiryInterval?: number;
  /** What the payload is, such as a MIME type. */
  contentType?: string;
  /** The topic that an answer is to be published to: this makes the message a request (4.10). */
  responseTopic?: string;
  /** Tells whoever asked which request an answer is for; at most 65,535 bytes. */
  correlationData?: string | Uint8Array;
  /** Names and values of the application's own. */
  userProperties?: readonly UserProperty[];
}

/** The message that the broker publishes when it loses the client (3.1.2.5). */
export interface WillOptions extends WillOptions311, MessageProperties {
  /** Seconds from the loss until it is published, 0 to 4,294,967,295; a reconnection within that cancels it. 0 by default. */
  willDelayInterval?: number;
}

/** How a client of MQTT 5 connects, and how much memory and time it may take. The constructor throws when one cannot be. */
export interface ClientOptions extends Omit<ClientOptions311, "cleanSession"> {
  /** "" lets the broker assign one, which then is used for reconnections too. "" by default. */
  clientId?: string;
  /**
   * Whether `connect` begins a new session (3.1.2.4). Reconnections by the client itself go on with it as long as
   * `sessionExpiryInterval` keeps it. True by default.
   */
  cleanStart?: boolean;
  /** Seconds that the broker keeps the session once the connection is lost; 0 to 4,294,967,295, the last for ever. 0 by default. */
  sessionExpiryInterval?: number;
  /** Needs no user name in MQTT 5. */
  password?: string | Uint8Array;
  will?: WillOptions;
  /**
   * How many messages with QoS 1 or 2 the broker may send without an answer; 1 to 65,535. With `exactlyOnce` never more
   * than that has room for. 32 by default.
   */
  receiveMaximum?: number;
  /**
   * Bytes of the largest packet to receive at all; 64 to 268,435,460. None by default: a message larger than `receiveBytes` is
   * skipped. With a limit the broker drops larger messages, and sending one ends the connection.
   */
  maximumPacketSize?: number;
  /** How many topic aliases the broker may use; 0 to 1,000, each `topicAliasBytes` of memory. 0 by default. */
  topicAliasMaximum?: number;
  /** Bytes of the longest topic that the broker may give an alias; 1 to 65,535. 64 by default. */
  topicAliasBytes?: number;
  /** Whether the broker is asked for a response information in CONNACK (3.1.2.11.6). False by default. */
  requestResponseInformation?: boolean;
  /** Whether the broker may send reason strings and user properties with its answers (3.1.2.11.7). True by default. */
  requestProblemInformation?: boolean;
  /** Names and values for the broker, in CONNECT. */
  userProperties?: readonly UserProperty[];
  /** The method of enhanced authentication (4.12), such as "SCRAM-SHA-256"; `onAuthenticate` answers the challenges. */
  authenticationMethod?: string;
  /** What the method begins with; only with a method. */
  authenticationData?: string | Uint8Array;
}

/** CONNECT's fields, and how the application wants `connect` to begin. */
export interface Connect extends ConnectFields {
  /** The option `cleanStart`; the field says it of the next attempt. */
  cleanSession: boolean;
  properties: Uint8Array;
}

/** The fields of CONNECT that the options ask for. */
export function connectFields(options: ClientOptions, text: Text): Connect {
  const username = options.username;
  const password = options.password;
  const will = options.will;
  const cleanStart = options.cleanStart ?? true;
  return {
    clientId: encodeText(text, "clientId", options.clientId ?? "", checkUtf8),
    cleanStart,
    cleanSession: cleanStart,
    keepAlive: inRange("keepAlive", options.keepAlive, 60, 0, 65_535),
    properties: connectProperties(options, text),
    will: will && {
      topic: encodeText(text, "will.topic", will.topic, checkTopicName),
      payload: encodeBytes(text, "will.payload", will.payload),
      qos: inRange("will.qos", will.qos, 0, 0, 2),
      retain: will.retain ?? false,
      properties: messageProperties(
        new PropertyList(text).number(
          "will.willDelayInterval",
          Property.WILL_DELAY_INTERVAL,
          will.willDelayInterval,
          LARGEST_UINT32,
        ),
        "will.",
        will,
        text,
      ).list,
    },
    username: username === undefined ? undefined : encodeText(text, "username", username, checkUtf8),
    password: password === undefined ? undefined : encodeBytes(text, "password", password),
  };
}

/** Where CONNECT's properties have the numbers that are not the same at each connection. */
export const RECEIVE_MAXIMUM_AT = 1;
export const TOPIC_ALIAS_MAXIMUM_AT = 4;

/** CONNECT's properties, receive maximum and topic alias maximum first. */
function connectProperties(options: ClientOptions, text: Text): Uint8Array {
  const problems = options.requestProblemInformation ?? true;
  if (options.authenticationData !== undefined && options.authenticationMethod === undefined) {
    throw new TypeError("authenticationData needs an authenticationMethod");
  }
  return new PropertyList(text)
    .number("receiveMaximum", Property.RECEIVE_MAXIMUM, options.receiveMaximum ?? 32, 65_535, 1)
    .number("topicAliasMaximum", Property.TOPIC_ALIAS_MAXIMUM, options.topicAliasMaximum ?? 0, 1_000)
    .number(
      "sessionExpiryInterval",
      Property.SESSION_EXPIRY_INTERVAL,
      options.sessionExpiryInterval || undefined,
      LARGEST_UINT32,
    )
    .number("maximumPacketSize", Property.MAXIMUM_PACKET_SIZE, options.maximumPacketSize, LARGEST_PACKET, 64)
    .number("", Property.REQUEST_RESPONSE_INFORMATION, options.requestResponseInformation ? 1 : undefined, 1)
    .number("", Property.REQUEST_PROBLEM_INFORMATION, problems ? undefined : 0, 1)
    .text("authenticationMethod", Property.AUTHENTICATION_METHOD, options.authenticationMethod)
    .bytes("authenticationData", Property.AUTHENTICATION_DATA, options.authenticationData)
    .users("userProperties", options.userProperties).list!;
}

/** Adds a message's properties to `list`. `prefix` goes before the names of options in errors. */
export function messageProperties(
  list: PropertyList,
  prefix: string,
  options: MessageProperties,
  text: Text,
): PropertyList {
  const responseTopic = options.responseTopic;
  if (responseTopic !== undefined) encodeText(text, `${prefix}responseTopic`, responseTopic, checkTopicName);
  return list
    .number(`${prefix}payloadFormatIndicator`, Property.PAYLOAD_FORMAT_INDICATOR, options.payloadFormatIndicator, 1)
    .number(
      `${prefix}messageExpiryInterval`,
      Property.MESSAGE_EXPIRY_INTERVAL,
      options.messageExpiryInterval,
      LARGEST_UINT32,
    )
    .text(`${prefix}contentType`, Property.CONTENT_TYPE, options.contentType)
    .text(`${prefix}responseTopic`, Property.RESPONSE_TOPIC, responseTopic)
    .bytes(`${prefix}correlationData`, Property.CORRELATION_DATA, options.correlationData)
    .users(`${prefix}userProperties`, options.userProperties);
}

/** The UTF-8 of a topic filter, a shared subscription's included. Throws a TypeError when it is not one. */
export function encodeSubscriptionFilter(text: Text, filter: string): Uint8Array {
  return encodeText(text, "filter", filter, (bytes, start, end) => {
    const reason = checkSubscriptionFilter(bytes, start, end);
    if (reason !== Reason.SHARE_NAME) return reason;
    throw new TypeError(`filter must have a share name without wildcards and a filter after $share/: "${filter}"`);
  });
}
