// Publishes what `settings.what` says with QoS `settings.qos`, once a second.

import { Client } from "mote-mqtt";
import { onReport, platform, report, settings } from "mote-mqtt/simulator";

const client = new Client(platform, { url: "mqtt://broker:1883", clientId: "counted", keepAlive: 0 });
const publisher = client.publisher("greenhouse/7/temperature", { qos: settings.qos === 1 ? 1 : 0, decimals: 2 });

const bytes = new Uint8Array(64).fill(0x2a);
const ASCII = "The quick brown fox jumps over the lazy dog, and over the river.";
const NON_ASCII = "Grüße aus dem Gewächshaus: 21,5 °C, und die Tür klemmt – wieder.";
let count = 0;

const payloads: Record<string, () => void> = {
  bytes: () => publisher.publish(bytes),
  part: () => publisher.publish(bytes, 10, 20),
  number: () => publisher.publish(21.5 + count / 7),
  negative: () => publisher.publish(-0.005 - count),
  empty: () => publisher.publish(bytes, 0, 0),
  ascii: () => publisher.publish(ASCII),
  nonAscii: () => publisher.publish(NON_ASCII),
  concatenated: () => publisher.publish(ASCII + (100 + (count % 100))),
  concatenation: () => ASCII + (100 + (count % 100)),
};
const publish = payloads[String(settings.what)];

client.connect();
setInterval(() => {
  count++;
  publish();
}, 1_000);

onReport(() => {
  report("count", count);
  report("waiting", client.queued + client.inFlight);
});
