import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { base64, sha1 } from "../../../platforms/moddable/websocket/digest.ts";
import { webSocket } from "../../../platforms/moddable/websocket/index.ts";
import { platform } from "../../../platforms/node/index.ts";
import { Client, Reason } from "../../../src/index.ts";
import { freePort, mosquitto, startMosquitto } from "../../support/real-brokers.ts";
import { describeWith } from "../../support/require.ts";
import { xs } from "../../tools/simulator/engine.ts";
import { Control, ShimDevice, stopDevices } from "./device.ts";

interface Response {
  what: string;
  status?: string;
  with?: Record<string, string | number>;
  without?: string;
}

const data = JSON.parse(readFileSync(new URL("websocket.json", import.meta.url), "utf8")) as {
  responses: Response[];
  frames: { what: string; bytes: string }[];
};

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455, 1.3

afterEach(stopDevices);

describe("the digests of the handshake", () => {
  test("are those of RFC 6455's example", () => {
    expect(base64(Buffer.from("the sample nonce"))).toBe("dGhlIHNhbXBsZSBub25jZQ==");
    expect(base64(sha1(Buffer.from(`dGhlIHNhbXBsZSBub25jZQ==${GUID}`)))).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  });

  test("are those of Node.js at every length up to three blocks", () => {
    for (let length = 0; length <= 192; length++) {
      const bytes = randomBytes(length);
      expect(Buffer.from(sha1(bytes))).toEqual(createHash("sha1").update(bytes).digest());
      expect(base64(bytes)).toBe(bytes.toString("base64"));
    }
  });
});

const PROGRAM = `
  import { Client } from "mote-mqtt";
  import { platform } from "mote-mqtt/moddable";
  import { webSocket } from "mote-mqtt/moddable/websocket";
  import Timer from "timer";
  const settings = JSON.parse(host.settings);
  const client = new Client(webSocket(platform), {
    url: "ws://broker.test:8080/mqtt?x=1", clientId: "c", keepAlive: 0, tickMs: 50, ...settings.options,
  });
  const publisher = client.publisher("greenhouse/7/temp", { qos: 0 });
  const payload = new Uint8Array(64).fill(120);
  let received = 0;
  client.subscribe("set/#", 1, (message) => { received++; });
  client.onConnect = () => host.print("connected");
  client.onDisconnect = (reason) => host.print("lost " + reason);
  client.connect();
  if (settings.publishes) Timer.repeat(() => { if (client.connected) publisher.publish(payload); }, 50);
  Timer.repeat(() => host.print("received " + received), 60_000);
`;

/** The server's answer to the request that the device sent. */
function answer(device: ShimDevice, { status, with: changed = {}, without }: Partial<Response> = {}): Buffer {
  const request = Buffer.from(device.writes.join(""), "hex").toString("latin1");
  const key = /^Sec-WebSocket-Key: (.*)\r$/m.exec(request)![1]!;
  const fields: Record<string, string | number> = {
    Upgrade: "WebSocket",
    Connection: "keep-alive, Upgrade",
    "Sec-WebSocket-Accept": createHash("sha1")
      .update(key + GUID)
      .digest("base64"),
    "Sec-WebSocket-Protocol": "mqtt",
    ...changed,
  };
  const lines = Object.entries(fields)
    .filter(([name]) => name !== without)
    .map(([name, value]) => `${name}: ${typeof value === "number" ? "x".repeat(value) : value}`);
  return Buffer.from([status ?? "HTTP/1.1 101 Switching Protocols", ...lines, "", ""].join("\r\n"));
}

/** A frame of a server. */
function frame(payload: Uint8Array | string, first = 0x82): Buffer {
  const bytes = typeof payload === "string" ? Buffer.from(payload, "hex") : payload;
  const length = bytes.length < 126 ? [bytes.length] : [126, bytes.length >> 8, bytes.length & 255];
  return Buffer.concat([Uint8Array.of(first, ...length), bytes]);
}

