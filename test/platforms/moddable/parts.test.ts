// The optional parts of the client, compiled apart from it as a Moddable project has them.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { packageRoot, partsForModdable } from "../../../tools/cli/package.ts";
import { compileModules } from "../../../tools/moddable/modules.ts";
import { describeWith } from "../../support/require.ts";
import { xs } from "../../tools/simulator/engine.ts";
import { ShimDevice, stopDevices } from "./device.ts";

afterEach(stopDevices);

interface Manifest {
  modules: Record<string, string>;
  preload: string;
}

const modules = compileModules();

/** The specifiers that a module imports. */
async function importsOf(specifier: string): Promise<Set<string>> {
  const { code } = (await modules).find((module) => module.specifier === specifier)!;
  return new Set([...code.matchAll(/(?:from|import) ?"([^"]*)"/g)].map(([, imported]) => imported!));
}

describe("each optional part", () => {
  test.each(partsForModdable().filter((part) => part !== "lean"))(
    "%s has a manifest that names its module",
    async (part) => {
      const name = part.replaceAll("/", "-");
      const manifest = join(packageRoot, "platforms/moddable", `manifest-${name}.json`);
      expect(existsSync(manifest), `${manifest} is missing`).toBe(true);
      const { modules: listed, preload } = JSON.parse(readFileSync(manifest, "utf8")) as Manifest;
      expect(listed).toEqual({ [`mote-mqtt/${part}`]: `../../dist/moddable/${name}` });
      expect(preload).toBe(`mote-mqtt/${part}`);
      expect((await modules).map(({ file }) => file)).toContain(`${name}.js`);
    },
  );

  test("has its tables frozen: XS would keep them in memory", async () => {
    const tables = Object.entries({
      "mote-mqtt": 2, // Reason and Published, by name
      "mote-mqtt/utf8-text": 1,
      "mote-mqtt/describe": 1,
      "mote-mqtt/lean": 0,
      "mote-mqtt/v5": 4, // Property, ReasonCode and RetainHandling, by name; the sentences
      "embedded:network/mqtt/client": 0,
    });
    for (const [specifier, count] of tables) {
      const { code } = (await modules).find((module) => module.specifier === specifier)!;
      expect([specifier, code.match(/Object\.freeze\(/g)?.length ?? 0]).toEqual([specifier, count]);
    }
  });

  test("extends the core's own client, and has no copy of it", async () => {
    const v5 = (await modules).find(({ specifier }) => specifier === "mote-mqtt/v5")!;
    expect(v5.code).toMatch(/import ?\{Client as \w+\} ?from"mote-mqtt"/);
    for (const { specifier, code } of await modules) {
      const isCore = specifier === "mote-mqtt";
      expect([specifier, code.includes("reconnectMaxMs"), code.includes("maximumSubscriptions is")]).toEqual([
        specifier,
        isCore || specifier === "mote-mqtt/lean",
        isCore,
      ]);
    }
  });
});

describe("the lean client", () => {
  test("brings nothing of the full one, nor does its platform", async () => {
    expect(await importsOf("mote-mqtt/lean")).toEqual(new Set());
    expect(await importsOf("mote-mqtt/describe")).toEqual(new Set());
    expect(await importsOf("mote-mqtt/utf8-text")).toEqual(new Set());
    const ofMote = [...(await importsOf("mote-mqtt/moddable"))].filter((path) => path.startsWith("mote-mqtt"));
    expect(ofMote).toEqual(["mote-mqtt/utf8-text"]);
  });

  test("runs the example with other imports, and nothing else changed", () => {
    const [full, lean] = ["main.js", "lean/main.js"].map((file) =>
      readFileSync(join(packageRoot, "platforms/moddable/example", file), "utf8"),
    );
    const from = (text: string): string => text.slice(text.indexOf("import { platform }"));
    expect(from(lean!)).toBe(from(full!));
    expect(lean).toContain(`import { Client } from "mote-mqtt/lean";`);
  });

  test("has a manifest at the root, which names all that it takes", () => {
    const read = (name: string): { include: string | string[] } & Manifest =>
      JSON.parse(readFileSync(join(packageRoot, name), "utf8")) as { include: string | string[] } & Manifest;
    const { include, modules: listed, preload } = read("manifest-lean.json");
    // What is left out mcpack would bring, which includes manifest.json in any case.
    expect(listed).toEqual({ "~": "./dist/moddable/mote-mqtt", "mote-mqtt/lean": "./dist/moddable/lean" });
    expect(preload).toBe("mote-mqtt/lean");
    expect(include).toBe("./platforms/moddable/manifest-platform.json");
    const platform = read("platforms/moddable/manifest-platform.json");
    expect(platform.modules).toEqual({ "mote-mqtt/moddable": "../../dist/moddable/moddable" });
    expect(platform.include).toContain("./manifest-utf8-text.json");
  });
});

function hex(text: string): string {
  return Buffer.from(text).toString("hex");
}

const PROGRAM = `
  import { Client } from "mote-mqtt";
  import { platform } from "mote-mqtt/moddable";
  import { ExactlyOnce } from "mote-mqtt/qos2";
  import { Streaming } from "mote-mqtt/streaming";
  const client = new Client(platform, {
    url: "mqtt://broker.test", clientId: "c", keepAlive: 0, tickMs: 50, exactlyOnce: new ExactlyOnce(),
  });
  const streaming = new Streaming(client);
  const large = streaming.publisher("large");
  large.onEnd = (reason) => host.print("end " + reason);
  client.subscribe("set/#", 2, (message) => host.print(message.topic + "=" + message.text()));
  client.onConnect = () => {
    client.publish("a", "b", { qos: 2 });
    host.print("begun " + large.begin(4));
  };
  large.onWritable = () => {
    large.write(new Uint8Array([1, 2, 3, 4]));
    large.end();
  };
  client.onDisconnect = (reason) => host.print("lost " + reason);
  client.connect();
`;

describeWith(xs, "on a client of the core", () => {
  test("QoS 2 goes both ways, and a message is streamed", async () => {
    const device = await ShimDevice.run(PROGRAM);
    await device.connect(60_000);
    await device.pass(100);
    expect(device.writes.join("")).toContain(`34060001${hex("a")}0002${hex("b")}`);
    expect(device.writes.join("")).toContain(`300b0005${hex("large")}01020304`);
    await device.receive("50020002");
    expect(device.writes.at(-1)).toBe("62020002");
    await device.receive("70020002");
    const message = `340a0005${hex("set/x")}0009${hex("y")}`;
    await device.receive(message);
    expect(device.writes.at(-1)).toBe("50020009");
    await device.receive(message.replace("34", "3c"));
    await device.receive("62020009");
    expect(device.writes.at(-1)).toBe("70020009");
    expect(device.lines).toEqual(["begun true", "end 0", "set/x=y"]);
  });

  test("MQTT 5 is spoken, and its reasons have the core's names", async () => {
    const device = await ShimDevice.run(`
      import { Reason as ReasonOfCore } from "mote-mqtt";
      import { platform } from "mote-mqtt/moddable";
      import { Client, describe, Reason } from "mote-mqtt/v5";
      const client = new Client(platform, { url: "mqtt://broker.test", clientId: "c", keepAlive: 0, tickMs: 50 });
      client.subscribe("set/#", 1, (message) => host.print(message.topic + "=" + message.text()));
      client.onDisconnect = (reason) => host.print((Reason === ReasonOfCore) + " " + describe(reason));
      client.connect();
    `);
    await device.up(60_000);
    expect(device.writes[0]).toMatch(/^10..00044d515454050200000/);
    await device.receive("2003000000");
    expect(device.writes[1]).toMatch(new RegExp(`^82.*${hex("set/#")}01$`));
    await device.receive(`30080005${hex("set/x")}00`);
    await device.receive("e0018b");
    expect(device.lines).toEqual(["set/x=", "true The broker is shutting down: it is tried again."]);
  });

  test("requests are answered, both ways", async () => {
    const device = await ShimDevice.run(`
      import { platform } from "mote-mqtt/moddable";
      import { Requests, Responder } from "mote-mqtt/requests";
      import { Client, Reason } from "mote-mqtt/v5";
      const client = new Client(platform, { url: "mqtt://broker.test", clientId: "c", keepAlive: 0, tickMs: 50 });
      const requests = new Requests(client, { responseTopic: "r", timeoutMs: 500 });
      const told = (reason, message) => host.print(Reason[reason] + " " + (message ? message.text() : ""));
      const requester = requests.requester("q", {}, told);
      const responder = new Responder(client);
      client.subscribe("ask", 0, (message) => responder.respond(message, "yes"));
      client.onConnect = () => { requester.request("one"); requester.request("two"); };
      client.connect();
    `);
    await device.up(60_000);
    await device.receive("2003000000");
    const asked = device.writes.join("").match(new RegExp(`0004(........)${hex("two")}`.replace("0004", "090004")))!;
    await device.receive(`300c0001${hex("r")}07090004${asked[1]}79`);
    await device.receive(`300d0003${hex("ask")}07080001${hex("t")}090000`);
    expect(device.writes.at(-1)).toBe(`300a0001${hex("t")}03090000${hex("yes")}`);
    await device.pass(600);
    expect(device.lines).toEqual(["OK y", "RESPONSE_TIMEOUT "]);
  });

  test("an offline queue drops what is too much, and what is too old", async () => {
    const device = await ShimDevice.run(`
      import { Client, Published } from "mote-mqtt";
      import { Metrics } from "mote-mqtt/metrics";
      import { platform } from "mote-mqtt/moddable";
      import { OfflineQueue } from "mote-mqtt/queue";
      const metrics = new Metrics(platform);
      const client = new Client(metrics, {
        url: "mqtt://broker.test", clientId: "c", keepAlive: 0, tickMs: 50, outboxBytes: 90,
      });
      const queue = new OfflineQueue(client, { whenFull: "drop-oldest", qos0: "drop", metrics });
      const brittle = queue.publisher("b", { qos: 1, expiryMs: 100 });
      const newest = queue.publisher("n", { qos: 1, whenFull: "drop-newest" });
      const lasting = client.publisher("l", { qos: 1 });
      host.print([brittle, lasting, lasting, newest].map((one) => one.publish("0123456789")).join());
      host.print(String(client.publish("z", "") === Published.DROPPED));
      lasting.publish("abcdefghij");
      brittle.publish("");
      queue.onDropped = (count) => host.print("dropped " + count);
      client.onConnect = () => host.print([metrics.droppedOldest, metrics.droppedNewest, metrics.droppedOffline, metrics.expired].join());
      client.connect();
    `);
    await device.pass(300);
    await device.connect(60_000);
    expect(device.writes.slice(1).join("")).toBe(
      ["0123456789", "abcdefghij"].map((text, index) => `320f0001${hex("l")}000${index + 2}${hex(text)}`).join(""),
    );
    expect(device.lines).toEqual(["1,1,1,4", "true", "dropped 4", "dropped 1", "2,1,1,1"]);
  });
});
