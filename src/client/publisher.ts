import { copyBytes } from "../packet/bytes.ts";
import { publishHeader } from "../packet/publish.ts";
import type { PayloadSource } from "../session/outbox.ts";
import type { Text } from "../platform.ts";
import { writeDecimal } from "./decimal.ts";
import { inRange } from "./options.ts";

/** What `publish` did with a message. */
export enum Published {
  /** There is no room in the outbox: the message is not accepted. */
  FULL = 0,
  /** It waits in the outbox: for the connection, for earlier messages, or for an acknowledgement. */
  QUEUED = 1,
  /** It has been handed to the connection. With QoS 1 or 2 it stays in the outbox until it is acknowledged. */
  SENT = 2,
  /** It is given up: the broker of MQTT 5 has said that it takes none such, and `onRejected` has told why. */
  REJECTED = 3,
  /** It is given up: an `OfflineQueue` has dropped it, as it was told to do for want of room or of a connection. */
  DROPPED = 4,
}

/** How a publisher sends. */
export interface PublisherOptions {
  /** 0 by default: at most once. 1: at least once, kept until the broker acknowledges. 2: exactly once, with `exactlyOnce`. */
  qos?: 0 | 1 | 2;
  /** Whether the broker keeps the message for later subscribers. False by default. */
  retain?: boolean;
  /** Digits after the point when the payload is a number; 0 to 9. 0 by default. */
  decimals?: number;
}

/**
 * A payload: bytes as they are, a string as UTF-8, or a number as text with the publisher's count of decimals. Bytes and
 * numbers are written without making anything.
 */
export type Payload = Uint8Array | string | number;

/** Accepts a message: the part of the client that a publisher needs. */
export interface Publishing {
  _publish(header: number, topic: Uint8Array, payload: PayloadSource): Published;
}

/** A prepared topic: `client.publisher(topic, options)` makes one, checked and encoded once. */
export class Publisher implements PayloadSource {
  protected readonly _client: Publishing;
  protected readonly _text: Text;
  /** @internal */ readonly _topic: Uint8Array;
  /** @internal */ readonly _header: number;
  private readonly _decimals: number;
  private _payload: Payload = 0;
  private _start = 0;
  /** Undefined for the payload's own. There from the beginning: on XS a property that is added takes a slot. */
  private _end: number | undefined = undefined;

  /** @internal */
  constructor(client: Publishing, text: Text, topic: Uint8Array, maximumQos: number, options: PublisherOptions) {
    this._client = client;
    this._text = text;
    this._topic = topic;
    this._header = publishHeader(inRange("qos", options.qos, 0, 0, maximumQos), options.retain ?? false);
    this._decimals = inRange("decimals", options.decimals, 0, 0, 9);
  }

  /**
   * Publishes a message, or of a payload of bytes the part from `start` up to, not including, `end`. The payload is
   * copied: it may change once this returns. Never waits, and throws only when there is no such payload.
   */
  publish(payload: Payload, start?: number, end?: number): Published {
    this._payload = payload;
    this._start = start ?? 0;
    this._end = end;
    return this._client._publish(this._header, this._topic, this);
  }

  /** @internal */
  writePayload(into: Uint8Array, at: number, limit: number): number {
    const payload = this._payload;
    const start = this._start;
    if (typeof payload === "number") return writeDecimal(into, at, limit, payload, this._decimals);
    if (typeof payload === "string") return this._text.encode(payload, into, at, limit);
    const length = payload ? payload.length : -1;
    const end = this._end ?? length;
    // Anything else would end up as a broken packet. Written so that undefined does not pass, a length of what has none.
    if (!(start >= 0 && start <= end && end <= length)) {
      throw new TypeError("payload must be a string, a number, or bytes that reach from start to end");
    }
    const payloadEnd = at + end - start;
    if (payloadEnd > limit) return -1;
    copyBytes(into, at, payload, start, end);
    return payloadEnd;
  }
}
