// A greenhouse sensor on an ESP32 with Espruino: publishes temperature, humidity and battery voltage, and obeys a command
// that sets how often. Its network and broker are what `mote provision --target espruino` has stored on the board;
// `mote upload sensor.ts --target espruino --boot` puts it there.

import { Client, describe, readDecimal } from "mote-mqtt";
import { platform } from "mote-mqtt/espruino";

/** What of the board's firmware this program uses. */
declare function require(name: "Storage"): {
  readJSON(name: string, noExceptions: boolean): Record<string, string | number | boolean> | undefined;
};
declare function require(name: "Wifi"): {
  connect(ssid: string, options: { password: string }, callback: (error: string | null) => void): void;
  on(event: "disconnected", callback: () => void): void;
};
declare function setTimeout(callback: () => void, delayMs: number): void;
declare function setInterval(callback: () => void, delayMs: number): void;
declare const console: { log(text: string): void };

const settings = require("Storage").readJSON("mote.json", true) ?? {};
const id = String(settings.clientId ?? "greenhouse-1");
const root = `sensors/${id}`;

const client = new Client(platform, {
  url: `${settings.tls ? "mqtts" : "mqtt"}://${settings.host ?? "192.168.1.10"}:${settings.port ?? 1883}`,
  clientId: id,
  username: settings.username as string | undefined,
  password: settings.password as string | undefined,
  keepAlive: 60,
  will: { topic: `${root}/state`, payload: "offline", qos: 1, retain: true },
});

const state = client.publisher(`${root}/state`, { qos: 1, retain: true });
const temperature = client.publisher(`${root}/temperature`, { qos: 1, decimals: 2 });
const humidity = client.publisher(`${root}/humidity`, { qos: 1, decimals: 1 });
const battery = client.publisher(`${root}/battery`, { decimals: 3 });

const TICK_MS = 50;
let intervalMs = 1_000;
let sinceSampleMs = 0;
let sample = 0;

// What a real sensor would be asked for.
function takeSample(): void {
  sample++;
  const phase = sample / 40;
  temperature.publish(21 + 4 * Math.sin(phase) + Math.random() / 5);
  humidity.publish(55 - 10 * Math.sin(phase) + Math.random());
  battery.publish(4.1 - sample / 100_000);
}

setInterval(() => {
  sinceSampleMs += TICK_MS;
  if (sinceSampleMs < intervalMs) return;
  sinceSampleMs = 0;
  // A sample is published whole or not at all. While the broker is away there is room for a few.
  if (client.queued + client.inFlight <= 8) takeSample();
}, TICK_MS);

client.subscribe(`${root}/set/interval`, 1, (message) => {
  const wanted = readDecimal(message.bytes, message.start, message.end);
  if (wanted >= TICK_MS && wanted <= 3_600_000) intervalMs = wanted;
});

client.onConnect = () => {
  state.publish("online");
};
client.onDisconnect = (reason) => console.log(`${id}: ${describe(reason)}`);

const wifi = require("Wifi");
let joining = false;

function join(): void {
  if (joining) return;
  joining = true;
  const ssid = String(settings.wifiSsid ?? "greenhouse");
  wifi.connect(ssid, { password: String(settings.wifiPassword ?? "") }, (error) => {
    joining = false;
    if (!error) return client.connect(); // the client keeps itself connected from then on
    console.log(`${id}: no Wi-Fi: ${error}`);
    setTimeout(join, 10_000);
  });
}

wifi.on("disconnected", () => setTimeout(join, 1_000));
join();
