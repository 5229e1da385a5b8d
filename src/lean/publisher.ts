import { type Payload, Published, type PublisherOptions as PublisherOptions311 } from "../client/publisher.ts";
import type { Client } from "./client.ts";

/** How a publisher sends. */
export interface PublisherOptions extends Omit<PublisherOptions311, "qos"> {
  /** 0 by default: at most once. 1: at least once, kept until the broker acknowledges. */
  qos?: 0 | 1;
}

/** A prepared topic: `client.publisher(topic, options)` makes one, checked and encoded once. */
export interface Publisher {
  /**
   * Publishes a message. The payload is copied: it may change once this returns. A number is made a string first, as `toFixed`
   * does. Never waits.
   */
  publish(payload: Payload): Published;
  /** @internal */ readonly _client: Client;
  /** @internal */ readonly _topic: Uint8Array;
  /** @internal */ readonly _options: PublisherOptions;
}

/** `publish` of each publisher. */
export function publish(this: Publisher, payload: Payload): Published {
  const client = this._client;
  if (typeof payload === "number") payload = payload.toFixed(this._options.decimals);
  if (!client._append(client._platform.text, this._topic, payload, this._options)) return Published.FULL;
  client.onWritable();
  return client.queued ? Published.QUEUED : Published.SENT;
}
