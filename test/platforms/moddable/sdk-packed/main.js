// A project that has a package.json in the place of a manifest, for the test beside this.

import config from "mc/config";
import { Client } from "mote-mqtt";
import { platform } from "mote-mqtt/moddable";
import { ExactlyOnce } from "mote-mqtt/qos2";

const client = new Client(platform, { url: config.url, clientId: "packed", exactlyOnce: new ExactlyOnce() });
client.onConnect = () => client.publish("greenhouse/packed/state", "online", { qos: 2 });
client.connect();
