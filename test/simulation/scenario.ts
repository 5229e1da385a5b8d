import type { ClientOptions } from "../../src/client/options.ts";
import type { QueuePolicy } from "../../src/queue.ts";
import type { ClientOptions as ClientOptions5 } from "../../src/v5.ts";
import { seededRandom } from "../support/random.ts";
import { type FaultName, FAULTS } from "./faults.ts";
import type { BrokerSettings } from "./model-broker.ts";
import type { Level } from "./wire.ts";

/** One of the things that an application may do from within a handler, or between messages. */
export type Habit = "throws in handlers" | "publishes in handlers" | "disconnects in handlers" | "subscribes anew";

/** What a seed means: each feature and each fault is there or not, at a rate of its own. */
export interface Scenario {
  seed: number;
  /** The client is that of `mote-mqtt/lean`. */
  lean: boolean;
  level: Level;
  /** How long faults go on. */
  steps: number;
  /** How long a step lasts, at most. */
  stepMs: number;
  options: Required<
    Pick<
      ClientOptions,
      | "cleanSession"
      | "keepAlive"
      | "maximumInFlight"
      | "outboxBytes"
      | "receiveBytes"
      | "connectTimeoutMs"
      | "pingTimeoutMs"
      | "acknowledgeTimeoutMs"
      | "reconnectMinMs"
      | "reconnectMaxMs"
      | "tickMs"
    >
  >;
  /** Places of `ExactlyOnce`; 0 for a client without QoS 2. */
  maximumReceived: number;
  /** Records of `SavedSession`; 0 for a client without a store. */
  records: number;
  /** The policy of `OfflineQueue`; undefined for a client without one. */
  queue: QueuePolicy | undefined;
  /** What a client of MQTT 5 has besides. */
  v5: Required<Pick<ClientOptions5, "cleanStart" | "sessionExpiryInterval" | "receiveMaximum" | "topicAliasMaximum">>;
  /** For each publisher, whether it asks for a topic alias, and has properties. */
  aliased: boolean[];
  adorned: boolean[];
  /** Whether the client has `Streaming`, and the QoS of each publisher of that. */
  streaming: boolean;
  streams: number[];
  /** Bytes that a streamed message has, and that are written at once, at most. */
  streamFilling: number;
  streamPieceBytes: number;
  stallTimeoutMs: number;
  /** QoS of each publisher in the client, and of each at the broker. */
  up: number[];
  down: number[];
  /** Messages a step in each direction, at most. */
  upBurst: number;
  downBurst: number;
  /** Bytes that fill a payload, at most. */
  upFilling: number;
  downFilling: number;
  network: {
    latencyMs: number;
    /** Latency changes with each step by up to this. */
    jitterMs: number;
    /** Chunks of at most this arrive at the client; Infinity for as they were sent. */
    pieceBytes: number;
    /** Bytes that one write takes at most. */
    writeLimit: number;
  };
  broker: BrokerSettings;
  /** How likely each is at each step. */
  faults: Partial<Record<FaultName, number>>;
  habits: Habit[];
  /** What the clock shows at the beginning: it may be about to wrap at 32 bits. */
  clockOffset: number;
  /** Bytes that make filters long. */
  filterFilling: number;
  /** Whether mqtt-packet reads the client's packets too. */
  readTwice: boolean;
}

const HABITS: Habit[] = ["throws in handlers", "publishes in handlers", "disconnects in handlers", "subscribes anew"];

