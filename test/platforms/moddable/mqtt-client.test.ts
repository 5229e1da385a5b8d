import { afterEach, expect, test } from "vitest";
import { Reason } from "../../../src/packet/reason.ts";
import { describeWith } from "../../support/require.ts";
import { xs } from "../../tools/simulator/engine.ts";
import { Control, ShimDevice, stopDevices } from "./device.ts";

afterEach(stopDevices);

const CONNACK = "20020000";

/** A program with one client of the standard's pattern that prints what it is told. `options` are more of them. */
function program(options = "", more = ""): string {
  return `
    import MQTTClient from "embedded:network/mqtt/client";
    import TCP from "embedded:io/socket/tcp";
    import Resolver from "embedded:network/dns/resolver/udp";
    import Timer from "timer";
    const settings = JSON.parse(host.settings);
    const text = (buffer) => String.fromCharCode(...new Uint8Array(buffer));
    const bytes = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));
    const attempt = (what) => { try { return what(); } catch (error) { return error.name + ": " + error.message; } };
    const client = new MQTTClient({
      socket: { io: TCP }, dns: { io: Resolver }, host: settings.host ?? "broker.test", id: "c",
      onReadable(count, options) { host.print("readable " + count + " " + JSON.stringify(options)); host.print("read " + text(this.read() ?? [])); },
      onControl(operation, message) { host.print("control " + operation + " " + JSON.stringify(message)); },
      onError(error) { host.print("error " + error.reason); },
      onClose() { host.print("close"); },
      ${options}
    });
    ${more}
  `;
}

const hex = (text: string): string => Buffer.from(text, "latin1").toString("hex");

/** A PUBLISH to topic "t", whose flags are its first byte's. */
function publish(flags: number, payload: string, id?: number): string {
  const body = `000174${id === undefined ? "" : id.toString(16).padStart(4, "0")}${hex(payload)}`;
  const length = body.length / 2;
  const remaining = length < 128 ? [length] : [(length & 127) | 128, length >> 7];
  return Buffer.from([0x30 | flags, ...remaining]).toString("hex") + body;
}

