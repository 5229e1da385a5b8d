// The same with the lean client, and no other.

import config from "mc/config";
import { Client } from "mote-mqtt/lean";
import { platform } from "mote-mqtt/moddable";

const client = new Client(platform, { url: config.url, clientId: "packed-lean" });
client.onConnect = () => client.publish("greenhouse/packed-lean/state", "online", { qos: 1 });
client.connect();