export function scenarioOf(seed: number, lean = false): Scenario {
  const random = seededRandom(seed);
  const chance = (probability: number): boolean => random() < probability;
  const between = (low: number, high: number): number => low + Math.floor(random() * (high - low + 1));
  /** Mostly small. */
  const small = (low: number, high: number): number => low + Math.floor(random() ** 3 * (high - low + 1));
  const oneOf = <Item>(...items: Item[]): Item => items[between(0, items.length - 1)];

  const maximumReceived = chance(0.75) && !lean ? oneOf(1, 2, 32) : 0;
  const highest = maximumReceived ? 2 : 1;
  const qosMix = (count: number): number[] => Array.from({ length: count }, () => oneOf(0, 1, highest, highest));
  const level: Level = chance(0.5) && !lean ? 5 : 4;
  const cleanSession = chance(0.35);
  const records = !cleanSession && chance(0.5) && !lean ? oneOf(between(1, 6), 32) : 0;
  const answerMs = oneOf(0, small(0, 800));
  const latencyMs = oneOf(0, small(0, 500));
  const jitterMs = oneOf(0, 0, small(0, 300));
  const longestAnswer = 2 * (latencyMs + jitterMs) + answerMs;

  const names = Object.keys(FAULTS) as FaultName[];
  const howMany = oneOf(0.15, 0.4, 0.7);
  const keepAlive = oneOf(0, between(2, 5), between(2, 60));
  const impossible = new Set<FaultName>();
  if (keepAlive === 0) impossible.add("halfOpen"); // which nobody would notice
  // The session would be there, and the client know nothing of it: a message with QoS 2 could get a packet id that is in use.
  if (!cleanSession && !records && !lean) impossible.add("reboot");
  if (!records) impossible.add("tornWrite");
  const faults: Scenario["faults"] = {};
  for (const name of names) {
    const rate = oneOf(0.01, 0.04, 0.15);
    if (chance(howMany) && !impossible.has(name)) faults[name] = rate;
  }

  const outboxBytes = oneOf(between(64, 200), between(128, 1_024), 4_096);
  const receiveBytes = oneOf(between(64, 128), between(64, 512), 2_048);
  const streaming = chance(0.4) && !lean;
  const streams = streaming ? qosMix(between(0, 2)) : [];
  return {
    seed,
    lean,
    level,
    steps: between(5, 90),
    stepMs: oneOf(50, 400, 400, 4_000),
    options: {
      cleanSession,
      keepAlive,
      maximumInFlight: oneOf(1, between(1, 6), between(1, 40)),
      outboxBytes,
      receiveBytes,
      connectTimeoutMs: longestAnswer + between(1_000, 10_000),
      pingTimeoutMs: longestAnswer + between(1_000, 10_000),
      acknowledgeTimeoutMs: longestAnswer + between(1_000, 20_000),
      reconnectMinMs: between(1, 1_000),
      reconnectMaxMs: between(1_000, 20_000),
      tickMs: between(20, 250),
    },
    maximumReceived,
    records,
    queue: lean ? undefined : queueOf(seededRandom(seed ^ 0xd209)), // what else a seed means, does not hang on it
    v5: {
      cleanStart: cleanSession || (!records && chance(0.2)),
      sessionExpiryInterval: cleanSession ? 0 : oneOf(0xffff_ffff, between(1, 60)),
      receiveMaximum: oneOf(1, between(1, 10), 65_535),
      topicAliasMaximum: oneOf(0, between(1, 4)),
    },
    aliased: Array.from({ length: 4 }, () => chance(0.5)),
    adorned: Array.from({ length: 4 }, () => chance(0.2)),
    streaming,
    // After a reboot the client would use a packet id that the broker's session still has for another message.
    streams: streams.map((qos) => (records ? Math.min(qos, 1) : qos)),
    streamFilling: small(0, 5_000),
    streamPieceBytes: oneOf(1, between(1, 100), 1_000),
    stallTimeoutMs: between(1_000, 20_000),
    up: qosMix(between(1, 4)),
    down: qosMix(between(0, 3)),
    upBurst: between(0, 4),
    downBurst: between(0, 3),
    upFilling: small(0, outboxBytes / 2),
    downFilling: small(0, receiveBytes * (streaming ? 3 : 1.3)),
    network: {
      latencyMs,
      jitterMs,
      pieceBytes: oneOf(Infinity, Infinity, 1, between(1, 60)),
      writeLimit: oneOf(Infinity, Infinity, 1, between(1, 60)),
    },
    broker: {
      level,
      answerMs,
      // More than the client has room for would end the connection again and again.
      window: Math.min(oneOf(1, between(1, 10), 20), maximumReceived || 20),
      connack: level === 5 ? connackOf(random) : {},
      aliases: chance(0.5),
      rejects: oneOf(0, 0, 0.1),
    },
    faults,
    habits: HABITS.filter(() => chance(0.2)),
    clockOffset: chance(0.1) ? 2 ** 31 - between(0, 60_000) : 0,
    readTwice: chance(0.1),
    filterFilling: level === 4 ? oneOf(0, 0, between(0, 230)) : 0,
  };
}

function queueOf(random: () => number): QueuePolicy | undefined {
  if (random() < 0.6) return undefined;
  const oneOf = <Item>(...items: Item[]): Item => items[Math.floor(random() * items.length)];
  return {
    whenFull: oneOf("refuse", "drop-oldest", "drop-oldest", "drop-newest"),
    qos0: oneOf("keep", "drop"),
    expiryMs: oneOf(undefined, undefined, 1 + Math.floor(random() * 10_000)),
  };
}

/** What a broker of MQTT 5 says of itself: each thing or not. */
function connackOf(random: () => number): BrokerSettings["connack"] {
  const oneOf = (...values: number[]): number => values[Math.floor(random() * values.length)];
  const all = {
    receiveMaximum: oneOf(1, 2, 5, 65_535),
    topicAliasMaximum: oneOf(1, 2, 10),
    maximumPacketSize: oneOf(100, 200, 1_000),
    serverKeepAlive: oneOf(2, 10, 60),
    maximumQoS: oneOf(0, 1),
  };
  const rare = new Set(["maximumQoS"]);
  return Object.fromEntries(Object.entries(all).filter(([name]) => random() < (rare.has(name) ? 0.03 : 0.4)));
}