/** Takes a client's stream of frames apart: opcode and payload of each. */
function frames(hex: string): { opcode: number; payload: string }[] {
  const bytes = Buffer.from(hex, "hex");
  const found = [];
  for (let at = 0; at < bytes.length;) {
    expect(bytes[at]! & 0xf0).toBe(0x80);
    expect(bytes[at + 1]! & 0x80).toBe(0x80);
    const opcode = bytes[at]! & 0x0f;
    let size = bytes[at + 1]! & 0x7f;
    at += 2;
    if (size === 126) {
      size = bytes.readUInt16BE(at);
      at += 2;
    }
    const mask = bytes.subarray(at, at + 4);
    const payload = bytes.subarray(at + 4, at + 4 + size).map((byte, index) => byte ^ mask[index & 3]!);
    found.push({ opcode, payload: Buffer.from(payload).toString("hex") });
    at += 4 + size;
  }
  return found;
}

async function upgraded(settings: Record<string, unknown> = {}, writable = 60_000): Promise<ShimDevice> {
  const device = await ShimDevice.run(PROGRAM, settings);
  await device.up(writable);
  await device.receive(answer(device));
  return device;
}

describeWith(xs, "the handshake [MQTT5-6.0.0-3]", () => {
  test("asks for the URL's path with the subprotocol mqtt [MQTT-6.0.0-3], and is followed by CONNECT", async () => {
    const device = await upgraded();
    const request = Buffer.from(device.writes[0]!, "hex").toString("latin1");
    expect(request.replace(/Key: .{22}==\r/, "Key: …\r")).toBe(
      "GET /mqtt?x=1 HTTP/1.1\r\nHost: broker.test:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        "Sec-WebSocket-Key: …\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
    );
    expect(frames(device.writes.slice(1).join(""))).toEqual([
      { opcode: 2, payload: "100d00044d5154540402000000" + "0163" },
    ]);
    await device.receive(frame("20020000"));
    expect(device.lines).toEqual(["connected"]);
  });

  test("succeeds however its answer is cut, with frames right behind it", async () => {
    const device = await ShimDevice.run(PROGRAM);
    await device.up();
    for (const byte of Buffer.concat([answer(device), frame("20020000")])) await device.receive(Uint8Array.of(byte));
    expect(device.lines).toEqual(["connected"]);
  });

  test("goes out in pieces when the socket takes no more", async () => {
    const device = await ShimDevice.run(PROGRAM);
    await device.up(50);
    for (let count = 0; count < 5; count++) await device.control(Control.WRITABLE, 50);
    expect(Math.max(...device.writes.map((write) => write.length / 2))).toBeLessThanOrEqual(50);
    expect(Buffer.from(device.writes.join(""), "hex").toString()).toMatch(/^GET [^]*\r\n\r\n$/);
  });

  test.each(data.responses)("fails with $what", async (response) => {
    const device = await ShimDevice.run(PROGRAM);
    await device.up();
    await device.receive(answer(device, response));
    expect(device.lines).toEqual([`lost ${Reason.WEBSOCKET_FAILED}`]);
    expect(device.socket.at(-1)).toBe("close");
  });

  test("fails with a port that ends the connection when it gets the request", async () => {
    const device = await ShimDevice.run(PROGRAM);
    await device.up();
    await device.control(Control.ERROR);
    await device.pass(50);
    expect(device.lines).toEqual([`lost ${Reason.WEBSOCKET_FAILED}`]);
  });

  test("refuses at once a path that cannot be in a request", () => {
    for (const path of ["/a b", "/a\r\nHost: x", "/ä"]) {
      const client = new Client(webSocket(platform), { url: `ws://127.0.0.1:1${path}`, clientId: "c" });
      expect(() => client.connect()).toThrow(/^url must have visible ASCII characters alone/);
    }
  });
});

