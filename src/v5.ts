// MQTT 5: an optional part, imported as "mote-mqtt/v5" in place of "mote-mqtt".

export { Client, type DisconnectOptions } from "./client/v5/client.ts";
export type { ClientOptions, MessageProperties, WillOptions } from "./client/v5/options.ts";
export type { Publisher, PublisherOptions } from "./client/v5/publisher.ts";
export { type Payload, Published } from "./client/publisher.ts";
export type { Message, RejectedMessage } from "./client/v5/message.ts";
export type { PropertyReader } from "./client/v5/property-reader.ts";
export type { UserProperty } from "./client/v5/property-list.ts";
export type { MessageHandler, SubscribeOptions, Subscription } from "./client/v5/subscriptions.ts";
export { readDecimal, writeDecimal } from "./client/decimal.ts";
export type { ConnackView } from "./packet/v5/connack.ts";
export { Property } from "./packet/v5/properties.ts";
export { RetainHandling } from "./packet/v5/subscribe.ts";
export { ReasonCode } from "./packet/v5/reason-code.ts";
export { Reason } from "./packet/reason.ts";
export { describeV5 as describe } from "./describe-v5.ts";
export { utf8Text } from "./utf8-text.ts";
