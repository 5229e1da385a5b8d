// The optional parts of the client on Moddable, for the test beside this.

import config from "mc/config";
import { Client } from "mote-mqtt";
import { platform } from "mote-mqtt/moddable";
import { ExactlyOnce } from "mote-mqtt/qos2";
import { Streaming } from "mote-mqtt/streaming";
import { Client as Client5 } from "mote-mqtt/v5";

// Echoes with QoS 2, in MQTT 3.1.1 and in MQTT 5.
for (const [name, Version] of [
  ["three", Client],
  ["five", Client5],
]) {
  const client = new Version(platform, { url: config.url, clientId: name, exactlyOnce: new ExactlyOnce() });
  const out = client.publisher(`sdk/${name}/out`, { qos: 2, userProperties: [["from", name]] });
  client.subscribe(`sdk/${name}/in`, 2, (message) => {
    out.publish(message.bytes, message.start, message.end);
    trace(`${name}: QoS ${message.qos}\n`);
  });
  client.onConnect = () => client.publish(`sdk/${name}/state`, "online", { qos: 1 });
  client.connect();
}

// Counts what comes in pieces, and sends as much.
const client = new Client(platform, { url: config.url, clientId: "large" });
const streaming = new Streaming(client);
const large = streaming.publisher("sdk/large/out", { qos: 1 });
const zeros = new Uint8Array(1_000);
let pieces = 0;
client.subscribe(
  "sdk/large/in",
  1,
  streaming.pieces((piece) => {
    pieces++;
    if (!piece.last) return;
    trace(`large: ${piece.total} bytes, ${pieces > 1}\n`);
    large.begin(piece.total);
  }),
);
large.onWritable = () => {
  while (large.missing > 0) {
    const size = Math.min(large.missing, zeros.length);
    if (large.write(zeros, 0, size) < size) return;
  }
  large.end();
};
large.onEnd = (reason) => trace(`large: ended with ${reason}\n`);
client.onConnect = () => client.publish("sdk/large/state", "online", { qos: 1 });
client.connect();
