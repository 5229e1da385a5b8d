// Sends a request a second, and answers those that come to "ask".

import { Requests, Responder } from "mote-mqtt/requests";
import { onReport, platform, report, settings } from "mote-mqtt/simulator";
import { Client } from "mote-mqtt/v5";

const client = new Client(platform, { url: "mqtt://broker:1883", clientId: "counted", keepAlive: 0 });
const requests = new Requests(client, { responseTopic: "greenhouse/7/answers", timeoutMs: 2_500 });
const responder = new Responder(client, { qos: 1, contentType: "text/plain" });

let answered = 0;
let timedOut = 0;
let responded = 0;

const requester = requests.requester("ask/other", { qos: 1 }, (_reason, message) => {
  if (message) answered++;
  else timedOut++;
});
client.subscribe("ask", 1, (message) => {
  if (responder.respond(message, message.bytes, message.start, message.end)) responded++;
});
client.connect();
if (settings.ask) setInterval(() => requester.request(21.5), 1_000);

onReport(() => {
  report("answered", answered);
  report("timedOut", timedOut);
  report("responded", responded);
  report("unmatched", requests.unmatched);
  report("waiting", requests.waiting);
});
