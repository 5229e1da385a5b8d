// What publish.ts, receive.ts and idle.ts do, with the lean client; it publishes nothing unless `settings.what` says what.

import { readDecimal } from "mote-mqtt";
import { Client, type Message } from "mote-mqtt/lean";
import { onReport, platform, report, settings } from "mote-mqtt/simulator";

const client = new Client(platform, {
  url: "mqtt://broker:1883",
  clientId: "counted",
  keepAlive: Number(settings.keepAlive ?? 0),
  reconnectMaxMs: 4_000,
});
const publisher = client.publisher("greenhouse/7/temperature", { qos: settings.qos === 1 ? 1 : 0, decimals: 2 });

let connections = 0;
let published = 0;
let received = 0;
let sum = 0;

const payloads: Record<string, Uint8Array | string | number> = {
  bytes: new Uint8Array(64).fill(0x2a),
  empty: new Uint8Array(),
  ascii: "The quick brown fox jumps over the lazy dog, and over the river.",
  nonAscii: "Grüße aus dem Gewächshaus: 21,5 °C, und die Tür klemmt – wieder.",
  number: 21.57,
};
const payload = payloads[String(settings.what)];
if (payload !== undefined) {
  setInterval(() => {
    if (publisher.publish(payload)) published++;
  }, 1_000);
}

const handlers: Record<string, (message: Message) => void> = {
  bytes: ({ bytes, start, end }) => {
    for (let at = start; at < end; at++) sum += bytes[at];
  },
  number: (message) => {
    sum += readDecimal(message.bytes, message.start, message.end);
  },
};
const handle = handlers[String(settings.handler ?? "bytes")];
const handler = (message: Message): void => {
  received++;
  handle(message);
};

client.subscribe("greenhouse/+/set", 1, handler);
client.subscribe("alarm/#", 1, handler);
client.subscribe("other/#", 0, handler);
client.onMessage = () => console.log("no subscription matched");
client.onConnect = () => {
  connections++;
};
client.connect();

onReport(() => {
  report("count", published + received);
  report("connections", connections);
  report("waiting", client.queued + client.inFlight);
  report("sum", sum);
});
