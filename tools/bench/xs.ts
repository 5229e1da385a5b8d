// What the client costs on XS as an ESP32 has it, beside Moddable's own clients. `npm run bench:xs`.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import { minifyForXs } from "../build/xs.ts";
import { packageRoot } from "../cli/package.ts";
import { bytecodeOf, bytecodeOfModule } from "../moddable/bytecode.ts";
import { CONTROL_SOCKET, Control } from "../moddable/control.ts";
import { compileModules } from "../moddable/modules.ts";
import { bundleForShim } from "../moddable/program.ts";
import { compiledSize, findSdk } from "../moddable/sdk.ts";
import type { Board, Statistics } from "../simulator/machine.ts";
import { buildHost } from "../simulator/xs/build.ts";
import { XsMachine } from "../simulator/xs/machine.ts";

const TOPIC = "greenhouse/7/tempr"; // 18 characters, 64 bytes of payload: as Moddable's clients were measured
const OPERATIONS = 200;

/** Measured on Moddable's SDK 8.2.3: slots, chunk bytes and socket writes of an operation. */
const THEIRS = {
  publish0: "33 / 160 / 4",
  publish1: "43 / 184 / 5",
  receive: "26 / 104",
  codeBytes: 8_339, // of the 9,359 of the file that its compiler makes: the rest are names
};

/** What Moddable gives a program on an ESP32 by default. */
const ESP32 = { slots: 2_048, slotBytes: 16, chunkBytes: 32_768 };

const CLIENTS = ["mote-mqtt", "mote-mqtt/lean"] as const;

const programOf = (client: string): string => `
  import { Client } from "${client}";
  import { platform } from "mote-mqtt/moddable";
  import Timer from "timer";
  const settings = JSON.parse(host.settings);
  const client = new Client(platform, {
    url: "mqtt://broker.test", clientId: "greenhouse-7", keepAlive: 60, tickMs: 50,
    will: { topic: "greenhouse/7/state", payload: "offline", qos: 1, retain: true },
  });
  const publisher = client.publisher("${TOPIC}", { qos: settings.qos ?? 0 });
  client.subscribe("greenhouse/7/set/+", 1, () => {});
  client.connect();
  const payload = new Uint8Array(64).fill(120);
  if (settings.publishes) Timer.repeat(() => { if (client.connected) publisher.publish(payload); }, 50);
`;

/** A socket of the shim, and nothing else. */
const socketBeside = (client: string): string => `
  import "${client}";
  import TCP from "embedded:io/socket/tcp";
  const callback = () => {};
  globalThis.socket = new TCP({ address: "192.0.2.1", port: 1883, onReadable: callback, onWritable: callback });
`;

/** A device whose network is this program. */
class Bench implements Board {
  writes = 0;
  last: Uint8Array = new Uint8Array(0);
  private _machine!: XsMachine;
  private _now = 0;

  static async start(source: string, settings: Record<string, unknown>): Promise<Bench> {
    const bench = new Bench();
    bench._machine = await XsMachine.create(bench, {
      settings: JSON.stringify(settings),
      seed: 1,
      host: await buildHost(),
      slots: 16_384,
      chunkBytes: 1024 * 1024,
    });
    await bench._machine.start(source);
    return bench;
  }

  async connect(): Promise<void> {
    this._machine.opened(0, CONTROL_SOCKET, 1);
    await this.pass(50);
    this._machine.opened(this._now, 0, 0x7fffffff);
    await this.receive(Uint8Array.of(Control.WRITABLE, 0xff, 0xff), CONTROL_SOCKET);
    await this.receive(Uint8Array.of(0x20, 2, 0, 0));
    await this.receive(Uint8Array.of(0x90, 3, 0, 5, 1));
  }

  async pass(ms: number): Promise<void> {
    this._now += ms;
    this._machine.wake(this._now);
    await this._machine.settled();
  }

  async receive(bytes: Uint8Array, socket = 0): Promise<void> {
    this._machine.received(this._now, socket, bytes);
    await this._machine.settled();
  }

  statistics(): Promise<Statistics> {
    return this._machine.statistics(this._now);
  }

  stop(): Promise<void> {
    return this._machine.stop();
  }

  // Board

