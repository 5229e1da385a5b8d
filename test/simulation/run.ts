import { Client } from "../../src/client/client.ts";
import { Published, type Publisher } from "../../src/client/publisher.ts";
import { Message } from "../../src/client/message.ts";
import { type Subscription, Subscriptions } from "../../src/client/subscriptions.ts";
import { PropertyReader } from "../../src/client/v5/property-reader.ts";
import { PublishView } from "../../src/packet/v5/index.ts";
import { ExactlyOnce } from "../../src/qos2.ts";
import { Streaming } from "../../src/streaming.ts";
import { Piece } from "../../src/client/streaming/pieces.ts";
import { OfflineQueue } from "../../src/queue.ts";
import { SavedSession } from "../../src/store.ts";
import { Client as Client5, type PublisherOptions } from "../../src/v5.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { PoweredDevice } from "../support/powered-device.ts";
import { seededRandom } from "../support/random.ts";
import { type Link, VirtualClock, type VirtualPlatform, virtualPlatform } from "../support/virtual-platform.ts";
import { auditedPlatform, AuditedTransport, Auditor } from "./auditor.ts";
import { census } from "./census.ts";
import { type FaultName, type Faulty, FAULTS } from "./faults.ts";
import { Ledger, payloadOf, topicOf } from "./ledger.ts";
import { ModelBroker } from "./model-broker.ts";
import type { Habit, Scenario } from "./scenario.ts";
import { Streamer } from "./streamer.ts";
import { type Invariant, Violation } from "./violation.ts";
import type { Level } from "./wire.ts";

const CLIENT_ID = "sensor";
const MAIN_FILTER = "down/#";
const CHURNED_FILTERS = ["churn/a", "churn/+", "churn/#"];
/** In one step of the clock while waiting for all to come to rest. */
const REST_STEP_MS = 50;

export interface RunOptions {
  /** Gets each line of the journal of packets. */
  journal?: (line: string) => void;
  /** Breaks the client that was made, to show that the simulation notices. */
  mutate?: (client: Client) => void;
}

/** What came of a run in which nothing was wrong. */
export interface Outcome {
  packets: number;
  accepted: number;
  dueDown: number;
  repeated: number;
  connections: number;
  /** How many messages were streamed, and came in more than one piece. */
  streamed: number;
  inPieces: number;
  /** How long it took from the end of all faults until everything was delivered. */
  recoveryMs: number;
  virtualMs: number;
}

/**
 * What is the platform's, and not the client's; messages, pieces and properties, which hold on to bytes that they were lent, and of
 * which the client makes those for rejections when it first needs them; and the table of subscriptions, which the
 * application makes, as many as `maximumSubscriptions` says.
 */
const OUTSIDE = [
  AuditedTransport,
  VirtualClock,
  MemoryStore,
  Message,
  Piece,
  PropertyReader,
  PublishView,
  Subscriptions,
];
const isOutside = (value: object): boolean => OUTSIDE.some((type) => value instanceof type);

/** What an application throws on purpose: it must come out where the engine's uncaught exceptions do. */
class Planned extends Error {}

function textOf(hex: string): string {
  return Buffer.from(hex, "hex").toString();
}

/** Runs a scenario. Throws the first `Violation`. */
export function run(scenario: Scenario, options: RunOptions = {}): Outcome {
  return new World(scenario, options).run();
}

class World implements Faulty {
  readonly level: Level;
  readonly clientId = CLIENT_ID;
  readonly cleanSession: boolean;
  readonly broker: ModelBroker;
  private readonly _scenario: Scenario;
  private readonly _options: RunOptions;
  private readonly _platform: VirtualPlatform;
  private readonly _auditor: Auditor;
  private readonly _ledger = new Ledger();
  private readonly _device: PoweredDevice;
  private readonly _random: () => number;
  private readonly _habits: ReadonlySet<Habit>;
  private readonly _heals = new Set<() => void>();
  private readonly _counts = new Map<string, number>();
  private _violation: Violation | undefined;
  private _client!: Client;
  private _publishers: Publisher[] = [];
  private _streamers: Streamer[] = [];
  private _churning = false;
  private _streamed = 0;
  private _inPieces = 0;
  /** What has come of a message in pieces. */
  private _pieces = "";
  private _churned: (Subscription | undefined)[] = [];
  private _census = "";
  private _connections = 0;
  private _calm = false;

