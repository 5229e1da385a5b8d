import { Client } from "../../src/client/client.ts";
import { Published } from "../../src/client/publisher.ts";
import type { Piece } from "../../src/client/streaming/pieces.ts";
import type { Reason } from "../../src/packet/index.ts";
import { OfflineQueue } from "../../src/queue.ts";
import { SavedSession } from "../../src/store.ts";
import { Streaming } from "../../src/streaming.ts";
import { Client as Client5 } from "../../src/v5.ts";
import type { PoweredDevice } from "../support/powered-device.ts";
import {
  type Handler,
  makeClient,
  makePublisher,
  memoryOf,
  type Received,
  type SimulatedClient,
  type SimulatedPublisher,
  type SimulatedSubscription,
} from "./clients.ts";
import { type Ledger, payloadOf, topicOf } from "./ledger.ts";
import type { Habit, Scenario } from "./scenario.ts";
import { Streamer } from "./streamer.ts";
import type { Invariant } from "./violation.ts";

const MAIN_FILTER = "down/#";
const CHURNED_LEVELS = ["a", "+", "#"];

/** What an application throws on purpose: it must come out where the engine's uncaught exceptions do. */
export class Planned extends Error {}

/** What an application has around it. */
export interface Surroundings {
  readonly scenario: Scenario;
  readonly device: PoweredDevice;
  readonly ledger: Ledger;
  random(): number;
  /** A whole number from 0 up to, not including, `count`. */
  below(count: number): number;
  /** Calls `heal` after `ms`, or once faults stop, if that is sooner. */
  heal(ms: number, heal: () => void): void;
  /** Runs what the application may throw out of. */
  guarded(run: () => void): void;
  violated(invariant: Invariant, detail: string): void;
  note(line: string): void;
  /** Breaks the client that was made. */
  mutate?(client: SimulatedClient): void;
}

/** The program on the device: it publishes, streams, subscribes, and does what its habits are. It begins anew at each `boot`. */
export class Application {
  client!: SimulatedClient;
  /** From here on it does nothing that it should better not. */
  calm = false;
  connections = 0;
  /** How many messages were streamed, and came in more than one piece. */
  streamed = 0;
  inPieces = 0;
  private readonly _world: Surroundings;
  private readonly _scenario: Scenario;
  private readonly _ledger: Ledger;
  private readonly _device: PoweredDevice;
  private readonly _habits: ReadonlySet<Habit>;
  /** How many messages each publisher has published, whatever became of them. */
  private readonly _counts = new Map<string, number>();
  private _publishers: SimulatedPublisher[] = [];
  private _streamers: Streamer[] = [];
  /** Filters that are subscribed to, and ended, again and again; the subscriptions have the same places. */
  private readonly _filters: string[];
  private _churned: (SimulatedSubscription | undefined)[] = [];
  private _churning = false;
  /** What has come of a message in pieces. */
  private _pieces = "";
  private _memory = "";

  constructor(world: Surroundings) {
    this._world = world;
    this._scenario = world.scenario;
    this._ledger = world.ledger;
    this._device = world.device;
    this._habits = new Set(world.scenario.habits);
    this._filters = CHURNED_LEVELS.map((level) => `churn/${"f".repeat(world.scenario.filterFilling)}/${level}`);
  }

  /** Whether it is in the midst of a message that it streams. */
  get isStreaming(): boolean {
    return this._streamers.some(({ isWriting }) => isWriting);
  }

  /** Whether all that it published is on its way no more. */
  get atRest(): boolean {
    const { connected, queued, inFlight } = this.client;
    return connected && queued + inFlight === 0 && this._streamers.every(({ message }) => !message);
  }

  /** The QoS of each filter that it wants to have at the broker. */
  get wantedFilters(): ReadonlyMap<string, number> {
    const churned = this._filters.flatMap((filter, index): [string, number][] => {
      const subscription = this._churned[index];
      return subscription ? [[filter, subscription.qos]] : [];
    });
    return new Map([[MAIN_FILTER, this._mainQos], ...churned]);
  }

  /** How many filters it may have subscribed to. */
  get filterCount(): number {
    return 1 + this._filters.length;
  }

  private get _mainQos(): 1 | 2 {
    return this._scenario.maximumReceived ? 2 : 1;
  }

  // The device

  /** The device starts. */
  boot(): void {
    const { up } = this._scenario;
    const client = makeClient(this._scenario, this._device.boot());
    this.client = client;
    this._world.mutate?.(client);
    const streaming = client instanceof Client ? this._addParts(client) : undefined;
    client.onConnect = () => this._connected();
    client.onDisconnect = (reason) => this._disconnected(reason);
    client.onSkipped = (message) => this._got(message, undefined);
    const handler = streaming
      ? streaming.pieces((piece) => this._gotPiece(piece))
      : (message: Received): void => this._got(message, message.text());
    client.subscribe(MAIN_FILTER, this._mainQos, handler as Handler);
    this._churned = [];
    this._filters.forEach((_, index) => this._churn(index));
    this._publishers = up.map((_, index) => makePublisher(client, this._scenario, topicOf(`u${index}`), index));
    this._memory = "";
    client.connect();
  }

