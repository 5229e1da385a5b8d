// The same sensor on the lean client: telemetry, a command that sets how often, and a will. Wi-Fi is up before this runs: on an ESP32
// Moddable's setup/network sees to it, from the ssid and password given to mcconfig.

import config from "mc/config";
import { Client } from "mote-mqtt/lean";
import { describe } from "mote-mqtt/describe";
import { platform } from "mote-mqtt/moddable";
import Timer from "timer";
import greenhouse from "greenhouse";

const root = `greenhouse/${config.id}`;

/** @type {Client} */
const client = new Client(platform, {
  url: config.url,
  clientId: config.id,
  keepAlive: 60,
  will: { topic: `${root}/state`, payload: "offline", qos: 1, retain: true },
});

const state = client.publisher(`${root}/state`, { qos: 1, retain: true });
const temperature = client.publisher(`${root}/temperature`, { qos: 1, decimals: 2 });
const humidity = client.publisher(`${root}/humidity`, { decimals: 1 });
const samples = client.publisher(`${root}/samples`, { qos: 1 });

function sample() {
  // While the broker is away there is room for a few; then samples are left out, each whole.
  if (client.queued + client.inFlight > 8) return;
  samples.publish(greenhouse.next());
  temperature.publish(greenhouse.temperature);
  humidity.publish(greenhouse.humidity);
}

let timer = Timer.repeat(sample, Number(config.intervalMs));

client.subscribe(`${root}/set/interval`, 1, (message) => {
  const wanted = Number(message.text());
  if (!(wanted >= 50 && wanted <= 3_600_000)) return;
  Timer.clear(timer);
  timer = Timer.repeat(sample, wanted);
});

client.onConnect = () => {
  trace(`${config.id}: connected\n`);
  state.publish("online");
};
client.onDisconnect = (reason) => trace(`${config.id}: ${describe(reason)}\n`);
client.onSkipped = (message) => trace(`${config.id}: skipped a message of ${message.length} bytes\n`);
client.connect();
