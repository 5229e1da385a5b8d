// An OfflineQueue against a model of it that is a list of messages: whatever is published, cut, acknowledged and waited for,
// each publish has the answer that the model gives, and the broker gets what the model sends.

import fc from "fast-check";
import { describe, it } from "vitest";
import type { Client } from "../../src/client/client.ts";
import { type Publisher, Published } from "../../src/client/publisher.ts";
import { PacketType } from "../../src/packet/index.ts";
import { OfflineQueue, type QueuePolicy } from "../../src/queue.ts";
import { SavedSession } from "../../src/store.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { ScriptedWorld } from "../support/scripted-world.ts";
import { ScriptedWorldV5 } from "../support/scripted-world-v5.ts";

const OUTBOX = 300;
const IN_FLIGHT = 3;
const TICK = 250;

interface Setting {
  version: 4 | 5;
  /** Of a saved session; 0 for none. */
  records: number;
  policies: QueuePolicy[];
}

type Step =
  | { do: "publish"; by: number; qos: 0 | 1; length: number }
  | { do: "wait"; ms: number }
  | { do: "connect"; present: boolean }
  | { do: "room"; bytes: number }
  | { do: "acknowledge"; count: number }
  | { do: "cut" };

interface Entry {
  text: string;
  qos: number;
  size: number;
  policy: QueuePolicy;
  at: number;
  /** Waits to be sent for the first time, waits with its packet id, or is sent. */
  state: "queued" | "identified" | "sent";
  dup: boolean;
}

/** What an OfflineQueue is to do. */
class Model {
  entries: Entry[] = [];
  readonly counts = { refused: 0, droppedOldest: 0, droppedNewest: 0, droppedOffline: 0, expired: 0 };
  readonly got: string[] = [];
  connected = false;
  now = 0;
  /** Bytes that the connection takes, and how much of the next packet it has taken. */
  room = Infinity;
  written = 0;
  private readonly _records: number;
  private readonly _packetSize: (entry: Entry) => number;

  constructor(records: number, packetSize: (entry: Entry) => number) {
    this._records = records || Infinity;
    this._packetSize = packetSize;
  }

  publish(text: string, qos: number, size: number, policy: QueuePolicy): Published {
    const { whenFull, qos0 } = policy;
    if (qos === 0 && qos0 === "drop" && !this.connected) return this._drop("droppedOffline");
    this.sweep();
    if (whenFull === "drop-oldest") this._makeRoom(size, qos);
    if (this._isLacking(size, qos)) {
      if (whenFull === "drop-newest") return this._drop("droppedNewest");
      this.counts.refused++;
      return Published.FULL;
    }
    this.entries.push({ text, qos, size, policy, at: this.now, state: "queued", dup: false });
    this.flush();
    return this.queued.length ? Published.QUEUED : Published.SENT;
  }

  private _drop(cause: "droppedOffline" | "droppedNewest"): Published {
    this.counts[cause]++;
    return Published.DROPPED;
  }

  private _makeRoom(size: number, qos: number): void {
    const droppable = this.entries.filter(
      (entry) => this._isWaiting(entry) && entry.policy.whenFull === "drop-oldest" && !entry.policy.protect,
    );
    const before = this.entries;
    this.entries = before.filter((entry) => !droppable.includes(entry));
    const enough = !this._isLacking(size, qos);
    this.entries = before;
    for (let entry; enough && this._isLacking(size, qos) && (entry = droppable.shift());) {
      // A message with QoS 0 has no record to give.
      if (!this._lacksBytes(size) && entry.qos === 0) continue;
      this.entries = this.entries.filter((other) => other !== entry);
      this.counts.droppedOldest++;
    }
  }

  private _lacksBytes(size: number): boolean {
    return this.entries.reduce((sum, entry) => sum + entry.size, 0) + size > OUTBOX;
  }

  private _isLacking(size: number, qos: number): boolean {
    const records = this.entries.filter((entry) => entry.qos > 0).length;
    return this._lacksBytes(size) || (qos > 0 && records >= this._records);
  }

  private _isWaiting(entry: Entry): boolean {
    return entry.state === "queued" && !(this.written > 0 && entry === this.queued[0]);
  }

  get queued(): Entry[] {
    return this.entries.filter(({ state }) => state !== "sent");
  }

  get inFlight(): Entry[] {
    return this.entries.filter(({ qos, state }) => qos > 0 && state !== "queued");
  }