  /** The device is off. */
  powerCut(): void {
    for (const { message } of this._streamers) if (message) this._ledger.excuse(message.payload, "not stored");
    this._streamers = [];
  }

  private _addParts(client: Client): Streaming | undefined {
    const { records, queue, streaming } = this._scenario;
    if (client instanceof Client5) this._hearRejections(client);
    if (queue) this._watch(client, new OfflineQueue(client, queue));
    const session = records ? new SavedSession(client, this._device.store, { records }) : undefined;
    if (session) this._world.note(`restored ${session.restored} messages, ${session.damaged} records were damaged`);
    return streaming ? this._makeStreaming(client) : undefined;
  }

  private _hearRejections(client: Client5): void {
    client.onRejected = (message) => {
      this._world.note(`onRejected ${message.reason}`);
      this._ledger.excuse(message.text(), "rejected");
      this._indulge();
    };
  }

  /** Books what a queue drops: as it says itself, where no application can see it. */
  private _watch(client: Client, queue: OfflineQueue): void {
    const hidden = queue as unknown as { _drop(at: number, cause: number): void };
    const { bytes } = client._outbox;
    hidden._drop = (at, cause) => {
      const packet = Buffer.from(bytes.subarray(client._outbox.packetAt(at), client._outbox._end(at)));
      const payload = /u\d+\.\d+:x*$/.exec(packet.toString("latin1"))![0];
      this._world.note(`drops ${payload} for cause ${cause}`);
      OfflineQueue.prototype["_drop"].call(queue, at, cause);
      // Where power was cut meanwhile, it may be in the store.
      if (this._device.off) this._ledger.excuse(payload, "dropped");
      else this._ledger.dropped(payload);
    };
  }

  private _makeStreaming(client: Client): Streaming {
    const { stallTimeoutMs, streams, streamPieceBytes } = this._scenario;
    const streaming = new Streaming(client, { stallTimeoutMs });
    this._streamers = streams.map((qos, index) => {
      const publisher = streaming.publisher(topicOf(`s${index}`), { qos: qos as 0 | 1 | 2 });
      const streamer = new Streamer(
        publisher,
        qos,
        () => client.connected,
        () => 1 + this._world.below(streamPieceBytes),
      );
      streamer.onDone = ({ payload }, rejected) => {
        this._world.note(`streamed s${index}${rejected ? ": rejected" : ""}`);
        if (rejected) this._ledger.excuse(payload, "rejected");
        else this.streamed++;
        this._indulge();
      };
      return streamer;
    });
    return streaming;
  }

  // What it does

  connect(): void {
    if (!this._device.off) this.client.connect();
  }

  disconnect(): void {
    if (!this._device.off) this.client.disconnect();
  }

  /** Publishes some messages. */
  publishSome(): void {
    for (let count = this._world.below(this._scenario.upBurst + 1); count > 0; count--) this._publishAny();
    if (this._streamers.length) this._stream(this._world.below(this._streamers.length));
  }

  /** Publishes a message with each publisher. */
  publishAll(): void {
    this._publishers.forEach((_, index) => this._publish(index));
    this._streamers.forEach((_, index) => this._stream(index));
  }

  /** Goes on with what it streams until that is done. */
  finishStreams(): void {
    for (const streamer of this._streamers) {
      this._world.guarded(() => {
        streamer.begin();
        streamer.write(1_000);
      });
    }
  }

  subscribeAnew(): void {
    if (this._habits.has("subscribes anew") && this._world.random() < 0.2) this._churnAny();
  }

  private _publishAny(): void {
    this._publish(this._world.below(this._publishers.length));
  }

  private _publish(index: number): void {
    if (this._device.off) return;
    const { up, upFilling } = this._scenario;
    const [name, number] = this._next(`u${index}`);
    const payload = payloadOf(name, number, "x".repeat(this._world.below(upFilling + 1)));
    // Before it is published: the client may give it up at once, and power may be cut.
    this._ledger.took(name, number, up[index], payload);
    this._world.guarded(() => {
      const published = this._hand(this._publishers[index], payload);
      if (this._device.off) this._ledger.excuse(payload, "power cut");
      else if (published === Published.FULL || published === Published.DROPPED) this._ledger.refused(payload);
    });
  }

