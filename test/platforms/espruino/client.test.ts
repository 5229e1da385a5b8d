// The client for Espruino gives the same answers as the portable one, whose tests it has in common by the acceptance suite.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import fc from "fast-check";
import { afterAll, describe, expect, expectTypeOf, test } from "vitest";
import type * as compact from "../../../platforms/espruino/client/index.ts";
import type { Message as CompactMessage } from "../../../platforms/espruino/client/input.ts";
import type { Publisher as CompactPublisher } from "../../../platforms/espruino/client/publisher.ts";
import type { Subscription as CompactSubscription } from "../../../platforms/espruino/client/subscription.ts";
import { matches } from "../../../platforms/espruino/client/subscription.ts";
import { isText } from "../../../platforms/espruino/client/text.ts";
import type * as portable from "../../../src/index.ts";
import { checkTopicFilter, checkTopicName, topicMatches } from "../../../src/packet/topic.ts";
import { checkUtf8 } from "../../../src/packet/utf8.ts";
import { bundleForEspruino } from "../../../tools/build/espruino.ts";
import { printed } from "../../acceptance/device.ts";
import { type Connection, type Script, ScriptedBroker, wellBehaved } from "../../acceptance/scripted-broker.ts";
import { Sandbox } from "./sandbox.ts";

/** What a program may use of a class. */
type Face<Class> = { [Name in keyof Class as Name extends `_${string}` ? never : Name]: Class[Name] };
/** What the portable client has for the functions that call it: its framer, its transport and its session. */
type Inner = `on${"Open" | "Close" | "Writable" | "Data" | "Packet" | "Malformed" | "LargePublish" | "LargePayload"}`;
/** A function that gives one of the client's own things gives one with the same face. */
type Giving<Method, Thing> = Method extends (...values: infer Values) => unknown ? (...values: Values) => Thing : never;

test("it has the public face of the portable client, as its types tell", () => {
  type Wanted = Omit<Face<portable.Client>, Inner | "publisher" | "subscribe" | "onMessage" | "onSkipped">;
  expectTypeOf<compact.Client>().toExtend<Wanted>();
  expectTypeOf<ConstructorParameters<typeof compact.Client>>().toEqualTypeOf<
    ConstructorParameters<typeof portable.Client>
  >();
  expectTypeOf<compact.Client["publisher"]>().toExtend<Giving<portable.Client["publisher"], CompactPublisher>>();
  expectTypeOf<CompactPublisher>().toExtend<Pick<portable.Publisher, "publish">>();
  // Of the compact client, `filter` is text, and the topic's place among the bytes is not told.
  expectTypeOf<CompactSubscription>().toExtend<Omit<Face<portable.Subscription>, "filter" | "qos" | "handler">>();
  expectTypeOf<Required<CompactMessage>>().toExtend<
    Omit<Face<portable.Message>, "bytes" | "topicStart" | "topicEnd">
  >();
  expectTypeOf<NonNullable<CompactMessage["bytes"]>>().toExtend<portable.Message["bytes"]>();
  type Handler = (message: CompactMessage) => void;
  expectTypeOf<compact.Client["subscribe"]>().parameters.toEqualTypeOf<
    [filter: string, qos: 0 | 1, handler: Handler]
  >();
  expectTypeOf<compact.Client["onMessage" | "onSkipped"]>().toEqualTypeOf<Handler | undefined>();
  expectTypeOf<Omit<typeof compact, "Client" | "platform">>().toExtend<Omit<typeof portable, "Client" | "utf8Text">>();
});

const folder = mkdtempSync(join(tmpdir(), "mote-espruino-"));
const cleanUp: (() => unknown)[] = [];
afterAll(async () => {
  for (const step of cleanUp.reverse()) await step();
  rmSync(folder, { recursive: true });
});

