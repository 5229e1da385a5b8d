import type { PublishView } from "../packet/publish.ts";
import type { Text } from "../platform.ts";

/**
 * A received message. The client has one, which every handler gets in turn: it and its bytes are only lent until the
 * handler returns.
 */
export class Message {
  /** 0 to 2: the QoS it was delivered with. */
  qos = 0;
  /** True when the broker had kept it and sends it because of a new subscription [MQTT-3.3.1-8]. */
  retain = false;
  /** True when the broker may have delivered it before [MQTT-3.3.1-1]. */
  dup = false;
  /** Bytes of the payload. */
  length = 0;
  /** The payload is at bytes `start` up to, not including, `end`. */
  bytes: Uint8Array;
  start = 0;
  end = 0;
  /** The topic is at these of the same bytes, in UTF-8. */
  topicStart = 0;
  topicEnd = 0;
  protected readonly _text: Text;

  /** @internal */
  constructor(text: Text, bytes: Uint8Array) {
    this._text = text;
    this.bytes = bytes;
  }

  /** The topic; a new string at each call. */
  get topic(): string {
    return this._text.decode(this.bytes, this.topicStart, this.topicEnd);
  }

  /** The payload as a string; a new one at each call. */
  text(): string {
    return this._text.decode(this.bytes, this.start, this.end);
  }

  /** @internal */
  _set(bytes: Uint8Array, view: PublishView): void {
    this.bytes = bytes;
    this.qos = view.qos;
    this.retain = view.retain;
    this.dup = view.dup;
    this.topicStart = view.topicStart;
    this.topicEnd = view.topicEnd;
    this.start = view.payloadStart;
    this.end = view.payloadEnd;
    this.length = view.payloadEnd - view.payloadStart;
  }
}
