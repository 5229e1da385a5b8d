// A client with all its optional parts, of the version that `settings` says: it publishes once a second, and takes what
// comes to "in/+".

import { Client as Client311, type Message } from "mote-mqtt";
import { Metrics } from "mote-mqtt/metrics";
import { ExactlyOnce } from "mote-mqtt/qos2";
import { OfflineQueue } from "mote-mqtt/queue";
import { onReport, platform, report, settings } from "mote-mqtt/simulator";
import { SavedSession } from "mote-mqtt/store";
import { Client, type PublisherOptions } from "mote-mqtt/v5";

const RECORDS = 64;
const RECORD_BYTES = 128;

/** A store in memory that was taken before. */
class MemoryStore {
  writes = 0;
  private readonly _bytes = new Uint8Array(RECORDS * RECORD_BYTES);
  private readonly _lengths = new Int16Array(RECORDS).fill(-1);

  read(key: number, into: Uint8Array, start: number, end: number): number {
    const length = this._lengths[key]!;
    for (let at = 0; at < length && start < end; at++) into[start++] = this._bytes[key * RECORD_BYTES + at]!;
    return length;
  }

  write(key: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start > RECORD_BYTES) return false;
    this.writes++;
    this._lengths[key] = end - start;
    for (let at = key * RECORD_BYTES; start < end; at++) this._bytes[at] = bytes[start++]!;
    return true;
  }

  remove(key: number): boolean {
    this._lengths[key] = -1;
    return true;
  }
}

const store = new MemoryStore();
const metrics = new Metrics(platform);
const common = {
  url: "mqtt://broker:1883",
  clientId: "counted",
  keepAlive: 0,
  exactlyOnce: new ExactlyOnce(8),
};
const client: Client311 =
  settings.version === 5
    ? new Client(settings.metrics ? metrics : platform, { ...common, topicAliasMaximum: 2, receiveMaximum: 8 })
    : new Client311(settings.metrics ? metrics : platform, common);
const queue = settings.queue ? new OfflineQueue(client, { whenFull: "drop-oldest", metrics }) : undefined;
if (settings.store) new SavedSession(client, store, { records: 8 });

const options: PublisherOptions = {
  qos: Number(settings.qos) as 0 | 1 | 2,
  topicAlias: settings.alias === true,
};
if (settings.properties) {
  options.messageExpiryInterval = 60;
  options.contentType = "text/plain";
  options.responseTopic = "greenhouse/7/answers";
  options.correlationData = new Uint8Array([1, 2, 3, 4]);
  options.userProperties = [["unit", "°C"]];
}
const publisher = client.publisher("greenhouse/7/temperature", options);

const ASCII = "The quick brown fox jumps over the lazy dog, and over the river.";
const NON_ASCII = "Grüße aus dem Gewächshaus: 21,5 °C, und die Tür klemmt – wieder.";

/** One of each policy, and of each kind of payload, all of them with the QoS and properties of the other. */
function publisherOfEachPolicy(queue: OfflineQueue): () => void {
  const number = queue.publisher("number", { ...options, decimals: 2 });
  const text = queue.publisher("text", { ...options, protect: true, expiryMs: 5_000 });
  const newest = queue.publisher("newest", { qos: 1, whenFull: "drop-newest", expiryMs: 7_000 });
  const refused = queue.publisher("refused", { qos: 1, whenFull: "refuse", expiryMs: 9_000 });
  const brittle = queue.publisher("brittle", { qos0: "drop" });
  return () => {
    number.publish(21.5 + published / 7);
    text.publish(published % 2 ? ASCII : NON_ASCII);
    newest.publish(ASCII);
    refused.publish(NON_ASCII);
    brittle.publish(ASCII);
  };
}

let published = 0;
let told = 0;
let received = 0;
let sum = 0;

client.subscribe("in/+", 2, ({ bytes, start, end }: Message) => {
  received++;
  for (let at = start; at < end; at++) sum += bytes[at]!;
});
client.connect();
if (settings.publish !== false) {
  const sample = new Uint8Array(24).fill(0x2a);
  const publishOthers = queue ? publisherOfEachPolicy(queue) : () => undefined;
  if (queue) queue.onDropped = (count) => (told += count);
  setInterval(() => {
    publishOthers();
    if (publisher.publish(sample)) published++;
  }, 1_000);
}

onReport(() => {
  report("published", published);
  report("received", received);
  report("sum", sum);
  report("waiting", client.queued + client.inFlight);
  report("writes", store.writes);
  report("packetsSent", metrics.packetsSent);
  report("refused", metrics.refused);
  report("droppedOldest", metrics.droppedOldest);
  report("droppedNewest", metrics.droppedNewest);
  report("droppedOffline", metrics.droppedOffline);
  report("expired", metrics.expired);
  report("told", told);
});
