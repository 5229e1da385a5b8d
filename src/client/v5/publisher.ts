import type { Text } from "../../platform.ts";
import { Property, propertiesSize, writeProperties } from "../../packet/v5/properties.ts";
import {
  Publisher as Publisher311,
  type PublisherOptions as PublisherOptions311,
  type Publishing,
} from "../publisher.ts";
import { type MessageProperties, messageProperties } from "./options.ts";
import { PropertyList } from "./property-list.ts";

/** How a publisher of MQTT 5 sends. Its properties are encoded once and go with each of its messages. */
export interface PublisherOptions extends PublisherOptions311, MessageProperties {
  /**
   * Whether a number stands for the topic after the first message of a connection, as far as the broker allows: worth it for
   * a topic longer than three bytes. The first topics that ask for it have it first. False by default.
   */
  topicAlias?: boolean;
}

/** A prepared topic with its prepared properties: `client.publisher(topic, options)` makes one. */
export class Publisher extends Publisher311 {
  /** The property list, its length included: it lies between packet id and payload (3.3.2). @internal */
  readonly _properties: Uint8Array;

  /** @internal */
  constructor(
    client: Publishing,
    text: Text,
    topic: Uint8Array,
    maximumQos: number,
    options: PublisherOptions,
    alias: number,
  ) {
    super(client, text, topic, maximumQos, options);
    // The alias comes first, where the outbox finds it.
    const first = new PropertyList(text).number("", Property.TOPIC_ALIAS, alias || undefined, 65_535);
    const list = messageProperties(first, "", options, text).list;
    const length = list ? list.length : 0;
    this._properties = new Uint8Array(propertiesSize(length));
    writeProperties(this._properties, 0, list, 0, length);
  }

  /** @internal */
  override writePayload(into: Uint8Array, at: number, limit: number): number {
    const properties = this._properties;
    const payloadAt = at + properties.length;
    if (payloadAt > limit) return -1;
    into.set(properties, at);
    return super.writePayload(into, payloadAt, limit);
  }
}
