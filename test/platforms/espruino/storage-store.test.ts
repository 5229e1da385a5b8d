// Records in Espruino's Storage: against a model of its flash whose power is cut at every step, and in programs.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { crc32 } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type * as module from "../../../platforms/espruino/storage-store.ts";
import type { Store } from "../../../src/platform.ts";
import { bundleForEspruino } from "../../../tools/build/espruino.ts";
import { type Device, printed } from "../../acceptance/device.ts";
import { ScriptedBroker, wellBehaved } from "../../acceptance/scripted-broker.ts";
import { seededRandom } from "../../support/random.ts";
import { Binary } from "./binary.ts";
import { BoardStorage } from "./board-storage.ts";
import { Sandbox } from "./sandbox.ts";

let storage: BoardStorage;
let StorageStore: typeof module.StorageStore;

beforeAll(async () => {
  // What of the engine the store uses, as far as Node's classes allow.
  const E = {
    toString: (array: Uint8Array) => Buffer.from(array).toString("latin1"),
    CRC32: (text: string) => crc32(Buffer.from(text, "latin1")),
  };
  const fromCharCode = String.fromCharCode;
  String.fromCharCode = (...codes) => fromCharCode(...codes.map((code) => code & 255));
  const set = Uint8Array.prototype.set;
  Uint8Array.prototype.set = function (from: ArrayLike<number> | string, at?: number) {
    set.call(this, typeof from === "string" ? Buffer.from(from, "latin1") : from, at);
  };
  // Vitest has a `require` of its own.
  const bundle = await build({
    entryPoints: ["platforms/espruino/storage-store.ts"],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "module",
    external: ["Storage"],
  });
  StorageStore = new Function("E", "require", `${bundle.outputFiles[0]!.text}; return module.StorageStore`)(
    E,
    () => storage,
  ) as typeof StorageStore;
  return () => {
    String.fromCharCode = fromCharCode;
    Uint8Array.prototype.set = set;
  };
});

/** The records with keys below `KEYS`, as text of their bytes. */
const KEYS = 6;
function recordsOf(store: Store): (string | undefined)[] {
  return Array.from({ length: KEYS }, (_, key) => {
    const into = new Uint8Array(200);
    const length = store.read(key, into, 50, 150);
    return length < 0 ? undefined : Buffer.from(into.subarray(50, 50 + length)).toString("hex");
  });
}

interface Step {
  key: number;
  /** To write; undefined to remove. */
  bytes: Uint8Array | undefined;
}

/** What an application might do, and so often that files of 1,024 bytes are begun several times. */
function someSteps(seed: number, count: number): Step[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const bytes = Uint8Array.from({ length: 4 + Math.floor(60 * random()) }, () => Math.floor(256 * random()));
    return { key: Math.floor(KEYS * random()), bytes: random() < 0.6 ? bytes : undefined };
  });
}

/** Does all steps, while the power is cut after each of `lives`. Returns how many steps of Storage it took. */
function live(steps: Step[], lives: number[], seed: number): number {
  storage = new BoardStorage(seed);
  const expected: (string | undefined)[] = Array.from({ length: KEYS });
  let life = 0;
  /** Of which key a power cut may have left anything. */
  let unsure = -1;
  let store!: Store;
  const boot = (): void => {
    do {
      storage.on();
      storage.stepsLeft = lives[life++] ?? Infinity;
      store = new StorageStore("session", 1_024);
    } while (storage.off);
    const records = recordsOf(store);
    if (unsure >= 0) expected[unsure] = records[unsure];
    unsure = -1;
    expect(records, `after a power cut in life ${life} of ${lives.join(", ")}`).toEqual(expected);
  };
  boot();
  for (const { key, bytes } of steps) {
    const done = bytes ? store.write(key, bytes, 0, bytes.length) : store.remove(key);
    if (storage.off) {
      unsure = key;
      boot();
      continue;
    }
    expect(done).toBe(true);
    expected[key] = bytes && Buffer.from(bytes).toString("hex");
    if (lives.length === 0) expect(recordsOf(store)).toEqual(expected);
  }
  boot();
  return storage.steps;
}