async function start(options: string, body: string): Promise<Sandbox> {
  const file = join(folder, "program.ts");
  writeFileSync(
    file,
    `import { Client, Published } from "mote-mqtt";
     import { platform } from "mote-mqtt/espruino";
     const make = (options: object) => new Client(platform, { url: "mqtt://127.0.0.1:1", ...options } as never);
     ${options && `const client = new Client(platform, { ${options} });`}
     ${body}`.replace(
      '{ url: "mqtt://127.0.0.1:1", ...options } as never',
      `Object.assign({ url: "mqtt://127.0.0.1:1" }, options)`,
    ),
  );
  const device = new Sandbox(await bundleForEspruino(file));
  cleanUp.push(() => device.kill());
  return device;
}

async function scripted(script: Script): Promise<ScriptedBroker> {
  const broker = await ScriptedBroker.start((packet, connection) => script(packet, connection));
  cleanUp.push(() => broker.stop());
  return broker;
}

interface MalformedCase {
  name: string;
  bytes: string;
  direction: "both" | "to-client" | "to-server";
}
const malformed = (JSON.parse(readFileSync("test/packet/malformed.json", "utf8")) as MalformedCase[]).filter(
  ({ direction }) => direction !== "to-server",
);

test(`each of ${malformed.length} malformed packets ends the connection`, async () => {
  let next = 0;
  let ended: (() => void) | undefined;
  const broker = await scripted((packet, { socket, send }) => {
    if (packet.cmd !== "connect" || next === malformed.length) return;
    const bytes = Buffer.from(malformed[next]!.bytes, "hex");
    // CONNACK is the first packet, any other comes after it.
    if (bytes[0]! >> 4 !== 2) send({ cmd: "connack", returnCode: 0, sessionPresent: false });
    socket.write(bytes);
    void once(socket, "close").then(() => {
      next++;
      if (next === malformed.length) ended!();
    });
  });
  const all = new Promise<void>((resolve) => (ended = resolve));
  await start(
    `url: "${broker.url}", cleanSession: false, clientId: "device", reconnectMinMs: 1, reconnectMaxMs: 1, tickMs: 1, connectTimeoutMs: 2147483647`,
    `client.onMessage = (message) => console.log("delivered " + message.topic); client.connect();`,
  );
  await Promise.race([
    all,
    new Promise((_, reject) =>
      setTimeout(() => reject(new Error(`It lives on after ${JSON.stringify(malformed[next])}`)), 20_000).unref(),
    ),
  ]);
}, 30_000);

describe("A mistake of the programmer throws at once and names the option", () => {
  const mistakes: [code: string, message: string][] = [
    [`make({ url: "broker" })`, "url must be like mqtt://host:1883"],
    [`make({ url: "mqtt://user:secret@broker" })`, "url must be like mqtt://host:1883"],
    [`make({ url: "mqtt://broker:65536" })`, "port must be a whole number from 1 to 65535"],
    [`make({ keepAlive: 65536 })`, "keepAlive must be a whole number from 0 to 65535"],
    [`make({ outboxBytes: 63 })`, "outboxBytes must be a whole number from 64 to"],
    [`make({ maximumInFlight: 1.5 })`, "maximumInFlight must be a whole number from 1 to"],
    [`make({ clientId: "a\\0b" })`, "clientId must be UTF-8"],
    [`make({ clientId: String.fromCharCode(new Uint8Array([255])[0]!) })`, "clientId must be UTF-8"],
    [`make({ cleanSession: false })`, "clientId must be set when cleanSession is false"],
    [`make({ password: "secret" })`, "username must be set with a password"],
    [`make({ will: { topic: "a/+", payload: "" } })`, "will.topic must be UTF-8 of at most 65535 bytes, with + and #"],
    [`make({ will: { topic: "a", payload: "", qos: 3 } })`, "will.qos must be a whole number from 0 to 2"],
    [`make({}).publisher("")`, "topic must be"],
    [`make({}).publisher("a/#")`, "topic must be"],
    [`make({}).publisher("a", { qos: 2 as never })`, "qos must be a whole number from 0 to 1"],
    [`make({}).publisher("a", { decimals: 10 })`, "decimals must be a whole number from 0 to 9"],
    [`make({ outboxBytes: 64 }).publisher("x".repeat(60))`, "topic must be shorter"],
    [`make({}).publish("a", undefined as never)`, "payload must be text, a number, or bytes"],
    [`make({}).publisher("a").publish(new Uint8Array(4), 2, 5)`, "payload must be text, a number, or bytes"],
    [`make({}).subscribe("a+", 0, () => {})`, "filter must be UTF-8"],
    [`make({}).subscribe("#/a", 0, () => {})`, "filter must be UTF-8"],
    [`const c = make({}); c.subscribe("a", 0, () => {}); c.subscribe("a", 0, () => {})`, "filter must be one without"],
    [`make({ maximumSubscriptions: 0 }).subscribe("a", 0, () => {})`, "maximumSubscriptions must be more"],
  ];
  test.each(mistakes)("%s", async (code, message) => {
    const device = await start("", `try { ${code} } catch (error) { console.log((error as Error).message); }`);
    expect(device.lines).toEqual([expect.stringContaining(message)]);
    expect(device.lines[0]).not.toContain("secret@");
  });
});