describeWith(xs, "frames [MQTT-6.0.0-1], [MQTT5-6.0.0-1], [MQTT5-6.0.0-2]", () => {
  test.each(data.frames)("that must not come end the connection: $what", async ({ bytes }) => {
    const device = await upgraded();
    await device.receive(bytes.replaceAll(" ", ""));
    expect(device.lines).toEqual([`lost ${Reason.WEBSOCKET_FAILED}`]);
    expect(device.socket.at(-1)).toBe("close");
  });

  test("carry packets in parts and by the dozen [MQTT-6.0.0-2], however the stream is cut", async () => {
    const message = (size: number): Buffer =>
      Buffer.concat([
        Buffer.from(size + 7 < 128 ? [0x30, size + 7] : [0x30, ((size + 7) & 127) | 128, (size + 7) >> 7]),
        Buffer.from("\0\x05set/x"),
        Buffer.alloc(size, 120),
      ]);
    const packets = Buffer.concat([
      Buffer.from("9003000501", "hex"),
      message(3),
      message(200),
      message(0),
      message(700),
    ]);
    const stream = Buffer.concat([
      frame("20020000"),
      frame(packets.subarray(0, 1), 0x02),
      frame("", 0x8a), // PONG that nobody asked for
      frame("", 0x00),
      frame(packets.subarray(1, 300), 0x80),
      Buffer.concat([Buffer.from("827f00000000", "hex"), Buffer.from([0, 0, 1, 0]), packets.subarray(300, 556)]),
      frame(packets.subarray(556)),
    ]);
    for (const size of [1, 2, 3, 7, 100, 5_000]) {
      const device = await upgraded();
      for (let at = 0; at < stream.length; at += size) await device.receive(stream.subarray(at, at + size));
      await device.pass(60_000);
      expect(device.lines).toEqual(["connected", "received 4"]);
    }
  });

  test("a ping is answered with what it carries, once there is room", async () => {
    const device = await upgraded();
    await device.receive(frame("20020000"));
    const count = device.writes.length;
    await device.receive(frame(Buffer.from("hello"), 0x89));
    await device.receive(frame("", 0x89));
    expect(frames(device.writes.slice(count).join(""))).toEqual([
      { opcode: 10, payload: "68656c6c6f" },
      { opcode: 10, payload: "" },
    ]);
    await device.control(Control.WRITABLE, 3);
    await device.receive(frame(Buffer.from("one"), 0x89));
    await device.receive(frame(Buffer.from("two"), 0x89));
    await device.control(Control.WRITABLE, 60_000);
    expect(frames(device.writes.slice(count).join("")).slice(2)).toEqual([
      { opcode: 10, payload: "6f6e65" },
      { opcode: 10, payload: "74776f" },
    ]);
  });

  test("a close is answered with its status, and is the broker's end of the connection", async () => {
    const device = await upgraded();
    await device.receive(frame("20020000"));
    await device.receive(frame("03e9" + "62796521", 0x88));
    expect(frames(device.writes.at(-1)!)).toEqual([{ opcode: 8, payload: "03e9" }]);
    expect(device.lines).toEqual(["connected", `lost ${Reason.CLOSED_BY_BROKER}`]);
  });

  test("a publish is one write and allocates nothing", async () => {
    const device = await upgraded({ publishes: true });
    await device.receive(frame("20020000"));
    await device.receive(frame("9003000501"));
    await device.pass(2_000);
    const before = await device.statistics();
    const count = device.writes.length;
    await device.pass(5_000);
    const after = await device.statistics();
    const packet = `30530011${Buffer.from("greenhouse/7/temp").toString("hex")}${"78".repeat(64)}`;
    expect(device.writes.length - count).toBe(100);
    for (const write of device.writes.slice(count)) expect(frames(write)).toEqual([{ opcode: 2, payload: packet }]);
    expect(new Set(device.writes.slice(count)).size).toBeGreaterThan(90); // each with a mask of its own (5.3)
    expect(after.wakeSlots - before.wakeSlots).toBe(0);
    expect(after.wakeChunkBytes - before.wakeChunkBytes).toBe(0);
  });

  test("a received message allocates nothing, however it is cut", async () => {
    const device = await upgraded();
    await device.receive(frame("20020000"));
    await device.receive(frame("9003000501"));
    const message = frame(`3047${"0005"}${Buffer.from("set/x").toString("hex")}${"78".repeat(64)}`);
    const send = async (): Promise<void> => {
      await device.receive(message);
      await device.receive(message.subarray(0, 30));
      await device.receive(message.subarray(30));
    };
    await send();
    const before = await device.statistics();
    for (let count = 0; count < 20; count++) await send();
    const after = await device.statistics();
    expect(after.receivedSlots - before.receivedSlots).toBe(0);
    expect(after.receivedChunkBytes - before.receivedChunkBytes).toBe(0);
    await device.pass(60_000);
    expect(device.lines).toEqual(["connected", "received 42"]);
  });
});

/** A program with one transport over WebSocket that prints what its listener is told. */
function program(methods = "", hostname = "broker.test"): string {
  return `
    import { platform } from "mote-mqtt/moddable";
    import { webSocket } from "mote-mqtt/moddable/websocket";
    const transport = webSocket(platform).createTransport();
    const open = () => transport.open({ scheme: "ws", hostname: "${hostname}", port: 8080, path: "/" }, listener);
    class Printer {
      onOpen() { host.print("open"); }
      onData(bytes, start, end) { host.print("data " + (end - start)); }
      onWritable() { host.print("writable"); }
      onClose(reason) { host.print("close " + reason); }
    }
    class Listener extends Printer { ${methods} }
    const listener = new Listener();
    open();
  `;
}

