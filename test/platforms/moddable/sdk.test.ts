import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from "vitest";
import { platform } from "../../../platforms/node/index.ts";
import { Client, Published } from "../../../src/index.ts";
import { ExactlyOnce } from "../../../src/qos2.ts";
import { Broker } from "../../../tools/broker/broker.ts";
import { packageRoot } from "../../../tools/cli/package.ts";
import {
  buildHeadless,
  buildMod,
  buildProject,
  compiledSize,
  findSdk,
  linkForEsp32,
  NEEDS,
  type Sdk,
} from "../../../tools/moddable/sdk.ts";
import { Certificates, openssl } from "../../support/certificates.ts";
import { freePort, mosquitto, startMosquitto } from "../../support/real-brokers.ts";
import { itWith } from "../../support/require.ts";

// The example, built and run with Moddable's own SDK, against the bundled broker. `npm run test:moddable` insists.
const insists = process.env["npm_lifecycle_event"] === "test:moddable";
const sdk = await findSdk().catch((error: Error) => {
  if (insists || process.env["MODDABLE"]) throw error;
  console.warn(`SKIPPED: the client with Moddable's SDK: ${error.message}`);
  return undefined;
});

/** What Moddable gives a program on an ESP32, and no growth. */
const ESP32 = {
  static: 0,
  chunk: { initial: 32_768, incremental: 0 },
  heap: { initial: 2_048, incremental: 0 },
  stack: 384,
};

/** A subscriber on this side: what the device published, and a way to wait for more. */
class Watcher {
  readonly messages: { topic: string; text: string; retain: boolean }[] = [];
  subscribed = false;
  private readonly _client: Client;
  private _waiting: (() => void) | undefined;

  constructor(url: string, filter = "greenhouse/#", bufferBytes = 8_192) {
    this._client = new Client(platform, {
      url,
      clientId: "watcher",
      reconnectMaxMs: 1_000,
      outboxBytes: bufferBytes,
      receiveBytes: bufferBytes,
      exactlyOnce: new ExactlyOnce(),
    });
    this._client.subscribe(filter, 1, (message) => {
      this.messages.push({ topic: message.topic, text: message.text(), retain: message.retain });
      this._waiting?.();
    }).onGranted = () => {
      this.subscribed = true;
      this._waiting?.();
    };
    this._client.connect();
  }

  texts(topic: string): string[] {
    return this.messages.filter((message) => message.topic.endsWith(topic)).map(({ text }) => text);
  }

  publish(topic: string, payload: string | Uint8Array, qos: 1 | 2 = 1): void {
    expect(this._client.publish(topic, payload, { qos })).not.toBe(Published.FULL);
  }

