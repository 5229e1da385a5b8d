import { HASH, PLUS } from "../../packet/constants.ts";
import type { Text } from "../../platform.ts";
import type { ConnackView } from "../../packet/v5/connack.ts";
import { propertiesSize, Property } from "../../packet/v5/properties.ts";
import { Reason } from "../../packet/reason.ts";
import { encodeSubscribe, type RetainHandling, type SubscribeEntry } from "../../packet/v5/subscribe.ts";
import { isShared, matchedFilterStart } from "../../packet/v5/topic.ts";
import { encodeUnsubscribe } from "../../packet/v5/unsubscribe.ts";
import { topicMatches } from "../../packet/topic.ts";
import type { Guard } from "../guard.ts";
import { inRange } from "../options.ts";
import {
  type MessageHandler as MessageHandler311,
  State,
  Subscription as Subscription311,
  Subscriptions as Subscriptions311,
} from "../subscriptions.ts";
import type { Message } from "./message.ts";
import { PropertyList, type UserProperty } from "./property-list.ts";

/** Gets each message that a subscription's filter matches. */
export type MessageHandler = (message: Message) => void;

/** How a subscription of MQTT 5 is made (3.8.3.1, 3.8.2.1). */
export interface SubscribeOptions {
  /** Whether the client's own messages are kept from it; not with a shared subscription [MQTT-3.8.3-4]. False by default. */
  noLocal?: boolean;
  /** Whether `retain` of a message is as it was published, and not only true of kept ones. False by default. */
  retainAsPublished?: boolean;
  /** Which retained messages come at once: all, those of a subscription that is new, or none. SEND by default. */
  retainHandling?: RetainHandling;
  /** A number, 1 to 268,435,455, that each message of this subscription carries. None by default. */
  subscriptionIdentifier?: number;
  /** Names and values for the broker, with SUBSCRIBE. */
  userProperties?: readonly UserProperty[];
}

/** A topic filter and its handler: `client.subscribe` makes one. */
export class Subscription extends Subscription311 implements SubscribeEntry {
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: RetainHandling;
  /** Called when the broker has ended the subscription, with its reason code (3.11.3): below 0x80 is success. */
  onUnsubscribed: ((reasonCode: number) => void) | undefined;
  /** @internal */ readonly _properties: Uint8Array | undefined;
  /** @internal */ readonly _hasIdentifier: boolean;
  /** What SUBSCRIBE has: one filter. @internal */ readonly _entries: readonly SubscribeEntry[];
  /** @internal Whether `onGranted` is to be told that it was refused here. */ _untold = false;

  /** @internal */
  constructor(
    table: Subscriptions,
    filter: Uint8Array,
    qos: number,
    handler: MessageHandler,
    options: SubscribeOptions,
    text: Text,
  ) {
    super(table, filter, qos, handler as MessageHandler311);
    this._entries = [this];
    this.noLocal = options.noLocal ?? false;
    this.retainAsPublished = options.retainAsPublished ?? false;
    this.retainHandling = inRange("retainHandling", options.retainHandling, 0, 0, 2);
    if (this.noLocal && isShared(filter, 0, filter.length)) {
      throw new TypeError("noLocal must not be set for a shared subscription [MQTT-3.8.3-4]");
    }
    const identifier = options.subscriptionIdentifier;
    this._hasIdentifier = identifier !== undefined;
    this._properties = new PropertyList(text)
      .number("subscriptionIdentifier", Property.SUBSCRIPTION_IDENTIFIER, identifier, 268_435_455, 1)
      .users("userProperties", options.userProperties).list;
  }
}

/** The subscriptions of a client of MQTT 5. */
export class Subscriptions extends Subscriptions311 {
  /** What the broker has: it is not asked for what it has not. */
  private readonly _broker: ConnackView;
  /** Whether some subscription was refused here and is not told. */
  private _untold = false;

  constructor(maximum: number, firstPacketId: number, guard: Guard, broker: ConnackView) {
    super(maximum, firstPacketId, guard);
    this._broker = broker;
  }

  override writeRequest(into: Uint8Array, at: number): number {
    for (let index = 0; index < this._table.length; index++) {
      const subscription = this._table[index] as Subscription;
      const state = subscription._state;
      if (state !== State.WANTED && state !== State.UNWANTED) continue;
      const tooLarge = this._isTooLarge(subscription, state === State.WANTED);
      if (state === State.UNWANTED) {
        // There is no way to tell a broker that takes less than it did.
        if (tooLarge) subscription._state = State.GONE;
        continue;
      }
      const reason = tooLarge ? Reason.PACKET_TOO_LARGE_V5 : this._unavailable(subscription);
      if (!reason) continue;
      subscription._state = State.REFUSED;
      subscription.granted = reason;
      subscription._untold = this._untold = true;
    }
    return super.writeRequest(into, at);
  }

  /** Tells of what was refused here: not at once, for within `client.subscribe` nobody has set `onGranted`. */
  tellRefused(): void {
    if (!this._untold) return;
    this._untold = false;
    for (let index = 0; index < this._table.length; index++) {
      const subscription = this._table[index] as Subscription;
      const untold = subscription._untold && subscription._state === State.REFUSED;
      subscription._untold = false;
      if (untold) this._guard.call(subscription.onGranted, subscription.granted);
    }
  }

  /** Whether the request is larger than the broker's maximum packet size [MQTT-3.2.2-15]. */
  private _isTooLarge(subscription: Subscription, wanted: boolean): boolean {
    const properties = subscription._properties;
    const list = wanted ? 1 + propertiesSize(properties ? properties.length : 0) : 1;
    return this._broker.isTooLarge(2 + list + 2 + subscription.filter.length);
  }

  /** What the broker would refuse the subscription for, as it said in CONNACK (3.2.2.3.11 to 3.2.2.3.13). */
  private _unavailable(subscription: Subscription): Reason {
    const broker = this._broker;
    const filter = subscription.filter;
    const end = filter.length;
    if (!broker.sharedSubscriptionAvailable && isShared(filter, 0, end)) {
      return Reason.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED;
    }
    if (!broker.subscriptionIdentifiersAvailable && subscription._hasIdentifier) {
      return Reason.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED;
    }
    const wild = filter.indexOf(PLUS) >= 0 || filter.indexOf(HASH) >= 0;
    return wild && !broker.wildcardSubscriptionAvailable ? Reason.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED : Reason.OK;
  }

  protected override _encode(into: Uint8Array, at: number, subscription: Subscription, wanted: boolean): number {
    return wanted
      ? encodeSubscribe(into, at, subscription._packetId, subscription._entries, subscription._properties)
      : encodeUnsubscribe(into, at, subscription._packetId, [subscription.filter]);
  }

  /** The broker's answer to an UNSUBSCRIBE, with its reason code. Returns false when there is none with this packet id. */
  ended(packetId: number, reasonCode: number): boolean {
    if (!this.unsubscribed(packetId)) return false;
    const subscription = this._table[packetId - this._firstPacketId] as Subscription;
    this._guard.call(subscription.onUnsubscribed, reasonCode);
    return true;
  }

  override _matches(filter: Uint8Array, message: Message): boolean {
    const end = filter.length;
    const start = matchedFilterStart(filter, 0, end);
    return topicMatches(filter, start, end, message.topicBytes, message.topicStart, message.topicEnd);
  }
}