describeWith(xs, "what the socket below does", () => {
  test.each([
    { where: "onOpen", lines: ["onOpen"] },
    { where: "onData", lines: ["open", "onData"] },
    { where: "onWritable", lines: ["open", "data 3", "data 2", "onWritable"] },
    { where: "onClose", lines: ["open", "data 3", "data 2", "writable", "onClose"] },
  ])("close within $where is the end", async ({ where, lines }) => {
    const device = await ShimDevice.run(
      program(`${where}() { host.print("${where}"); transport.close(); transport.close();
        if (transport.write(new Uint8Array(1), 0, 1)) host.print("wrote"); }`),
    );
    await device.up();
    await device.receive(Buffer.concat([answer(device), frame("010203"), frame("0405")]));
    await device.control(Control.WRITABLE, 100);
    await device.control(Control.ERROR);
    await device.pass(1_000);
    expect(device.lines).toEqual(lines);
    expect(device.socket.at(-1)).toBe("close");
  });

  test("what is unread of a connection is no part of another that is opened while it is read", async () => {
    const device = await ShimDevice.run(program(`onData() { host.print("data"); transport.close(); open(); }`));
    await device.up();
    await device.receive(Buffer.concat([answer(device), frame("010203"), frame("0405")]));
    await device.pass(50);
    expect(device.lines).toEqual(["open", "data"]);
  });

  test("a name without address, and an error without argument, are the connection's end", async () => {
    const nameless = await ShimDevice.run(program("", "missing.test"));
    await nameless.pass(1_000);
    expect(nameless.lines).toEqual([`close ${Reason.HOST_NOT_FOUND}`]);
    const broken = await ShimDevice.run(program());
    await broken.up();
    await broken.receive(answer(broken));
    await broken.control(Control.ERROR);
    await broken.pass(1_000);
    expect(broken.lines).toEqual(["open", `close ${Reason.CONNECTION_LOST}`]);
  });

  test("frames are read in order though onReadable is called again meanwhile", async () => {
    const device = await ShimDevice.run(program());
    await device.up();
    await device.receive(answer(device));
    await device.control(Control.READ_REENTERS);
    await device.receive(Buffer.concat([frame(new Uint8Array(1_500)), frame("0102")]));
    expect(device.lines).toEqual(["open", "data 1020", "data 480", "data 2"]);
  });
});

describeWith(xs, "a URL of another scheme", () => {
  test("goes straight through", async () => {
    const device = await ShimDevice.run(PROGRAM, { options: { url: "mqtt://broker.test" } });
    await device.connect();
    expect(device.lines).toEqual(["connected"]);
    expect(device.writes[0]).toMatch(/^10/);
  });
});

describeWith(mosquitto, "over WebSocket with mosquitto", () => {
  test("messages of all sizes come back whole and in order, and disconnecting is no accident", async () => {
    const webSocketPort = await freePort();
    const broker = await startMosquitto({ webSocketPort });
    const client = new Client(webSocket(platform), {
      url: `ws://127.0.0.1:${webSocketPort}/mqtt`,
      clientId: "webbed",
      outboxBytes: 20_000,
      receiveBytes: 20_000,
    });
    const sizes = [0, 1, 100, 125, 126, 127, 1_015, 1_016, 1_017, 5_000, 9_000];
    const got: number[] = [];
    await new Promise<void>((resolve, reject) => {
      client.onDisconnect = (reason) => reject(new Error(`lost: reason ${reason}`));
      client.subscribe("echo", 1, (message) => {
        const { bytes, start, end } = message;
        got.push(bytes.subarray(start, end).every((byte) => byte === 7) ? end - start : -1);
        if (got.length === sizes.length) resolve();
        else client.publish("echo", new Uint8Array(sizes[got.length]!).fill(7), { qos: 1 });
      }).onGranted = () => void client.publish("echo", new Uint8Array(0), { qos: 1 });
      client.connect();
    });
    expect(got).toEqual(sizes);
    client.onDisconnect = undefined;
    client.disconnect();
    await broker.stop();
  });
});
