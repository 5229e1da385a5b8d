// Mote beside MQTT.js and tinyMQTT on a real Espruino, in one run. The peers are Espruino's own modules, which do not come
// with Mote: their files are named by MQTTJS and TINYMQTT, the engine, built for Linux, by ESPRUINO.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { transform } from "esbuild";
import { bundleEspruinoModule } from "../build/espruino.ts";

const PUBLISHED = 2_000;
const RECEIVED = 2_000;
const PAYLOAD_BYTES = 64;
const TIMEOUT_MS = 60_000;

/** A client module and how a sketch uses it; the sketches set `client` and call `ready` once connected. */
interface Contender {
  name: string;
  /** Minified, as it is put into Storage. */
  code: Uint8Array;
  /** Statements that connect to 127.0.0.1 at PORT; they call `ready()` and, for each message, `got()`. */
  connect: string;
  subscribe: string;
  /** Statements once before, and the expression that publishes P; it is false when there is no room. */
  publisher: string;
  publish: string;
  /** Connects to NULL, which has a socket's `write`. */
  connectNull: string;
}

const mote = (options: string): string => `
  var client = new M.Client({}, { url: "mqtt://127.0.0.1:" + PORT, clientId: "bench"${options} });
  client.onConnect = function () { ready(); };
  client.onMessage = function () { got(); };
  client.connect();`;

async function contenders(): Promise<Contender[]> {
  const list: Contender[] = [
    {
      name: "Mote",
      code: await bundleEspruinoModule(),
      connect: mote(""),
      subscribe: `client.subscribe("bench/topic", 0, function () { got(); });`,
      publisher: `var publisher = client.publisher("bench/topic");`,
      publish: `publisher.publish(P)`,
      connectNull: `
        NULL.end = function () {};
        NULL.on = function (event, handler) { if (event === "drain") DRAINED = handler.bind(NULL); if (event === "data") setTimeout(function () { handler.call(NULL, "\\x20\\2\\0\\0"); }, 1); };
        Modules.addCached("net", function () { exports.connect = function () { return NULL; }; });
        ${mote("").replace("PORT", "1")}`,
    },
  ];
  const mqttJs = process.env["MQTTJS"];
  if (mqttJs) {
    list.push({
      name: "MQTT.js",
      code: await minified(mqttJs),
      connect: `
        var client = M.create("127.0.0.1", { port: PORT, client_id: "bench" });
        client.on("connected", function () { ready(); });
        client.on("message", function () { got(); });
        client.connect();`,
      subscribe: `client.subscribe("bench/topic");`,
      publisher: "",
      publish: `(client.publish("bench/topic", P), 1)`,
      connectNull: `
        var client = M.create("x", { client_id: "bench" });
        client.connect(NULL);
        ready();`,
    });
  }
  const tiny = process.env["TINYMQTT"];
  if (tiny) {
    list.push({
      name: "tinyMQTT",
      code: await minified(tiny),
      connect: `
        var client = M.create("127.0.0.1", { port: PORT, reconnect_interval: 50 });
        client.on("connected", function () { setTimeout(ready, 20); });
        client.on("message", function () { got(); });
        client.connect();`,
      subscribe: `client.subscribe("bench/topic");`,
      publisher: "",
      publish: `(client.publish("bench/topic", P), 1)`,
      connectNull: `
        var client = M.create("x");
        client.cl = NULL;
        client.cn = true;
        ready();`,
    });
  }
  return list;
}

async function minified(file: string): Promise<Uint8Array> {
  const { code } = await transform(readFileSync(file, "utf8"), { minify: true, target: "es2015", charset: "ascii" });
  return Buffer.from(code);
}

/** A broker that costs little: accepts everything, sends a message after the last publication, and many when subscribed to. */
async function startSink(): Promise<{ port: number; stop(): void }> {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    let rest = Buffer.alloc(0);
    let count = 0;
    socket.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2 && rest.length >= 2 + rest[1]!) {
        const packet = rest.subarray(0, 2 + rest[1]!);
        rest = rest.subarray(packet.length);
        const type = packet[0]! >> 4;
        if (type === 1) socket.write(Buffer.from([0x20, 2, 0, 0]));
        if (type === 3 && ++count === PUBLISHED) sendMessages(socket, 1);
        if (type === 8) {
          socket.write(Buffer.from([0x90, 3, packet[2]!, packet[3]!, 0]));
          sendMessages(socket, RECEIVED);
        }
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as { port: number }).port, stop: () => server.close() };
}

function sendMessages(socket: Socket, count: number): void {
  const topic = Buffer.from("bench/topic");
  const message = Buffer.concat([
    Buffer.from([0x30, 2 + topic.length + PAYLOAD_BYTES, 0, topic.length]),
    topic,
    Buffer.alloc(PAYLOAD_BYTES, "x"),
  ]);
  for (let index = 0; index < count; index++) socket.write(message);
}

