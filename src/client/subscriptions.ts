import { sameBytes } from "../packet/bytes.ts";
import { SUBSCRIPTION_FAILED } from "../packet/constants.ts";
import { PacketType } from "../packet/fixed-header.ts";
import { encodeRequest } from "../packet/request.ts";
import { topicMatches } from "../packet/topic.ts";
import type { Guard } from "./guard.ts";
import type { Message } from "./message.ts";

/** Gets each message that a subscription's filter matches. */
export type MessageHandler = (message: Message) => void;

/** How far the broker knows of a subscription. */
export enum State {
  /** SUBSCRIBE is to be sent. */
  WANTED,
  /** SUBSCRIBE is sent; SUBACK is awaited. */
  REQUESTED,
  GRANTED,
  REFUSED,
  // From here on the application has ended it.
  /** SUBSCRIBE is sent; its SUBACK has to come before UNSUBSCRIBE can go. */
  CANCELLED,
  /** UNSUBSCRIBE is to be sent. */
  UNWANTED,
  /** UNSUBSCRIBE is sent; UNSUBACK is awaited. */
  LEAVING,
  GONE,
}

/** A topic filter and its handler: `client.subscribe` makes one. */
export class Subscription {
  /** The filter in UTF-8. */
  readonly filter: Uint8Array;
  /** The highest QoS asked for. */
  readonly qos: number;
  /**
   * What the broker answered: the QoS granted, 0 to 2, or 0x80 when it refused the filter (3.9.3). -1 until then.
   */
  granted = -1;
  /** Called with `granted` at each answer of the broker: again after a reconnection that began a new session. */
  onGranted: ((granted: number) => void) | undefined;
  /** @internal */ readonly _handler: MessageHandler;
  /** @internal */ _state = State.WANTED;
  /** @internal Whether the broker may know of it. */ _known = false;
  /** @internal */ _packetId = 0;
  protected readonly _table: Subscriptions;

  /** @internal */
  constructor(table: Subscriptions, filter: Uint8Array, qos: number, handler: MessageHandler) {
    this._table = table;
    this.filter = filter;
    this.qos = qos;
    this._handler = handler;
  }

  /** Ends the subscription: the handler is not called again, and the broker is told as soon as it can be. */
  unsubscribe(): void {
    this._table.remove(this);
  }
}

/**
 * The topic filters that the application wants, and how far the broker knows of them. Each has a packet id of its own,
 * above those of the outbox, so that ids in flight never meet.
 */
export class Subscriptions {
  /** Requests that wait for the broker's answer. */
  awaited = 0;
  /** Whether some request is still to be sent. */
  unsent = false;

  /** @internal */ readonly _table: Subscription[] = [];
  /** A saved session moves it up: it has more packet ids. */
  _firstPacketId: number;
  protected readonly _guard: Guard;
  protected readonly _maximum: number;

  constructor(maximum: number, firstPacketId: number, guard: Guard) {
    this._guard = guard;
    this._maximum = maximum;
    this._firstPacketId = firstPacketId;
  }

  /** Adds a subscription, whose filter is `name`. Throws when that has one, or `maximumSubscriptions` are there. */
  add(subscription: Subscription, name: string): void {
    const table = this._table;
    let free = 0;
    while (free < table.length && table[free]._state !== State.GONE) free++;
    if (free === this._maximum) throw new RangeError(`maximumSubscriptions is ${this._maximum}: no room for another`);
    if (this._wanted(subscription.filter)) {
      throw new TypeError(`filter has a subscription already: end that one first: "${name}"`);
    }
    subscription._packetId = this._firstPacketId + free;
    table[free] = subscription;
    this.unsent = true;
  }

  remove(subscription: Subscription): void {
    const state = subscription._state;
    if (state >= State.CANCELLED) return;
    const ended = state === State.REQUESTED ? State.CANCELLED : State.UNWANTED;
    subscription._state = subscription._known ? ended : State.GONE;
    this.unsent = true;
  }

