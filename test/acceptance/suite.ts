import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Client, Reason } from "../../src/index.ts";
import { platform } from "../../platforms/node/index.ts";
import { Broker } from "../../tools/broker/broker.ts";
import { type Device, type Launch, printed } from "./device.ts";
import { type Connection, type Script, ScriptedBroker, wellBehaved } from "./scripted-broker.ts";

/**
 * What a client does on every engine, over real sockets: against the bundled broker, and against brokers that misbehave.
 * A program prints what happens to it; the broker's side is looked at here.
 */
export function acceptance(engine: string, launch: Launch): void {
  describe(`The client on ${engine}`, () => {
    const cleanUp: (() => unknown)[] = [];
    afterEach(async () => {
      for (const step of cleanUp.splice(0).reverse()) await step();
    });

    /** Starts a program that has a client with these options, and connects it. */
    async function start(url: string, options: string, body = ""): Promise<Device> {
      const device = await launch(`
        import { Client, Published } from "mote-mqtt";
        import { platform } from "mote-mqtt/espruino";
        const client = new Client(platform, { url: "${url}", clientId: "device", ${options} });
        client.onConnect = (sessionPresent) => { console.log("connected " + sessionPresent); onConnect(); };
        client.onDisconnect = (reason) => { console.log("lost " + reason); };
        let onConnect = () => {};
        ${body}
        client.connect();
      `);
      cleanUp.push(() => device.kill());
      return device;
    }

    async function scripted(script: Script): Promise<ScriptedBroker> {
      const broker = await ScriptedBroker.start((packet, connection) => script(packet, connection));
      cleanUp.push(() => broker.stop());
      return broker;
    }

    describe("with the bundled broker", () => {
      let broker: Broker;
      let observer: Client;
      /** What the observer got: topic, payload as text, QoS. */
      let messages: { topic: string; bytes: Uint8Array; text: string; retain: boolean }[];
      let onMessage: (() => void) | undefined;

      beforeEach(async () => {
        broker = await Broker.start({ port: 0 });
        cleanUp.push(() => broker.stop());
        observer = await observe(broker.url);
        cleanUp.push(() => observer.disconnect());
      });

      async function observe(url: string): Promise<Client> {
        messages = [];
        const client = new Client(platform, { url, clientId: "observer", receiveBytes: 8_192, outboxBytes: 65_536 });
        await new Promise<void>((resolve) => {
          client.subscribe("from/#", 1, ({ topic, bytes, start, end, retain }) => {
            const copy = bytes.slice(start, end);
            messages.push({ topic, bytes: copy, text: new TextDecoder().decode(copy), retain });
            onMessage?.();
          }).onGranted = () => resolve();
          client.connect();
        });
        return client;
      }

      /** Waits until the observer has so many messages. */
      async function observed(count: number): Promise<void> {
        await new Promise<void>((resolve, reject) => {
          const timeout = setTimeout(
            () => reject(new Error(`${messages.length} messages came instead of ${count}`)),
            15_000,
          );
          onMessage = () => {
            if (messages.length < count) return;
            clearTimeout(timeout);
            resolve();
          };
          onMessage();
        });
      }

      test("publishes strings, numbers and bytes with QoS 0 and 1", async () => {
        await start(
          broker.url,
          "outboxBytes: 2048",
          `const all = new Uint8Array(256);
           for (let index = 0; index < 256; index++) all[index] = index;
           const number = client.publisher("from/number", { decimals: 2 });
           onConnect = () => {
             client.publish("from/string", "hello", { qos: 1 });
             number.publish(-21.456);
             client.publish("from/bytes", all, { qos: 1 });
             client.publisher("from/part").publish(all, 65, 68);
             client.publish("from/empty", "");
           };`,
        );
        await observed(5);
        const of = (topic: string): Uint8Array => messages.find((message) => message.topic === `from/${topic}`)!.bytes;
        const text = (topic: string): string => Buffer.from(of(topic)).toString();
        expect(text("string")).toBe("hello");
        expect(text("number")).toBe("-21.46");
        expect([...of("bytes")]).toEqual(Array.from({ length: 256 }, (_, index) => index));
        expect(text("part")).toBe("ABC");
        expect(text("empty")).toBe("");
      });

      test("receives what a subscription's filter matches, and nothing else", async () => {
        const device = await start(
          broker.url,
          "",
          `const show = (message) => console.log(message.topic + " = " + message.text());
           client.subscribe("to/+/set", 1, show);
           client.subscribe("all/#", 0, show).onGranted = () => console.log("granted");
           client.onMessage = () => console.log("unwanted");`,
        );
        await printed(device, "granted");
        for (const topic of ["to/a/set", "to/a/b/set", "all", "all/b/c"]) observer.publish(topic, topic, { qos: 1 });
        observer.publish("all/end", "", { qos: 1 });
        await printed(device, "all/end = ");
        expect(device.lines.filter((line) => line.includes(" = "))).toEqual([
          "to/a/set = to/a/set",
          "all = all",
          "all/b/c = all/b/c",
          "all/end = ",
        ]);
        expect(device.lines).not.toContain("unwanted");
      });

      test("passes UTF-8 through unharmed both ways, in topics and payloads (MQTT.js: non-Latin-1 text corrupted)", async () => {
        const device = await start(
          broker.url,
          "",
          `client.subscribe("to/größe", 1, (message) => {
             console.log("got " + message.text());
             client.publish("from/größe", message.text() + " €", { qos: 1 });
           }).onGranted = () => console.log("granted");`,
        );
        await printed(device, "granted");
        observer.publish("to/größe", "25 °C, 東京 🌱", { qos: 1 });
        await printed(device, "got 25 °C, 東京 🌱");
        await observed(1);
        expect(messages[0]).toMatchObject({ topic: "from/größe", text: "25 °C, 東京 🌱 €" });
      });

      test("receives 300 messages in a burst, in order (tinyMQTT: messages are lost for want of reassembly)", async () => {
        const device = await start(
          broker.url,
          "",
          `let next = 0;
           let sum = 0;
           client.subscribe("to/count", 1, (message) => {
             const text = message.text();
             if (+text.slice(0, 4) - 1000 === next) next++;
             else if (next < 300) { console.log("out of order: " + text); next = 1000; }
             sum += message.length;
             if (next === 300) console.log("all " + sum);
           }).onGranted = () => console.log("granted");`,
        );
        await printed(device, "granted");
        let sum = 0;
        for (let index = 0; index < 300; index++) {
          const payload = `${1000 + index}${"x".repeat((index * 37) % 90)}`;
          sum += payload.length;
          observer.publish("to/count", payload, { qos: 1 });
        }
        await printed(device, `all ${sum}`, 20_000);
        expect(device.lines.filter((line) => line.startsWith("out"))).toEqual([]);
      });

      test("sends and receives messages of several segments (tinyMQTT: 127 bytes at most)", async () => {
        const device = await start(
          broker.url,
          "receiveBytes: 4096, outboxBytes: 4096",
          `client.subscribe("to/large", 1, (message) => {
             client.publisher("from/large", { qos: 1 }).publish(message.bytes, message.start, message.end);
           }).onGranted = () => console.log("granted");`,
        );
        await printed(device, "granted");
        const large = Uint8Array.from({ length: 3_000 }, (_, index) => (index * 7) % 251);
        observer.publish("to/large", large, { qos: 1 });
        await observed(1);
        expect([...messages[0]!.bytes]).toEqual([...large]);
      });

      test("skips a message larger than its buffer, says so, and lives on", async () => {
        const device = await start(
          broker.url,
          "receiveBytes: 128",
          `client.onSkipped = (message) => console.log("skipped " + message.topic + " " + message.length);
           client.subscribe("to/#", 1, (message) => console.log("got " + message.text())).onGranted = () => console.log("granted");`,
        );
        await printed(device, "granted");
        observer.publish("to/large", new Uint8Array(5_000), { qos: 1 });
        observer.publish("to/small", "still here", { qos: 1 });
        await printed(device, "got still here");
        expect(device.lines).toContain("skipped to/large 5000");
      });

      test("leaves a will, which the broker publishes when the device dies (MQTT.js: no will)", async () => {
        const device = await start(
          broker.url,
          `will: { topic: "from/state", payload: "offline", qos: 1, retain: true }`,
        );
        await printed(device, "connected false");
        await device.kill();
        await observed(1);
        expect(messages[0]).toMatchObject({ topic: "from/state", text: "offline" });
      });

      test("says DISCONNECT, so that the will is not published", async () => {
        const device = await start(
          broker.url,
          `will: { topic: "from/state", payload: "offline" }`,
          `onConnect = () => { client.publish("from/last", "bye"); client.disconnect(); };`,
        );
        await printed(device, `lost ${Reason.DISCONNECTED}`);
        await observed(1);
        // The observer's own message comes after all that the broker had to say of the device.
        await device.kill();
        observer.publish("from/end", "end", { qos: 1 });
        await observed(2);
        expect(messages.map(({ topic }) => topic)).toEqual(["from/last", "from/end"]);
      });

      test("connects again when the broker is back, and then sends what was published meanwhile (MQTT.js: no reconnection)", async () => {
        const device = await start(
          broker.url,
          "reconnectMinMs: 50, reconnectMaxMs: 200, tickMs: 20",
          `let connections = 0;
           client.subscribe("to/again", 1, (message) => console.log("got " + message.text())).onGranted = () => console.log("granted " + connections);
           onConnect = () => { connections++; };
           let told = false;
           setInterval(() => {
             if (connections === 1 && !client.connected && !told) {
               told = true;
               console.log("published " + client.publish("from/away", "kept", { qos: 1 }));
             }
           }, 10);`,
        );
        await printed(device, "granted 1");
        const { port } = broker;
        observer.disconnect();
        await broker.stop();
        await printed(device, "published 1");
        await printed(device, `lost ${Reason.CONNECTION_REFUSED}`);
        cleanUp.splice(cleanUp.length - 2, 1);
        broker = await Broker.start({ port });
        cleanUp.unshift(() => broker.stop());
        observer = await observe(broker.url);
        await printed(device, "granted 2");
        // It may have connected before the observer did: what the observer missed does not come again.
        observer.publish("to/again", "welcome", { qos: 1 });
        await printed(device, "got welcome");
      });
    });

    describe("without a broker", () => {
      test("is told of a refused connection, and does not fail for it (connect throws on Espruino)", async () => {
        const broker = await ScriptedBroker.start(wellBehaved);
        await broker.stop();
        const device = await start(broker.url, "reconnectMinMs: 10, tickMs: 10");
        await printed(device, `lost ${Reason.CONNECTION_REFUSED}`);
        expect(device.lines.filter((line) => line.startsWith("Uncaught"))).toEqual([]);
      });

      test("is told of a host that has no address", async () => {
        const device = await start("mqtt://no-such-host.invalid", "");
        await printed(device, `lost ${Reason.HOST_NOT_FOUND}`);
      });

      test("refuses a scheme that it has not, with a sentence", async () => {
        const device = await start("ws://127.0.0.1:1", "");
        await printed(device, /url (has the scheme "ws"|must be like mqtt:)/);
      });
    });

    describe("with a broker that does as the test says", () => {
      test("sends the fields of CONNECT that were asked for (MQTT.js: clean_session: false ignored; tinyMQTT: keep-alive 65,535)", async () => {
        const broker = await scripted(wellBehaved);
        await start(
          broker.url,
          `cleanSession: false, keepAlive: 300, username: "user", password: "secret",
           will: { topic: "state", payload: "off", qos: 1, retain: true }`,
        );
        const [connect] = await broker.until("connect", 1);
        expect(connect).toMatchObject({
          protocolId: "MQTT",
          protocolVersion: 4,
          clean: false,
          keepalive: 300,
          clientId: "device",
          username: "user",
          password: Buffer.from("secret"),
          will: { topic: "state", payload: Buffer.from("off"), qos: 1, retain: true },
        });
      });

      for (const code of [1, 2, 3, 4, 5]) {
        test(`takes CONNACK's return code ${code} for a refusal (MQTT.js: code 5 reported as connected)`, async () => {
          const broker = await scripted((packet, { send }) => {
            if (packet.cmd === "connect") send({ cmd: "connack", returnCode: code, sessionPresent: false });
          });
          const device = await start(broker.url, "");
          await printed(device, `lost ${code}`);
          expect(device.lines).not.toContain("connected false");
        });
      }

      test("is connected with CONNACK, not with the socket (tinyMQTT: does not wait for it)", async () => {
        let accept: (() => void) | undefined;
        const broker = await scripted((packet, { send }) => {
          if (packet.cmd === "connect") accept = () => send({ cmd: "connack", returnCode: 0, sessionPresent: false });
        });
        const device = await start(broker.url, "");
        await broker.until("connect", 1);
        expect(device.lines).not.toContain("connected false");
        accept!();
        await printed(device, "connected false");
      });

      test("gives up a connection whose CONNACK does not come", async () => {
        const broker = await scripted(() => {});
        const device = await start(broker.url, "connectTimeoutMs: 200, tickMs: 20");
        await printed(device, `lost ${Reason.CONNECT_TIMEOUT}`);
      });

      test("reports the QoS granted, and a refused subscription as refused (MQTT.js: SUBACK 0x80 reported as subscribed)", async () => {
        const broker = await scripted((packet, connection) => {
          if (packet.cmd !== "subscribe") return wellBehaved(packet, connection);
          const [{ topic, qos }] = packet.subscriptions as [{ topic: string; qos: 0 | 1 }];
          connection.send({ cmd: "suback", messageId: packet.messageId!, granted: [topic === "no" ? 128 : qos] });
        });
        const device = await start(
          broker.url,
          "",
          `const tell = (name) => (granted) => console.log(name + " " + granted);
           client.subscribe("zero", 0, () => {}).onGranted = tell("zero");
           client.subscribe("one", 1, () => {}).onGranted = tell("one");
           client.subscribe("no", 1, () => {}).onGranted = tell("no");`,
        );
        await printed(device, "no 128");
        expect(device.lines.filter((line) => /^(zero|one|no) /.test(line))).toEqual(["zero 0", "one 1", "no 128"]);
      });

      test("pings once in a keep-alive interval (MQTT.js: keep_alive 5 sends 34,992 pings in 3.5 s)", async () => {
        const times: number[] = [];
        const broker = await scripted((packet, connection) => {
          if (packet.cmd === "connect" || packet.cmd === "pingreq") times.push(performance.now());
          wellBehaved(packet, connection);
        });
        const device = await start(broker.url, "keepAlive: 1, tickMs: 50");
        await broker.until("pingreq", 2);
        expect(times).toHaveLength(3);
        for (let index = 1; index < 3; index++) {
          const interval = times[index]! - times[index - 1]!;
          expect(interval).toBeGreaterThan(500);
          expect(interval).toBeLessThan(1_500); // the broker's own limit [MQTT-3.1.2-24]
        }
        expect(device.lines.filter((line) => line.startsWith("lost"))).toEqual([]);
      });

      test("ends a connection whose broker does not answer a ping (MQTT.js: no ping time-out)", async () => {
        const broker = await scripted((packet, connection) => {
          if (packet.cmd !== "pingreq") wellBehaved(packet, connection);
        });
        const device = await start(broker.url, "keepAlive: 1, pingTimeoutMs: 200, tickMs: 20");
        await printed(device, `lost ${Reason.PING_TIMEOUT}`);
      });

      test("sends bytes as bytes (MQTT.js: a Uint8Array sent as comma text)", async () => {
        const broker = await scripted(wellBehaved);
        await start(broker.url, "", `onConnect = () => client.publish("bytes", new Uint8Array([1, 2, 255]));`);
        const [publish] = await broker.until("publish", 1);
        expect(publish!.payload).toEqual(Buffer.from([1, 2, 255]));
      });

      test("puts a message together that comes byte by byte (MQTT.js: quadratic copying of a split packet)", async () => {
        const broker = await scripted((packet, connection) => {
          wellBehaved(packet, connection);
          if (packet.cmd === "subscribe") void sendByteByByte(connection, "to/split", "x".repeat(300));
        });
        const device = await start(
          broker.url,
          "",
          `client.subscribe("to/split", 0, (message) => console.log("got " + message.length + " " + message.text().slice(297)));`,
        );
        await printed(device, "got 300 xxx");
      });

      test("sends again, with DUP and the same packet id, what was not acknowledged (MQTT.js: no retransmission)", async () => {
        const broker = await scripted((packet, connection) => {
          const first = broker.connections[0] === connection;
          if (packet.cmd === "connect") connection.send({ cmd: "connack", returnCode: 0, sessionPresent: !first });
          else if (first) connection.socket.destroy();
          else wellBehaved(packet, connection);
        });
        const device = await start(
          broker.url,
          "cleanSession: false, reconnectMinMs: 10, tickMs: 10",
          `client.publish("kept", "once", { qos: 1 });
           setInterval(() => { if (client.connected && client.inFlight + client.queued === 0) console.log("acknowledged"); }, 20);`,
        );
        const [one, two] = await broker.until("publish", 2);
        expect(one).toMatchObject({ topic: "kept", qos: 1, dup: false });
        expect(two).toMatchObject({ topic: "kept", qos: 1, dup: true, messageId: one!.messageId });
        await printed(device, "acknowledged");
      });

      test("acknowledges a message with QoS 1, and shows whether it may be a duplicate", async () => {
        const broker = await scripted((packet, connection) => {
          wellBehaved(packet, connection);
          if (packet.cmd !== "subscribe") return;
          for (const dup of [false, true]) {
            connection.send({
              cmd: "publish",
              topic: "to/one",
              payload: "1",
              qos: 1,
              dup,
              retain: false,
              messageId: 7,
            });
          }
        });
        const device = await start(
          broker.url,
          "",
          `client.subscribe("to/one", 1, (message) => console.log("dup " + message.dup));`,
        );
        expect((await broker.until("puback", 2)).map(({ messageId }) => messageId)).toEqual([7, 7]);
        await printed(device, "dup true");
        expect(device.lines.filter((line) => line.startsWith("dup"))).toEqual(["dup false", "dup true"]);
      });

      test("delivers no message with QoS 2, which it never asks for (MQTT.js: a QoS 2 duplicate delivered twice)", async () => {
        const broker = await scripted((packet, connection) => {
          wellBehaved(packet, connection);
          if (packet.cmd !== "subscribe") return;
          connection.send({
            cmd: "publish",
            topic: "to/two",
            payload: "2",
            qos: 2,
            dup: false,
            retain: false,
            messageId: 8,
          });
        });
        const device = await start(broker.url, "", `client.subscribe("to/two", 1, () => console.log("delivered"));`);
        await printed(device, `lost ${Reason.QOS_NOT_REQUESTED}`);
        expect(device.lines).not.toContain("delivered");
      });

      test("ends a connection that is not MQTT", async () => {
        const broker = await scripted((packet, connection) => {
          wellBehaved(packet, connection);
          if (packet.cmd === "connect") connection.socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
        });
        const device = await start(broker.url, "");
        await printed(device, /^lost (16|17|19|48)$/);
      });

      test("tells when its buffers are full, and delivers all that it took (Espruino's write never refuses)", async () => {
        const broker = await scripted(wellBehaved);
        const device = await start(
          broker.url,
          "",
          `const counter = client.publisher("count");
           onConnect = () => {
             let taken = 0;
             while (taken < 500 && counter.publish(taken) !== Published.FULL) taken++;
             console.log("took " + taken);
           };`,
        );
        const taken = Number((await printed(device, /^took/)).slice(5));
        expect(taken).toBeGreaterThan(10);
        expect(taken).toBeLessThan(500);
        const received = await broker.until("publish", taken);
        expect(received.map(({ payload }) => Number(payload.toString()))).toEqual(
          Array.from({ length: taken }, (_, index) => index),
        );
      });

      test("lets a handler that throws reach the console, and lives on", async () => {
        const broker = await scripted((packet, connection) => {
          wellBehaved(packet, connection);
          if (packet.cmd !== "subscribe" && packet.cmd !== "puback") return;
          const messageId = packet.cmd === "puback" ? packet.messageId! + 1 : 1;
          if (messageId > 2) return;
          connection.send({
            cmd: "publish",
            topic: "to/bad",
            payload: "x",
            qos: 1,
            dup: false,
            retain: false,
            messageId,
          });
        });
        const device = await start(
          broker.url,
          "",
          `client.subscribe("to/bad", 1, () => { throw new Error("my mistake"); });`,
        );
        await broker.until("puback", 2);
        await printed(device, /^Uncaught Error: my mistake/);
        expect(device.lines.filter((line) => line.startsWith("lost"))).toEqual([]);
      });
    });
  });
}

/** Sends a PUBLISH in as many writes as it has bytes. */
async function sendByteByByte(connection: Connection, topic: string, payload: string): Promise<void> {
  const { generate } = await import("mqtt-packet");
  const bytes = generate({ cmd: "publish", topic, payload, qos: 0, dup: false, retain: false });
  for (let at = 0; at < bytes.length; at++) {
    await new Promise<void>((resolve) => connection.socket.write(bytes.subarray(at, at + 1), () => resolve()));
  }
}