  sweep(): void {
    this.entries = this.entries.filter((entry) => {
      if (!this._isWaiting(entry)) return true;
      const { expiryMs, qos0 } = entry.policy;
      const expired = expiryMs !== undefined && this.now >= entry.at + expiryMs;
      const offline = entry.qos === 0 && qos0 === "drop" && !this.connected;
      if (expired) this.counts.expired++;
      else if (offline) this.counts.droppedOffline++;
      return !expired && !offline;
    });
  }

  flush(): void {
    while (this.connected) {
      this.sweep();
      const entry = this.queued[0];
      if (!entry) return;
      if (entry.qos && entry.state === "queued") {
        if (this.inFlight.length >= IN_FLIGHT) return;
        entry.state = "identified";
      }
      const left = this._packetSize(entry) - this.written;
      const taken = Math.min(left, this.room);
      this.room -= taken;
      this.written += taken;
      if (taken < left) return;
      this.written = 0;
      this.got.push(entry.text + (entry.dup ? "!" : ""));
      entry.state = "sent";
      if (entry.qos === 0) this.entries = this.entries.filter((other) => other !== entry);
    }
  }

  connect(present: boolean): void {
    this.connected = true;
    this.room = Infinity;
    for (const entry of this.entries) {
      entry.dup = present && (entry.dup || entry.state === "sent");
      if (!present) entry.state = "queued";
      else if (entry.state === "sent") entry.state = "identified";
    }
    this.flush();
  }

  acknowledge(texts: string[]): void {
    this.entries = this.entries.filter(({ text }) => !texts.includes(text));
    this.flush();
  }

  cut(): void {
    this.connected = false;
    this.written = 0;
    this.sweep();
  }
}

const policy: fc.Arbitrary<QueuePolicy> = fc.record({
  whenFull: fc.constantFrom("refuse", "drop-oldest", "drop-oldest", "drop-newest"),
  protect: fc.constantFrom(false, false, true),
  qos0: fc.constantFrom("keep", "keep", "drop"),
  expiryMs: fc.constantFrom(undefined, 1, 900, 5_000),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      by: fc.nat(2),
      qos: fc.constantFrom(0 as const, 1 as const),
      length: fc.oneof(fc.nat(40), fc.nat(OUTBOX)),
    }),
    weight: 8,
  },
  fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(100, 250, 1_000) }),
  fc.record({ do: fc.constant("connect" as const), present: fc.boolean() }),
  fc.record({ do: fc.constant("room" as const), bytes: fc.constantFrom(0, 5, 30, Infinity) }),
  fc.record({ do: fc.constant("acknowledge" as const), count: fc.nat(3) }),
  fc.record({ do: fc.constant("cut" as const) }),
);

const setting: fc.Arbitrary<Setting> = fc.record({
  version: fc.constantFrom(4 as const, 5 as const),
  records: fc.constantFrom(0, 0, 4, 30),
  policies: fc.tuple(policy, policy, policy),
});

/** The queue and the model side by side. */
class Run {
  private readonly _world: ScriptedWorld;
  private readonly _queue: OfflineQueue;
  private readonly _model: Model;
  private readonly _store = new MemoryStore();
  private readonly _setting: Setting;
  private readonly _publishers: Publisher[][];
  /** Packet ids that the broker has not acknowledged, and their messages. */
  private _unacknowledged: { packetId: number; text: string }[] = [];
  private readonly _got: string[] = [];
  private _count = 0;

  constructor(setting: Setting) {
    this._setting = setting;
    // Long enough that no connection ends or is tried by itself within a run, whatever is waited for.
    const times = { keepAlive: 0, acknowledgeTimeoutMs: 10_000_000, connectTimeoutMs: 10_000_000 };
    const options = { outboxBytes: OUTBOX, maximumInFlight: IN_FLIGHT, tickMs: TICK, ...times };
    const five = setting.version === 5;
    this._world = (
      five
        ? new ScriptedWorldV5({ ...options, cleanStart: false, sessionExpiryInterval: 600 })
        : new ScriptedWorld({ ...options, cleanSession: false })
    ) as ScriptedWorld;
    const client: Client = this._world.client;
    this._queue = new OfflineQueue(client);
    if (setting.records) new SavedSession(client, this._store, { records: setting.records });
    this._publishers = setting.policies.map((policy, index) =>
      [0, 1].map((qos) => this._queue.publisher(`t${index}`, { ...policy, qos: qos as 0 | 1 })),
    );
    this._model = new Model(setting.records, ({ text, qos }) => 2 + this._bodySize(text, qos));
    this._world.tickMs = 10;
    this._world.open();
  }

