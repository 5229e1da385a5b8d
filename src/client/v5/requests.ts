import { readUint16, writeUint16 } from "../../packet/bytes.ts";
import { PacketType } from "../../packet/fixed-header.ts";
import { publishQos } from "../../packet/publish.ts";
import { Reason } from "../../packet/reason.ts";
import { Property } from "../../packet/v5/properties.ts";
import { define } from "../../session/define.ts";
import { Phase } from "../client.ts";
import { inRange } from "../options.ts";
import { type Payload, Published } from "../publisher.ts";
import { watchTicks } from "../ticks.ts";
import type { Client } from "./client.ts";
import { correlationDataAt } from "./correlation.ts";
import type { Message } from "./message.ts";
import type { Publisher, PublisherOptions } from "./publisher.ts";
import type { Subscription } from "./subscriptions.ts";

/** Where responses come to, and how long and how many requests may wait for them. */
export interface RequestsOptions {
  /**
   * The topic that responses come to, which should be this client's alone. Left out, it is what the broker says in its
   * response information (3.2.2.3.15), for which the client needs `requestResponseInformation`: until then no request is
   * accepted, nor when the broker says none.
   */
  responseTopic?: string;
  /** The highest QoS of responses. 1 by default. */
  responseQos?: 0 | 1 | 2;
  /**
   * How long a request may wait for its response, from `connect` on, whether or not the connection is up; in steps of
   * `tickMs`. 1 to 2^31 - 1. 10,000 by default.
   */
  timeoutMs?: number;
  /** How many requests may wait at once; 1 to 255. 4 by default. */
  maximum?: number;
}

/** How requests are published; their messages expire with the time-out when `messageExpiryInterval` is left out. */
export type RequestOptions = Omit<PublisherOptions, "responseTopic" | "correlationData">;

/**
 * Told once of each request that was accepted, maybe before `request` returns. `reason` is `OK` when `message` is the
 * response, which is only lent. Otherwise there is none: `RESPONSE_TIMEOUT`; the code with which the broker rejected the
 * request or the subscription to responses; `DISCONNECTED` when the application called `disconnect`.
 */
export type ResponseHandler = (reason: Reason, message: Message | undefined, request: number) => void;

/** Bytes of the correlation data: a count of requests, and in the last byte the request's place. */
const CORRELATION_SIZE = 4;
const LAST_COUNT = 0x3f_ffff;
/** Stands in for the response topic until the broker has said it. */
const UNKNOWN_TOPIC = "-";

/**
 * Requests and their responses (4.10), with time-outs: an optional part, `mote-mqtt/requests`. Made for one client of MQTT
 * 5 before that connects; all its memory is taken by the constructor and `requester`.
 */
export class Requests {
  /** Responses that no request waited for: late, for the second time, or with correlation data of another. */
  unmatched = 0;
  /** Requests that wait for their response. */
  waiting = 0;

  private readonly _client: Client;
  private readonly _responseQos: 0 | 1 | 2;
  private readonly _timeoutMs: number;
  private readonly _requesters: Requester[] = [];
  /** The topic that responses come to; undefined while the broker has not said it. */
  private _responseTopic: string | undefined;
  private _subscription: Subscription | undefined;

  // Of the requests that wait, by their places: the correlation data as a number, 0 for a free place; time; whose it is.
  private readonly _values: Int32Array;
  private readonly _remainingMs: Int32Array;
  private readonly _askers: (Requester | undefined)[] = [];
  private _count: number;

  /** What `_deliver` hands on. */
  private _reason = Reason.OK;
  private _message: Message | undefined;
  private readonly _deliver: (place: number) => void;
  private readonly _onMessage: (message: Message) => void;