  open(): void {
    // The network answers when it is told to.
  }
  write(_socket: number, bytes: Uint8Array): void {
    this.writes++;
    this.last = bytes;
  }
  close(): void {
    // Nothing to do.
  }
  wakeAt(): void {
    // Time passes when it is told to.
  }
  print(line: string): void {
    console.log(line);
  }
  onEnd(message: string): void {
    throw new Error(message);
  }
}

/** Slots, chunk bytes and writes of an operation: a publish each 50 ms, acknowledged where it has to be. */
async function publishing(program: string, qos: 0 | 1): Promise<string> {
  const bench = await Bench.start(program, { qos, publishes: true });
  await bench.connect();
  const operate = async (): Promise<void> => {
    await bench.pass(50);
    const at = 2 + 2 + TOPIC.length;
    if (qos) await bench.receive(Uint8Array.of(0x40, 2, bench.last[at]!, bench.last[at + 1]!));
  };
  for (let count = 0; count < 20; count++) await operate();
  const before = await bench.statistics();
  const writes = bench.writes;
  for (let count = 0; count < OPERATIONS; count++) await operate();
  const after = await bench.statistics();
  await bench.stop();
  const slots = after.wakeSlots + after.receivedSlots - before.wakeSlots - before.receivedSlots;
  const chunkBytes =
    after.wakeChunkBytes + after.receivedChunkBytes - before.wakeChunkBytes - before.receivedChunkBytes;
  return [slots, chunkBytes, bench.writes - writes].map((value) => value / OPERATIONS).join(" / ");
}

async function receiving(program: string): Promise<string> {
  const bench = await Bench.start(program, {});
  await bench.connect();
  const topic = Buffer.from("greenhouse/7/set/x");
  const message = Uint8Array.of(0x30, 2 + topic.length + 64, 0, topic.length, ...topic, ...Buffer.alloc(64));
  for (let count = 0; count < 20; count++) await bench.receive(message);
  const before = await bench.statistics();
  for (let count = 0; count < OPERATIONS; count++) await bench.receive(message);
  const after = await bench.statistics();
  await bench.stop();
  return [after.receivedSlots - before.receivedSlots, after.receivedChunkBytes - before.receivedChunkBytes]
    .map((value) => value / OPERATIONS)
    .join(" / ");
}

/** Moddable's timers, of which no byte is counted. */
const TIMER: Plugin = {
  name: "timer",
  setup(build) {
    build.onResolve({ filter: /^timer$/ }, () => ({ path: "timer", namespace: "timer" }));
    build.onLoad({ filter: /.*/, namespace: "timer" }, () => ({ contents: "export default globalThis.Timer" }));
  },
};

/** Bytes of bytecode of a source with all it imports, as the host's compiler makes it. */
async function codeBytes(source: string): Promise<number> {
  const compile = async (contents: string): Promise<number> => {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: packageRoot, loader: "ts" },
      bundle: true,
      write: false,
      format: "iife",
      target: "es2022",
      legalComments: "none",
      logLevel: "silent",
      external: ["mote-mqtt"],
      plugins: [TIMER],
      tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
    });
    return bytecodeOf((await minifyForXs(outputFiles[0]!.text, { mangleProps: /^_/ })).code);
  };
  return (await compile(source)) - (await compile("globalThis.kept = 0"));
}

function keeping(names: string, file: string, folder = "src"): string {
  return `import { ${names} } from "./${join(folder, file)}"; globalThis.kept = [${names}];`;
}

const PARTS: [string, string][] = [
  ["client of mote-mqtt, all of it", keeping("Client", "index.ts")],
  ["  framer", keeping("Framer", "packet/framer.ts")],
  ["  CONNECT", keeping("encodeConnect, connectSize", "packet/connect.ts")],
  ["  PUBLISH, topic names", keeping("decodePublish, openPublish, closePublish", "packet/publish.ts")],
  ["  outbox (PUBLISH in it)", keeping("Outbox", "session/outbox.ts")],
  ["  subscriptions, SUBSCRIBE", keeping("Subscriptions", "client/subscriptions.ts")],
  ["  URL", keeping("parseUrl", "client/url.ts")],
  ["  options", keeping("connectFields, encodeText", "client/options.ts")],
  ["  publisher, decimals", keeping("Publisher", "client/publisher.ts")],
  ["  back-off", keeping("Reconnect", "client/reconnect.ts")],
  ["transport: names, TCP, TLS's faults", keeping("ModdableTransport", "transport.ts", "platforms/moddable")],
  ["describe: the sentences", keeping("describe", "describe.ts")],
  ["Reason and Published, by name", keeping("Reason, Published", "index.ts")],
  ["UTF-8", keeping("utf8Text", "utf8-text.ts")],
];

