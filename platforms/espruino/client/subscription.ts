import type { Client } from "./client.ts";
import type { Message } from "./input.ts";

export type MessageHandler = (message: Message) => void;

export enum State {
  /** SUBSCRIBE is to be sent. */
  WANTED,
  /** SUBSCRIBE is sent; SUBACK is awaited. */
  REQUESTED,
  ANSWERED,
  // From here on the application has ended it.
  /** UNSUBSCRIBE is to be sent. */
  UNWANTED,
  /** UNSUBSCRIBE is sent; UNSUBACK is awaited. */
  LEAVING,
}

export interface Subscription {
  /** In UTF-8; "" once it is ended and another has its filter. */
  filter: string;
  readonly qos: number;
  granted: number;
  onGranted: ((granted: number) => void) | undefined;
  unsubscribe(): void;
  readonly _client: Client;
  _handler: MessageHandler | undefined;
  _state: State;
  /** The packet id of the last request for it. */
  _id: number;
}

export function unsubscribe(this: Subscription): void {
  if (this._state > State.ANSWERED) return;
  this._state = State.UNWANTED;
  this._handler = this._client._topic = undefined;
  this._client._asking = true;
}

/** Whether a topic filter matches a topic name (4.7). */
export function matches(filter: string, topic: string): boolean {
  const wanted = filter.split("/");
  const levels = topic.split("/");
  // A wildcard at the beginning does not match topics of the broker's own [MQTT-4.7.2-1].
  if (topic[0] === "$" && filter[0] !== "$") return false;
  for (let index = 0; wanted[index] !== "#"; index++) {
    if (index === wanted.length || index === levels.length) return wanted.length === levels.length;
    if (wanted[index] !== "+" && wanted[index] !== levels[index]) return false;
  }
  return true;
}