  constructor(scenario: Scenario, options: RunOptions) {
    const { seed, level, clockOffset } = scenario;
    this._scenario = scenario;
    this._options = options;
    this.level = level;
    this.cleanSession = scenario.options.cleanSession;
    this._random = seededRandom(seed ^ 0x5eed);
    this._habits = new Set(scenario.habits);
    this._platform = virtualPlatform(seed + 1_000_000);
    const { clock, network } = this._platform;
    clock.onUncaught = (error) => this._thrown(error);
    if (clockOffset) clock.shows = (passed) => (passed + clockOffset) | 0;
    network.latencyMs = scenario.network.latencyMs;

    const { keepAlive, maximumInFlight } = scenario.options;
    this._auditor = new Auditor(
      { level, keepAlive, maximumInFlight, streams: scenario.streams.length, readTwice: scenario.readTwice },
      () => clock.passed,
    );
    const onViolation = (invariant: Invariant, detail: string): void => this._violated(invariant, detail);
    this._auditor.onViolation = onViolation;
    this._ledger.onViolation = onViolation;
    this._auditor.onReleased = (payload) => this._ledger.released(textOf(payload));
    this._auditor.onCutShort = (payload) => this._ledger.excuse(textOf(payload), "power cut");
    this._auditor.isRestored = (payload) => this._ledger.isRestored(textOf(payload));
    this._auditor.isStreaming = () => this._streamers.some(({ isWriting }) => isWriting);
    this._device = new PoweredDevice(auditedPlatform(this._platform, this._auditor), seed);
    const { store } = this._device;
    const off = store.onPowerCut;
    store.onPowerCut = () => {
      off();
      this._powerCut();
    };
    if (options.journal) this._auditor.journal = (line) => this._note(line());
    this.broker = new ModelBroker(network, scenario.broker, this._ledger, this._random);
    this.broker.onLink = (link) => this._configure(link);
  }

  // Faulty

  get network(): VirtualPlatform["network"] {
    return this._platform.network;
  }

  readonly below = (count: number): number => Math.floor(this._random() * count);

  readonly heal = (ms: number, heal: () => void): void => {
    const once = (): void => {
      if (this._heals.delete(once)) heal();
    };
    this._heals.add(once);
    this._platform.clock.after(ms, once);
  };

  disconnect(): void {
    if (!this._device.off) this._client.disconnect();
  }

  connect(): void {
    if (!this._device.off) this._client.connect();
  }

  cutPower(steps: number): void {
    const { store } = this._device;
    if (steps) store.stepsLeft = steps;
    else store.cut();
  }

  /** The device is gone without a word: its connections are half-open until the broker notices. */
  private _powerCut(): void {
    this.broker.links.forEach((link) => (link.dead = true));
    if (this._scenario.streaming && this._auditor.isReading) this._excuseLarge();
    this._auditor.powerCut();
    if (!this._scenario.records) this._auditor.forget();
    this._ledger.poweredOff(this._scenario.records > 0);
    for (const { message } of this._streamers) if (message) this._ledger.excuse(message.payload, "not stored");
    this._streamers = [];
    this.heal(this.below(3_000), () => this._boot());
  }

  /** What comes in pieces is noted at the first, so that the power may be cut before it is forgotten again. */
  private _excuseLarge(): void {
    const session = this.broker.sessions.get(CLIENT_ID);
    for (const { payload, qos, on } of session?.outgoing ?? []) {
      if (qos === 2 && on === session!.connection && this._isLarge(payload)) this._ledger.excuse(payload, "power cut");
    }
  }

  private _isLarge(payload: string): boolean {
    return payload.length + 40 > this._scenario.options.receiveBytes;
  }

  // The run