/** Runs a sketch until it prints `=<number>`; undefined when it does not in time. */
async function run(sketch: string, folder: string, port = 0): Promise<number | undefined> {
  const file = join(folder, "sketch.js");
  const payload = "x".repeat(PAYLOAD_BYTES);
  writeFileSync(
    file,
    `var PORT = ${port}, P = "${payload}";\nfunction answer(n) { console.log("=" + n + "="); }\n${sketch}`,
  );
  // Its standard input stays open: at its end Espruino fills its own queue.
  const child = spawn(resolve(process.env["ESPRUINO"]!), [file], { cwd: folder, stdio: ["pipe", "pipe", "ignore"] });
  const timeout = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
  let output = "";
  for await (const chunk of child.stdout) {
    output += String(chunk);
    if (/=-?[\d.]+=/.test(output)) break;
  }
  clearTimeout(timeout);
  child.kill("SIGKILL");
  const found = /=(-?[\d.]+)=/.exec(output);
  if (!found && process.env["DEBUG"]) console.error(output);
  return found ? Number(found[1]) : undefined;
}

type Figures = Record<string, number | undefined>;

async function measure(contender: Contender): Promise<Figures> {
  const { code, connect, subscribe, publisher, publish, connectNull } = contender;
  const folder = mkdtempSync(join(tmpdir(), "mote-bench-"));
  const sink = await startSink();
  const module = Buffer.from(code).toString("base64");
  try {
    await run(`require("Storage").write("M", atob("${module}")); answer(1);`, folder);
    const load = `var M = require("M");`;
    const figures: Figures = { "bytes, minified": code.length };
    figures["variables, module in RAM"] = await run(
      `var before = process.memory().usage; Modules.addCached("R", E.toString(E.toUint8Array(require("Storage").read("M"))));
       var M = require("R"); answer(process.memory().usage - before);`,
      folder,
    );
    figures["variables, module in Storage"] = await run(
      `var before = process.memory().usage; ${load} answer(process.memory().usage - before);`,
      folder,
    );
    figures["variables, a connection"] = await run(
      `${load} var before; function ready() { setTimeout(function () { answer(process.memory().usage - before); }, 100); }
       function got() {} before = process.memory().usage; ${connect}`,
      folder,
      sink.port,
    );
    if (contender.name === "Mote") {
      figures["variables, a connection with buffers of 64 B"] = await run(
        `${load} var before; function ready() { setTimeout(function () { answer(process.memory().usage - before); }, 100); } function got() {}
         before = process.memory().usage; ${mote(", outboxBytes: 64, receiveBytes: 64")}`,
        folder,
        sink.port,
      );
    }
    const sampled = `
      var most = 0, calls = 0;
      var NULL = { on: function () {}, write: function (data) { if (calls++ > 3) most = Math.max(most, process.memory(false).usage); } };`;
    figures["variables, peak of a publish"] = await run(
      `${load} ${sampled} function ready() { setTimeout(function () {
         ${publisher} for (var i = 0; i < 8; i++) ${publish};
         var before = process.memory().usage; most = 0; ${publish}; answer(most - before); }, 50); } ${connectNull}`,
      folder,
    );
    figures["publish/s into a null socket"] = await run(
      `${load} var DRAINED = function () {}, NULL = { on: function () {}, write: function () {} };
       function ready() { setTimeout(function () {
         ${publisher} var start = getTime();
         for (var i = 0; i < 125; i++) { for (var j = 0; j < 8; j++) ${publish}; DRAINED(); }
         answer(Math.round(1000 / (getTime() - start))); }, 50); } ${connectNull}`,
      folder,
    );
    figures["publish/s"] = await run(
      `${load} var start, left = ${PUBLISHED};
       function ready() { ${publisher} start = getTime();
         function turn() { for (var i = 0; i < 8 && left > 0 && ${publish}; i++) left--; if (left) setTimeout(turn, 0); }
         turn(); }
       function got() { answer(Math.round(${PUBLISHED} / (getTime() - start))); } ${connect}`,
      folder,
      sink.port,
    );
    figures["receive/s"] = await run(
      `${load} var n = 0, first; function ready() { ${subscribe} setTimeout(function () { answer(-n); }, 10000); }
       function got() { if (!n++) first = getTime(); if (n === ${RECEIVED}) answer(Math.round(n / (getTime() - first))); } ${connect}`,
      folder,
      sink.port,
    );
    return figures;
  } finally {
    sink.stop();
    rmSync(folder, { recursive: true });
  }
}

if (!process.env["ESPRUINO"]) {
  console.error(
    "Set ESPRUINO to an Espruino built for Linux, and MQTTJS and TINYMQTT to the peers' files if you have them.",
  );
  process.exit(2);
}
const results: [Contender, Figures][] = [];
for (const contender of await contenders()) results.push([contender, await measure(contender)]);
const [[, ours]] = results as [[Contender, Figures]];
console.log(["".padEnd(46), ...results.map(([{ name }]) => name.padStart(12))].join(""));
for (const figure of Object.keys(ours)) {
  const values = results.map(([, figures]) => figures[figure]);
  // A negative rate is how many messages came before the clock ran out.
  const cells = values.map((value) =>
    value === undefined ? "-" : value < 0 ? `lost ${RECEIVED + value}` : `${value}`,
  );
  console.log([figure.padEnd(46), ...cells.map((cell) => cell.padStart(12))].join(""));
}
if (results.length === 1) console.log("Set MQTTJS and TINYMQTT to the peers' files to see them beside it.");
