// What is fed with bytes, and what must hold whatever they are.

import { isDeepStrictEqual } from "node:util";
import { Framer as Framer311 } from "../../src/packet/framer.ts";
import { packetSize, PacketType, Reason, writeFixedHeader } from "../../src/packet/index.ts";
import { Framer as Framer5 } from "../../src/packet/v5/framer.ts";
import { oracleRead as oracleRead311 } from "../packet/oracle.ts";
import { decode as decode311, readPacketsBy } from "../packet/read-packets.ts";
import { oracleRead as oracleRead5 } from "../packet/v5/oracle.ts";
import { decode as decode5 } from "../packet/v5/read-packets.ts";
import { count } from "../simulation/census.ts";
import { ModelBroker } from "../simulation/model-broker.ts";
import { type Level, Reader } from "../simulation/wire.ts";
import { seededRandom } from "../support/random.ts";
import {
  Link,
  VirtualClock,
  VirtualNetwork,
  type VirtualPlatform,
  virtualPlatform,
} from "../support/virtual-platform.ts";
import { exercise, exerciseLean } from "./exercise.ts";

export interface Target {
  name: string;
  level: Level;
  /** Whether it is fed with what clients send. */
  toServer: boolean;
  /** Throws when something does not hold. */
  run(input: Uint8Array): void;
}

const codecTarget = (level: Level, toServer: boolean): Target => ({
  name: `codec-${level}-${toServer ? "up" : "down"}`,
  level,
  toServer,
  run: (input) => readWithCodec(level, toServer, input),
});

/** The client as it is, with `Streaming`, or that of `mote-mqtt/lean`. */
type Kind = "full" | "streaming" | "lean";

const clientTarget = (level: Level, kind: Kind): Target => ({
  name: `client-${level}${kind === "full" ? "" : `-${kind}`}`,
  level,
  toServer: false,
  run: (input) => new Fed(level, kind, input).run(),
});

export const TARGETS: readonly Target[] = [
  ...([4, 5] as const).flatMap((level) => [
    codecTarget(level, false),
    codecTarget(level, true),
    clientTarget(level, "full"),
    clientTarget(level, "streaming"),
  ]),
  clientTarget(4, "lean"),
];

// The codec

/** Smaller than some packets: those come in pieces. */
const SMALL_BUFFER = 200;

function readWithCodec(level: Level, toServer: boolean, input: Uint8Array): void {
  const decode = level === 5 ? decode5 : decode311;
  const Framer = level === 5 ? Framer5 : Framer311;
  const read = (
    chunks: readonly Uint8Array[],
    bufferSize: number,
    onPacket?: (whole: Uint8Array, own: object) => void,
  ) =>
    readPacketsBy<object>(
      Framer,
      (header, bytes, start, end) => {
        const own = decode(header, isolated(bytes, start, end, 0x00), start, end, toServer);
        const again = decode(header, isolated(bytes, start, end, 0xff), start, end, toServer);
        same("what is around a packet changes how it is read", own, again);
        if (typeof own === "object") onPacket?.(packetOf(header, bytes, start, end), own);
        return own;
      },
      chunks,
      { bufferSize },
    );
  const inChunks = chunksOf(input);
  same("cut into chunks it is read in another way", read([input], SMALL_BUFFER), read(inChunks, SMALL_BUFFER));
  const whole = read([input], input.length + 16, (packet, own) => agree(level, packet, own));
  same("cut into chunks it is read in another way", whole, read(inChunks, input.length + 16));
}

/** The packet at its place, and nothing that belongs to it around. */
function isolated(bytes: Uint8Array, start: number, end: number, around: number): Uint8Array {
  const copy = new Uint8Array(end + 8).fill(around);
  copy.set(bytes.subarray(start, end), start);
  return copy;
}

function packetOf(header: number, bytes: Uint8Array, start: number, end: number): Uint8Array {
  const whole = new Uint8Array(packetSize(end - start));
  whole.set(bytes.subarray(start, end), writeFixedHeader(whole, 0, header, end - start));
  return whole;
}

/** mqtt-packet reads what we accept in the same way, but for what oracle.ts says that it gets wrong. */
function agree(level: Level, packet: Uint8Array, own: object): void {
  const theirs = level === 5 ? oracleRead5(packet) : oracleRead311(packet);
  if (level === 5 && isBeyondOracle(own)) return;
  same("mqtt-packet reads another packet", theirs instanceof Error ? theirs.message : theirs, [own]);
}

function isBeyondOracle(own: object): boolean {
  const { type, reasonCode, properties, will } = own as {
    type: PacketType;
    reasonCode?: number;
    properties?: { userProperties?: Record<string, unknown> };
    will?: { properties?: { userProperties?: Record<string, unknown> } };
  };
  if (type === PacketType.DISCONNECT && reasonCode === 0x8c) return true;
  if (type === PacketType.AUTH && reasonCode === 0) return true;
  // The same name twice, once with an empty value.
  const users = [properties?.userProperties, will?.properties?.userProperties];
  return users.some((one) => one && Object.values(one).some((value) => Array.isArray(value) && value.includes("")));
}

// The client

/** Long enough for every back-off of `OPTIONS`, and far from what the client could take for a slow connection. */
const RECOVERY_MS = 120_000;
const OPTIONS = { keepAlive: 10, tickMs: 20, reconnectMinMs: 1, reconnectMaxMs: 1_000 };
/** What one client may have more at the end than at the beginning: made once, when it is first needed. */
const MOST_OBJECTS = 40;
const MOST_BYTES = 2_000;