describe("It says the same as the portable client", () => {
  const level = fc.constantFrom("a", "b", "", "$x");
  const name = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
  const filter = fc
    .tuple(fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 4 }), fc.boolean())
    .map(([levels, hash]) => (hash ? [...levels, "#"] : levels).join("/"));

  test("of what a filter matches", () => {
    fc.assert(
      fc.property(filter, name, (wanted, given) => {
        const [one, other] = [Buffer.from(wanted), Buffer.from(given)];
        if (checkTopicFilter(one, 0, one.length) || checkTopicName(other, 0, other.length)) return;
        expect(matches(wanted, given)).toBe(topicMatches(one, 0, one.length, other, 0, other.length));
      }),
      { numRuns: 3_000 },
    );
  });

  test("of what is UTF-8", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.string({ unit: "binary", maxLength: 4 }).map((text) => new Uint8Array(Buffer.from(text))),
      fc
        .tuple(fc.constantFrom(0xe0, 0xed, 0xf0, 0xf4, 0xc1, 0xc2, 0xf5), fc.uint8Array({ minLength: 1, maxLength: 3 }))
        .map(([lead, rest]) => Uint8Array.from([lead, ...rest.map((byte) => 0x80 | (byte & 0x3f))])),
    );
    fc.assert(
      fc.property(bytes, (array) => {
        expect(isText(Buffer.from(array).toString("latin1"))).toBe(checkUtf8(array, 0, array.length) === 0);
      }),
      { numRuns: 5_000 },
    );
  });
});

test("numbers are published with the publisher's decimals, halves away from zero", async () => {
  const broker = await scripted(wellBehaved);
  const numbers = ["99.999", "-0.004", "0.5", "-2.5", "1e21", "NaN", "-Infinity", "1234567.891", "0"];
  await start(
    `url: "${broker.url}"`,
    `const two = client.publisher("two", { decimals: 2 });
     const none = client.publisher("none");
     client.onConnect = () => {
       for (let i = 0; i < 2; i++) { const p = i ? none : two; ${numbers.map((number) => `p.publish(${number});`).join("")} }
     };
     client.connect();`,
  );
  const texts = (await broker.until("publish", 2 * numbers.length)).map(({ payload }) => payload.toString());
  expect(texts.slice(0, numbers.length)).toEqual([
    "100.00",
    "0.00",
    "0.50",
    "-2.50",
    "1e+21",
    "NaN",
    "-Infinity",
    "1234567.89",
    "0.00",
  ]);
  expect(texts.slice(numbers.length)).toEqual(["100", "0", "1", "-3", "1e+21", "NaN", "-Infinity", "1234568", "0"]);
});