async function connected(source: string): Promise<Statistics> {
  const bench = await Bench.start(source, {});
  await bench.connect();
  const statistics = await bench.statistics();
  await bench.stop();
  return statistics;
}

/** What a client takes of the heap once it is connected. */
async function heapOf(client: string): Promise<{ slots: number; chunkBytes: number; peak: number; slotBytes: number }> {
  const whole = await connected(await bundleForShim(programOf(client)));
  // What the shim's socket takes of the heap, a device's socket takes of lwIP's memory.
  const socket = await connected(await bundleForShim(socketBeside(client)));
  return {
    slots: whole.slots - socket.slots,
    chunkBytes: whole.chunkBytes - socket.chunkBytes,
    peak: whole.chunkBytesPeak - socket.chunkBytesPeak,
    slotBytes: whole.slotBytes,
  };
}

function printRow(name: string, ...columns: (string | number)[]): void {
  console.log(name.padEnd(36) + columns.map((column) => String(column).padStart(16)).join(""));
}

/** The modules of a Moddable project, and Moddable's own client, as the SDK's compiler makes them. */
async function printCompiledModules(): Promise<void> {
  if (!process.env["MODDABLE"]) {
    console.log("\nWith MODDABLE set to an SDK, what its compiler makes of each module comes here.");
    return;
  }
  const sdk = await findSdk();
  const folder = await mkdtemp(join(tmpdir(), "mote-bench-"));
  try {
    console.log(
      `\nmodules, by the compiler of SDK ${sdk.version}: xsc -c -e, as mcconfig -m has it; with -d, as mcconfig -d -m`,
    );
    printRow("", "code alone", "with names", "with -d");
    const theirs = await compiledSize(sdk, join(sdk.path, "examples/io/tcp/mqttclient/mqttclient.js"));
    printRow("Moddable's MQTT client", theirs.code, theirs.file, theirs.debug);
    for (const { specifier, file, code } of await compileModules()) {
      const source = join(folder, file);
      await writeFile(source, code);
      const ours = await compiledSize(sdk, source);
      printRow(specifier, ours.code, ours.file, ours.debug);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

const programs = await Promise.all(CLIENTS.map(programOf).map(bundleForShim));
const heaps = [await heapOf(CLIENTS[0]), await heapOf(CLIENTS[1])] as const;
const ofEach = async (measure: (program: string) => Promise<string>): Promise<string[]> => [
  await measure(programs[0]!),
  await measure(programs[1]!),
];

console.log(
  `On XS with slots of ${heaps[0].slotBytes} bytes; topic of 18 bytes, payload of 64. ` +
    "Moddable's: embedded:network/mqtt/client of SDK 8.2.3.\n",
);
printRow("slots / chunk bytes / writes", ...CLIENTS, "Moddable's");
printRow("publish, QoS 0", ...(await ofEach((program) => publishing(program, 0))), THEIRS.publish0);
printRow("publish, QoS 1, acknowledged", ...(await ofEach((program) => publishing(program, 1))), THEIRS.publish1);
printRow("receive, QoS 0", ...(await ofEach(receiving)), THEIRS.receive);

console.log("\nheap once connected: the example's client with a subscription, a publisher, and 1 KB each way");
printRow("", ...CLIENTS, "an ESP32 has");
printRow("slots", ...heaps.map(({ slots }) => slots), ESP32.slots);
printRow("chunk bytes", ...heaps.map(({ chunkBytes }) => chunkBytes), ESP32.chunkBytes);
printRow("chunk bytes at the peak", ...heaps.map(({ peak }) => peak), ESP32.chunkBytes);

console.log(
  "\nbytecode by the host's compiler: instructions alone, without names and debug information, and without the platform\n" +
    `(Moddable's client, by its SDK's, without reconnection, queue and retransmission: ${THEIRS.codeBytes})`,
);
const lean = (await compileModules()).find(({ specifier }) => specifier === "mote-mqtt/lean")!;
printRow("mote-mqtt/lean, the published module", await bytecodeOfModule(lean));
for (const [name, source] of PARTS) printRow(name, await codeBytes(source));
await printCompiledModules();
