import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { bundleForEspruino } from "../../../tools/build/espruino.ts";
import { printed } from "../../acceptance/device.ts";
import { ScriptedBroker, wellBehaved } from "../../acceptance/scripted-broker.ts";
import { Sandbox } from "./sandbox.ts";

const folder = mkdtempSync(join(tmpdir(), "mote-espruino-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("No more than two segments wait in the engine, however much the outbox holds", async () => {
  const broker = await ScriptedBroker.start(wellBehaved);
  const file = join(folder, "program.ts");
  writeFileSync(
    file,
    `import { Client } from "mote-mqtt";
     import { platform } from "mote-mqtt/espruino";
     const client = new Client(platform, { url: "${broker.url}", outboxBytes: 16384 });
     client.onConnect = () => {
       let taken = 0;
       while (client.publish("topic", "x".repeat(200))) taken++;
       console.log("took " + taken);
     };
     client.connect();`,
  );
  const device = new Sandbox(await bundleForEspruino(file));
  const taken = Number((await printed(device, /^took/)).slice(5));
  expect(taken).toBeGreaterThan(70);
  await broker.until("publish", taken);
  // A drain may be on its way while more is written: then as much again.
  expect(device.mostUnsent).toBeLessThanOrEqual(2 * 1_072);
  await device.kill();
  await broker.stop();
});

test.each([
  ["the client for Espruino", ""],
  ["the portable client", `import "mote-mqtt/qos2";`],
])("%s goes on though every handler throws: after an exception Espruino leaves out events", async (_, part) => {
  const broker = await ScriptedBroker.start((packet, connection) => {
    wellBehaved(packet, connection);
    if (packet.cmd !== "subscribe" && packet.cmd !== "puback") return;
    const messageId = packet.cmd === "puback" ? packet.messageId! + 1 : 1;
    connection.send({ cmd: "publish", topic: "topic", payload: "", qos: 1, messageId, dup: false, retain: false });
  });
  const file = join(folder, "throws.ts");
  writeFileSync(
    file,
    `import { Client } from "mote-mqtt"; ${part}
     import { platform } from "mote-mqtt/espruino";
     const client = new Client(platform, { url: "${broker.url}" });
     client.subscribe("topic", 1, () => { throw new Error("my mistake"); });
     client.connect();`,
  );
  const device = new Sandbox(await bundleForEspruino(file));
  await broker.until("puback", 400);
  expect(broker.connections).toHaveLength(1);
  expect(device.lines.filter((line) => !line.startsWith("Uncaught Error: my mistake"))).toEqual([]);
  await device.kill();
  await broker.stop();
});
