// A client whose process is killed again and again, at whatever it is doing, and whose session is in files.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { parser } from "mqtt-packet";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { fileURLToPath } from "node:url";
import { Published } from "../../../src/client/publisher.ts";
import { Journal } from "../../support/journal.ts";
import { seededRandom } from "../../support/random.ts";
import { type Mosquitto, mosquitto, startMosquitto } from "../../support/real-brokers.ts";
import { RealClient } from "../../support/real-client.ts";
import { describeWith, itWith } from "../../support/require.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

const LIVES = 12;

describeWith(mosquitto, "a client with a saved session whose process is killed", () => {
  let folder: string;
  let program: string;
  let broker: Mosquitto;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "mote-killed-"));
    program = join(folder, "sensor.mjs");
    const entry = fileURLToPath(new URL("programs/saved-sensor.ts", import.meta.url));
    await build({ entryPoints: [entry], outfile: program, bundle: true, platform: "node", format: "esm" });
    broker = await startMosquitto();
  });
  afterEach(killAll);
  afterAll(async () => {
    await broker?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  itWith(
    mosquitto,
    "loses nothing that was accepted, and repeats nothing with QoS 2",
    async () => {
      const random = seededRandom(7);
      const store = join(folder, "store");
      const proxy = await TcpProxy.start(broker.port);
      const repetitions = repetitionsBy(proxy);
      const lines: string[] = [];
      const watcher = await new RealClient({ url: broker.url, clientId: "watcher", cleanSession: false }).connect();
      await watcher.subscribe("up/+", 2);
      const feeder = await new RealClient({ url: broker.url, outboxBytes: 65_536 }).connect();
      let sent = 0;
      let got = 0;
      // Not far ahead: mosquitto keeps a thousand messages for a client and drops the others.
      const feed = (): void => {
        if (sent - got < 30 && feeder.client.publish("down", `${sent}`, { qos: 2 }) !== Published.FULL) sent++;
      };
      let feeding: NodeJS.Timeout | undefined;

      for (let life = 1; life <= LIVES; life++) {
        const sensor = start(program, { url: proxy.url, folder: store, life }, (line) => {
          if (line.startsWith("got ")) got = +line.slice(4);
        });
        if (life === 1) await sensor.lines.has("subscribed");
        feeding ??= setInterval(feed, 2);
        await sensor.lines.count(5 + Math.floor(random() * 60));
        if (life < LIVES) {
          await sensor.kill();
        } else {
          clearInterval(feeding);
          feeder.client.publish("down", `${sent++}`, { qos: 2 });
          sensor.child.stdin!.write("enough\n");
          await sensor.lines.until((items) => items.some((line) => line.startsWith("drained")), 30_000);
          // What was sent before arrives, too.
          await sensor.lines.until((items) => [...lines, ...items].includes(`got ${sent - 1}`), 30_000);
          await sensor.kill();
        }
        lines.push(...sensor.lines.items);
      }

      const told = (prefix: string): string[] =>
        lines.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length));
      const came = (qos: number): string[] =>
        watcher.messages.items.filter((item) => item.startsWith(`up/${qos} `)).map((item) => item.slice(5));
      const missing = (accepted: string[], arrived: string[]): string[] =>
        accepted.filter((text) => !arrived.includes(text));
      await expect.poll(() => missing(told("accepted 1 "), came(1)), { timeout: 10_000 }).toEqual([]);
      await expect.poll(() => missing(told("accepted 2 "), came(2)), { timeout: 10_000 }).toEqual([]);
      expect(came(2), "nothing twice").toEqual([...new Set(came(2))]);
      const position = (text: string): number => +text.split("-")[0] * 1e6 + +text.split("-")[1];
      expect(came(2), "in order").toEqual(came(2).sort((one, other) => position(one) - position(other)));

      const delivered = told("got ").map(Number);
      expect(feeder.events.items).toEqual(["connected"]);
      const twice = delivered.filter((number, index) => delivered.indexOf(number) !== index);
      expect(
        twice.filter((number) => !repetitions.has(`${number}`)),
        "nothing twice",
      ).toEqual([]);
      // A kill between the note that a message was received and its handler costs that message.
      expect(sent - new Set(delivered).size, "not delivered").toBeLessThan(LIVES);
      const left = readdirSync(store).filter((name) => name.endsWith(".record") && parseInt(name) % 3 !== 2);
      expect(left, "messages in the store").toEqual([]);
      expect(
        told("restored ").some((count) => +count > 0),
        "something was restored",
      ).toBe(true);
      await proxy.stop();
    },
    120_000,
  );

  itWith(mosquitto, "that is left alone ends by itself", async () => {
    const sensor = start(program, { url: broker.url, folder: join(folder, "alone"), life: 1 }, () => undefined);
    await sensor.lines.has("subscribed");
    const exit = once(sensor.child, "exit");
    sensor.child.stdin!.end(); // as when the process is gone that holds the other end
    expect(await exit).toEqual([0, null]);
  });
});

/**
 * The payloads that the broker sends again although it has sent their PUBREL, which [MQTT-4.3.3-1] forbids: to the client they
 * are new messages. mosquitto 2.0.11 does that when a client is gone between its CONNECT and the PUBREL that is sent again: that
 * write fails, and in the next connection the message goes back to PUBLISH.
 */
function repetitionsBy(proxy: TcpProxy): Set<string> {
  const repetitions = new Set<string>();
  const published = new Map<number, string>();
  const released = new Map<number, string>();
  const parsers: ReturnType<typeof parser>[] = [];
  proxy.onBrokerData = (connection, chunk) => {
    parsers[connection] ??= parser().on("packet", (packet) => {
      const id = packet.messageId!;
      if (packet.cmd === "pubrel") released.set(id, published.get(id)!);
      if (packet.cmd !== "publish") return;
      const payload = String(packet.payload);
      if (packet.dup && released.get(id) === payload) repetitions.add(payload);
      released.delete(id);
      published.set(id, payload);
    });
    parsers[connection].parse(chunk);
  };
  return repetitions;
}

interface Sensor {
  child: ChildProcess;
  lines: Journal<string>;
  kill: () => Promise<void>;
}

const running = new Set<ChildProcess>();

/** Also what a test that failed has left. */
async function killAll(): Promise<void> {
  await Promise.all([...running].map((child) => (child.kill("SIGKILL"), once(child, "exit"))));
}

function start(program: string, settings: object, onLine: (line: string) => void): Sensor {
  const child = spawn(process.execPath, [program, JSON.stringify(settings)], { stdio: ["pipe", "pipe", "inherit"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  const lines = new Journal<string>();
  const output = createInterface(child.stdout!);
  output.on("line", (line) => {
    onLine(line);
    lines.add(line);
  });
  const kill = async (): Promise<void> => {
    const closed = once(output, "close");
    child.kill("SIGKILL");
    await closed;
  };
  return { child, lines, kill };
}
