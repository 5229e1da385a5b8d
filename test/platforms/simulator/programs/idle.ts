// Connects, keeps the connection alive, and comes back: says what happened, and counts.

import { Client, describe, type Published } from "mote-mqtt";
import { onReport, platform, report, settings } from "mote-mqtt/simulator";

const client = new Client(platform, {
  url: "mqtt://broker:1883",
  clientId: "counted",
  keepAlive: Number(settings.keepAlive ?? 60),
  cleanSession: settings.cleanSession !== false,
  reconnectMaxMs: 4_000,
});
const publisher = client.publisher("counted/sample", { qos: 1 });
client.subscribe("counted/set/#", 1, () => undefined);
client.subscribe("counted/reconnect", 1, () => {
  client.disconnect();
  client.connect();
});

let connections = 0;
let losses = 0;
let published = 0;
let result: Published | undefined;

client.onConnect = () => {
  connections++;
};
client.onDisconnect = (reason) => {
  losses++;
  if (!settings.silent) console.log(describe(reason));
};
if (settings.publish) {
  setInterval(() => {
    result = publisher.publish(published + 1);
    if (result) published++;
  }, 1_000);
}
client.connect();

onReport(() => {
  report("connections", connections);
  report("losses", losses);
  report("published", published);
  report("waiting", client.queued + client.inFlight);
});