  async until(what: string, condition: () => boolean, withinMs = 20_000): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what} did not happen within ${withinMs} ms`)), withinMs);
    });
    try {
      while (!condition()) {
        await Promise.race([timeout, new Promise<void>((resolve) => (this._waiting = resolve))]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  stop(): void {
    this._client.disconnect();
  }
}

describe.skipIf(!sdk)(sdk ? `Moddable ${sdk.version}` : `skipped: ${NEEDS}`, () => {
  let folder: string;
  let headless: string;
  let broker: Broker;
  let watcher: Watcher;
  const children: ChildProcess[] = [];
  /** What the device that was started last has printed. */
  let lines: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "mote-moddable-"));
    headless = await buildHeadless(sdk as Sdk, folder);
    broker = await Broker.start({ port: 0 });
    watcher = new Watcher(broker.url);
  }, 60_000);

  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    watcher.stop();
    await broker.stop();
    await rm(folder, { recursive: true, force: true });
  });

  function run(program: string, ...mod: string[]): ChildProcess {
    const child = spawn(headless, [program, ...mod], { stdio: ["ignore", "pipe", "inherit"] });
    lines = [];
    const printed = lines;
    child.stdout!.setEncoding("utf8").on("data", (text: string) => printed.push(...text.split("\n").filter(Boolean)));
    children.push(child);
    onTestFailed(() => console.log(`The device printed:\n${printed.join("\n")}`));
    return child;
  }

  /** The folder of a project that is one of the package's; `extra` goes before what is in its manifest. */
  async function projectFrom(source: string, name: string, extra: object = {}): Promise<string> {
    const project = join(folder, name);
    await mkdir(project);
    const include = join(packageRoot, source, "manifest.json");
    await writeFile(join(project, "manifest.json"), JSON.stringify({ include, ...extra }));
    return project;
  }

  test.each([
    ["the example", "g1", "platforms/moddable/example"],
    ["the example on the lean client", "l1", "platforms/moddable/example/lean"],
  ])(
    "%s passes: telemetry, a command, a message too large, a broker that restarts, the will",
    async (_, id, source) => {
      const config = { url: broker.url, id, intervalMs: 200 };
      const project = await projectFrom(source, `example-${id}`, { creation: ESP32 });
      const { program, output } = await buildProject(sdk as Sdk, project, config);
      expect(warnings(output)).toEqual([]);
      const hasCore = compiled(project).includes("mote-mqtt.xsb");
      expect(hasCore).toBe(id === "g1");
      const device = run(program);

      await watcher.until("the first sample", () => watcher.texts(`${id}/samples`).length > 0);
      expect(watcher.texts(`${id}/state`)).toEqual(["online"]);
      await watcher.until("temperature and humidity", () => watcher.texts(`${id}/humidity`).length > 3);
      expect(watcher.texts(`${id}/temperature`)[0]).toMatch(/^\d+\.\d\d$/);

      watcher.publish(`greenhouse/${id}/set/interval`, new Uint8Array(3_000).fill(0x31));
      watcher.publish(`greenhouse/${id}/set/interval`, "50");
      const slow = watcher.texts(`${id}/samples`).length;
      const begun = performance.now();
      await watcher.until("20 samples", () => watcher.texts(`${id}/samples`).length >= slow + 20);
      expect(performance.now() - begun).toBeLessThan(20 * 200);
      expect(lines).toContain(`${id}: skipped a message of 3000 bytes`);

      const port = broker.port;
      await broker.stop();
      broker = await Broker.start({ port });
      const states = watcher.texts(`${id}/state`).length;
      await watcher.until("the reconnection", () => watcher.texts(`${id}/state`).length > states);
      const count = watcher.texts(`${id}/samples`).length;
      await watcher.until("10 samples", () => watcher.texts(`${id}/samples`).length > count + 10);
      const samples = watcher.texts(`${id}/samples`).map(Number);
      expect(samples).toEqual([...samples].sort((one, other) => one - other));

      device.kill("SIGKILL");
      await once(device, "exit");
      await watcher.until("the will", () => watcher.texts(`${id}/state`).includes("offline"));
      console.log(
        `Moddable ${(sdk as Sdk).version}, ${samples.length} samples. The device printed:\n${lines.join("\n")}`,
      );
    },
    180_000,
  );

  test.each([
    "platforms/moddable/example",
    "platforms/moddable/example/lean",
    "platforms/moddable/example/deep-sleep",
    "platforms/moddable/example/mod/host",
    "test/platforms/moddable/sdk-parts",
  ])(
    "%s is compiled, preloaded, stripped and linked for ESP32: all that comes before the compiler for C",
    async (source) => {
      const project = await projectFrom(source, `esp32-${source.replaceAll("/", "-")}`);
      expect(warnings(await linkForEsp32(sdk as Sdk, project))).toEqual([]);
    },
  );

  test("the lean client is less code than Moddable's own, alone and with names", async () => {
    const theirs = await compiledSize(sdk as Sdk, join((sdk as Sdk).path, "examples/io/tcp/mqttclient/mqttclient.js"));
    const ours = await compiledSize(sdk as Sdk, join(packageRoot, "dist/moddable/lean.js"));
    expect(ours.code).toBeLessThan(theirs.code);
    expect(ours.file).toBeLessThan(theirs.file);
    console.log(
      `mote-mqtt/lean: ${ours.code} bytes of code, ${ours.file} with names; Moddable's: ${theirs.code}, ${theirs.file}`,
    );
  });

  test.each([
    ["packed", "sdk-packed"],
    ["packed-lean", "sdk-packed-lean"],
  ])(
    "a project %s with a package.json gets what npm would install by way of mcpack, for Linux and for ESP32",
    async (name, source) => {
      const project = join(folder, name);
      await cp(join(packageRoot, "test/platforms/moddable", source), project, { recursive: true });
      await installPacked(project);
      expect(warnings(await linkForEsp32(sdk as Sdk, project, ["mcpack", "mcconfig"]))).toEqual([]);
      const { program, output } = await buildProject(sdk as Sdk, project, { url: broker.url }, ["mcpack", "mcconfig"]);
      expect(warnings(output)).toEqual([]);
      run(program);
      await watcher.until("its message", () => watcher.texts(`${name}/state`).length > 0);
      expect(watcher.texts(`${name}/state`)).toEqual(["online"]);
      expect(compiled(project).includes("mote-mqtt.xsb")).toBe(name === "packed");
    },
    180_000,
  );

  test("the deep-sleep variant sends all and sleeps; what a broker that is away did not get outlives the reboot", async () => {
    const port = await freePort();
    const url = `mqtt://127.0.0.1:${port}`;
    const config = { url, id: "d1", awakeMs: 1_500, sleepMs: 60_000, file: { root: `${folder}/` } };
    const project = await projectFrom("platforms/moddable/example/deep-sleep", "deep-sleep", { config });
    const { program } = await buildProject(sdk as Sdk, project);
    await untilAsleep(run(program));
    expect(lines).not.toContain("d1: all is sent");

    const broker = await Broker.start({ port });
    const watcher = new Watcher(url);
    await watcher.until("the subscription", () => watcher.subscribed);
    await untilAsleep(run(program));
    expect(lines).toEqual(expect.arrayContaining(["d1: awake, 2 messages of earlier times", "d1: all is sent"]));
    await watcher.until("both wakings' samples", () => watcher.texts("d1/humidity").length >= 2);
    expect(watcher.texts("d1/temperature")).toHaveLength(2);

    await untilAsleep(run(program));
    expect(lines).toEqual(expect.arrayContaining(["d1: awake, 0 messages of earlier times", "d1: all is sent"]));
    watcher.stop();
    await broker.stop();
    console.log(`The deep-sleep variant. The device printed:\n${lines.join("\n")}`);
  }, 180_000);

  /** Waits until the device says that it sleeps, then takes its power away. */
  async function untilAsleep(device: ChildProcess): Promise<void> {
    await expect.poll(() => lines.some((line) => line.startsWith("asleep")), { timeout: 20_000 }).toBe(true);
    device.kill("SIGKILL");
    await once(device, "exit");
  }

  test("without a network it sleeps, too: in the C for ESP32, above a header that plays the part of ESP-IDF", async () => {
    const project = await projectFrom("test/platforms/moddable/sdk-deep-sleep", "no-network");
    const { program, output } = await buildProject(sdk as Sdk, project);
    expect(output).not.toMatch(/warning/);
    await once(run(program), "exit");
    expect(lines).toEqual(["asleep for 600000000 us"]);
  }, 180_000);

  test("the mod variant: a host that has Mote runs the sensor's program out of an archive", async () => {
    const host = await projectFrom("platforms/moddable/example/mod/host", "host");
    const { program } = await buildProject(sdk as Sdk, host, { url: broker.url, id: "m1" });
    const mod = await projectFrom("platforms/moddable/example/mod", "mod");
    run(program, await buildMod(sdk as Sdk, mod));
    await watcher.until("the mod's samples", () => watcher.texts("m1/samples").length > 2);
    expect(watcher.texts("m1/state")).toEqual(["online"]);
    // The same archive, but for the file's name, goes into the partition of an ESP32.
    expect(
      readFileSync(await buildMod(sdk as Sdk, mod, "esp32"))
        .subarray(4, 8)
        .toString(),
    ).toBe("XS_A");
    console.log(`The mod variant. The device printed:\n${lines.join("\n")}`);
  }, 180_000);

  // The one broker that speaks WebSocket, and TLS that tells what it was shown.
  const needed = mosquitto.missing ? mosquitto : openssl;
  itWith(
    needed,
    "TLS with a client certificate, WebSocket, both, and the ECMA-419 class: each connects and echoes, or says why not",
    async () => {
      const certificates = new Certificates();
      for (const name of ["authority", "stranger"]) certificates.makeAuthority(name);
      certificates.make("broker", "authority", "IP:127.0.0.1,DNS:localhost");
      certificates.make("client", "authority", "DNS:greenhouse-1");
      const project = await projectFrom("test/platforms/moddable/sdk", "ways", {
        data: { "*": ["authority", "stranger", "client", "client-key"].map((name) => `./${name}`) },
      });
      for (const name of ["authority", "stranger", "client"]) {
        certificates.exportCertificate(name, join(project, `${name}.der`));
      }
      certificates.exportKey("client", join(project, "client-key.der"));
      const webSocketPort = await freePort();
      const mosquitto = await startMosquitto({ webSocketPort });
      const shown: string[] = [];
      const [mqtts, wss] = await Promise.all(
        [mosquitto.port, webSocketPort].map((port) => terminateTls(certificates, port, shown)),
      );
      const watcher = new Watcher(mosquitto.url, "sdk/#");
      const { program } = await buildProject(sdk as Sdk, project, {
        port: mosquitto.port,
        mqtts: `mqtts://127.0.0.1:${portOf(mqtts!)}`,
        ws: `ws://127.0.0.1:${webSocketPort}/mqtt`,
        wss: `wss://127.0.0.1:${portOf(wss!)}/mqtt`,
        noWebSocket: `ws://127.0.0.1:${mosquitto.port}/mqtt`,
      });
      run(program);
      expect(warnings(await linkForEsp32(sdk as Sdk, project))).toEqual([]);

      const payload = (name: string): string => `${name} `.repeat(300);
      for (const name of ["mqtts", "named", "ws", "wss", "standard"]) {
        await watcher.until(`${name} is online`, () => watcher.texts(`${name}/state`).length > 0);
        watcher.publish(`sdk/${name}/in`, payload(name));
        await watcher.until(`${name}'s echo`, () => watcher.texts(`${name}/out`).length > 0);
        const whole = payload(name);
        expect(watcher.texts(`${name}/out`)).toEqual([name === "standard" ? `${whole.length} standard` : whole]);
      }
      const failures = (): string[] => lines.filter((line) => /^[\w-]+: [A-Z_]+$/.test(line)).sort();
      await expect.poll(() => failures().length, { timeout: 20_000 }).toBe(4);
      expect(failures()).toEqual([
        // The server's alert ends the handshake, and the SDK's TLS says nothing of it.
        "anonymous: CONNECT_TIMEOUT",
        "misnamed: TLS_FAILED",
        "no-websocket: WEBSOCKET_FAILED",
        "stranger: TLS_FAILED",
      ]);
      expect(shown.sort()).toEqual(["client mqtt 127.0.0.1", "client mqtt 127.0.0.1", "client mqtt localhost"]);
      watcher.stop();
      for (const server of [mqtts, wss]) server!.close();
      await mosquitto.stop();
      certificates.remove();
      console.log(`TLS, WebSocket and the ECMA-419 class. The device printed:\n${lines.join("\n")}`);
    },
    180_000,
  );

  itWith(
    mosquitto,
    "the client's optional parts: QoS 2 in both versions of MQTT, and a message larger than all its buffers",
    async () => {
      const mosquitto = await startMosquitto({});
      const watcher = new Watcher(mosquitto.url, "sdk/+/+", 200_000);
      const project = await projectFrom("test/platforms/moddable/sdk-parts", "parts");
      const { program } = await buildProject(sdk as Sdk, project, { url: mosquitto.url });
      run(program);
      for (const name of ["three", "five"]) {
        await watcher.until(`${name} is online`, () => watcher.texts(`${name}/state`).length > 0);
        watcher.publish(`sdk/${name}/in`, `for ${name}`, 2);
        await watcher.until(`${name}'s echo`, () => watcher.texts(`${name}/out`).length > 0);
        expect(watcher.texts(`${name}/out`)).toEqual([`for ${name}`]);
        await expect.poll(() => lines).toContain(`${name}: QoS 2`);
      }
      await watcher.until("large is online", () => watcher.texts("large/state").length > 0);
      watcher.publish("sdk/large/in", new Uint8Array(100_000));
      await watcher.until("as large an answer", () => watcher.texts("large/out").length > 0);
      expect(watcher.texts("large/out")[0]).toHaveLength(100_000);
      await expect
        .poll(() => lines)
        .toEqual(expect.arrayContaining(["large: 100000 bytes, true", "large: ended with 0"]));
      watcher.stop();
      await mosquitto.stop();
      console.log(`The optional parts. The device printed:\n${lines.join("\n")}`);
    },
    180_000,
  );
});

