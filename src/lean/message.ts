import type { Text } from "../platform.ts";

/**
 * A received message. The client has one, which every handler gets in turn: it and its bytes are only lent until the
 * handler returns.
 */
export class Message {
  /** 0 or 1: the QoS it was delivered with. */
  qos!: number;
  /** True when the broker had kept it and sends it because of a new subscription [MQTT-3.3.1-8]. */
  retain!: boolean;
  /** True when the broker may have delivered it before [MQTT-3.3.1-1]. */
  dup!: boolean;
  /** Bytes of the payload. */
  length!: number;
  /** The payload is at bytes `start` up to, not including, `end`. */
  bytes: Uint8Array;
  start!: number;
  end!: number;
  /** The topic is at these of the same bytes, in UTF-8. */
  topicStart!: number;
  topicEnd!: number;
  private readonly _text: Text;

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
}
