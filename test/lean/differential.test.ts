// The lean client against the full one: the same calls and the same network give the same packets to the byte, the same events
// and the same messages, where both promise the same. Not compared are packet ids, which each takes in its own way, and
// UNSUBSCRIBE, which the lean client also sends of what the broker cannot know.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Published } from "../../src/client/publisher.ts";
import type { Subscription } from "../../src/client/subscriptions.ts";
import { PacketType, Reason } from "../../src/packet/index.ts";
import { encode, type Packet, toHex } from "../packet/model.ts";
import { publish } from "../support/packet-link.ts";
import { LeanWorld, ScriptedWorld, type WorldClass } from "../support/scripted-world.ts";

const TOPICS = ["a", "a/b", "ä/€/😀", "$SYS/x", "t".repeat(150)];
const FILTERS = ["a", "a/+", "#", "+/+/😀", "$SYS/#", "f".repeat(200), "ü/".repeat(80), "a/#"];
const REASONS = [Reason.CONNECTION_REFUSED, Reason.CONNECTION_FAILED, Reason.TLS_FAILED]; // no take-over among them

type Action =
  | { do: "publish"; topic: number; size: number; as: "text" | "bytes" | "number"; qos: 0 | 1; retain: boolean }
  | { do: "subscribe" | "unsubscribe"; filter: number; qos: 0 | 1 }
  | { do: "acknowledge"; which: number; times: number }
  | { do: "receive"; topic: number; size: number; qos: 0 | 1; count: number; chunk: number; dup: boolean }
  | { do: "connect" | "disconnect" | "accept"; kept: boolean }
  | { do: "cut"; reason: number; unanswered: boolean }
  | { do: "reconnect"; kept: boolean; lost: number }
  | { do: "wait"; ms: number };

const nat = (max: number): fc.Arbitrary<number> => fc.nat(max);
const qos = fc.constantFrom(0 as const, 1 as const);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      topic: nat(TOPICS.length - 1),
      size: fc.oneof(nat(20), nat(300)),
      as: fc.constantFrom("text" as const, "bytes" as const, "number" as const),
      qos,
      retain: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("subscribe" as const, "subscribe" as const, "unsubscribe" as const),
      filter: nat(FILTERS.length - 1),
      qos,
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("acknowledge" as const), which: nat(3), times: nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("receive" as const),
      topic: nat(TOPICS.length - 1),
      size: fc.oneof(nat(40), nat(700), fc.integer({ min: 1_024, max: 3_000 })), // in between, only one may have room
      qos,
      count: fc.integer({ min: 1, max: 5 }),
      chunk: fc.integer({ min: 1, max: 400 }),
      dup: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("connect" as const, "accept" as const, "accept" as const, "disconnect" as const),
      kept: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("cut" as const),
      reason: nat(REASONS.length - 1),
      unanswered: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("reconnect" as const), kept: fc.boolean(), lost: nat(1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.oneof(nat(1_000), nat(70_000)) }) },
);

/** One client's side of a script, and what can be seen of it. */
class Side {
  readonly seen: unknown[] = [];
  private readonly _world: ScriptedWorld;
  private readonly _subscriptions = new Map<number, Subscription>();
  /** What the broker has got on this connection and not acknowledged. */
  private _unacknowledged: number[] = [];
  private _raw: Uint8Array[] = [];
  private readonly _cleanSession: boolean;
  private readonly _note: (name: string) => NonNullable<ScriptedWorld["client"]["onMessage"]>;

  constructor(World: WorldClass, cleanSession: boolean) {
    const world = new World({ cleanSession, keepAlive: 20, outboxBytes: 50_000, maximumSubscriptions: 100 });
    this._world = world;
    this._cleanSession = cleanSession;
    (world.platform as { random: () => number }).random = () => 0.5; // one of them asks more often
    const { network } = world.platform;
    const onConnection = network.onConnection!;
    network.onConnection = (link) => {
      onConnection(link);
      const { onBytes } = link;
      link.onBytes = (bytes) => {
        this._raw.push(bytes);
        onBytes(bytes);
      };
      this._unacknowledged = [];
      this._raw = [];
    };
    this._note =
      (name) =>
      ({ topic, qos, dup, retain, bytes, start, end, length }) =>
        this.seen.push([name, topic, qos, dup, retain, length, toHex(bytes, start, end)]);
    world.client.onMessage = this._note("onMessage");
    world.client.onSkipped = ({ topic, qos, length }) => this.seen.push(["onSkipped", topic, qos, length]);
  }