/** The names of the files that a project's modules are compiled to. */
function compiled(project: string): string[] {
  return readdirSync(project, { recursive: true, withFileTypes: true })
    .map(({ name }) => name)
    .filter((name) => name.endsWith(".xsb"));
}

/** What the package's modules would keep in memory, by what the SDK's tools print; of what they do, no more than known. */
function warnings(output: string): string[] {
  const known = [
    /: mote-mqtt\/moddable: platform\.createTransport\(\) \w+: no const$/, // an argument, which nothing assigns to
  ];
  return output
    .split("\n")
    .filter((line) => /warning/.test(line) && /mote-mqtt|mqtt\/client|deep-sleep/.test(line))
    .filter((line) => !known.some((pattern) => pattern.test(line)));
}

/** Packs the package as `npm publish` does, and puts it where `npm install` does. */
async function installPacked(project: string): Promise<void> {
  const exec = promisify(execFile);
  const args = ["pack", "--ignore-scripts", "--silent", "--pack-destination", project];
  const { stdout } = await exec("npm", args, { cwd: packageRoot });
  const installed = join(project, "node_modules/mote-mqtt");
  await mkdir(installed, { recursive: true });
  await exec("tar", ["-xzf", join(project, stdout.trim()), "--strip-components", "1", "-C", installed]);
}

/** TLS in front of a port, for clients with a certificate alone; `shown` gets whose, with which protocol, asking for whom. */
async function terminateTls(certificates: Certificates, port: number, shown: string[]): Promise<Server> {
  const pem = (name: string): string => readFileSync(certificates.file(name), "utf8");
  const server = createServer(
    {
      key: pem("broker.key"),
      cert: pem("broker.pem") + pem("authority.pem"),
      ca: pem("authority.pem"),
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ["mqtt"],
    },
    (socket: TLSSocket) => {
      const { alpnProtocol, servername } = socket as TLSSocket & { servername: string };
      shown.push(`${socket.getPeerCertificate().subject.CN} ${alpnProtocol} ${servername}`);
      const broker = connect(port, "127.0.0.1");
      socket.on("error", () => broker.destroy()).on("close", () => broker.destroy());
      broker.on("error", () => socket.destroy()).on("close", () => socket.destroy());
      socket.pipe(broker).pipe(socket);
    },
  );
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