test("a message with a long topic is skipped too, whether it comes at once or byte by byte", async () => {
  const topic = "t".repeat(900);
  const broker = await scripted((packet, connection) => {
    wellBehaved(packet, connection);
    if (packet.cmd === "subscribe") void send(connection);
  });
  async function send({ socket, send }: Connection): Promise<void> {
    const { generate } = await import("mqtt-packet");
    const large = (messageId: number): Buffer =>
      generate({ cmd: "publish", topic, payload: "x".repeat(300), qos: 1, messageId, dup: false, retain: false });
    socket.write(large(5));
    for (const byte of large(6)) await new Promise<void>((resolve) => socket.write(Buffer.of(byte), () => resolve()));
    send({ cmd: "publish", topic: "end", payload: "", qos: 1, messageId: 7, dup: false, retain: false });
  }
  const device = await start(
    `url: "${broker.url}", receiveBytes: 64`,
    `client.onSkipped = ({ topic, length }) => console.log("skipped " + topic.length + " " + length);
     client.subscribe("#", 1, ({ topic }) => console.log("got " + topic));
     client.connect();`
      .replace("({ topic, length })", "(m)")
      .replace("topic.length", "m.topic.length")
      .replace('" " + length', '" " + m.length')
      .replace("({ topic })", "(m)")
      .replace('"got " + topic', '"got " + m.topic'),
  );
  await printed(device, "got end");
  expect(device.lines).toEqual(["skipped 900 300", "skipped 900 300", "got end"]);
  expect((await broker.until("puback", 3)).map(({ messageId }) => messageId)).toEqual([5, 6, 7]);
});

test("an acknowledgement out of turn frees its message, and the others keep their packet ids", async () => {
  const broker = await scripted((packet, connection) => {
    const first = broker.connections[0] === connection;
    if (packet.cmd === "connect") connection.send({ cmd: "connack", returnCode: 0, sessionPresent: !first });
    if (packet.cmd !== "publish") return;
    if (!first) return connection.send({ cmd: "puback", messageId: packet.messageId! });
    if (packet.messageId !== 3) return;
    connection.send({ cmd: "puback", messageId: 2 });
    connection.send({ cmd: "puback", messageId: 2 });
    connection.send({ cmd: "puback", messageId: 99 });
    setImmediate(() => connection.socket.end());
  });
  const device = await start(
    `url: "${broker.url}", clientId: "device", cleanSession: false, reconnectMinMs: 5, tickMs: 5`,
    `for (const text of ["a", "b", "c"]) client.publish("topic", text, { qos: 1 });
     setInterval(() => { if (client.connected && !client.inFlight && !client.queued) console.log("done"); }, 10);
     client.connect();`,
  );
  await printed(device, "done");
  const sent = broker
    .received("publish")
    .map(({ messageId, dup, payload }) => `${messageId} ${dup} ${String(payload)}`);
  expect(sent).toEqual(["1 false a", "2 false b", "3 false c", "1 true a", "3 true c"]);
});

test("an ended subscription is told to the broker, and its filter can be subscribed to anew", async () => {
  const broker = await scripted(wellBehaved);
  const device = await start(
    `url: "${broker.url}", tickMs: 10`,
    `const one = client.subscribe("a", 1, () => {});
     one.onGranted = () => {
       one.unsubscribe();
       client.subscribe("a", 0, () => {}).onGranted = () => console.log("again");
       client.subscribe("b", 0, () => {}).unsubscribe();
     };
     client.connect();`,
  );
  await printed(device, "again");
  await broker.until("unsubscribe", 1);
  expect(broker.received("subscribe").map(({ subscriptions }) => subscriptions[0]!.topic)).toEqual(["a", "a", "b"]);
  expect(broker.received("unsubscribe").map(({ unsubscriptions }) => unsubscriptions)).toEqual([["b"]]);
});

