// Every way to a broker that there is on Moddable, for the test beside this: each says "online", and echoes what it gets.

import config from "mc/config";
import TCP from "embedded:io/socket/tcp";
import UDP from "embedded:io/socket/udp";
import Resolver from "embedded:network/dns/resolver/udp";
import MQTTClient from "embedded:network/mqtt/client";
import { Client, Reason } from "mote-mqtt";
import { createPlatform, platform } from "mote-mqtt/moddable";
import { tls } from "mote-mqtt/moddable/tls";
import { webSocket } from "mote-mqtt/moddable/websocket";
import Resource from "Resource";

const identity = {
  clientCertificates: [new Resource("client.der")],
  clientKey: new Resource("client-key.der").slice(0),
};
const known = { certificateAuthority: new Resource("authority.der"), applicationProtocols: ["mqtt"] };
const withTls = (options) => createPlatform({ mqtts: tls(options) });

function start(name, platform, url) {
  const client = new Client(platform, { url, clientId: name, receiveBytes: 4096, outboxBytes: 4096 });
  const out = client.publisher(`sdk/${name}/out`, { qos: 1 });
  client.subscribe(`sdk/${name}/in`, 1, (message) => out.publish(message.bytes, message.start, message.end));
  client.onConnect = () => client.publish(`sdk/${name}/state`, "online", { qos: 1 });
  client.onDisconnect = (reason) => {
    // In a line of its own: the SDK's TCP for Linux writes "write failed" without an end.
    trace(`\n${name}: ${Object.keys(Reason).find((key) => Reason[key] === reason)}\n`);
    client.onDisconnect = undefined;
    client.disconnect();
  };
  client.connect();
}

start("mqtts", withTls({ ...known, ...identity }), config.mqtts);
start("named", withTls({ ...known, ...identity, serverName: "localhost" }), config.mqtts);
start("ws", webSocket(platform), config.ws);
start("wss", webSocket(withTls({ ...known, ...identity })), config.wss);

// What has to fail.
start("stranger", withTls({ ...known, ...identity, certificateAuthority: new Resource("stranger.der") }), config.mqtts);
start("misnamed", withTls({ ...known, ...identity, serverName: "other.test" }), config.mqtts);
start("anonymous", withTls(known), config.mqtts);
start("no-websocket", webSocket(platform), config.noWebSocket);

let text = "";
const standard = new MQTTClient({
  socket: { io: TCP },
  dns: { io: Resolver, servers: ["127.0.0.1"], socket: { io: UDP } },
  host: "127.0.0.1",
  port: Number(config.port),
  id: "standard",
  onControl(operation) {
    if (operation === MQTTClient.CONNACK) {
      this.write(null, { operation: MQTTClient.SUBSCRIBE, items: [{ topic: "sdk/standard/in", QoS: 1 }] });
    } else if (operation === MQTTClient.SUBACK) {
      this.write(ArrayBuffer.fromString("online"), { topic: "sdk/standard/state", QoS: 1 });
    }
  },
  onReadable(count, options) {
    text += String.fromArrayBuffer(this.read());
    if (options.more) return;
    this.write(ArrayBuffer.fromString(`${text.length} ${text.slice(0, 8)}`), { topic: "sdk/standard/out", QoS: 1 });
    text = "";
  },
  onError: () => trace("standard: error\n"),
});
globalThis.kept = standard;