describe("A store in Storage", () => {
  test("keeps every record but the one at hand when the power is cut, at whichever step", () => {
    const steps = someSteps(1, 100);
    const total = live(steps, [], 1);
    expect(storage.made).toBeGreaterThan(2);
    for (let cut = 0; cut < total; cut++) live(steps, [cut], cut);
  }, 60_000);

  test("and when it is cut again and again", () => {
    const random = seededRandom(7);
    for (let seed = 0; seed < 300; seed++) {
      live(
        someSteps(seed, 60),
        Array.from({ length: 30 }, () => Math.floor(400 * random() * random())),
        seed,
      );
    }
  }, 60_000);

  test("writes once for a record and once for its removal, and begins a file when one is full", () => {
    storage = new BoardStorage();
    const store = new StorageStore();
    const record = new Uint8Array(68);
    for (let count = 0; count < 1_000; count++) {
      store.write(count % 32, record, 0, record.length);
      store.remove(count % 32);
    }
    // 8,192 bytes a file, 74 for a record, 6 for a removal; to begin one takes two writes, and one for what is carried over.
    expect(storage.made).toBe(10);
    expect(storage.writes - 2_000).toBeLessThanOrEqual(3 * storage.made);
    expect(storage.files.size).toBe(1);
  });

  test("is full with half a file of records, and says so without writing", () => {
    storage = new BoardStorage();
    const store = new StorageStore("session", 1_024);
    const record = new Uint8Array(94).fill(7);
    for (let key = 0; key < 5; key++) expect(store.write(key, record, 0, 94)).toBe(true);
    const { writes } = storage;
    for (let count = 0; count < 100; count++) expect(store.write(5, record, 0, 94)).toBe(false);
    expect(storage.writes).toBe(writes);
    expect(store.remove(0)).toBe(true);
    expect(store.write(5, record, 0, 94)).toBe(true);
    expect(recordsOf(store).map((text) => text?.length)).toEqual([undefined, 188, 188, 188, 188, 188]);
  });

  test("answers false where Storage has no room, and goes on once it has", () => {
    storage = new BoardStorage();
    storage.room = 100;
    const store = new StorageStore("session", 1_024);
    expect(store.write(0, new Uint8Array(10), 0, 10)).toBe(false);
    storage.room = Infinity;
    expect(store.write(0, new Uint8Array(10), 0, 10)).toBe(true);
  });

  test("reads no more than there is room for, says how long a record is, and knows of others' none", () => {
    storage = new BoardStorage();
    const store = new StorageStore();
    expect(store.read(3, new Uint8Array(4), 0, 4)).toBe(-1);
    store.write(3, Uint8Array.of(1, 2, 3, 4, 5), 1, 5);
    const into = new Uint8Array(4);
    expect(store.read(3, into, 1, 3)).toBe(4);
    expect([...into]).toEqual([0, 2, 3, 0]);
    expect(new StorageStore("other").read(3, into, 0, 4)).toBe(-1);
  });

  test("keeps its records where `bytes` is another after a reboot", () => {
    storage = new BoardStorage();
    const store = new StorageStore("session", 8_192);
    const record = new Uint8Array(100);
    for (let key = 0; key < 30; key++) store.write(key, record, 0, 100);
    const smaller = new StorageStore("session", 1_024);
    expect(smaller.write(30, record, 0, 100)).toBe(false);
    for (let key = 0; key < 29; key++) expect(smaller.remove(key)).toBe(true);
    for (let count = 0; count < 100; count++) expect(smaller.write(30, record, 0, 100)).toBe(true);
    expect(new StorageStore("session", 1_024).read(29, record, 0, 100)).toBe(100);
    expect([...storage.files.values()].map(({ length }) => length)).toEqual([1_024]);
  });

  test("throws at once when a name or size cannot be", () => {
    expect(() => new StorageStore("x".repeat(28))).toThrow('name must have 1 to 27 characters, not 28: "xxx');
    expect(() => new StorageStore("")).toThrow("name must have 1 to 27 characters, not 0");
    expect(() => new StorageStore("x", 1_000)).toThrow("bytes must be a whole number from 1024 to 262144, not 1000");
  });
});

const folder = mkdtempSync(join(tmpdir(), "mote-espruino-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A program runs; it is killed, as by a power cut, and runs again with the same Storage. */
function survives(engine: string, launch: (code: Uint8Array) => Promise<Device> | Device): void {
  test(`A saved session survives a power cut on ${engine}`, async () => {
    let silent = true;
    const broker = await ScriptedBroker.start((packet, connection) => {
      if (packet.cmd === "publish" && silent) return;
      if (packet.cmd !== "connect") return wellBehaved(packet, connection);
      connection.send({ cmd: "connack", returnCode: 0, sessionPresent: broker.connections.length > 1 });
    });
    const program = join(folder, "program.ts");
    writeFileSync(
      program,
      `import { Client } from "mote-mqtt";
       import { platform } from "mote-mqtt/espruino";
       import { StorageStore } from "mote-mqtt/espruino/storage-store";
       import { SavedSession } from "mote-mqtt/store";
       const client = new Client(platform, { url: "${broker.url}", clientId: "device", cleanSession: false, tickMs: 20 });
       const session = new SavedSession(client, new StorageStore("session", 1024));
       console.log("restored " + session.restored + " damaged " + session.damaged);
       if (!session.restored) {
         for (let i = 0; i < 3; i++) client.publish("topic", "text " + i, { qos: 1 });
         console.log("failures " + session.failures);
       }
       client.onConnect = () => console.log("connected");
       setInterval(() => { if (!client.inFlight && !client.queued) console.log("drained"); }, 20);
       client.connect();`,
    );
    const code = await bundleForEspruino(program);
    const first = await launch(code);
    await printed(first, "failures 0");
    await broker.until("publish", 3);
    await first.kill();
    silent = false;
    const second = await launch(code);
    await printed(second, "restored 3 damaged 0");
    await printed(second, "drained");
    await second.kill();
    const third = await launch(code);
    await printed(third, "restored 0 damaged 0");
    await third.kill();
    const sent = broker.received("publish").slice(0, 6);
    expect(sent.map(({ messageId, dup, payload }) => `${messageId} ${dup} ${String(payload)}`)).toEqual(
      [false, true].flatMap((dup) => [0, 1, 2].map((at) => `${sent[at]!.messageId} ${dup} text ${at}`)),
    );
    await broker.stop();
  }, 30_000);
}

const board = new BoardStorage();
survives("Espruino's habits, in a sandbox", (code) => new Sandbox(code, board));

const executable = process.env["ESPRUINO"];
if (executable) {
  survives(`the Espruino at ${executable}`, (code) => {
    const program = join(folder, "program.js");
    writeFileSync(program, code);
    return new Binary(resolve(executable), program, folder);
  });
} else {
  test.skip("A saved session on a real Espruino: set ESPRUINO to a binary built for Linux");
}
