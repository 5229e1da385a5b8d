import { PoweredDevice } from "../support/powered-device.ts";
import { seededRandom } from "../support/random.ts";
import { type Link, type VirtualPlatform, virtualPlatform } from "../support/virtual-platform.ts";
import { Application, Planned, type Surroundings } from "./application.ts";
import { auditedPlatform, Auditor } from "./auditor.ts";
import { CLIENT_ID, type SimulatedClient } from "./clients.ts";
import { type FaultName, type Faulty, FAULTS } from "./faults.ts";
import { Ledger, payloadOf } from "./ledger.ts";
import { ModelBroker } from "./model-broker.ts";
import type { Scenario } from "./scenario.ts";
import { type Invariant, Violation } from "./violation.ts";
import type { Level } from "./wire.ts";

/** In one step of the clock while waiting for all to come to rest. */
const REST_STEP_MS = 50;

export interface RunOptions {
  /** Gets each line of the journal of packets. */
  journal?: (line: string) => void;
  /** Breaks the client that was made, to show that the simulation notices. */
  mutate?: (client: SimulatedClient) => void;
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

function textOf(hex: string): string {
  return Buffer.from(hex, "hex").toString();
}

/** Runs a scenario. Throws the first `Violation`. */
export function run(scenario: Scenario, options: RunOptions = {}): Outcome {
  return new World(scenario, options).run();
}

class World implements Faulty, Surroundings {
  readonly scenario: Scenario;
  readonly level: Level;
  readonly clientId = CLIENT_ID;
  readonly cleanSession: boolean;
  readonly broker: ModelBroker;
  readonly device: PoweredDevice;
  readonly ledger = new Ledger();
  readonly random: () => number;
  readonly mutate: RunOptions["mutate"];
  private readonly _journal: RunOptions["journal"];
  private readonly _platform: VirtualPlatform;
  private readonly _auditor: Auditor;
  private readonly _application: Application;
  private readonly _heals = new Set<() => void>();
  /** How many messages the broker has had from each publisher, for the client. */
  private readonly _counts = new Map<string, number>();
  /** What the clock shows beyond the time that has passed. */
  private _clockOffset: number;
  /** Bytes of the next connection that arrive at the client before it breaks. */
  private _nextDownBudget = Infinity;
  private _violation: Violation | undefined;

  constructor(scenario: Scenario, { journal, mutate }: RunOptions) {
    const { seed, level, clockOffset } = scenario;
    this.scenario = scenario;
    this.mutate = mutate;
    this._journal = journal;
    this.level = level;
    this.cleanSession = scenario.options.cleanSession;
    this.random = seededRandom(seed ^ 0x5eed);
    this._platform = virtualPlatform(seed + 1_000_000);
    this._clockOffset = clockOffset;
    const { clock, network } = this._platform;
    clock.onUncaught = (error) => this._thrown(error);
    clock.shows = (passed) => (passed + this._clockOffset) | 0;
    network.latencyMs = scenario.network.latencyMs;
    this._auditor = this._makeAuditor();
    this.ledger.onViolation = this.violated;
    this.device = new PoweredDevice(auditedPlatform(this._platform, this._auditor), seed);
    const { store } = this.device;
    const off = store.onPowerCut;
    store.onPowerCut = () => {
      off();
      this._powerCut();
    };
    this.broker = new ModelBroker(network, scenario.broker, this.ledger, this.random);
    this.broker.onLink = (link) => this._configure(link);
    this._application = new Application(this);
  }

  private _makeAuditor(): Auditor {
    const { level, streams, readTwice, lean, options } = this.scenario;
    const { keepAlive, maximumInFlight } = options;
    const auditor = new Auditor(
      { level, keepAlive, maximumInFlight, streams: streams.length, readTwice, marksOffered: lean },
      () => this._platform.clock.passed,
    );
    auditor.onViolation = this.violated;
    auditor.onReleased = (payload) => this.ledger.released(textOf(payload));
    auditor.onCutShort = (payload) => this.ledger.excuse(textOf(payload), "power cut");
    auditor.isRestored = (payload) => this.ledger.isRestored(textOf(payload));
    auditor.isStreaming = () => this._application.isStreaming;
    if (this._journal) auditor.journal = (line) => this.note(line());
    return auditor;
  }

