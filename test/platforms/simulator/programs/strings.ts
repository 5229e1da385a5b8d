// Publishes strings and numbers that engines might disagree about, and says what it reads of them.

import { Client } from "mote-mqtt";
import { platform, settings } from "mote-mqtt/simulator";

const client = new Client(platform, {
  url: String(settings.url),
  clientId: "日本語 – größte Prüfung 🌱",
  username: "ünïcode",
  password: "pässwort",
  will: { topic: "will/🪦", payload: "lebewohl", qos: 1 },
});
const texts = ["", "plain", "grün", "日本語", "🌱🌿", "lone \ud800 surrogate", "\udc00", "\u0000", "ﬀ", "e\u0301"];
const numbers = [0, -0, 0.5, -1.005, 1e15, 123456789.123456, NaN, Infinity, -1e300, Number.MIN_VALUE];
const strings = client.publisher("strings/text", { qos: 1 });
const decimals = client.publisher("strings/number", { qos: 1, decimals: 3 });

let turn = 0;
setInterval(() => {
  strings.publish(texts[turn % texts.length]!);
  decimals.publish(numbers[turn % numbers.length]!);
  client.publish(`strings/${turn}`, `turn ${turn} at ${platform.clock.now()} by ${platform.random()}`);
  turn++;
}, 1_000);

client.subscribe("#", 0, (message) => console.log(message.topic, message.text(), message.length));
client.onDisconnect = (reason) => console.log(reason);
client.connect();
