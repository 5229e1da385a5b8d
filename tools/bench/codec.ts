// Rates and allocation of the codec beside mqtt-packet's, the codec of MQTT.js and aedes: npm run bench:codec

import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import type * as MqttPacket from "mqtt-packet";
import {
  decodePublish,
  encodePublish,
  Framer,
  type PacketListener,
  publishHeader,
  PublishView,
  Reason,
} from "../../src/packet/index.ts";
import { paint } from "../cli/terminal.ts";

const TOPIC = "greenhouse/7/state";
const PAYLOAD_SIZE = 64;
/** What a TCP segment on Ethernet carries, with timestamps: the usual size of what a socket delivers. */
const CHUNK_SIZE = 1_460;
/** As many packets as a chunk has bytes: packets and chunks then end together, and every run reads the same. */
const STREAM_PACKETS = CHUNK_SIZE;
const ROUNDS = 9;
const ROUND_MS = 100;
const ALLOCATION_BATCHES = 101;

/** One way to do a job. `run` does it about `operations` times and returns how often it really did. */
interface Contender {
  name: string;
  ours: boolean;
  run(operations: number): number;
}

interface Job {
  name: string;
  contenders: Contender[];
}

interface Result {
  job: string;
  contender: string;
  /** Median of all rounds. */
  operationsPerSecond: number;
  /** Bytes of the JavaScript heap; what a Buffer has outside of it is not counted. */
  bytesPerOperation: number;
  /** How many times faster Mote is: median of the rounds. Null for Mote itself. */
  ratio: number | null;
}

/** mqtt-packet, when it is installed. */
type Peer = { module: typeof MqttPacket; version: string } | undefined;

const { values: options } = parseArgs({ options: { json: { type: "boolean", default: false } } });
const peer = await loadPeer();
const results = [encodeJob(0, peer), encodeJob(1, peer), decodeJob(0, peer), decodeJob(1, peer)].flatMap(measure);
if (options.json) {
  const peerName = peer && `mqtt-packet ${peer.version}`;
  console.log(JSON.stringify({ node: process.version, peer: peerName ?? null, results }, null, 2));
} else {
  printTable();
}

async function loadPeer(): Promise<Peer> {
  try {
    const { version } = createRequire(import.meta.url)("mqtt-packet/package.json") as { version: string };
    return { module: await import("mqtt-packet"), version };
  } catch {
    return undefined;
  }
}

/**
 * Ours writes into a buffer that exists, from a topic encoded once, as a publisher does. Theirs takes the topic as a
 * string each time: `generate` returns a new Buffer of the packet, `writeToStream` hands its parts to a stream; here to
 * one that drops them.
 */
function encodeJob(qos: number, peer: Peer): Job {
  const header = publishHeader(qos, false);
  const topic = new TextEncoder().encode(TOPIC);
  const payload = new Uint8Array(PAYLOAD_SIZE).fill(0x61);
  const into = new Uint8Array(1_024);
  const size = encodePublish(into, 0, header, topic, 1, payload, 0, PAYLOAD_SIZE);
  const runEncoder = (operations: number, encode: (packetId: number) => number): number => {
    let written = 0;
    for (let count = 1; count <= operations; count++) written += encode(count & 0xffff);
    if (written !== operations * size) throw new Error(`encoded ${written} bytes in all`);
    return operations;
  };

  const ours = (packetId: number): number => encodePublish(into, 0, header, topic, packetId, payload, 0, PAYLOAD_SIZE);
  const contenders: Contender[] = [
    { name: "mote encodePublish", ours: true, run: (operations) => runEncoder(operations, ours) },
  ];
  if (peer) {
    const { generate, writeToStream } = peer.module;
    const packet = publishPacket(qos);
    const toBuffer = (packetId: number): number => {
      packet.messageId = packetId;
      return generate(packet).length;
    };
    const nowhere = { write: () => true } as unknown as NodeJS.WritableStream;
    const toNowhere = (packetId: number): number => {
      packet.messageId = packetId;
      return writeToStream(packet, nowhere) ? size : 0;
    };
    contenders.push(
      { name: "mqtt-packet generate", ours: false, run: (operations) => runEncoder(operations, toBuffer) },
      { name: "mqtt-packet writeToStream", ours: false, run: (operations) => runEncoder(operations, toNowhere) },
    );
  }
  return { name: `encode QoS ${qos}`, contenders };
}

/** Both read the same chunks and count the payload's bytes. Ours also checks the topic; theirs makes a string of it. */
function decodeJob(qos: number, peer: Peer): Job {
  const chunks = streamChunks(qos);
  let received = 0;
  const runStream = (operations: number, push: (chunk: Buffer) => void): number => {
    let done = 0;
    for (; done < operations; done += STREAM_PACKETS) {
      received = 0;
      for (let index = 0; index < chunks.length; index++) push(chunks[index]);
      if (received !== STREAM_PACKETS * PAYLOAD_SIZE) throw new Error(`decoded ${received} bytes of payload in all`);
    }
    return done;
  };

  const view = new PublishView();
  const unexpected = () => {
    throw new Error("a packet of the benchmark was not decoded");
  };
  const listener: PacketListener = {
    onPacket(header, bytes, start, end) {
      if (decodePublish(header, bytes, start, end, view) !== Reason.OK) unexpected();
      received += view.payloadEnd - view.payloadStart;
    },
    onLargePublish: unexpected,
    onLargePayload: unexpected,
    onMalformed: unexpected,
  };
  const framer = new Framer(listener, new Uint8Array(1_024));
  const push = (chunk: Buffer): void => void framer.push(chunk, 0, chunk.length);
  const contenders: Contender[] = [
    { name: "mote Framer, decodePublish", ours: true, run: (operations) => runStream(operations, push) },
  ];
  if (peer) {
    const reader = peer.module.parser({ protocolVersion: 4 });
    reader.on(
      "packet",
      (packet: MqttPacket.Packet) => (received += (packet as MqttPacket.IPublishPacket).payload.length),
    );
    reader.on("error", unexpected);
    const parse = (chunk: Buffer): void => void reader.parse(chunk);
    contenders.push({ name: "mqtt-packet parser", ours: false, run: (operations) => runStream(operations, parse) });
  }
  return { name: `decode QoS ${qos}`, contenders };
}

