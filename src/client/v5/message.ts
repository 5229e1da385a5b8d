import type { Text } from "../../platform.ts";
import { Reason } from "../../packet/reason.ts";
import type { PublishView } from "../../packet/v5/publish.ts";
import { Message as Message311 } from "../message.ts";
import { PropertyReader } from "./property-reader.ts";

/** A received message of MQTT 5: its topic may be in another buffer than its payload, and it has properties. */
export class Message extends Message311 {
  /** The topic is at these bytes, `topicStart` up to, not including, `topicEnd`: the broker may have sent an alias for it. */
  topicBytes: Uint8Array;
  /** Message expiry, content type, response topic, correlation data, user properties, subscription identifiers … */
  readonly properties: PropertyReader;

  /** @internal */
  constructor(text: Text, bytes: Uint8Array, view: PublishView) {
    super(text, bytes);
    this.topicBytes = bytes;
    this.properties = new PropertyReader(text, bytes, view.properties);
  }

  override get topic(): string {
    return this._text.decode(this.topicBytes, this.topicStart, this.topicEnd);
  }

  /** @internal */
  override _set(bytes: Uint8Array, view: PublishView): void {
    super._set(bytes, view);
    this.topicBytes = bytes;
    this.properties._set(bytes, view.properties);
  }

  /** The topic is elsewhere. @internal */
  _setTopic(bytes: Uint8Array, start: number, end: number): void {
    this.topicBytes = bytes;
    this.topicStart = start;
    this.topicEnd = end;
  }
}

/** A message of the client's own that was given up. */
export class RejectedMessage extends Message {
  /** The broker's reason code, or the one it would have had. */
  reason = Reason.OK;
}