  // Faulty

  get network(): VirtualPlatform["network"] {
    return this._platform.network;
  }

  readonly below = (count: number): number => Math.floor(this.random() * count);

  readonly heal = (ms: number, heal: () => void): void => {
    const once = (): void => {
      if (this._heals.delete(once)) heal();
    };
    this._heals.add(once);
    this._platform.clock.after(ms, once);
  };

  disconnect(): void {
    this._application.disconnect();
  }

  connect(): void {
    this._application.connect();
  }

  cutNext(bytes: number): void {
    this._nextDownBudget = bytes;
  }

  setClock(byMs: number): void {
    this._clockOffset += byMs;
    this._auditor.clockSet(this.scenario.options.tickMs);
  }

  cutPower(steps: number): void {
    const { store } = this.device;
    if (steps) store.stepsLeft = steps;
    else store.cut();
  }

  /** The device is gone without a word: its connections are half-open until the broker notices. */
  private _powerCut(): void {
    const { streaming, records } = this.scenario;
    this.broker.links.forEach((link) => (link.dead = true));
    if (streaming && this._auditor.isReading) this._excuseLarge();
    this._auditor.powerCut();
    if (!records) this._auditor.forget();
    this.ledger.poweredOff(records > 0);
    this._application.powerCut();
    this.heal(this.below(3_000), () => this._application.boot());
  }

  /** What comes in pieces is noted at the first, so that the power may be cut before it is forgotten again. */
  private _excuseLarge(): void {
    const session = this.broker.sessions.get(CLIENT_ID);
    for (const { payload, qos, on } of session?.outgoing ?? []) {
      if (qos === 2 && on === session!.connection && this._isLarge(payload)) this.ledger.excuse(payload, "power cut");
    }
  }

  private _isLarge(payload: string): boolean {
    return payload.length + 40 > this.scenario.options.receiveBytes;
  }

  // The run

  run(): Outcome {
    const { clock } = this._platform;
    const application = this._application;
    application.boot();
    for (let step = 0; step < this.scenario.steps; step++) {
      this._step();
      this._check();
    }
    this.note("faults stop");
    this._stopFaults();
    const calmAt = clock.passed;
    this._settle();
    const recoveryMs = clock.passed - calmAt;
    // It is not only at rest, but also works.
    application.publishAll();
    this.scenario.down.forEach((_, index) => this._send(index));
    this._settle();
    this._finish();
    return {
      packets: this._auditor.packets,
      accepted: this.ledger.accepted,
      dueDown: this.ledger.dueDown,
      repeated: this.ledger.repeated,
      connections: application.connections,
      streamed: application.streamed,
      inPieces: application.inPieces,
      recoveryMs,
      virtualMs: clock.passed,
    };
  }

  private _step(): void {
    const { downBurst, down, faults, network, stepMs } = this.scenario;
    this._application.publishSome();
    for (let count = this.below(downBurst + 1); count > 0 && down.length; count--) this._send(this.below(down.length));
    this._application.subscribeAnew();
    for (const [name, rate] of Object.entries(faults)) {
      if (this.random() >= rate) continue;
      this.note(`fault: ${name}`);
      this.guarded(() => FAULTS[name as FaultName](this));
    }
    if (network.jitterMs) {
      this.network.latencyMs = network.latencyMs + this.below(network.jitterMs + 1);
      this.broker.links.forEach((link) => (link.latencyMs = this.network.latencyMs));
    }
    this._advance(this.below(this.random() < 0.1 ? 10 * stepMs : stepMs));
  }

  /** The broker has a message for the client. */
  private _send(index: number): void {
    const { down, downFilling } = this.scenario;
    const name = `d${index}`;
    const number = this._counts.get(name) ?? 0;
    const payload = payloadOf(name, number, "y".repeat(this.below(downFilling + 1)));
    this._counts.set(name, number + 1);
    // What may be skipped is known by its topic.
    this.broker.publish(`down/${this._isLarge(payload) ? `${name}.${number}` : name}`, payload, down[index]);
  }

  // After the faults

