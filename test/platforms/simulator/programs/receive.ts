// Subscribes through wildcards; what a handler does with a message, `settings.handler` says.

import { Client, type Message, readDecimal } from "mote-mqtt";
import { onReport, platform, report, settings } from "mote-mqtt/simulator";

const client = new Client(platform, { url: "mqtt://broker:1883", clientId: "counted", keepAlive: 0 });

let count = 0;
let sum = 0;

const handlers: Record<string, (message: Message) => unknown> = {
  bytes: ({ bytes, start, end }) => {
    for (let at = start; at < end; at++) sum += bytes[at];
  },
  number: (message) => (sum += readDecimal(message.bytes, message.start, message.end)),
  text: (message) => message.text(),
  topic: (message) => message.topic,
};
const handle = handlers[String(settings.handler)];
const handler = (message: Message): void => {
  count++;
  handle(message);
};

client.subscribe("greenhouse/+/set", 1, handler);
client.subscribe("alarm/#", 1, handler);
client.subscribe("other/#", 0, handler);
client.onMessage = () => console.log("no subscription matched");
client.connect();

onReport(() => {
  report("count", count);
  report("sum", sum);
});
