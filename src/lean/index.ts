// `mote-mqtt/lean`: the client in the least code.

export { Client, type LeanOptions as ClientOptions } from "./client.ts";
export type { Message } from "./message.ts";
export type { Publisher, PublisherOptions } from "./publisher.ts";
export type { MessageHandler, Subscription } from "./subscription.ts";
export type { WillOptions } from "../client/options.ts";
export type { Payload, Published } from "../client/publisher.ts";
export type { Reason } from "../packet/reason.ts";
