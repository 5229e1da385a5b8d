// A greenhouse sensor: publishes temperature, humidity and battery voltage, and obeys a command that sets how often.

import { Client, describe, Published, readDecimal } from "mote-mqtt";
import { onReport, platform, report, settings } from "mote-mqtt/simulator";

const id = String(settings.id ?? "greenhouse-1");
const root = `sensors/${id}`;

const client = new Client(platform, {
  url: String(settings.url ?? "mqtt://127.0.0.1:1883"),
  clientId: id,
  keepAlive: 60,
  will: { topic: `${root}/state`, payload: "offline", qos: 1, retain: true },
});

const state = client.publisher(`${root}/state`, { qos: 1, retain: true });
const temperature = client.publisher(`${root}/temperature`, { qos: 1, decimals: 2 });
const humidity = client.publisher(`${root}/humidity`, { qos: 1, decimals: 1 });
const battery = client.publisher(`${root}/battery`, { decimals: 3 });
const samples = client.publisher(`${root}/samples`, { qos: 1 });

// Messages that were published, those of them with QoS 1, samples that there was no room for, commands that came, and how
// often it said that it is online.
let messages = 0;
let published = 0;
let refused = 0;
let received = 0;
let online = 0;

const TICK_MS = 50;
let intervalMs = Number(settings.intervalMs ?? 1000);
let sinceSampleMs = 0;
let sample = 0;

setInterval(() => {
  sinceSampleMs += TICK_MS;
  if (sinceSampleMs < intervalMs) return;
  sinceSampleMs = 0;
  // A sample is published whole or not at all. While the broker is away there is room for a few.
  if (client.queued + client.inFlight <= 8) takeSample();
  else refused++;
}, TICK_MS);

function takeSample(): void {
  sample++;
  const phase = sample / 40;
  count(temperature.publish(21 + 4 * Math.sin(phase) + platform.random() / 5));
  count(humidity.publish(55 - 10 * Math.sin(phase) + platform.random()));
  if (battery.publish(4.1 - sample / 100_000)) messages++;
  count(samples.publish(sample));
}

/** Books a message with QoS 1. Returns whether there was room for it. */
function count(result: Published): boolean {
  if (result === Published.FULL) return false;
  messages++;
  published++;
  return true;
}

client.subscribe(`${root}/set/interval`, 1, (message) => {
  received++;
  const wanted = readDecimal(message.bytes, message.start, message.end);
  if (wanted >= TICK_MS && wanted <= 3_600_000) intervalMs = wanted;
});

client.onConnect = () => {
  if (count(state.publish("online"))) online++;
};
client.onDisconnect = (reason) => console.log(`${id}: ${describe(reason)}`);
client.connect();

onReport(() => {
  report("messages", messages);
  report("published", published);
  report("acknowledged", published - client.queued - client.inFlight);
  report("received", received);
  report("refused", refused);
  report("online", online);
  report("inFlight", client.inFlight);
});