describeWith(xs, "faults of Moddable's client", () => {
  test("a PUBLISH without payload is delivered, and what follows it, too", async () => {
    const device = await ShimDevice.run(program("onControl: undefined,"));
    await device.connect();
    await device.receive(publish(0, "") + publish(0, "on"));
    expect(device.lines).toEqual([
      'readable 0 {"more":false,"topic":"t","QoS":0,"byteLength":0}',
      "read ",
      'readable 2 {"more":false,"topic":"t","QoS":0,"byteLength":2}',
      "read on",
    ]);
  });

  test.each(["onReadable", "onControl", "onWritable"])("close within %s is the end", async (callback) => {
    const device = await ShimDevice.run(
      program(`${callback}() { host.print("${callback}"); this.close(); this.close(); },`),
    );
    await device.connect();
    await device.receive(publish(0, "x") + publish(0, "y"));
    await device.control(Control.ERROR);
    await device.pass(60_000);
    expect(device.lines.at(-1)).toBe(callback);
    expect(device.socket.at(-1)).toBe("close");
  });

  test("close within onError or onClose does nothing", async () => {
    const device = await ShimDevice.run(
      program(
        `onControl: undefined, onError() { host.print("error"); this.close(); }, onClose() { host.print("close"); this.close(); },`,
      ),
    );
    await device.connect();
    await device.control(Control.ERROR);
    await device.pass(100);
    expect(device.lines).toEqual(["error", "close"]);
  });

  test("close before the name is resolved is the end", async () => {
    const device = await ShimDevice.run(program("", "client.close();"), { host: "late.test" });
    await device.pass(60_000);
    expect([device.lines, device.socket]).toEqual([[], []]);
  });

  test("a message in fragments that takes longer than the keep-alive ends no connection, and a ping follows it", async () => {
    const device = await ShimDevice.run(
      program(
        "keepAlive: 5_000, onControl: undefined,",
        `let left = 6;
         Timer.repeat(() => { if (left === 6) client.write(bytes("f"), { topic: "t", byteLength: 6 }); else if (left > 0) client.write(bytes("f")); left--; }, 20_000);`,
      ),
    );
    await device.connect();
    for (let count = 0; count < 3; count++) {
      await device.pass(5_000);
      await device.receive("d000");
    }
    await device.pass(5_000 + 5 * 20_000);
    expect(device.lines).toEqual([]);
    const packets = device.writes.join("").split("c000").filter(Boolean);
    expect(packets.at(-1)).toBe(`3009000174${hex("ffffff")}`);
    await device.receive("d000");
    await device.pass(6_000);
    expect(device.writes.at(-1)).toBe("c000");
  });

  test("onClose is called when the connection ends, after onError", async () => {
    const device = await ShimDevice.run(program("onControl: undefined,"));
    await device.connect();
    await device.control(Control.ERROR);
    await device.pass(100);
    expect(device.lines).toEqual([`error ${Reason.CONNECTION_LOST}`, "close"]);
  });

  test("after DISCONNECT the end is no error", async () => {
    const device = await ShimDevice.run(
      program("onControl() { this.write(null, { operation: MQTTClient.DISCONNECT }); },"),
    );
    await device.connect();
    await device.control(Control.ERROR);
    await device.pass(100);
    expect(device.writes.at(-1)).toBe("e000");
    expect(device.lines).toEqual(["close"]);
  });

  test("packet ids go from 65535 to 1, past those in use", async () => {
    const device = await ShimDevice.run(
      program(
        "",
        `Timer.set(() => {
           const send = (id) => client.write(bytes("x"), { topic: "t", QoS: 1, id });
           send(65_534); send(1);
           host.print(attempt(() => send(1)));
           host.print(attempt(() => send(0)));
         }, 1_000);
         Timer.set(() => { for (let count = 0; count < 3; count++) client.write(bytes("x"), { topic: "t", QoS: 1 }); }, 2_000);`,
      ),
    );
    await device.connect(60_000);
    await device.pass(3_000);
    const ids = device.writes.slice(1).map((packet) => Number.parseInt(packet.slice(10, 14), 16));
    expect(ids).toEqual([65_534, 1, 2, 3, 4]);
    expect(device.lines.slice(1)).toEqual([
      "RangeError: id 1 is in use: its packet is not acknowledged yet",
      "RangeError: id must be a whole number from 1 to 65535, not 0",
    ]);
  });

  test.each([
    { connack: "20020100", line: 'control 2 {"operation":2,"returnCode":0,"sessionPresent":true}', after: [] },
    {
      connack: "20020005",
      line: 'control 2 {"operation":2,"returnCode":5,"sessionPresent":false}',
      after: ["error 5", "close"],
    },
  ])("CONNACK $connack is told with its code and session", async ({ connack, line, after }) => {
    const device = await ShimDevice.run(program("clean: false,"));
    await device.up();
    await device.receive(connack);
    expect(device.lines).toEqual([line, ...after]);
  });

  test("a message with QoS 2 that comes twice is delivered once, and one with its id after PUBREL again", async () => {
    const device = await ShimDevice.run(program("onControl: undefined,"));
    await device.connect();
    await device.receive(publish(4, "once", 7) + publish(4 | 8, "once", 7));
    await device.receive("62020007");
    await device.receive(publish(4, "anew", 7));
    expect(device.lines.filter((line) => line.startsWith("read "))).toEqual(["read once", "read anew"]);
    expect(device.writes.slice(1).join("")).toBe("50020007500200077002000750020007");
  });

  test("a will's message and a password of bytes are sent as they are", async () => {
    const device = await ShimDevice.run(
      program(
        `will: { topic: "w", message: Uint8Array.of(0, 255).buffer, QoS: 1, retain: 1 }, user: "u", password: Uint8Array.of(254, 0), keepAlive: 1_500,`,
      ),
    );
    await device.up();
    expect(device.writes).toEqual([
      `101b${"00044d51545404"}ee${"0002"}${"000163"}${"000177"}${"000200ff"}${"000175"}${"0002fe00"}`,
    ]);
  });

  test("a password without a user is refused at once", async () => {
    const device = await ShimDevice.run(
      program(
        "",
        `host.print(attempt(() => new MQTTClient({ socket: { io: TCP }, dns: { io: Resolver }, host: "h", password: "p" })));`,
      ),
    );
    expect(device.lines).toEqual(["TypeError: password needs a username"]);
  });

  test("a broker that never sends CONNACK, and one that answers no ping, are given up", async () => {
    const silent = await ShimDevice.run(program());
    await silent.up();
    await silent.pass(31_000);
    expect(silent.lines).toEqual([`error ${Reason.CONNECT_TIMEOUT}`, "close"]);
    const deaf = await ShimDevice.run(program("keepAlive: 10_000, onControl: undefined,"));
    await deaf.connect();
    await deaf.pass(45_000);
    expect(deaf.writes.slice(1)).toEqual(["c000"]);
    expect(deaf.lines).toEqual([`error ${Reason.PING_TIMEOUT}`, "close"]);
  });
});

