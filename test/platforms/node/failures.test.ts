import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createPlatform, platform } from "../../../platforms/node/index.ts";
import { brokers, freePort, type RealBroker, startAedes } from "../../support/real-brokers.ts";
import { RealClient } from "../../support/real-client.ts";
import { describeWith, program } from "../../support/require.ts";

const servers: { server: Server; sockets: Set<Socket> }[] = [];
afterEach(async () => {
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  }
});

/** A server of plain TCP that does what it is told with each connection. */
async function serve(onConnection: (socket: Socket) => void): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    onConnection(socket);
  });
  servers.push({ server, sockets });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as { port: number }).port, sockets };
}

const CONNACK = Buffer.from("20020000", "hex");

describe("platforms/node reports", () => {
  it("a port where nobody listens as CONNECTION_REFUSED, once, and connects when somebody does", async () => {
    const port = await freePort();
    for (const host of ["127.0.0.1", "localhost"]) {
      const client = new RealClient({ url: `mqtt://${host}:${port}` });
      client.client.connect();
      await client.events.has("CONNECTION_REFUSED");
    }
    const client = new RealClient({ url: `mqtt://127.0.0.1:${port}` });
    client.client.connect();
    await client.events.count(1);
    const server = createServer((socket) => socket.write(CONNACK)).listen(port, "127.0.0.1");
    servers.push({ server, sockets: new Set() });
    server.on("connection", (socket) => servers[0].sockets.add(socket));
    await client.events.has("connected");
    expect(client.events.items).toEqual(["CONNECTION_REFUSED", "connected"]);
  });

  it("a name without an address as HOST_NOT_FOUND", async () => {
    const client = new RealClient({ url: "mqtt://nonexistent.invalid" });
    client.client.connect();
    await client.events.count(1);
    expect(client.events.items).toEqual(["HOST_NOT_FOUND"]);
  });

  it("a server that accepts and says nothing as CONNECT_TIMEOUT", async () => {
    const { port } = await serve(() => undefined);
    const client = new RealClient({ url: `mqtt://127.0.0.1:${port}`, connectTimeoutMs: 100 });
    client.client.connect();
    await client.events.count(1);
    expect(client.events.items).toEqual(["CONNECT_TIMEOUT"]);
  });

  it("a server that closes at once as CLOSED_BY_BROKER, and a reset as CONNECTION_LOST", async () => {
    const closing = await serve((socket) => socket.end());
    const polite = new RealClient({ url: `mqtt://127.0.0.1:${closing.port}` });
    polite.client.connect();
    await polite.events.count(1);
    expect(polite.events.items).toEqual(["CLOSED_BY_BROKER"]);
    const resetting = await serve((socket) => socket.once("data", () => socket.resetAndDestroy()));
    const rude = new RealClient({ url: `mqtt://127.0.0.1:${resetting.port}` });
    rude.client.connect();
    await rude.events.count(1);
    expect(rude.events.items).toEqual(["CONNECTION_LOST"]);
  });

  it("a server of something else as malformed, and goes on when it is a broker at last", async () => {
    let count = 0;
    const { port } = await serve((socket) => socket.write(count++ ? CONNACK : "HTTP/1.1 400 Bad Request\r\n\r\n"));
    const client = await new RealClient({ url: `mqtt://127.0.0.1:${port}` }).connect();
    expect(client.events.items).toEqual(["HEADER_FLAGS", "connected"]);
  });

  it("a scheme that it does not have by throwing, with the scheme in the message", () => {
    const client = new RealClient({ url: "wss://127.0.0.1:1" });
    expect(() => client.client.connect()).toThrow('url has the scheme "wss": on Node.js it must be mqtt or mqtts');
  });
});

