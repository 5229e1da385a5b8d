// Messages and streams together on a network that does its worst, repeated by its seed.

import { expect, it } from "vitest";
import { Client } from "../../../src/client/client.ts";
import { Reason } from "../../../src/packet/index.ts";
import { ExactlyOnce } from "../../../src/qos2.ts";
import { Streaming, type StreamingPublisher } from "../../../src/streaming.ts";
import { ModelBroker } from "../../simulation/model-broker.ts";
import { seededRandom } from "../../support/random.ts";
import { virtualPlatform } from "../../support/virtual-platform.ts";

const SEEDS = 150;
const STEPS = 60;
const STEP_MS = 500;

/** Says what a payload is in its first bytes, and is of a length that depends on it: nothing of another fits in. */
const payloadOf = (name: string, number: number, length: number): string =>
  `${name}.${number}:`.padEnd(length, String.fromCharCode(97 + (number % 26)));

/** An application that has one message after the other for a publisher, and begins each until it is delivered. */
class Sender {
  readonly qos: number;
  delivered = 0;
  interrupted = 0;
  readonly payloads: string[] = [];
  private readonly _publisher: StreamingPublisher;
  private readonly _name: string;
  private _bytes = new Uint8Array(0);
  private _at = -1;

  constructor(streaming: Streaming, qos: 0 | 1 | 2) {
    this.qos = qos;
    this._name = `s${qos}`;
    this._publisher = streaming.publisher(`up/${this._name}`, { qos });
    this._publisher.onWritable = () => this.write(7);
    this._publisher.onEnd = (reason) => {
      this._at = -1;
      if (reason === Reason.OK) this.delivered++;
      else this.interrupted++;
      if (reason === Reason.OK || qos === 0) this._bytes = new Uint8Array(0);
    };
  }

  get isIdle(): boolean {
    return this._at < 0 && this._bytes.length === 0;
  }

  /** Begins a message, the one that was interrupted or a new one. */
  begin(length: number): void {
    if (this._at >= 0) return;
    if (this._bytes.length === 0) {
      this.payloads.push(payloadOf(this._name, this.payloads.length, length));
      this._bytes = new TextEncoder().encode(this.payloads[this.payloads.length - 1]);
    }
    if (this._publisher.begin(this._bytes.length)) this._at = 0;
  }

  write(pieceBytes: number): void {
    while (this._at >= 0 && this._at < this._bytes.length) {
      const end = Math.min(this._bytes.length, this._at + pieceBytes);
      const taken = this._publisher.write(this._bytes, this._at, end);
      if (this._at < 0) return;
      this._at += taken;
      if (this._at < end) return;
    }
    if (this._at > 0) this._publisher.end();
  }
}

interface Tally {
  streamed: number;
  interrupted: number;
  received: number;
  cutShort: number;
}