  private _stopFaults(): void {
    this._application.calm = true;
    this.device.store.stepsLeft = Infinity;
    for (const heal of [...this._heals]) heal();
    this.network.silent = false;
    this._nextDownBudget = Infinity;
    this.broker.refusal = 0;
    this.broker.listen();
    for (const link of this.broker.links) {
      link.upBudget = link.downBudget = Infinity;
      link.grant(Infinity);
    }
    this._application.connect();
  }

  /** Waits until everything is delivered and acknowledged. */
  private _settle(): void {
    const { clock } = this._platform;
    for (const end = clock.passed + this._recoveryBoundMs(); !this._atRest(); this._advance(REST_STEP_MS)) {
      this._application.finishStreams();
      this._check();
      if (clock.passed >= end) throw this._notAtRest();
    }
    this._check();
  }

  private _atRest(): boolean {
    const session = this.broker.sessions.get(CLIENT_ID);
    // A half-open connection looks like rest.
    if (!session?.connection || session.connection.link.dead) return false;
    return (
      this._application.atRest &&
      this._auditor.settled &&
      this.ledger.missing === 0 &&
      session.outgoing.length === 0 &&
      this._hasSubscriptions()
    );
  }

  private get _filters(): ReadonlyMap<string, number> {
    return this.broker.sessions.get(CLIENT_ID)?.filters ?? new Map<string, number>();
  }

  private _hasSubscriptions(): boolean {
    const wanted = this._application.wantedFilters;
    const filters = this._filters;
    // A session that outlives the application's subscriptions has those of an earlier life as well.
    const mayHaveMore = !this.cleanSession && this.device.boots > 1;
    return (
      [...wanted].every(([filter, qos]) => filters.get(filter) === qos) && (mayHaveMore || wanted.size === filters.size)
    );
  }

  private _notAtRest(): Violation {
    const { connected, queued, inFlight } = this._application.client;
    this.ledger.finish();
    if (this._violation) return this._violation;
    if (connected && !this._hasSubscriptions()) {
      const [wanted, had] = [this._application.wantedFilters, this._filters].map((one) => JSON.stringify([...one]));
      return new Violation("subscriptions", `${wanted} are wanted; the broker has ${had}`);
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
    const { options, network, broker } = this.scenario;
    const { keepAlive, connectTimeoutMs, pingTimeoutMs, acknowledgeTimeoutMs, reconnectMaxMs, tickMs } = options;
    const { queued, inFlight } = this._application.client;
    const roundTripMs = 2 * (network.latencyMs + network.jitterMs) + broker.answerMs + REST_STEP_MS;
    const noticeMs =
      ((broker.connack.serverKeepAlive as number | undefined) ?? keepAlive) * 1_000 +
      pingTimeoutMs +
      acknowledgeTimeoutMs;
    const left = queued + inFlight + this.ledger.missing + this._application.filterCount;
    return noticeMs + 3 * (connectTimeoutMs + reconnectMaxMs) + 8 * tickMs + 4 * (left + 2) * roundTripMs + 15_000;
  }

  private _finish(): void {
    this.ledger.finish();
    this._advance(this.scenario.options.tickMs); // with which what an application threw comes out
    this._application.check();
    this.guarded(() => this._application.disconnect());
    this._advance(1_000);
    this._check();
  }

  // Helpers

  private _configure(link: Link): void {
    const { pieceBytes, writeLimit } = this.scenario.network;
    if (pieceBytes < Infinity) link.chunkSize = () => 1 + this.below(pieceBytes);
    link.writeLimit = writeLimit;
    link.downBudget = this._nextDownBudget;
    this._nextDownBudget = Infinity;
  }

  private _advance(ms: number): void {
    this._platform.clock.advance(ms);
    this._auditor.checkKeepAlive();
  }

  /** What the application threw comes out somewhere; anything else must not. */
  readonly guarded = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      this._thrown(error);
    }
  };

  private _thrown(error: unknown): void {
    if (!(error instanceof Planned)) this.violated("nothing thrown", String((error as Error).stack ?? error));
  }

  readonly violated = (invariant: Invariant, detail: string): void => {
    this._violation ??= new Violation(invariant, detail);
  };

  readonly note = (line: string): void => {
    this._journal?.(`${String(this._platform.clock.passed).padStart(8)}  ${line}`);
  };

  private _check(): void {
    if (this._violation) throw this._violation;
  }
}