  /** Throws a TypeError or RangeError that names the option when one cannot be, an Error when the client connects. */
  constructor(client: Client, options: RequestsOptions) {
    if (client._phase !== Phase.IDLE) throw new Error("Requests must be made before the client connects");
    const maximum = inRange("maximum", options.maximum, 4, 1, 255);
    this._client = client;
    this._responseQos = options.responseQos ?? 1;
    this._timeoutMs = inRange("timeoutMs", options.timeoutMs, 10_000, 1, 2_147_483_647);
    this._values = new Int32Array(maximum);
    this._remainingMs = new Int32Array(maximum);
    for (let place = 0; place < maximum; place++) this._askers[place] = undefined;
    // An answer to a request of before a reboot must not be taken for one to a request of now.
    this._count = Math.floor(client._platform.random() * LAST_COUNT);
    this._deliver = (place) => this._tell(place);
    this._onMessage = (message) => this._take(message);
    // Without a connection that is wanted there is no time any more.
    watchTicks(
      client,
      (passedMs) => this._tick(passedMs),
      () => this._finishAll(Reason.DISCONNECTED),
    );
    this._attach(client, options.responseTopic);
  }

  /** Puts the functions below around those of the client. */
  private _attach(client: Client, responseTopic: string | undefined): void {
    const refused = client._refused;
    const connected = client._connected;
    define(client, {
      _refused: (reason, entry) => {
        const place = this._placeOf(entry);
        refused.call(client, reason, entry);
        if (place >= 0) this._finish(place, reason, undefined);
      },
    });
    if (responseTopic !== undefined) return this._listen(responseTopic);
    const listen = (topic: string | undefined): void => this._listen(topic);
    define(client, {
      _connected: (sessionPresent) => {
        client._guard.call(listen, client.properties.textOf(Property.RESPONSE_INFORMATION));
        connected.call(client, sessionPresent);
      },
    });
  }

  /** Prepares to send requests to `topic`. Throws when it cannot be published to, or an option cannot be. */
  requester(topic: string, options: RequestOptions, onResponse: ResponseHandler): Requester {
    const requester = new Requester(this, this._client, topic, options, onResponse, this._timeoutMs);
    requester._prepare(this._responseTopic ?? UNKNOWN_TOPIC);
    this._requesters.push(requester);
    return requester;
  }

  // What happens to a request

  /** @internal */
  _request(requester: Requester, payload: Payload, start: number | undefined, end: number | undefined): number {
    const place = this._values.indexOf(0);
    if (place < 0 || !this._subscription || this._subscription.granted >= Reason.UNSPECIFIED_ERROR) return 0;
    this._count = this._count < LAST_COUNT ? this._count + 1 : 1;
    const value = (this._count << 8) | place;
    const publisher = requester._address(value);
    this._values[place] = value;
    this._remainingMs[place] = this._timeoutMs;
    this._askers[place] = requester;
    this.waiting++;
    let published = Published.FULL;
    try {
      published = publisher.publish(payload, start, end);
    } finally {
      if (published === Published.FULL || published === Published.DROPPED) this._free(place);
    }
    return published === Published.FULL || published === Published.DROPPED ? 0 : value;
  }

  private _free(place: number): void {
    this._values[place] = 0;
    this.waiting--;
  }

  private _finish(place: number, reason: Reason, message: Message | undefined): void {
    this._reason = reason;
    this._message = message;
    this._client._guard.call(this._deliver, place);
  }

  private _tell(place: number): void {
    const message = this._message;
    const value = this._values[place];
    this._message = undefined;
    this._free(place); // the handler may need it for its next request
    this._askers[place]!._onResponse(this._reason, message, value);
  }

  private _finishAll(reason: Reason): void {
    for (let place = 0; place < this._values.length; place++) {
      if (this._values[place]) this._finish(place, reason, undefined);
    }
  }

  // Responses

  /** Subscribes to the topic that responses come to, and names it in requests from now on. */
  private _listen(topic: string | undefined): void {
    // Of a part of the topic tree that is the client's own, a topic within.
    if (topic && topic[topic.length - 1] === "/") topic += "responses";
    if (topic === this._responseTopic) return;
    this._subscription?.unsubscribe();
    this._subscription = undefined;
    this._responseTopic = topic;
    if (topic === undefined) return;
    for (let index = 0; index < this._requesters.length; index++) this._requesters[index]._prepare(topic);
    const subscription = this._client.subscribe(topic, this._responseQos, this._onMessage);
    subscription.onGranted = (granted) => {
      if (granted >= Reason.UNSPECIFIED_ERROR) this._finishAll(granted);
    };
    this._subscription = subscription;
  }