test("a request never has the packet id of another that is not answered [MQTT-2.3.1-2]", async () => {
  const broker = await scripted((packet, connection) => {
    if (packet.cmd !== "subscribe" && packet.cmd !== "unsubscribe") return wellBehaved(packet, connection);
    const requests = [...broker.received("subscribe"), ...broker.received("unsubscribe")];
    if (requests.length < 4) return;
    for (const { messageId } of broker.received("subscribe")) {
      connection.send({ cmd: "suback", messageId: messageId!, granted: [0] });
    }
  });
  const device = await start(
    `url: "${broker.url}", tickMs: 10`,
    `const granted = (name) => () => console.log("granted " + name);
     client.onConnect = () => {
       const one = client.subscribe("a", 0, () => {});
       one.onGranted = granted("ended");
       client.subscribe("x", 0, () => {}).unsubscribe();
       one.unsubscribe();
       client.subscribe("a", 0, () => {}).onGranted = granted("a");
       client.subscribe("b", 0, () => {}).onGranted = granted("b");
     };
     client.connect();`,
  );
  await printed(device, "granted b");
  const ids = [...broker.received("subscribe"), ...broker.received("unsubscribe")].map(({ messageId }) => messageId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(device.lines).toEqual(["granted a", "granted b"]);
});

test("it subscribes again when the session that the broker presents may have begun with a lost CONNACK", async () => {
  const broker = await scripted((packet, connection) => {
    const count = broker.connections.length;
    if (packet.cmd !== "connect") return wellBehaved(packet, connection);
    if (count === 2) return connection.socket.destroy();
    connection.send({ cmd: "connack", returnCode: 0, sessionPresent: count > 2 });
  });
  const device = await start(
    `url: "${broker.url}", clientId: "device", cleanSession: false, reconnectMinMs: 5, tickMs: 5`,
    `let count = 0;
     client.subscribe("a", 1, () => {}).onGranted = () => console.log("granted " + ++count);
     client.onConnect = (session) => console.log("connected " + session);
     client.connect();`,
  );
  await printed(device, "granted 1");
  broker.connections[0]!.socket.destroy();
  await printed(device, "granted 2");
  expect(device.lines).toEqual(["connected false", "granted 1", "connected true", "granted 2"]);
});

/** The bytes of a PUBLISH with QoS 1. */
async function published(messageId: number, payload: string): Promise<Buffer> {
  const { generate } = await import("mqtt-packet");
  return generate({ cmd: "publish", topic: "to/it", payload, qos: 1, messageId, dup: false, retain: false });
}

test("a skipped message is acknowledged once all of it is there", async () => {
  const large = await published(5, "x".repeat(3_000));
  const broker = await scripted((packet, connection) => {
    wellBehaved(packet, connection);
    if (packet.cmd === "subscribe") connection.socket.write(large.subarray(0, -1));
    if (packet.cmd === "publish") connection.socket.write(large.subarray(-1));
  });
  const device = await start(
    `url: "${broker.url}", tickMs: 10`,
    `client.onSkipped = () => setTimeout(() => client.publish("skipped", ""), 1);
     client.subscribe("to/it", 1, () => console.log("delivered")).onGranted = () => console.log("granted");
     client.connect();`,
  );
  await broker.until("puback", 1);
  const order = broker.connections[0]!.packets.map(({ cmd }) => cmd);
  expect(order).toEqual(["connect", "subscribe", "publish", "puback"]);
  expect(device.lines).toEqual(["granted"]);
});

test.each([10, 3_000])("a handler of a message of %i bytes may end its connection and begin another", async (size) => {
  const bytes = await published(5, "x".repeat(size));
  const broker = await scripted((packet, connection) => {
    wellBehaved(packet, connection);
    if (packet.cmd === "subscribe" && broker.connections.length === 1) connection.socket.write(bytes);
  });
  const device = await start(
    `url: "${broker.url}", tickMs: 10`,
    `let ends = 1;
     const again = () => { if (!ends--) return; client.disconnect(); client.connect(); };
     client.onSkipped = again;
     client.subscribe("to/it", 1, again).onGranted = () => client.publish("granted", "", { qos: 1 });
     setInterval(() => { if (!ends && client.connected && !client.inFlight && !client.queued) console.log("drained"); }, 10);
     client.connect();`,
  );
  await broker.until("connect", 2);
  await broker.until("publish", 2);
  await printed(device, "drained");
  expect(broker.connections[1]!.packets.map(({ cmd }) => cmd).slice(0, 3)).toEqual(["connect", "subscribe", "publish"]);
  expect(broker.received("puback")).toEqual([]);
});

test("it pings with a keep-alive interval shorter than a tick, too [MQTT-3.1.2-23]", async () => {
  const broker = await scripted(wellBehaved);
  await start(`url: "${broker.url}", keepAlive: 1, tickMs: 1100`, `client.connect();`);
  await broker.until("pingreq", 1);
});
