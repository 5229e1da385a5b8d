// A greenhouse sensor on a battery: it wakes, measures, connects, sends, waits until everything is acknowledged, and
// sleeps. setup/awake ends a waking in which that does not happen: what was not sent is in flash, and goes with what the
// next waking measures.

import config from "mc/config";
import deepSleep from "deep-sleep";
import greenhouse from "greenhouse";
import { Client, describe } from "mote-mqtt";
import { platform } from "mote-mqtt/moddable";
import { FlashStore } from "mote-mqtt/moddable/flash-store";
import { SavedSession } from "mote-mqtt/store";
import Timer from "timer";

const root = `greenhouse/${config.id}`;

/** @type {Client} */
const client = new Client(platform, { url: config.url, clientId: config.id, cleanSession: false });
const session = new SavedSession(client, new FlashStore());
trace(`${config.id}: awake, ${session.restored} messages of earlier times\n`);

const temperature = client.publisher(`${root}/temperature`, { qos: 1, decimals: 2 });
const humidity = client.publisher(`${root}/humidity`, { qos: 1, decimals: 1 });
greenhouse.next();
temperature.publish(greenhouse.temperature);
humidity.publish(greenhouse.humidity);

const LOOK_MS = 50;
const looking = Timer.repeat(() => {
  if (client.queued + client.inFlight + session.waiting > 0) return;
  Timer.clear(looking);
  client.disconnect();
  trace(`${config.id}: all is sent\n`);
  Timer.set(() => deepSleep(Number(config.sleepMs)), LOOK_MS); // DISCONNECT goes out meanwhile
}, LOOK_MS);

client.onDisconnect = (reason) => trace(`${config.id}: ${describe(reason)}\n`);
client.connect();
