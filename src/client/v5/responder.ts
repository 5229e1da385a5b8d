import { copyBytes, writeUint16 } from "../../packet/bytes.ts";
import { publishQos } from "../../packet/publish.ts";
import { propertiesSize, Property } from "../../packet/v5/properties.ts";
import { writeVariableByteInteger } from "../../packet/v5/variable-byte-integer.ts";
import { define } from "../../session/define.ts";
import type { PayloadSource } from "../../session/outbox.ts";
import type { Payload, Published, Publishing } from "../publisher.ts";
import type { Client } from "./client.ts";
import type { Message } from "./message.ts";
import type { Publisher, PublisherOptions } from "./publisher.ts";

/** How responses are published: with these properties besides the request's correlation data. */
export type ResponderOptions = Omit<PublisherOptions, "responseTopic" | "correlationData" | "topicAlias">;

/** What a property of data takes besides that: identifier and length. */
const FIELD = 3;

/** The publisher of responses: its messages get what their requests name. */
interface ResponsePublisher {
  _client: Publishing;
  /** Bytes that are added to a message, for who has to know before. */
  _more?: number;
}

/** Answers requests: what they name as response topic and correlation data is copied from buffer to buffer (4.10). */
export class Responder implements Publishing {
  private readonly _client: Client;
  private readonly _publisher: Publisher;
  /** Writes what the publisher does by itself: its own properties and the payload. */
  private readonly _writeOwn: PayloadSource["writePayload"];
  private readonly _ownSize: number;
  /** What the outbox writes, before the publisher knows better. */
  private readonly _noTopic = new Uint8Array(0);
  /** Where the request's bytes have its response topic and its correlation data. */
  private _bytes!: Uint8Array;
  private _topicStart = 0;
  private _topicEnd = 0;
  private _dataStart = 0;
  private _dataEnd = 0;
  /** What the correlation data takes as a property; 0 when there is none. */
  private _dataSize = 0;
  private _qos = 0;

  /** Throws when an option cannot be. */
  constructor(client: Client, options?: ResponderOptions) {
    const publisher = client.publisher("-", options);
    this._client = client;
    this._publisher = publisher;
    this._ownSize = propertyListSize(publisher._properties);
    this._writeOwn = publisher.writePayload;
    define(publisher, { writePayload: (into, at, limit) => this._writePayload(into, at, limit) });
    (publisher as unknown as ResponsePublisher)._client = this;
  }

  /**
   * Publishes the response to `message`, which is only lent: so within its handler.
   *
   * @returns what `publish` does; undefined when the message has no response topic: then it is no request.
   */
  respond(message: Message, payload: Payload, start?: number, end?: number): Published | undefined {
    const properties = message.properties;
    const asks = properties.find(Property.RESPONSE_TOPIC);
    if (!asks) return undefined;
    const publisher = this._publisher;
    this._bytes = properties.bytes;
    this._topicStart = properties.start;
    this._topicEnd = properties.end;
    this._dataSize = 0;
    if (properties.find(Property.CORRELATION_DATA)) {
      this._dataStart = properties.start;
      this._dataEnd = properties.end;
      this._dataSize = FIELD + this._dataEnd - this._dataStart;
    }
    properties.rewind();
    const size = this._topicEnd - this._topicStart + propertiesSize(this._dataSize + this._ownSize);
    (publisher as unknown as ResponsePublisher)._more = size - publisher._properties.length;
    return publisher.publish(payload, start, end);
  }

  /** The publisher's message gets the request's topic. @internal */
  _publish(header: number, _topic: Uint8Array, payload: PayloadSource): Published {
    this._qos = publishQos(header);
    return this._client._publish(header, this._noTopic, payload);
  }

  /** Writes the topic in place of the empty one before `at`, then all that follows the packet id. */
  private _writePayload(into: Uint8Array, at: number, limit: number): number {
    const publisher = this._publisher;
    const bytes = this._bytes;
    const dataSize = this._dataSize;
    const topicLength = this._topicEnd - this._topicStart;
    const listSize = dataSize + this._ownSize;
    const listEnd = at + topicLength + propertiesSize(listSize);
    // The publisher's own properties end up behind the correlation data; the length before them is written over.
    const ownAt = listEnd - publisher._properties.length;
    const end = listEnd > limit ? -1 : this._writeOwn.call(publisher, into, ownAt, limit);
    if (end < 0) return -1;
    const topicAt = at - 2 - (this._qos ? 2 : 0);
    writeUint16(into, topicAt, topicLength);
    copyBytes(into, topicAt + 2, bytes, this._topicStart, this._topicEnd);
    const dataAt = listEnd - listSize;
    writeVariableByteInteger(into, at + topicLength, listSize);
    if (dataSize) {
      into[dataAt] = Property.CORRELATION_DATA;
      writeUint16(into, dataAt + 1, dataSize - FIELD);
      copyBytes(into, dataAt + FIELD, bytes, this._dataStart, this._dataEnd);
    }
    return end;
  }
}

/** Bytes of a list without those of its length. */
function propertyListSize(list: Uint8Array): number {
  let at = 0;
  while (list[at++] & 128);
  return list.length - at;
}