describeWith(xs, "reading", () => {
  const slow = `onControl: undefined, onReadable(count, options) { host.print(count + " " + JSON.stringify(options)); },`;

  test("a long message comes in fragments, the first with what it is", async () => {
    const device = await ShimDevice.run(
      program(
        `onControl: undefined, onReadable(count, options) { host.print(count + " " + JSON.stringify(options)); this.read(); },`,
      ),
    );
    await device.connect();
    await device.receive(publish(2, "x".repeat(3_000), 9) + publish(0, "y"));
    const counts = device.lines.map((line) => Number.parseInt(line, 10));
    expect(counts.slice(0, -1).reduce((sum, count) => sum + count)).toBe(3_000);
    expect(device.lines[0]).toMatch(/ \{"more":true,"topic":"t","QoS":1,"byteLength":3000\}$/);
    expect(device.lines.slice(1, -2).every((line) => line.endsWith(' {"more":true}'))).toBe(true);
    expect(device.lines.at(-2)).toMatch(/ \{"more":false\}$/);
    expect(device.lines.at(-1)).toBe('1 {"more":false,"topic":"t","QoS":0,"byteLength":1}');
    expect(device.writes.at(-1)).toBe("40020009");
  });

  test("nothing follows, and nothing is acknowledged, until the message is read", async () => {
    const device = await ShimDevice.run(
      program(
        slow,
        `let round = 0; Timer.repeat(() => {
        if (++round === 1) host.print("a " + text(client.read(2)));
        if (round === 2) { const into = new Uint8Array(10); host.print("b " + client.read(into) + " " + text(into.slice(0, 3))); }
        if (round === 3) host.print("c " + client.read());
      }, 1_000);`,
      ),
    );
    await device.connect();
    await device.receive(publish(2, "hello", 9) + publish(0, "y"));
    await device.receive(publish(0, "z"));
    expect(device.lines).toHaveLength(1);
    expect(device.writes).toHaveLength(1);
    await device.pass(2_500);
    expect(device.lines.slice(1, 4)).toEqual([
      "a he",
      "b 3 llo",
      '1 {"more":false,"topic":"t","QoS":0,"byteLength":1}',
    ]);
    expect(device.writes.slice(1)).toEqual(["40020009"]);
    await device.pass(1_000);
    expect(device.lines.slice(4)).toEqual([
      "c [object ArrayBuffer]",
      '1 {"more":false,"topic":"t","QoS":0,"byteLength":1}',
    ]);
  });

  test("messages arrive the same however the stream is cut", async () => {
    const stream = Buffer.from(
      CONNACK + publish(0, "a") + publish(2, "bb", 3) + publish(0, "") + "9003000480" + publish(4, "c".repeat(40), 5),
      "hex",
    );
    const outcomes = new Set<string>();
    for (const size of [1, 2, 3, 7, 1_000]) {
      const device = await ShimDevice.run(program());
      await device.up();
      for (let at = 0; at < stream.length; at += size) await device.receive(stream.subarray(at, at + size));
      outcomes.add(JSON.stringify([device.lines, device.writes.slice(1).join("")]));
    }
    expect([...outcomes]).toHaveLength(1);
    expect([...outcomes][0]).toContain('control 9 {\\"operation\\":9,\\"id\\":4,\\"payload\\":[128]}');
  });
});