  run(action: Action): void {
    const { client, clock } = this._world;
    const link = this._world.links.length ? this._world.link : undefined;
    switch (action.do) {
      case "publish": {
        const { topic, size, as, qos, retain } = action;
        const payload = as === "text" ? "ü".repeat(size) : as === "bytes" ? new Uint8Array(size).fill(size) : size;
        this.seen.push(client.publish(TOPICS[topic], payload, { qos, retain }) satisfies Published);
        break;
      }
      case "subscribe":
        if (this._subscriptions.has(action.filter)) break;
        this._subscriptions.set(
          action.filter,
          client.subscribe(FILTERS[action.filter], action.qos, this._note(FILTERS[action.filter])),
        );
        break;
      case "unsubscribe":
        this._subscriptions.get(action.filter)?.unsubscribe();
        this._subscriptions.delete(action.filter);
        clock.advance(250);
        break;
      case "acknowledge":
        for (let count = 0; count < action.times && client.connected && this._unacknowledged.length; count++) {
          const [packetId] = this._unacknowledged.splice(action.which % this._unacknowledged.length, 1);
          link!.send({ type: PacketType.PUBACK, packetId });
          clock.settle();
          this._look();
        }
        break;
      case "receive": {
        if (!client.connected) break;
        const { topic, size, qos, count, chunk, dup } = action;
        link!.link.chunkSize = () => chunk;
        const fields = { qos, dup: dup && qos > 0, packetId: qos && 1 + size };
        this._world.send(...Array.from({ length: count }, () => publish(TOPICS[topic], "x".repeat(size), fields)));
        break;
      }
      case "connect":
        client.connect();
        break;
      case "disconnect":
        client.disconnect();
        break;
      case "accept":
        this._accept(action.kept);
        break;
      case "cut":
        if (!link?.link.open) break;
        if (!action.unanswered) this._answer();
        this._world.cut(REASONS[action.reason]);
        break;
      case "reconnect":
        // The broker has accepted as often as CONNACK gets lost.
        for (let count = 0; count <= action.lost && this._world.links.length && this._world.link.link.open; count++) {
          this._world.cut(REASONS[0]);
          this._world.nextAttempt();
        }
        this._accept(action.kept);
        break;
      case "wait":
        for (const until = clock.passed + action.ms; clock.passed < until;) {
          clock.advance(Math.min(250, until - clock.passed));
          this._answer();
        }
    }
    clock.settle();
    if (action.do !== "subscribe") this._answer();
    this.seen.push([...this._world.events.splice(0)], [client.connected, client.queued, client.inFlight]);
  }

  private _accept(kept: boolean): void {
    if (!this._world.links.length || !this._world.link.link.open || this._world.client.connected) return;
    this._world.clock.settle();
    this._world.send({ type: PacketType.CONNACK, sessionPresent: kept && !this._cleanSession, returnCode: 0 });
  }

  /** The broker answers all but messages, until there is nothing to answer. */
  private _answer(): void {
    for (let answers = this._look(); answers.length; answers = this._look()) {
      if (this._world.link.link.open) this._world.send(...answers);
    }
  }

  /** Notes what the client has sent. Returns the answers to it. */
  private _look(): Packet[] {
    if (!this._world.links.length) return [];
    const packets = this._world.take();
    // Nothing is said in more bytes than it takes.
    expect(toHex(new Uint8Array(Buffer.concat(this._raw.splice(0))))).toBe(
      packets.map((one) => toHex(encode(one))).join(""),
    );
    const answers: Packet[] = [];
    const requested: string[] = [];
    for (const packet of packets) {
      if (packet.type === PacketType.PUBLISH) {
        if (packet.qos) this._unacknowledged.push(packet.packetId);
        this.seen.push({ ...packet, packetId: packet.qos && "an id" });
      } else if (packet.type === PacketType.SUBSCRIBE) {
        requested.push(packet.entries.map(({ filter, qos }) => `${filter} ${qos}`).join());
        answers.push({ type: PacketType.SUBACK, packetId: packet.packetId, codes: [packet.entries[0].qos] });
      } else if (packet.type === PacketType.UNSUBSCRIBE) {
        answers.push({ type: PacketType.UNSUBACK, packetId: packet.packetId });
      } else {
        this.seen.push(packet);
        if (packet.type === PacketType.PINGREQ) answers.push({ type: PacketType.PINGRESP });
      }
    }
    if (requested.length) this.seen.push(requested.sort());
    return answers;
  }
}

describe("the lean client and the full one", () => {
  it.each([true, false])("are the same to broker and application, with cleanSession %s", (cleanSession) => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 5, maxLength: 60 }), (actions) => {
        const sides = [ScriptedWorld, LeanWorld as unknown as WorldClass].map((World) => new Side(World, cleanSession));
        for (const step of [{ do: "connect", kept: false }, { do: "accept", kept: false }, ...actions] as Action[]) {
          for (const side of sides) side.run(step);
          expect(sides[1].seen.splice(0), JSON.stringify(step)).toEqual(sides[0].seen.splice(0));
        }
      }),
      { numRuns: 200, includeErrorInReport: true },
    );
  });
});
