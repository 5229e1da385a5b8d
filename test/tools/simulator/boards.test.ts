// Programs for boards run in the simulator as they are: what they import of the board is there.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Broker } from "../../../tools/broker/broker.ts";
import { packageRoot } from "../../../tools/cli/package.ts";
import { bundle } from "../../../tools/simulator/bundle.ts";
import { Device } from "../../../tools/simulator/device.ts";
import { Journal } from "../../support/journal.ts";
import { RealClient } from "../../support/real-client.ts";
import { itWith } from "../../support/require.ts";
import { xs } from "./engine.ts";

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "mote-boards-"))));
afterAll(() => rm(folder, { recursive: true }));

const running: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function start(file: string, settings: Record<string, unknown>, engine: "xs" | "node" = "node") {
  const lines = new Journal<string>();
  const options = { engine, settings: JSON.stringify(settings), seed: 1, onPrint: (line: string) => lines.add(line) };
  const device = await Device.create({ ...options, onEnd: (message) => lines.add(message) });
  running.push(device);
  await device.start((await bundle(file)).code);
  return lines;
}

describe("a program that is flashed", () => {
  it.each([
    ["Moddable", "platforms/moddable/example/main.js", "greenhouse/d1"],
    ["Moddable, lean", "platforms/moddable/example/lean/main.js", "greenhouse/d1"],
    ["Espruino", "platforms/espruino/example/sensor.ts", "sensors/d1"],
  ])("%s: the example runs as it is, and obeys", (_, file, root) => exampleRuns(join(packageRoot, file), root, "node"));

  itWith(xs, "and so it does on the real XS engine", () =>
    exampleRuns(join(packageRoot, "platforms/moddable/example/main.js"), "greenhouse/d1", "xs"),
  );
});

async function exampleRuns(file: string, root: string, engine: "xs" | "node"): Promise<void> {
  const broker = await Broker.start({ port: 0 });
  running.push(broker);
  const watcher = await (await new RealClient({ url: broker.url, clientId: "watcher" }).connect()).subscribe("#");
  const lines = await start(file, { url: broker.url, id: "d1" }, engine);
  await watcher.messages.has(`${root}/state online`);
  watcher.client.publish(`${root}/set/interval`, 50, { qos: 1 });
  // At the interval of a second that it begins with, this would take twenty.
  await watcher.messages.until(
    (all) => all.filter((message) => message.startsWith(`${root}/temperature 2`)).length > 20,
  );
  expect(lines.items.filter((line) => !line.endsWith("connected"))).toEqual([]);
}

describe("what a board has", () => {
  it("is Moddable's timer, trace, and config: the manifest's, under the device's settings", async () => {
    await writeFile(
      join(folder, "manifest.json"),
      JSON.stringify({ config: { id: "from the manifest", room: "b" }, modules: { "*": "./main", lamp: "./lamp" } }),
    );
    await writeFile(join(folder, "lamp.js"), `export default "lit";`);
    const program = join(folder, "main.js");
    await writeFile(
      program,
      `import config from "mc/config"; import Timer from "timer"; import lamp from "lamp";
       trace(config.id, " ", config.room, " ", lamp, "\\n");
       let count = 0;
       const never = Timer.set(() => trace("never\\n"), 1);
       Timer.clear(never);
       Timer.set(() => {
         const timer = Timer.repeat(() => {
           trace(\`\${++count}\\n\`);
           if (count === 2) Timer.clear(timer);
         }, 1);
       }, 1);
       Timer.set(() => trace("after 1, then every 2\\n"), 1, 2);`,
    );
    const lines = await start(program, { id: "d1" });
    await lines.until((all) => all.filter((line) => line.startsWith("after")).length > 3 && all.includes("2"));
    expect(lines.items[0]).toBe("d1 b lit");
    expect(lines.items).not.toContain("never");
    expect(lines.items).not.toContain("3");
  });

  it("is what Espruino was provisioned with, and a Wi-Fi that is there", async () => {
    const program = join(folder, "sensor.ts");
    await writeFile(
      program,
      `const storage = require("Storage");
       console.log(JSON.stringify(storage.readJSON("mote.json", true)), storage.readJSON("other.json", true));
       require("Wifi").on("disconnected", () => console.log("lost"));
       require("Wifi").connect("garden", { password: "" }, (error) => console.log("joined", error));`,
    );
    const lines = await start(program, { url: "mqtts://broker.example:8884", id: "d1", room: "b" });
    await lines.count(2);
    expect(JSON.parse(lines.items[0]!.replace(/ undefined$/, ""))).toMatchObject({
      host: "broker.example",
      port: 8884,
      tls: true,
      clientId: "d1",
      room: "b",
    });
    expect(lines.items[0]).toMatch(/ undefined$/);
    expect(lines.items[1]).toBe("joined null");
  });

  it("cannot be had from a manifest that is none", async () => {
    const other = await mkdtemp(join(folder, "broken-"));
    await writeFile(join(other, "manifest.json"), "{");
    await writeFile(join(other, "main.js"), "");
    await expect(bundle(join(other, "main.js"))).rejects.toThrow(/broken-.*manifest\.json is no JSON: .*\.$/);
  });
});