  /** As a string, as bytes, or as a part of bytes. */
  private _hand(publisher: SimulatedPublisher, payload: string): Published {
    if (this._world.random() < 0.5) return publisher.publish(payload);
    const encoder = new TextEncoder();
    if (this._scenario.lean) return publisher.publish(encoder.encode(payload));
    return publisher.publish(encoder.encode(`?${payload}?`), 1, 1 + payload.length);
  }

  /** Goes on with a message of a streaming publisher, or begins one. */
  private _stream(index: number): void {
    const streamer = this._streamers[index];
    if (this._device.off) return;
    if (!streamer.message && (!this.calm || this.client.connected)) this._newMessage(streamer, index);
    this._world.guarded(() => {
      streamer.begin();
      streamer.write(1 + this._world.below(this._scenario.streamPieceBytes));
    });
  }

  private _newMessage(streamer: Streamer, index: number): void {
    const [name, number] = this._next(`s${index}`);
    const payload = payloadOf(name, number, "z".repeat(this._world.below(this._scenario.streamFilling + 1)));
    this._ledger.took(name, number, this._scenario.streams[index], payload);
    streamer.message = { payload, bytes: new TextEncoder().encode(payload) };
  }

  private _next(name: string): [name: string, number: number] {
    const number = this._counts.get(name) ?? 0;
    this._counts.set(name, number + 1);
    return [name, number];
  }

  private _churnAny(): void {
    this._churn(this._world.below(this._filters.length));
  }

  private _churn(index: number): void {
    if (this._device.off) return;
    const subscription = this._churned[index];
    // The lean client has one subscription a filter: another takes its place.
    if (subscription && !(this._scenario.lean && this._world.random() < 0.3)) {
      subscription.unsubscribe();
      this._churned[index] = undefined;
      return;
    }
    if (this._churning) return; // from within `subscribe`: the application is told of a rejection there
    const churned = this._filters[index];
    this._churning = true;
    this._world.guarded(() => {
      try {
        const subscription = this.client.subscribe(churned, this._world.below(2) as 0 | 1, () => undefined);
        subscription.onGranted = () => this._indulge();
        this._churned[index] = subscription;
      } catch (error) {
        // A subscription that ended has its place until the broker has confirmed it: a slow one runs out of places.
        if (!(error instanceof RangeError && error.message.startsWith("maximumSubscriptions "))) throw error;
      }
    });
    this._churning = false;
  }

  // What it is told

  private _connected(): void {
    if (this._device.off) return;
    this.connections++;
    this._world.note("onConnect");
    // From here on nothing is made.
    this._memory ||= memoryOf(this.client);
    if (!this.client.connected) this._world.violated("recovery", "onConnect was called while connected is false");
    this._indulge();
  }

  private _disconnected(reason: Reason): void {
    this._world.note(`onDisconnect ${reason}`);
    if (this.client.connected) this._world.violated("recovery", "onDisconnect was called while connected is true");
    this._indulge();
  }

  private _gotPiece({ message, bytes, start, end, offset, total, last }: Piece): void {
    if (this._device.off) return;
    const { violated } = this._world;
    if (offset === 0) this._pieces = "";
    if (offset !== this._pieces.length) violated("content", `a piece at ${offset}, not ${this._pieces.length}`);
    this._pieces += Buffer.from(bytes.subarray(start, end)).toString();
    if (last !== (this._pieces.length === total)) violated("content", `${total} bytes are ${this._pieces.length}`);
    if (last && offset > 0) this.inPieces++;
    if (!last) {
      if (this._world.random() < 0.02) this._indulge();
      return;
    }
    this._ledger.got(message, this._pieces);
    this._indulge();
  }

  private _got(message: Received, payload: string | undefined): void {
    if (this._device.off) return;
    this._ledger.got(message, payload);
    this._indulge();
  }

  /** What applications do where they should better not. */
  private _indulge(): void {
    const world = this._world;
    if (this.calm || this._device.off) return;
    if (this._habits.has("publishes in handlers") && world.random() < 0.3) this._publishAny();
    if (this._habits.has("subscribes anew") && world.random() < 0.05) this._churnAny();
    if (this._habits.has("disconnects in handlers") && world.random() < 0.05) {
      this.disconnect();
      if (world.random() < 0.5) this.connect();
      else world.heal(world.below(2_000), () => this.connect());
    }
    if (this._habits.has("throws in handlers") && world.random() < 0.1) throw new Planned();
  }

  /** All is at rest: compares the client's memory with what it was at the first connection, and what was granted. */
  check(): void {
    for (const subscription of this._churned) {
      if (!subscription || subscription.granted === subscription.qos) continue;
      const { granted, qos } = subscription;
      this._world.violated("subscriptions", `QoS ${qos} was asked for; it was told ${granted}`);
    }
    const now = memoryOf(this.client);
    if (now !== this._memory) this._world.violated("fixed memory", `${this._memory} before; ${now} after`);
  }
}