  /** A connection is up: what the broker does not know has to be requested, again or for the first time, or all of it. */
  resume(sessionPresent: boolean, all: boolean): void {
    this.awaited = 0;
    for (let index = 0; index < this._table.length; index++) {
      const subscription = this._table[index];
      const state = subscription._state;
      if (!sessionPresent) subscription._known = false;
      if (state >= State.CANCELLED)
        subscription._state = sessionPresent && state < State.GONE ? State.UNWANTED : State.GONE;
      else if (!sessionPresent || all || state !== State.GRANTED) subscription._state = State.WANTED;
    }
    this.unsent = true;
  }

  /** Writes the next request at `at`. Returns where it ends, `at` when there is none, or a negative number for no room. */
  writeRequest(into: Uint8Array, at: number): number {
    for (let index = 0; index < this._table.length; index++) {
      const subscription = this._table[index];
      const state = subscription._state;
      if (state !== State.WANTED && state !== State.UNWANTED) continue;
      const wanted = state === State.WANTED;
      const anew = wanted ? undefined : this._wanted(subscription.filter);
      if (anew) {
        // Subscribed to anew meanwhile: UNSUBSCRIBE would end that. It is known already.
        anew._known = true;
        subscription._state = State.GONE;
        continue;
      }
      const end = this._encode(into, at, subscription, wanted);
      if (end > 0) {
        subscription._state = wanted ? State.REQUESTED : State.LEAVING;
        subscription._known = true;
        this.awaited++;
      }
      return end;
    }
    this.unsent = false;
    return at;
  }

  /** Writes SUBSCRIBE, or UNSUBSCRIBE for what is not wanted. */
  protected _encode(into: Uint8Array, at: number, subscription: Subscription, wanted: boolean): number {
    const type = wanted ? PacketType.SUBSCRIBE : PacketType.UNSUBSCRIBE;
    return encodeRequest(into, at, type, subscription._packetId, subscription.filter, subscription.qos);
  }

  /** The broker's answer to a SUBSCRIBE. Returns false when there is none with this packet id. */
  subscribed(packetId: number, granted: number): boolean {
    const subscription = this._table[packetId - this._firstPacketId];
    if (subscription?._state === State.CANCELLED) {
      subscription._state = State.UNWANTED;
      this.unsent = true;
    } else if (subscription?._state === State.REQUESTED) {
      subscription._state = granted >= SUBSCRIPTION_FAILED ? State.REFUSED : State.GRANTED;
      subscription.granted = granted;
      subscription._known = granted < SUBSCRIPTION_FAILED;
      this._guard.call(subscription.onGranted, granted);
    } else {
      return false;
    }
    this.awaited--;
    return true;
  }

  /** The broker's answer to an UNSUBSCRIBE. Returns false when there is none with this packet id. */
  unsubscribed(packetId: number): boolean {
    const subscription = this._table[packetId - this._firstPacketId];
    if (subscription?._state !== State.LEAVING) return false;
    subscription._state = State.GONE;
    this.awaited--;
    return true;
  }

  /** The subscription to the filter that the application has not ended, if there is one. */
  private _wanted(filter: Uint8Array): Subscription | undefined {
    return this._table.find((one) => one._state < State.CANCELLED && sameBytes(one.filter, filter));
  }

  /** Calls the handlers whose filter matches. Returns how many there were. */
  dispatch(message: Message): number {
    let count = 0;
    for (let index = 0; index < this._table.length; index++) {
      const subscription = this._table[index];
      if (subscription._state < State.CANCELLED && this._matches(subscription.filter, message)) {
        count++;
        this._guard.call(subscription._handler, message);
      }
    }
    return count;
  }

  /** @internal */
  _matches(filter: Uint8Array, message: Message): boolean {
    return topicMatches(filter, 0, filter.length, message.bytes, message.topicStart, message.topicEnd);
  }
}