  run(): Outcome {
    const { clock } = this._platform;
    this._boot();
    for (let step = 0; step < this._scenario.steps; step++) {
      this._step();
      this._check();
    }
    this._note("faults stop");
    this._stopFaults();
    const calmAt = clock.passed;
    this._settle();
    const recoveryMs = clock.passed - calmAt;
    // It is not only at rest, but also works.
    this._publishAll();
    this._settle();
    this._finish();
    return {
      packets: this._auditor.packets,
      accepted: this._ledger.accepted,
      dueDown: this._ledger.dueDown,
      repeated: this._ledger.repeated,
      connections: this._connections,
      streamed: this._streamed,
      inPieces: this._inPieces,
      recoveryMs,
      virtualMs: clock.passed,
    };
  }

  /** The device starts. */
  private _boot(): void {
    const { maximumReceived, records, up, queue } = this._scenario;
    const client = this._makeClient();
    this._client = client;
    this._options.mutate?.(client);
    if (queue) this._watch(client, new OfflineQueue(client, queue));
    const session = records ? new SavedSession(client, this._device.store, { records }) : undefined;
    if (session) this._note(`restored ${session.restored} messages, ${session.damaged} records were damaged`);
    client.onConnect = () => this._connected();
    client.onDisconnect = (reason) => this._note(`onDisconnect ${reason}`);
    client.onSkipped = (message) => this._got(message, undefined);
    const streaming = this._scenario.streaming ? this._makeStreaming() : undefined;
    const handler = streaming
      ? streaming.pieces((piece) => this._gotPiece(piece))
      : (message: Message): void => this._got(message, message.text());
    client.subscribe(MAIN_FILTER, maximumReceived ? 2 : 1, handler);
    this._churned = CHURNED_FILTERS.map(() => undefined);
    CHURNED_FILTERS.forEach((_, index) => this._churn(index));
    this._publishers = up.map((qos, index) => this._makePublisher(qos as 0 | 1 | 2, index));
    this._census = "";
    client.connect();
  }

  private _makeClient(): Client {
    const { options, maximumReceived, v5 } = this._scenario;
    const platform = this._device.boot();
    const { cleanSession, ...common } = {
      ...options,
      url: "mqtt://broker",
      clientId: CLIENT_ID,
      ...(maximumReceived && { exactlyOnce: new ExactlyOnce(maximumReceived) }),
    };
    if (this.level === 4) return new Client(platform, { ...common, cleanSession });
    const client = new Client5(platform, { ...common, ...v5 });
    client.onRejected = (message) => {
      this._note(`onRejected ${message.reason}`);
      this._ledger.excuse(message.text(), "rejected");
      this._indulge();
    };
    return client;
  }

  private _makeStreaming(): Streaming {
    const { stallTimeoutMs, streams, streamPieceBytes } = this._scenario;
    const client = this._client;
    const streaming = new Streaming(client, { stallTimeoutMs });
    this._streamers = streams.map((qos, index) => {
      const publisher = streaming.publisher(topicOf(`s${index}`), { qos: qos as 0 | 1 | 2 });
      const streamer = new Streamer(
        publisher,
        qos,
        () => client.connected,
        () => 1 + this.below(streamPieceBytes),
      );
      streamer.onDone = ({ payload }, rejected) => {
        this._note(`streamed s${index}${rejected ? ": rejected" : ""}`);
        if (rejected) this._ledger.excuse(payload, "rejected");
        else this._streamed++;
        this._indulge();
      };
      return streamer;
    });
    return streaming;
  }

  /** Books what a queue drops: as it says itself, where no application can see it. */
  private _watch(client: Client, queue: OfflineQueue): void {
    const hidden = queue as unknown as { _drop(at: number, cause: number): void };
    const { bytes } = client._outbox;
    hidden._drop = (at, cause) => {
      const packet = Buffer.from(bytes.subarray(client._outbox.packetAt(at), client._outbox._end(at)));
      const payload = /u\d+\.\d+:x*$/.exec(packet.toString("latin1"))![0];
      this._note(`drops ${payload} for cause ${cause}`);
      OfflineQueue.prototype["_drop"].call(queue, at, cause);
      // Where power was cut meanwhile, it may be in the store.
      if (this._device.off) this._ledger.excuse(payload, "dropped");
      else this._ledger.dropped(payload);
    };
  }

