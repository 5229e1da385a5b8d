import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { packageRoot } from "../../../tools/cli/package.ts";
import { bundle } from "../../../tools/simulator/bundle.ts";
import type { Board } from "../../../tools/simulator/machine.ts";
import { NodeMachine } from "../../../tools/simulator/node-machine.ts";

// Outside of the package: what a stranger's sensor is.
let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), "mote-program-"))));
afterEach(() => rm(folder, { recursive: true }));

async function file(content: string, name = "sensor.ts"): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

/** What a program prints, and where it connects to. */
async function run(path: string, settings = ""): Promise<string[]> {
  const did: string[] = [];
  const board: Board = {
    open: (_socket, hostname, port) => did.push(`opens ${hostname}:${port}`),
    write: () => undefined,
    close: () => undefined,
    wakeAt: () => undefined,
    print: (line) => did.push(line),
    onEnd: (message) => did.push(message),
  };
  const machine = new NodeMachine(board, { settings, seed: 1 });
  await machine.start((await bundle(path)).code);
  await machine.stop();
  return did;
}

describe("a program", () => {
  it("has one free name, host, and a size", async () => {
    const { code, bytes } = await bundle(await file(`console.log("grün");`));
    expect(bytes).toBe(Buffer.byteLength(code));
    expect(code).toContain("host.preloaded()");
    expect(code).not.toMatch(/\b(import|export|require)\b/);
  });

  it("has the parts of Mote that it imports, and no others, before its own beginning", async () => {
    const program = (path: string): Promise<string> =>
      file(`import { Client } from "${path}"; console.log("mine", Client);`);
    const sentence = "sessionExpiryInterval must be 0";
    const preloaded = async (path: string): Promise<string> =>
      (await bundle(await program(path))).code.split("host.preloaded()")[0];
    expect(await preloaded("mote-mqtt/v5")).toContain(sentence);
    expect(await preloaded("mote-mqtt/v5")).not.toContain("mine");
    expect(await preloaded("mote-mqtt")).not.toContain(sentence);
    expect(await preloaded("mote-mqtt/lean")).toContain("filter has more than 240 bytes");
    expect(await preloaded("mote-mqtt/lean")).not.toContain("maximumSubscriptions is");
  });

  it.each(["simulator", "moddable", "espruino", "node", "browser"])(
    "that imports mote-mqtt/%s gets the simulator's platform",
    async (platform) => {
      const path = await file(`
        import { Client } from "mote-mqtt";
        import { platform } from "mote-mqtt/${platform}";
        const client = new Client(platform, { url: "mqtt://broker.example", clientId: "a" });
        client.connect();
      `);
      expect(await run(path)).toEqual(["opens broker.example:1883"]);
    },
  );

  it("may be JavaScript, and have modules and packages of its own", async () => {
    await mkdir(join(folder, "node_modules/thermometer"), { recursive: true });
    await file(`export const read = () => 21.5;`, "node_modules/thermometer/index.js");
    await file(`export const unit: string = "°C";`, "unit.ts");
    const path = await file(
      `import { read } from "thermometer"; import { unit } from "./unit"; console.log(read(), unit);`,
      "sensor.js",
    );
    expect(await run(path)).toEqual(["21.5 °C"]);
  });

  it("has the codec, its settings, and the global functions of an engine", async () => {
    const path = await file(`
      import { PacketType } from "mote-mqtt/codec";
      import { settings } from "mote-mqtt/simulator";
      const timer = setTimeout(() => {}, 5); clearTimeout(timer); clearInterval(setInterval(() => {}, 5));
      trace("traced"); console.warn("warned"); console.error(PacketType.CONNACK, settings.id);
    `);
    expect(await run(path, `{"id":"a"}`)).toEqual(["traced", "warned", "2 a"]);
  });

  it("has each part that the package exports", async () => {
    const { exports } = JSON.parse(await readFile(join(packageRoot, "package.json"), "utf8")) as {
      exports: Record<string, unknown>;
    };
    const parts = Object.keys(exports).filter((part) => part !== "./package.json" && !part.startsWith("./moddable/"));
    expect(parts).toContain("./qos2");
    const imports = parts.map((part, index) => `import * as part${index} from "${part.replace(".", "mote-mqtt")}";`);
    const names = parts.map((_, index) => `Object.keys(part${index}).length > 0`);
    const path = await file(`${imports.join("\n")}\nconsole.log([${names.join(", ")}].join(" "));`);
    expect(await run(path)).toEqual([parts.map(() => "true").join(" ")]);
  });

  it("is evaluated after Mote's own modules, which are preloaded", async () => {
    const { code } = await bundle(await file(`setTimeout(() => console.log("mine"), 5);`));
    expect(code.indexOf("host.listen")).toBeGreaterThan(0);
    expect(code.indexOf("host.preloaded()")).toBeGreaterThan(code.indexOf("host.listen"));
    expect(code.indexOf(`"mine"`)).toBeGreaterThan(code.indexOf("host.preloaded()"));
  });
});

describe("what cannot be bundled is told in a sentence", () => {
  it.each([
    { what: "syntax", content: "const a = 1;\nconst = 2;", says: /sensor\.ts:2: Expected identifier but found "="/ },
    {
      what: "an unknown part",
      content: `import "mote-mqtt/bluetooth";`,
      says: /:1: mote-mqtt has no part "bluetooth"/,
    },
    {
      what: "a deeper part",
      content: `import "mote-mqtt/src/client";`,
      says: /:1: mote-mqtt has no part "src\/client"/,
    },
    {
      what: "what only a device has",
      content: `import "mote-mqtt/moddable/tls";`,
      says: /:1: mote-mqtt\/moddable\/tls is for a device: it cannot be simulated/,
    },
    { what: "a missing module", content: `\n\nimport "./missing.ts";`, says: /:3: Could not resolve ".\/missing\.ts"/ },
    { what: "a module of Node", content: `import "node:fs";`, says: /:1: Could not resolve "node:fs"/ },
    { what: "an unknown name", content: `import { Clint } from "mote-mqtt"; new Clint();`, says: /No matching export/ },
  ])("$what", async ({ content, says }) => {
    const path = await file(content);
    const bundled = bundle(path);
    await expect(bundled).rejects.toThrow(says);
    await expect(bundled).rejects.toMatchObject({ name: "UserError", exitCode: 2 });
    await expect(bundled).rejects.toThrow(`${path} cannot be bundled: `);
  });

  it("a file that is not there, or is none", async () => {
    await expect(bundle("no/such/sensor.ts")).rejects.toThrow(
      "There is no program no/such/sensor.ts: name the TypeScript or JavaScript file.",
    );
    await expect(bundle(folder)).rejects.toMatchObject({ name: "UserError" });
  });
});