  private _bodySize(text: string, qos: number): number {
    const length = 4 + (qos ? 2 : 0) + (this._setting.version === 5 ? 1 : 0) + Buffer.byteLength(text);
    return length > 127 ? length + 1 : length;
  }

  private _entrySize(text: string, qos: number): number {
    const margin = this._setting.version === 5 ? 9 : 5;
    const properties = this._setting.version === 5 ? 1 : 0;
    return 4 + margin + 5 + 4 + (qos ? 2 : 0) + properties + Buffer.byteLength(text);
  }

  take(step: Step): void {
    const model = this._model;
    const { client, clock, link } = this._world;
    switch (step.do) {
      case "publish": {
        const text = `${this._count++}${this._count % 3 ? "x" : "é"}`.padEnd(step.length, "äx€");
        const theirs = this._publishers[step.by]![step.qos]!.publish(text);
        const ours = model.publish(text, step.qos, this._entrySize(text, step.qos), this._setting.policies[step.by]!);
        equal(`publish of ${text}`, Published[theirs]!, Published[ours]!);
        break;
      }
      case "wait":
        for (const end = model.now + step.ms; model.now < end; model.now++) {
          clock.advance(1);
          if ((model.now + 1) % TICK === 0) this._tick(1);
        }
        break;
      case "connect":
        if (client.connected) return;
        this._reconnect(step.present);
        break;
      case "room":
        if (!client.connected) return;
        model.room = step.bytes;
        link.link.grant(step.bytes);
        clock.settle();
        if (step.bytes) model.flush();
        break;
      case "acknowledge": {
        if (!client.connected) return;
        const acknowledged = this._unacknowledged.splice(0, step.count);
        for (const { packetId } of acknowledged) {
          const properties = { reasonCode: 0, properties: {} }; // of MQTT 5
          this._world.send({ type: PacketType.PUBACK, packetId, ...properties });
        }
        for (const { text } of acknowledged) model.acknowledge([text]);
        break;
      }
      case "cut":
        if (!client.connected) return;
        this._world.cut();
        model.cut();
    }
    this._compare();
  }

  private _tick(later: number): void {
    const model = this._model;
    model.now += later;
    model.flush();
    model.sweep();
    model.now -= later;
  }

  /** The client's next attempt comes when it comes: until then it ticks. */
  private _reconnect(present: boolean): void {
    const { clock } = this._world;
    const attempts = this._world.links.length;
    while (!this._world.link.link.open && this._world.links.length === attempts) {
      clock.advance(1);
      this._model.now++;
      if (this._model.now % TICK === 0) this._tick(0);
    }
    clock.settle();
    // A message of which the broker has lost all, is none that it acknowledges.
    this._unacknowledged = [];
    this._world.accept(present);
    this._model.connect(present);
  }

  private _compare(): void {
    const { client } = this._world;
    for (const packet of this._world.take()) {
      if (packet.type !== PacketType.PUBLISH) continue;
      const text = Buffer.from(packet.payload, "hex").toString();
      this._got.push(text + (packet.dup ? "!" : ""));
      if (packet.qos) this._unacknowledged.push({ packetId: packet.packetId, text });
    }
    const { refused, droppedOldest, droppedNewest, droppedOffline, expired } = this._queue;
    equal("what arrived", this._got, this._model.got);
    equal("counts", { refused, droppedOldest, droppedNewest, droppedOffline, expired }, this._model.counts);
    equal("queued", client.queued, this._model.queued.length);
    equal("in flight", client.inFlight, this._model.inFlight.length);
    const withRecord = this._model.entries.filter(({ qos }) => qos > 0);
    if (this._setting.records) equal("records", this._store.records.size, withRecord.length);
  }

  /** All that is left arrives in the end. */
  finish(): void {
    this.take({ do: "cut" });
    this.take({ do: "connect", present: true });
    for (let count = 0; count < 40 && this._model.entries.length; count++) this.take({ do: "acknowledge", count: 1 });
    equal("left", this._world.client.queued + this._world.client.inFlight, 0);
  }
}

function equal(what: string, theirs: unknown, ours: unknown): void {
  const [one, other] = [JSON.stringify(theirs), JSON.stringify(ours)];
  if (one !== other) throw new Error(`${what}: the client has ${one}, the model ${other}`);
}

describe("an OfflineQueue", () => {
  it("does as its model, in all that may come", () => {
    fc.assert(
      fc.property(setting, fc.array(step, { maxLength: 60, size: "max" }), (setting, steps) => {
        const run = new Run(setting);
        for (const step of steps) run.take(step);
        run.finish();
      }),
      { numRuns: 300 },
    );
  });
});