  private _makePublisher(qos: 0 | 1 | 2, index: number): Publisher {
    const topic = topicOf(`u${index}`);
    if (this.level === 4) return this._client.publisher(topic, { qos });
    const properties = { contentType: "text/plain", userProperties: [["publisher", `${index}`]] } as const;
    const options: PublisherOptions = {
      qos,
      topicAlias: this._scenario.aliased[index],
      ...(this._scenario.adorned[index] && properties),
    };
    return (this._client as Client5).publisher(topic, options);
  }

  private _step(): void {
    const { upBurst, downBurst, down, faults, habits, network, stepMs } = this._scenario;
    for (let count = this.below(upBurst + 1); count > 0; count--) this._publish(this.below(this._publishers.length));
    if (this._streamers.length) this._stream(this.below(this._streamers.length));
    for (let count = this.below(downBurst + 1); count > 0 && down.length; count--) this._send(this.below(down.length));
    if (habits.includes("subscribes anew") && this._random() < 0.2) this._churn(this.below(CHURNED_FILTERS.length));
    for (const [name, rate] of Object.entries(faults)) {
      if (this._random() >= rate) continue;
      this._note(`fault: ${name}`);
      this._guarded(() => FAULTS[name as FaultName](this));
    }
    if (network.jitterMs) {
      this.network.latencyMs = network.latencyMs + this.below(network.jitterMs + 1);
      this.broker.links.forEach((link) => (link.latencyMs = this.network.latencyMs));
    }
    this._advance(this.below(this._random() < 0.1 ? 10 * stepMs : stepMs));
  }

  private _publish(index: number): void {
    if (this._device.off) return;
    const qos = this._scenario.up[index];
    const name = `u${index}`;
    const number = this._counts.get(name) ?? 0;
    const payload = payloadOf(name, number, "x".repeat(this.below(this._scenario.upFilling + 1)));
    // Before it is published: the client may give it up at once, and power may be cut.
    this._counts.set(name, number + 1);
    this._ledger.took(name, number, qos, payload);
    this._guarded(() => {
      const publisher = this._publishers[index];
      let published: Published;
      if (this._random() < 0.5) published = publisher.publish(payload);
      else published = publisher.publish(new TextEncoder().encode(`?${payload}?`), 1, 1 + payload.length);
      if (this._device.off) this._ledger.excuse(payload, "power cut");
      else if (published === Published.FULL || published === Published.DROPPED) this._ledger.refused(payload);
    });
  }

  /** Goes on with a message of a streaming publisher, or begins one. */
  private _stream(index: number): void {
    const streamer = this._streamers[index];
    if (this._device.off) return;
    if (!streamer.message && (!this._calm || this._client.connected)) this._newMessage(streamer, index);
    this._guarded(() => {
      streamer.begin();
      streamer.write(1 + this.below(this._scenario.streamPieceBytes));
    });
  }

  private _newMessage(streamer: Streamer, index: number): void {
    const name = `s${index}`;
    const number = this._counts.get(name) ?? 0;
    const payload = payloadOf(name, number, "z".repeat(this.below(this._scenario.streamFilling + 1)));
    this._counts.set(name, number + 1);
    this._ledger.took(name, number, this._scenario.streams[index], payload);
    streamer.message = { payload, bytes: new TextEncoder().encode(payload) };
  }

  /** The broker has a message for the client. */
  private _send(index: number): void {
    const name = `d${index}`;
    const number = this._counts.get(name) ?? 0;
    const payload = payloadOf(name, number, "y".repeat(this.below(this._scenario.downFilling + 1)));
    this._counts.set(name, number + 1);
    // What may be skipped is known by its topic.
    this.broker.publish(
      `down/${this._isLarge(payload) ? `${name}.${number}` : name}`,
      payload,
      this._scenario.down[index],
    );
  }

