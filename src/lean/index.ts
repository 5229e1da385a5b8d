// `mote-mqtt/lean`: the client in the least code.

export { Client, type LeanOptions as ClientOptions } from "./client.ts";
export type { Message } from "./message.ts";
export type { Publisher } from "./publisher.ts";
export type { MessageHandler, Subscription } from "./subscription.ts";
export type { WillOptions } from "../client/options.ts";
export type { Payload, Published, PublisherOptions } from "../client/publisher.ts";