function run(seed: number): Tally {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const chance = (probability: number): boolean => random() < probability;
  const platform = virtualPlatform(seed);
  const { clock, network } = platform;
  const cleanSession = chance(0.4);
  const latencyMs = (network.latencyMs = below(2) * below(200));
  const [chunk, limit] = [chance(0.5) ? 1 + below(60) : Infinity, chance(0.5) ? 1 + below(60) : Infinity];

  /** What arrived at the broker: "session payload", with QoS 2. */
  const exact = new Set<string>();
  const arrived = new Set<string>();
  const sent = new Set<string>();
  let session = 0;
  const broker = new ModelBroker(network, undefined, {
    arrived: (topic, payload, qos, number) => {
      arrived.add(payload);
      if (topic.startsWith("up/")) expect(senders[+topic.slice(-1)].payloads, topic).toContain(payload);
      else expect(payload).toMatch(/^small\.\d+:x*$/);
      if (qos < 2) return;
      expect(exact).not.toContain(`${number} ${payload}`);
      exact.add(`${number} ${payload}`);
    },
    due: (payload, qos, number) => {
      session = number;
      if (qos) sent.add(`${number} ${payload}`);
    },
    sessionEnded: (number) => {
      for (const item of sent) if (item.startsWith(`${number} `)) sent.delete(item);
    },
  });
  broker.onLink = (link) => {
    link.chunkSize = () => (chunk === Infinity ? Infinity : 1 + below(chunk));
    link.writeLimit = limit;
  };

  const client = new Client(platform, {
    url: "mqtt://broker",
    clientId: "sensor",
    cleanSession,
    keepAlive: 5 * below(2) * 60,
    receiveBytes: 64,
    outboxBytes: 256,
    reconnectMaxMs: 5_000,
    exactlyOnce: new ExactlyOnce(32),
  });
  const streaming = new Streaming(client, { stallTimeoutMs: 5_000 });
  const senders = ([0, 1, 2] as const).map((qos) => new Sender(streaming, qos));

  const got = new Set<string>();
  let received = 0;
  let cutShort = 0;
  let text = "";
  const handler = streaming.pieces(
    ({ message, bytes, start, end, offset, total, last }) => {
      if (offset === 0) text = "";
      expect(offset).toBe(text.length);
      text += Buffer.from(bytes.subarray(start, end)).toString();
      expect(last).toBe(text.length === total);
      if (!last) return;
      received++;
      expect(message.topic).toBe(`down/${text.slice(0, 2)}`);
      expect(text).toBe(payloadOf(text.slice(0, 2), +text.slice(3, text.indexOf(":")), total));
      if (message.qos === 2) expect(got).not.toContain(`${session} ${text}`);
      got.add(`${session} ${text}`);
    },
    () => cutShort++,
  );
  client.subscribe("down/+", 2, handler);
  client.connect();

  let [small, down] = [0, 0];
  const step = (faults: boolean): void => {
    const sender = senders[below(3)];
    if (faults || sender.isIdle === false) sender.begin(below(4) ? 20 + below(400) : 5_000);
    for (const one of senders) one.write(1 + below(300));
    if (faults && client.publish("small", `small.${small}:${"x".repeat(below(60))}`, { qos: 1 })) small++;
    if (faults && chance(0.3)) {
      const qos = below(3);
      broker.publish(`down/d${qos}`, payloadOf(`d${qos}`, down++, 10 + below(300)), qos);
    }
    if (faults) {
      for (const link of broker.links) {
        if (chance(0.05)) link.close();
        else if (chance(0.03)) link.room = below(40);
        else if (chance(0.2)) link.grant(Infinity);
        else if (chance(0.05)) link.downBudget = 1 + below(300);
        else if (chance(0.05)) link.upBudget = 1 + below(300);
        else if (chance(0.01)) link.dead = true;
      }
      if (chance(0.02)) broker.restart(chance(0.7), below(3_000));
      if (chance(0.01)) client.disconnect();
      if (chance(0.2)) client.connect();
    }
    clock.advance(below(STEP_MS));
  };
  for (let count = 0; count < STEPS; count++) step(true);
  client.connect();
  for (const link of broker.links) {
    link.upBudget = link.downBudget = Infinity;
    link.grant(Infinity);
  }
  for (let count = 0; count < 200; count++) step(false);

  expect([client.connected, client.queued, client.inFlight]).toEqual([true, 0, 0]);
  for (const { isIdle, qos, delivered, payloads } of senders) {
    expect(isIdle).toBe(true);
    if (qos) expect(delivered).toBe(payloads.length);
    if (qos) for (const payload of payloads) expect(arrived).toContain(payload);
  }
  for (const item of sent) expect(got).toContain(item);
  client.disconnect();
  clock.advance(latencyMs);
  const sum = (of: (one: Sender) => number): number => senders.reduce((total, one) => total + of(one), 0);
  return { streamed: sum((one) => one.delivered), interrupted: sum((one) => one.interrupted), received, cutShort };
}

it(`finds nothing wrong in ${SEEDS} seeds`, () => {
  const total: Tally = { streamed: 0, interrupted: 0, received: 0, cutShort: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    let tally: Tally;
    try {
      tally = run(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    for (const key of Object.keys(total) as (keyof Tally)[]) total[key] += tally[key];
  }
  // It was bad enough to prove something.
  expect(total.streamed).toBeGreaterThan(10 * SEEDS);
  expect(total.interrupted).toBeGreaterThan(SEEDS);
  expect(total.received).toBeGreaterThan(5 * SEEDS);
  expect(total.cutShort).toBeGreaterThan(SEEDS / 20);
}, 120_000);
