import type { Client } from "./client.ts";
import type { Message } from "./message.ts";

/** Gets each message that a subscription's filter matches. */
export type MessageHandler = (message: Message) => void;

/** How far the broker knows of a subscription. A request is due where `% UNWANTED` is 0; once it is sent, the state is the next. */
export enum State {
  /** SUBSCRIBE is to be sent. */
  WANTED,
  /** SUBSCRIBE is sent; SUBACK is awaited, or has refused it: then it is due again on the next connection. */
  REQUESTED,
  GRANTED,
  // From here on the application has ended it.
  /** UNSUBSCRIBE is to be sent. */
  UNWANTED,
  /** UNSUBSCRIBE is sent; UNSUBACK is awaited. */
  LEAVING,
}

/** A topic filter and its handler: `client.subscribe` makes one. */
export interface Subscription {
  /** The filter in UTF-8. */
  readonly filter: Uint8Array;
  /** The highest QoS asked for. */
  readonly qos: number;
  /** What the broker answered: the QoS granted, 0 or 1, or 0x80 when it refused the filter (3.9.3). -1 until then. */
  granted: number;
  /** Called with `granted` at each answer of the broker: again after a reconnection that began a new session. */
  onGranted?: (granted: number) => void;
  /** Ends the subscription: the handler is not called again, and the broker is told as soon as it can be. */
  unsubscribe(): void;
  /** @internal */ readonly _client: Client;
  /** @internal */ readonly _name: string;
  /** @internal */ readonly _handler: MessageHandler;
  /** @internal */ _state: State;
  /** The packet id of the request that waits for its answer. @internal */ _id: number;
}

/** `unsubscribe` of each subscription. */
export function unsubscribe(this: Subscription): void {
  if (this._state > State.GRANTED) return;
  this._state = State.UNWANTED;
  this._id = -1; // an answer that is still to come, is to what is not wanted any more
  this._client._asking = true;
}