/** More than the client's receive buffer has room for. */
const MOST_TO_COME = 300;

/** What is the platform's, and not the client's. */
const isOutside = (value: object): boolean =>
  value instanceof VirtualClock || value instanceof VirtualNetwork || value instanceof Link;

/** A client whose first broker says `input`, whatever the client says; the next is a good one. */
class Fed {
  private readonly _level: Level;
  private readonly _kind: Kind;
  private readonly _input: Uint8Array;
  private readonly _platform: VirtualPlatform = virtualPlatform();
  private readonly _exercised: ReturnType<typeof exercise | typeof exerciseLean>;
  private readonly _arrived: string[] = [];
  private readonly _broker: ModelBroker;
  private _error: unknown;

  constructor(level: Level, kind: Kind, input: Uint8Array) {
    this._level = level;
    this._kind = kind;
    this._input = input;
    const { clock, network } = this._platform;
    clock.onUncaught = (error) => (this._error ??= error);
    const settings = { level, answerMs: 0, window: 6, connack: {}, aliases: false, rejects: 0 };
    this._broker = new ModelBroker(network, settings, { arrived: (_topic, payload) => this._arrived.push(payload) });
    const options = { url: "mqtt://broker", ...OPTIONS };
    this._exercised =
      kind === "lean"
        ? exerciseLean(this._platform, options)
        : exercise(this._platform, level, kind === "streaming", options);
  }

  run(): void {
    const { client, got } = this._exercised;
    const before = count(client, isOutside);
    this._feed();
    this._platform.network.onConnection = undefined;
    this._broker.listen();
    this._until(
      "it is connected again, and has sent all",
      () => client.connected && client.queued + client.inFlight === 0,
    );
    client.publish("greenhouse/7/after", "after", { qos: 1 });
    this._until("it publishes", () => this._arrived.includes("after"));
    this._until("it is subscribed", () => this._broker.sessions.get("sensor")?.filters.has("greenhouse/#") ?? false);
    this._broker.publish("greenhouse/7/back", "back", 2);
    this._until("it receives", () => got.length > 0 && ["back", "…"].includes(got[got.length - 1]));
    client.disconnect();
    this._check();
    const after = count(client, isOutside);
    if (after.objects > before.objects + MOST_OBJECTS || after.bytes > before.bytes + MOST_BYTES) {
      throw new Error(`its memory grew from ${JSON.stringify(before)} to ${JSON.stringify(after)}`);
    }
  }

  /** The first connection. */
  private _feed(): void {
    const { clock, network } = this._platform;
    const { client } = this._exercised;
    let link: Link | undefined;
    network.onConnection = (first) => {
      network.onConnection = undefined;
      link = first;
      const reader = new Reader(this._level, true);
      reader.onMalformed = (why) => (this._error ??= new Error(`the client sent ${why}`));
      first.onBytes = (bytes) => reader.push(bytes);
      // After what the client sends at once.
      clock.after(1, () => chunksOf(this._input).forEach((chunk) => first.deliver(chunk)));
    };
    client.connect();
    clock.advance(20);
    this._check();
    if (!link) throw new Error("the client does not connect");
    const malformed = whyMalformed(this._level, this._input);
    if (malformed && this._kind === "lean") {
      // It looks at a packet once all of it is there.
      link.deliver(new Uint8Array(MOST_TO_COME));
      clock.advance(1);
    }
    if (malformed && !link.closedByClient)
      throw new Error(`it was sent ${malformed}, and does not close the connection`);
    link.close();
    clock.advance(1);
  }

  private _until(what: string, condition: () => boolean): void {
    const { clock } = this._platform;
    for (const end = clock.passed + RECOVERY_MS; !condition(); clock.advance(50)) {
      this._check();
      if (clock.passed >= end) throw new Error(`not within ${RECOVERY_MS} ms: ${what}`);
    }
    this._check();
  }

  private _check(): void {
    if (this._error) throw this._error;
  }
}

function whyMalformed(level: Level, input: Uint8Array): string {
  let why = "";
  const reader = new Reader(level, false);
  reader.onMalformed = (what) => (why ||= what);
  reader.onLarge = () => undefined; // which is nothing wrong
  reader.push(input);
  return why;
}

// Both

/** The input in chunks that it decides itself: one input is always cut in the same way. */
function chunksOf(input: Uint8Array): Uint8Array[] {
  const random = seededRandom(input.reduce((sum, byte) => (Math.imul(sum, 31) + byte) | 0, input.length));
  const longest = random() < 0.3 ? 1 : random() < 0.5 ? input.length : 1 + Math.floor(random() * 40);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < input.length;) {
    const end = Math.min(input.length, at + 1 + Math.floor(random() * longest));
    chunks.push(input.slice(at, end));
    at = end;
  }
  return chunks;
}

function same(what: string, one: unknown, other: unknown): void {
  if (!isDeepStrictEqual(plain(one), plain(other))) {
    throw new Error(`${what}: ${shown(one)}, not ${shown(other)}`);
  }
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const shown = (value: unknown): string => (typeof value === "number" ? Reason[value] : JSON.stringify(value));

/** What was found, and how to see it again. */
export function describeInput({ name }: Target, input: Uint8Array, { stack }: Error): string {
  return `${stack}\nreplay: npm run fuzz -- --target ${name} --input ${Buffer.from(input).toString("hex")}`;
}
