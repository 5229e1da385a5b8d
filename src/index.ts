// What a sensor's author imports from "mote-mqtt".

export { Client } from "./client/client.ts";
export type { ClientOptions, WillOptions } from "./client/options.ts";
export { type Payload, Published, type Publisher, type PublisherOptions } from "./client/publisher.ts";
export type { Message } from "./client/message.ts";
export type { MessageHandler, Subscription } from "./client/subscriptions.ts";
export { readDecimal, writeDecimal } from "./client/decimal.ts";
export { Reason } from "./packet/reason.ts";
export { describe } from "./describe.ts";

// For authors of platforms.
export type { Clock, Endpoint, Platform, Store, Text, Transport, TransportListener } from "./platform.ts";
export { utf8Text } from "./utf8-text.ts";