  private _churn(index: number): void {
    if (this._device.off) return;
    const subscription = this._churned[index];
    if (subscription) {
      subscription.unsubscribe();
      this._churned[index] = undefined;
      return;
    }
    if (this._churning) return; // from within `subscribe`: the application is told of a rejection there
    const churned = CHURNED_FILTERS[index];
    this._churning = true;
    this._guarded(() => {
      try {
        this._churned[index] = this._client.subscribe(churned, this.below(2) as 0 | 1, () => undefined);
      } catch (error) {
        // A subscription that ended has its place until the broker has confirmed it: a slow one runs out of places.
        if (!(error instanceof RangeError && error.message.startsWith("maximumSubscriptions "))) throw error;
      }
    });
    this._churning = false;
  }

  private _connected(): void {
    if (this._device.off) return;
    this._connections++;
    this._note("onConnect");
    // From here on nothing is made.
    this._census ||= census(this._client, isOutside);
    if (!this._client.connected) this._violated("recovery", "onConnect was called while connected is false");
    this._indulge();
  }

  private _gotPiece({ message, bytes, start, end, offset, total, last }: Piece): void {
    if (this._device.off) return;
    if (offset === 0) this._pieces = "";
    if (offset !== this._pieces.length) this._violated("content", `a piece at ${offset}, not ${this._pieces.length}`);
    this._pieces += Buffer.from(bytes.subarray(start, end)).toString();
    if (last !== (this._pieces.length === total))
      this._violated("content", `${total} bytes are ${this._pieces.length}`);
    if (last && offset > 0) this._inPieces++;
    if (!last) {
      if (this._random() < 0.02) this._indulge();
      return;
    }
    this._ledger.got(message.topic, this._pieces, total);
    this._indulge();
  }

  private _got(message: Message, payload: string | undefined): void {
    if (this._device.off) return;
    this._ledger.got(message.topic, payload, message.length);
    this._indulge();
  }

  /** What applications do where they should better not. */
  private _indulge(): void {
    if (this._calm || this._device.off) return;
    if (this._habits.has("publishes in handlers") && this._random() < 0.3)
      this._publish(this.below(this._publishers.length));
    if (this._habits.has("subscribes anew") && this._random() < 0.05) this._churn(this.below(CHURNED_FILTERS.length));
    if (this._habits.has("disconnects in handlers") && this._random() < 0.05) {
      this.disconnect();
      if (this._random() < 0.5) this.connect();
      else this.heal(this.below(2_000), () => this.connect());
    }
    if (this._habits.has("throws in handlers") && this._random() < 0.1) throw new Planned();
  }

  // After the faults

  private _stopFaults(): void {
    this._calm = true;
    this._device.store.stepsLeft = Infinity;
    for (const heal of [...this._heals]) heal();
    this.network.silent = false;
    this.broker.refusal = 0;
    this.broker.listen();
    for (const link of this.broker.links) {
      link.upBudget = link.downBudget = Infinity;
      link.grant(Infinity);
    }
    this._client.connect();
  }

  /** Waits until everything is delivered and acknowledged. */
  private _settle(): void {
    const { clock } = this._platform;
    for (const end = clock.passed + this._recoveryBoundMs(); !this._atRest(); this._advance(REST_STEP_MS)) {
      this._finishStreams();
      this._check();
      if (clock.passed >= end) throw this._notAtRest();
    }
    this._check();
  }

  private _finishStreams(): void {
    for (const streamer of this._streamers) {
      this._guarded(() => {
        streamer.begin();
        streamer.write(1_000);
      });
    }
  }

  private _atRest(): boolean {
    const client = this._client;
    const session = this.broker.sessions.get(CLIENT_ID);
    // A half-open connection looks like rest.
    if (!session?.connection || session.connection.link.dead) return false;
    return (
      client.connected &&
      client.queued + client.inFlight === 0 &&
      this._auditor.settled &&
      this._streamers.every(({ message }) => !message) &&
      this._ledger.missing === 0 &&
      session.outgoing.length === 0 &&
      this._hasSubscriptions()
    );
  }