describeWith(xs, "writing", () => {
  test("a publish is one write, and what does not fit is an error that sends nothing", async () => {
    const device = await ShimDevice.run(
      program(
        "onControl: undefined,",
        `host.print(attempt(() => client.write(bytes("x"), { topic: "t" })));
         Timer.set(() => {
           host.print(String(client.write(bytes("x"), { topic: "t", QoS: 1, retain: true })));
           host.print(attempt(() => client.write(new Uint8Array(100), { topic: "t" })));
           host.print(attempt(() => client.write(bytes("x"), { topic: "t/#" })));
           host.print(attempt(() => client.write(bytes("x"), { topic: "t", QoS: 3 })));
           host.print(attempt(() => client.write(null, { operation: 1 })));
           host.print(attempt(() => client.write(new Uint16Array(1), { topic: "t" })));
           client.write(bytes("x").buffer, { topic: "t", byteLength: 3 });
           host.print(attempt(() => client.write(bytes("x"), { topic: "t" })));
           host.print(attempt(() => client.write(bytes("xyz"))));
           host.print(String(client.write(new DataView(bytes("yz").buffer))));
           client.write(null, { operation: MQTTClient.SUBSCRIBE, items: [{ topic: "a", QoS: 2 }, { topic: "b/#" }] });
           client.write(null, { operation: MQTTClient.UNSUBSCRIBE, items: [{ topic: "a" }] });
         }, 1_000);`,
      ),
    );
    await device.connect(80);
    await device.control(Control.WRITABLE, 80);
    await device.pass(1_500);
    expect(device.lines).toEqual([
      "Error: write needs a connection: wait for CONNACK",
      "64",
      "RangeError: 105 bytes cannot be written now: 72 can",
      'TypeError: topic must not have the wildcards + and #: "t/#"',
      "RangeError: QoS must be a whole number from 0 to 2, not 3",
      "RangeError: operation 1 is not one that a client writes",
      "TypeError: a buffer must be of bytes",
      "Error: a fragment after the first takes no options",
      "RangeError: only 2 bytes of the message are left",
      "56",
    ]);
    expect(device.writes.slice(1)).toEqual([
      "33060001740001" + "78",
      "300600017478",
      "797a",
      "820c0002000161020003622f2300",
      "a2050003000161",
    ]);
  });

  test("onWritable comes with CONNACK, and whenever there is room again", async () => {
    const device = await ShimDevice.run(
      program(`onControl: undefined, onWritable(count) { host.print("writable " + count); },`),
    );
    await device.connect(100);
    await device.control(Control.WRITABLE, 8);
    await device.control(Control.WRITABLE, 50);
    expect(device.lines).toEqual(["writable 77", "writable 42"]);
  });

  test("an acknowledgement that falls due between fragments waits for the last, and does not hold them up", async () => {
    const device = await ShimDevice.run(
      program(
        `onControl: undefined, onWritable(count) {
          if (left === 4) this.write(bytes("w"), { topic: "t", byteLength: left });
          else if (left > 0) this.write(bytes("w"));
          left--;
        },`,
        "let left = 4;",
      ).replace("const client", "var client"),
    );
    await device.connect(60);
    await device.receive("50020007"); // PUBREC
    for (let count = 0; count < 4; count++) await device.control(Control.WRITABLE, 60);
    expect(device.writes.slice(1)).toEqual([`3007000174${hex("w")}`, hex("w"), hex("w"), hex("w"), "62020007"]);
  });

  test("acknowledgements wait for room, and no more is read until they are sent", async () => {
    const device = await ShimDevice.run(program("onControl: undefined, onReadable() { this.read(); },"));
    await device.connect(15); // CONNECT takes it all
    const messages = Array.from({ length: 60 }, (_, index) => publish(2, "m", index + 1));
    await device.receive(messages.join(""));
    for (let count = 0; count < 60; count++) await device.control(Control.WRITABLE, 5);
    const sent = device.writes.slice(1).join("");
    expect(sent).toBe(messages.map((_, index) => `4002${(index + 1).toString(16).padStart(4, "0")}`).join(""));
  });

  test("code for Moddable's own client, whose onControl gets the message alone, runs by way of a class of five lines", async () => {
    const device = await ShimDevice.run(`
      import MQTTClient from "embedded:network/mqtt/client";
      import TCP from "embedded:io/socket/tcp";
      import Resolver from "embedded:network/dns/resolver/udp";
      class ModdableMQTTClient extends MQTTClient {
        constructor(options) {
          super({ ...options, onControl(_, message) { options.onControl?.call(this, message); } });
        }
      }
      new ModdableMQTTClient({
        socket: { io: TCP }, dns: { io: Resolver }, host: "broker.test", id: "c",
        onControl(msg) {
          if (MQTTClient.CONNACK === msg.operation) this.write(null, { operation: ModdableMQTTClient.PINGREQ });
        },
      });
    `);
    await device.connect();
    expect(device.writes.at(-1)).toBe("c000");
  });
});