function publishPacket(qos: number): MqttPacket.IPublishPacket {
  const payload = Buffer.alloc(PAYLOAD_SIZE, "a");
  return { cmd: "publish", topic: TOPIC, payload, qos: qos as 0 | 1, retain: false, dup: false, messageId: 1 };
}

/** A stream of PUBLISH packets as a socket delivers it. */
function streamChunks(qos: number): Buffer[] {
  const packet = new Uint8Array(1_024);
  const topic = new TextEncoder().encode(TOPIC);
  const payload = new Uint8Array(PAYLOAD_SIZE).fill(0x61);
  const end = encodePublish(packet, 0, publishHeader(qos, false), topic, 7, payload, 0, PAYLOAD_SIZE);
  const stream = Buffer.concat(Array<Uint8Array>(STREAM_PACKETS).fill(packet.subarray(0, end)));
  const chunks = [];
  for (let at = 0; at < stream.length; at += CHUNK_SIZE) chunks.push(stream.subarray(at, at + CHUNK_SIZE));
  return chunks;
}

/** Runs the contenders in turn, round by round, so that whatever else the machine does hits all of them. */
function measure({ name, contenders }: Job): Result[] {
  const operations = contenders.map(calibrate);
  const rates = contenders.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    contenders.forEach((contender, index) => rates[index].push(rate(contender, operations[index])));
  }
  return contenders.map((contender, index) => ({
    job: name,
    contender: contender.name,
    operationsPerSecond: Math.round(median(rates[index])),
    bytesPerOperation: allocation(contender),
    ratio: contender.ours ? null : median(rates[index].map((theirs, round) => rates[0][round] / theirs)),
  }));
}

/** Warms a contender up and finds how many operations fill a round. */
function calibrate(contender: Contender): number {
  let operations = STREAM_PACKETS;
  for (;;) {
    const perSecond = rate(contender, operations);
    if (operations / perSecond > ROUND_MS / 2_000) return Math.ceil((perSecond * ROUND_MS) / 1_000);
    operations *= 2;
  }
}

function rate(contender: Contender, operations: number): number {
  const begin = process.hrtime.bigint();
  const done = contender.run(operations);
  return (done * 1e9) / Number(process.hrtime.bigint() - begin);
}

/**
 * Growth of the heap in batches so short that the collector runs in few of them; the median leaves those out. Who seems to
 * allocate nothing is measured again in batches so long that a tenth of a byte would show.
 */
function allocation(contender: Contender): number {
  const bytes = heapGrowth(contender, STREAM_PACKETS);
  return bytes < 1 ? heapGrowth(contender, 50 * STREAM_PACKETS) : bytes;
}

/** Bytes for each operation, to a tenth. What asking for the heap's size allocates itself is taken off. */
function heapGrowth(contender: Contender, operations: number): number {
  const growth = (run: () => unknown): number => {
    const batches = Array.from({ length: ALLOCATION_BATCHES }, () => {
      const before = process.memoryUsage().heapUsed;
      run();
      return process.memoryUsage().heapUsed - before;
    });
    return median(batches);
  };
  const asking = growth(() => undefined);
  const bytes = growth(() => contender.run(operations)) - asking;
  return Math.round((bytes / operations) * 10) / 10 || 0; // no minus zero
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

function printTable(): void {
  const against = peer ? `mqtt-packet ${peer.version}` : "mqtt-packet, which is not installed (npm install)";
  console.log(`Codec beside ${against}, Node ${process.version}`);
  console.log(`PUBLISH with a topic of ${TOPIC.length} characters and ${PAYLOAD_SIZE} bytes of payload`);
  console.log(`decode: a stream in chunks of ${CHUNK_SIZE} bytes; medians of ${ROUNDS} interleaved rounds\n`);
  console.log(paint("bold", row("", "", "packets/s", "heap bytes/packet", "mote is faster")));
  let job = "";
  for (const result of results) {
    if (result.job !== job && job) console.log();
    const rate = result.operationsPerSecond.toLocaleString("en");
    const ratio = result.ratio === null ? "" : `${result.ratio.toFixed(1)}x`;
    const bytes = result.bytesPerOperation.toLocaleString("en");
    console.log(row(result.job === job ? "" : result.job, result.contender, rate, bytes, ratio));
    job = result.job;
  }
}

function row(job: string, contender: string, rate: string, bytes: string, ratio: string): string {
  return `${job.padEnd(13)} ${contender.padEnd(27)} ${rate.padStart(11)} ${bytes.padStart(18)} ${ratio.padStart(15)}`;
}