describe("platforms/node", () => {
  it("stays bounded when the broker reads nothing, and sends all of it once it does", async () => {
    const got: Buffer[] = [];
    const { port, sockets } = await serve((socket) => {
      socket.once("data", () => {
        socket.pause();
        socket.write(CONNACK);
      });
    });
    const url = `mqtt://127.0.0.1:${port}`;
    const client = await new RealClient({ url, outboxBytes: 4_096, keepAlive: 0 }).connect();
    const payload = "x".repeat(1_000);
    let accepted = 0;
    // The kernel takes some megabytes, Node 16 KB, the outbox 4 KB; then it is full.
    for (let full = 0; full < 3;) {
      if (client.client.publish("t", payload)) accepted++;
      else {
        full++;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    expect(accepted).toBeLessThan(20_000);
    const [socket] = sockets;
    let size = 0;
    socket.on("data", (chunk: Buffer) => {
      got.push(chunk);
      size += chunk.length;
    });
    socket.resume();
    await expect.poll(() => size, { timeout: 10_000 }).toBe(accepted * (1_000 + 6));
    expect(client.client.queued).toBe(0);
    const stream = Buffer.concat(got);
    for (let at = 0; at < stream.length; at += 1_006)
      expect(stream.subarray(at, at + 6).toString("hex")).toBe("30eb07000174");
  });

  it("sends DISCONNECT after everything before it, and then closes", async () => {
    const chunks: Buffer[] = [];
    let ended = false;
    const { port } = await serve((socket) => {
      socket.once("data", () => socket.write(CONNACK));
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      socket.on("end", () => (ended = true));
    });
    const client = await new RealClient({ url: `mqtt://127.0.0.1:${port}`, outboxBytes: 100_000 }).connect();
    client.client.publish("t", "x".repeat(90_000));
    client.client.disconnect();
    await expect.poll(() => ended).toBe(true);
    const stream = Buffer.concat(chunks);
    expect(stream.subarray(-2).toString("hex")).toBe("e000");
    expect(stream.length).toBeGreaterThan(90_000);
  });

  it("has a clock of whole milliseconds: a fraction would be a new object at each tick", () => {
    for (let count = 0; count < 100; count++) expect(Number.isInteger(platform.clock.now())).toBe(true);
  });
});

const openssl = program("openssl", "on Debian: apt-get install openssl");

describeWith(openssl, "TLS on Node.js", () => {
  const folder = mkdtempSync(join(tmpdir(), "mote-tls-"));
  const file = (name: string): string => join(folder, name);
  const run = (...args: string[]): unknown => execFileSync(openssl.path, args, { stdio: "pipe", cwd: folder });

  function makeAuthority(name: string): void {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", `${name}.key`];
    run("req", "-x509", ...key, "-out", `${name}.pem`, "-days", "2", "-subj", `/CN=${name}`);
  }

  beforeAll(() => {
    makeAuthority("authority");
    makeAuthority("stranger");
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "broker.key"];
    run("req", ...key, "-out", "broker.csr", "-subj", "/CN=broker");
    writeFileSync(file("san"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
    const by = ["-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-days", "2", "-extfile", "san"];
    run("x509", "-req", "-in", "broker.csr", "-out", "broker.pem", ...by);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  for (const { name, requirement, start } of brokers) {
    describeWith(requirement, `with ${name}`, () => {
      let broker: RealBroker;
      beforeAll(async () => {
        broker = await start({ tls: { ca: file("authority.pem"), cert: file("broker.pem"), key: file("broker.key") } });
      });
      afterAll(() => broker?.stop());

      it("publishes and receives when the certificate is the authority's [MQTT-7.1.2-2]", async () => {
        const ca = readFileSync(file("authority.pem"));
        const url = broker.url.replace("127.0.0.1", "localhost");
        for (const one of [broker.url, url]) {
          const client = await (await new RealClient({ url: one }, { tls: { ca } }).connect()).subscribe("tls/+");
          client.client.publish("tls/x", "y".repeat(900), { qos: 1 });
          await client.messages.has(`tls/x ${"y".repeat(900)}`);
          client.client.disconnect();
        }
      });

      it("says TLS_FAILED when the certificate is not to be trusted, and never CONNECT", async () => {
        const ca = readFileSync(file("stranger.pem"));
        for (const tls of [{ ca }, {}, { ca: readFileSync(file("authority.pem")), servername: "elsewhere.example" }]) {
          const client = new RealClient({ url: broker.url, username: "me", password: "secret" }, { tls });
          client.client.connect();
          await client.events.count(1);
          expect(client.events.items).toEqual(["TLS_FAILED"]);
          client.client.disconnect();
        }
      });

      it("connects to a certificate that nobody verifies, only when told so", async () => {
        await new RealClient({ url: broker.url }, { tls: { rejectUnauthorized: false } }).connect();
      });

      it("is not what a client without TLS expects: that notices, and goes on trying", async () => {
        const client = new RealClient({ url: broker.url.replace("mqtts", "mqtt"), connectTimeoutMs: 1_000 });
        client.client.connect();
        await client.events.count(1);
        expect(["HEADER_FLAGS", "CONNECTION_LOST", "CLOSED_BY_BROKER"]).toContain(client.events.items[0]);
      });
    });
  }

  it("says TLS_FAILED of a broker that speaks plain MQTT", async () => {
    const broker = await startAedes();
    try {
      const client = new RealClient({ url: broker.url.replace("mqtt:", "mqtts:"), connectTimeoutMs: 3_000 });
      client.client.connect();
      await client.events.count(1);
      expect(client.events.items).toEqual(["TLS_FAILED"]);
    } finally {
      await broker.stop();
    }
  });

  it("says TLS_FAILED of a server that closes, or resets, in the midst of the handshake", async () => {
    for (const end of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
      const { port } = await serve((socket) => socket.once("data", () => end(socket)));
      const client = new RealClient({ url: `mqtts://127.0.0.1:${port}` });
      client.client.connect();
      await client.events.count(1);
      expect(client.events.items).toEqual(["TLS_FAILED"]);
    }
  });

  it("throws at once when what it is given for TLS is nothing", () => {
    const transport = createPlatform({ tls: { ca: "", cert: "rubbish", key: "rubbish" } }).createTransport();
    const endpoint = { scheme: "mqtts", hostname: "127.0.0.1", port: 1, path: "" };
    const listener = { onOpen() {}, onData() {}, onWritable() {}, onClose() {} };
    expect(() => transport.open(endpoint, listener)).toThrow();
  });
});