  private _filters(): string[] {
    return [...(this.broker.sessions.get(CLIENT_ID)?.filters.keys() ?? [])].sort();
  }

  private _wantedFilters(): string[] {
    return [MAIN_FILTER, ...CHURNED_FILTERS.filter((_, index) => this._churned[index])].sort();
  }

  private _hasSubscriptions(): boolean {
    const wanted = this._wantedFilters();
    const filters = this._filters();
    // A session that outlives the application's subscriptions has those of an earlier life as well.
    const mayHaveMore = this._scenario.records > 0 && this._device.boots > 1;
    return wanted.every((one) => filters.includes(one)) && (mayHaveMore || wanted.length === filters.length);
  }

  private _notAtRest(): Violation {
    const { connected, queued, inFlight } = this._client;
    this._ledger.finish();
    if (this._violation) return this._violation;
    if (connected && !this._hasSubscriptions()) {
      const wanted = this._wantedFilters().join(" ");
      return new Violation("subscriptions", `${wanted} is wanted; the broker has "${this._filters().join(" ")}"`);
    }
    const { unanswered } = this._auditor;
    const waiting = this.broker.sessions.get(CLIENT_ID)?.outgoing.length;
    return new Violation(
      unanswered ? "answers" : "recovery",
      `after ${this._recoveryBoundMs()} ms without faults: connected ${connected}, queued ${queued}, in flight ${inFlight}, ` +
        `not answered ${unanswered}, the broker waits for ${waiting ?? "a session"}`,
    );
  }

  /** To notice that a connection is dead, to come back, and to deliver what is left one round trip after the other. */
  private _recoveryBoundMs(): number {
    const { options, network, broker } = this._scenario;
    const { keepAlive, connectTimeoutMs, pingTimeoutMs, acknowledgeTimeoutMs, reconnectMaxMs, tickMs } = options;
    const roundTripMs = 2 * (network.latencyMs + network.jitterMs) + broker.answerMs + REST_STEP_MS;
    const noticeMs =
      ((broker.connack.serverKeepAlive as number | undefined) ?? keepAlive) * 1_000 +
      pingTimeoutMs +
      acknowledgeTimeoutMs;
    const left = this._client.queued + this._client.inFlight + this._ledger.missing + CHURNED_FILTERS.length;
    return noticeMs + 3 * (connectTimeoutMs + reconnectMaxMs) + 8 * tickMs + 4 * (left + 2) * roundTripMs + 15_000;
  }

  private _publishAll(): void {
    this._publishers.forEach((_, index) => this._publish(index));
    this._scenario.down.forEach((_, index) => this._send(index));
    this._streamers.forEach((_, index) => this._stream(index));
  }

  private _finish(): void {
    this._ledger.finish();
    this._advance(this._scenario.options.tickMs); // with which what an application threw comes out
    const now = census(this._client, isOutside);
    if (now !== this._census) this._violated("fixed memory", `${this._census} before; ${now} after`);
    this._guarded(() => this._client.disconnect());
    this._advance(1_000);
    this._check();
  }

  // Helpers

  private _configure(link: Link): void {
    const { pieceBytes, writeLimit } = this._scenario.network;
    if (pieceBytes < Infinity) link.chunkSize = () => 1 + this.below(pieceBytes);
    link.writeLimit = writeLimit;
  }

  private _advance(ms: number): void {
    this._platform.clock.advance(ms);
    this._auditor.checkKeepAlive();
  }

  /** What the application threw comes out somewhere; anything else must not. */
  private _guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this._thrown(error);
    }
  }

  private _thrown(error: unknown): void {
    if (!(error instanceof Planned)) this._violated("nothing thrown", String((error as Error).stack ?? error));
  }

  private _violated(invariant: Invariant, detail: string): void {
    this._violation ??= new Violation(invariant, detail);
  }

  private _check(): void {
    if (this._violation) throw this._violation;
  }

  private _note(line: string): void {
    this._options.journal?.(`${String(this._platform.clock.passed).padStart(8)}  ${line}`);
  }
}
