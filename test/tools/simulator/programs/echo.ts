// Publishes `count` messages of `size` bytes to itself, and counts what comes back.

import { Client, describe, Published } from "mote-mqtt";
import { onReport, platform, report, settings } from "mote-mqtt/simulator";

const client = new Client(platform, {
  url: String(settings.url),
  clientId: "echo",
  outboxBytes: 8_192,
  receiveBytes: 4_096,
  reconnectMinMs: 20,
  reconnectMaxMs: 40,
  tickMs: 10,
});
const qos = settings.qos === 1 ? 1 : 0;
const publisher = client.publisher("echo", { qos });
const payload = new Uint8Array(Number(settings.size ?? 0)).fill(0x2e);
const count = Number(settings.count ?? 0);
let accepted = 0;
let received = 0;

client.subscribe("echo", qos, ({ length }) => {
  if (length === payload.length) received++;
  if (received === settings.failAt) throw new Error("sensor is broken");
  if (received === count) console.log("all came back");
}).onGranted = () => setInterval(publish, 5);

function publish(): void {
  while (accepted < count && publisher.publish(payload) !== Published.FULL) accepted++;
}

client.onConnect = () => console.log("connected");
client.onDisconnect = (reason) => console.log(describe(reason));
client.connect();

onReport(() => {
  report("received", received);
  report("waiting", client.queued + client.inFlight);
});
