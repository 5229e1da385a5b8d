// A sensor with a saved session, to be killed: publishes with QoS 1 and 2 in turn and receives with QoS 2, and says at once
// what was accepted and what it got. Once it reads a line it publishes no more, and says when all is delivered.

import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { Client } from "../../../../src/client/client.ts";
import { Published } from "../../../../src/client/publisher.ts";
import { ExactlyOnce } from "../../../../src/qos2.ts";
import { SavedSession } from "../../../../src/store.ts";
import { fileStore, platform } from "../../../../platforms/node/index.ts";

const { url, folder, life } = JSON.parse(process.argv[2]) as { url: string; folder: string; life: number };

/** Written before it returns, so that the parent has it whatever comes next. */
const say = (line: string): unknown => writeSync(1, `${line}\n`);

const client = new Client(platform, {
  url,
  clientId: "saved-sensor",
  cleanSession: false,
  tickMs: 5,
  reconnectMinMs: 10,
  reconnectMaxMs: 100,
  exactlyOnce: new ExactlyOnce(),
});
const session = new SavedSession(client, fileStore(folder));
say(`restored ${session.restored}`);
client.subscribe("down", 2, (message) => say(`got ${message.text()}`)).onGranted = () => say("subscribed");
client.connect();

let count = 0;
const timer = setInterval(() => {
  const qos = count % 2 ? 2 : 1;
  const text = `${life}-${count}`;
  if (client.publish(`up/${qos}`, text, { qos }) === Published.FULL) return;
  count++;
  say(`accepted ${qos} ${text}`);
}, 1);

const input = createInterface(process.stdin);
input.once("line", () => {
  clearInterval(timer);
  setInterval(() => {
    if (client.connected && client.queued + client.inFlight === 0) say(`drained ${session.damaged}`);
  }, 20);
});
// Whoever started it is gone, by whatever end: nobody else would kill it.
input.once("close", () => process.exit());