  private _take(message: Message): void {
    const properties = message.properties;
    const found = properties.find(Property.CORRELATION_DATA);
    const place = found ? this._placeAt(properties.bytes, properties.start, properties.end) : -1;
    properties.rewind();
    if (place < 0) this.unmatched++;
    else this._finish(place, Reason.OK, message);
  }

  /** The place of the request with this correlation data; -1 when none has it. */
  private _placeAt(bytes: Uint8Array, start: number, end: number): number {
    if (end - start !== CORRELATION_SIZE) return -1;
    const place = bytes[start + 3];
    const value = (readUint16(bytes, start) << 16) | readUint16(bytes, start + 2);
    return place < this._values.length && value !== 0 && this._values[place] === value ? place : -1;
  }

  /** The place of the request that is the message at `entry` of the outbox; -1 when that is none. */
  private _placeOf(entry: number): number {
    const outbox = this._client._outbox;
    const bytes = outbox.bytes;
    const packet = outbox.packetAt(entry);
    let at = packet + 2;
    while (bytes[at - 1] & 128) at++;
    at += 2 + readUint16(bytes, at) + (publishQos(bytes[packet]) ? 2 : 0);
    const start = bytes[packet] >> 4 === PacketType.PUBLISH ? correlationDataAt(bytes, at) : 0;
    return start ? this._placeAt(bytes, start, start + readUint16(bytes, start - 2)) : -1;
  }

  // Time-outs

  private _tick(passed: number): void {
    for (let place = 0; this.waiting && place < this._values.length; place++) {
      if (this._values[place] === 0) continue;
      this._remainingMs[place] -= passed;
      if (this._remainingMs[place] <= 0) this._finish(place, Reason.RESPONSE_TIMEOUT, undefined);
    }
  }
}

/** A prepared topic for requests: `requests.requester(topic, options, onResponse)` makes one. */
export class Requester {
  private readonly _requests: Requests;
  private readonly _client: Client;
  private readonly _topic: string;
  private readonly _options: RequestOptions;
  /** @internal */ readonly _onResponse: ResponseHandler;
  private readonly _expiry: number;
  private _publisher!: Publisher;
  /** Where its properties have the correlation data. */
  private _correlationAt = 0;

  /** @internal */
  constructor(
    requests: Requests,
    client: Client,
    topic: string,
    options: RequestOptions,
    onResponse: ResponseHandler,
    timeoutMs: number,
  ) {
    this._requests = requests;
    this._client = client;
    this._topic = topic;
    this._options = options;
    this._onResponse = onResponse;
    this._expiry = Math.ceil(timeoutMs / 1_000);
  }

  /**
   * Sends a request, its payload as `publish` takes it.
   *
   * @returns a number that the handler gets again; 0 when the request is not accepted: `maximum` wait already, the outbox is
   *   full, an `OfflineQueue` drops it, or the broker has not said or not granted where responses come to.
   */
  request(payload: Payload, start?: number, end?: number): number {
    return this._requests._request(this, payload, start, end);
  }

  /** Makes the publisher, for responses to this topic. @internal */
  _prepare(responseTopic: string): void {
    const correlationData = new Uint8Array(CORRELATION_SIZE);
    const options: PublisherOptions = Object.assign({ messageExpiryInterval: this._expiry }, this._options, {
      responseTopic,
      correlationData,
    });
    this._publisher = this._client.publisher(this._topic, options);
    this._correlationAt = correlationDataAt(this._publisher._properties, 0);
  }

  /** Puts the correlation data into the publisher's properties, from where each message gets it. @internal */
  _address(value: number): Publisher {
    const properties = this._publisher._properties;
    writeUint16(properties, this._correlationAt, value >> 16);
    writeUint16(properties, this._correlationAt + 2, value);
    return this._publisher;
  }
}
