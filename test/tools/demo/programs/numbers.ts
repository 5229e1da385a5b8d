// Publishes the numbers from 1 up to `settings.count` with QoS 1, as fast as the outbox accepts them, a few at a time.

import { Client, Published } from "mote-mqtt";
import { onReport, platform, report, settings } from "mote-mqtt/simulator";

const client = new Client(platform, {
  url: String(settings.url),
  clientId: String(settings.id),
  reconnectMinMs: 20,
  reconnectMaxMs: 40,
  tickMs: 10,
});
const publisher = client.publisher(`numbers/${settings.id}`, { qos: 1 });
const count = Number(settings.count);

let accepted = 0;
let refused = 0;
let connections = 0;
let losses = 0;

setInterval(() => {
  for (let few = 0; few < 2 && accepted < count; few++) {
    if (publisher.publish(accepted + 1) === Published.FULL) refused++;
    else accepted++;
  }
}, 5);
client.onConnect = () => connections++;
client.onDisconnect = () => losses++;
client.connect();

onReport(() => {
  report("accepted", accepted);
  report("acknowledged", accepted - client.queued - client.inFlight);
  report("refused", refused);
  report("connections", connections);
  report("losses", losses);
});
