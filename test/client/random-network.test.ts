// A client and a broker on a network that does its worst, repeated by its seed: run one with MOTE_SEED=n.

import { describe, expect, it } from "vitest";
import { Client } from "../../src/client/client.ts";
import { Published } from "../../src/client/publisher.ts";
import { Reason } from "../../src/packet/index.ts";
import { ExactlyOnce } from "../../src/qos2.ts";
import { seededRandom } from "../support/random.ts";
import { VirtualBroker } from "../support/virtual-broker.ts";
import { type Link, virtualPlatform } from "../support/virtual-platform.ts";

const SEEDS = process.env.MOTE_SEED ? [+process.env.MOTE_SEED] : Array.from({ length: 400 }, (_, index) => index + 1);

interface Outcome {
  accepted: string[];
  received: string[];
  /** The same with QoS 2. */
  acceptedExactly: string[];
  receivedExactly: string[];
  sentDown: string[];
  gotDown: string[];
  crashed: boolean;
  cleanSession: boolean;
  reconnections: number;
}

function run(seed: number): Outcome {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const platform = virtualPlatform(seed + 1_000_000);
  const { clock, network } = platform;
  const broker = new VirtualBroker(network);
  const outcome: Outcome = {
    accepted: [],
    received: broker.received,
    acceptedExactly: [],
    receivedExactly: broker.receivedExactly,
    sentDown: [],
    gotDown: [],
    crashed: false,
    cleanSession: random() < 0.4,
    reconnections: -1,
  };
  const client = new Client(platform, {
    url: "mqtt://broker",
    clientId: "sensor",
    cleanSession: outcome.cleanSession,
    keepAlive: 5,
    connectTimeoutMs: 3_000,
    pingTimeoutMs: 3_000,
    acknowledgeTimeoutMs: 4_000,
    reconnectMinMs: 100,
    reconnectMaxMs: 2_000,
    maximumInFlight: 1 + below(6),
    outboxBytes: 64 + below(600),
    receiveBytes: 64 + below(200),
    tickMs: 50 + below(200),
    exactlyOnce: new ExactlyOnce(),
  });
  client.onConnect = () => outcome.reconnections++;
  client.subscribe("down/+", seed % 2 ? 1 : 2, (message) => outcome.gotDown.push(message.text()));

  let faulty = true;
  broker.delay = () => below(200);
  network.latencyMs = below(60);
  broker.onLink = (link: Link) => {
    const piece = 1 + below(40);
    link.chunkSize = random() < 0.5 ? () => 1 + below(piece) : () => Infinity;
    if (faulty && random() < 0.4) link.writeLimit = 1 + below(60);
    if (faulty && random() < 0.1) link.dead = true;
  };
  const faults: (() => void)[] = [
    () => broker.links.forEach((link) => link.close(Reason.CONNECTION_LOST)),
    () => broker.links.forEach((link) => (link.dead = true)),
    () => broker.links.forEach((link) => (link.room = below(50))),
    () => broker.links.forEach((link) => link.grant(1 + below(50))),
    () => broker.links.forEach((link) => link.grant(Infinity)),
    () => (network.onConnection = undefined),
    () => broker.listen(),
    () => broker.listen(),
    () => (network.silent = random() < 0.3),
    () => client.disconnect(),
    () => client.connect(),
    () => client.connect(),
    () => {
      if (random() < 0.3) return;
      outcome.crashed = true;
      broker.crash();
    },
  ];

  const publisher = client.publisher("up", { qos: 1 });
  const exact = client.publisher("exact", { qos: 2 });
  const publish = (): void => {
    const text = `${outcome.accepted.length}:${"x".repeat(below(30))}`;
    if (random() < 0.2) client.publish("noise", "q0");
    else if (random() < 0.3) {
      const text = `${outcome.acceptedExactly.length}!`;
      if (exact.publish(text) !== Published.FULL) outcome.acceptedExactly.push(text);
    } else if (publisher.publish(text) !== Published.FULL) outcome.accepted.push(text);
  };

  client.connect();
  for (let step = 0; step < 120; step++) {
    for (let count = below(4); count > 0; count--) publish();
    if (random() < 0.4) {
      const text = `${outcome.sentDown.length}`;
      // What the broker has no subscription for is nobody's.
      if ([...broker.sessions.values()].some(({ filters }) => filters.size)) outcome.sentDown.push(text);
      broker.publish("down/x", text);
    }
    if (random() < 0.4) faults[below(faults.length)]();
    clock.advance(below(random() < 0.2 ? 8_000 : 400));
  }

  faulty = false;
  network.silent = false;
  broker.listen();
  broker.links.forEach((link) => link.grant(Infinity));
  client.connect();
  const drained = (): boolean =>
    client.connected &&
    client.queued + client.inFlight === 0 &&
    [...broker.sessions.values()].every(({ outgoing }) => outgoing.length === 0);
  clock.advanceUntil(drained, 120_000);
  publish();
  clock.advanceUntil(drained, 120_000);
  client.disconnect();
  clock.advance(10_000);
  return outcome;
}

const firstOccurrences = (items: string[]): string[] => [...new Set(items)];

describe("on a network that cuts, stalls, resets, refuses and swallows", () => {
  const outcomes: Outcome[] = [];

  it.each(SEEDS)("nothing accepted is lost, QoS 2 comes once, order holds, and all drains: seed %i", (seed) => {
    const outcome = run(seed);
    outcomes.push(outcome);
    const messages = firstOccurrences(outcome.received.filter((text) => text !== "q0"));
    expect(messages).toEqual(outcome.accepted);
    expect(firstOccurrences(outcome.receivedExactly)).toEqual(outcome.acceptedExactly);
    if (!outcome.cleanSession && !outcome.crashed) {
      expect(outcome.receivedExactly, "exactly once, to the broker").toEqual(outcome.acceptedExactly);
      if (seed % 2 === 0) expect(outcome.gotDown, "exactly once, from the broker").toEqual(outcome.sentDown);
    }
    // Of a session that was kept, the broker's messages come too.
    if (!outcome.cleanSession && !outcome.crashed) {
      expect(firstOccurrences(outcome.gotDown)).toEqual(outcome.sentDown);
    }
  });

  it("and it was bad enough to prove something", () => {
    if (SEEDS.length === 1) return;
    const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((total, one) => total + of(one), 0);
    expect(sum(({ accepted }) => accepted.length)).toBeGreaterThan(10_000);
    expect(sum(({ reconnections }) => reconnections)).toBeGreaterThan(2_000);
    // Something was sent twice, so what broke off was in the midst of it.
    expect(sum(({ received }) => received.length - new Set(received).size)).toBeGreaterThan(500);
    expect(sum(({ gotDown }) => gotDown.length)).toBeGreaterThan(1_000);
    expect(sum(({ acceptedExactly }) => acceptedExactly.length)).toBeGreaterThan(2_000);
  });
});
