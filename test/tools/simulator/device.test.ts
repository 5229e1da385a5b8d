// Simulated devices on real time, with real sockets, against the bundled broker.

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { Broker, type BrokerListener } from "../../../tools/broker/broker.ts";
import { packageRoot } from "../../../tools/cli/package.ts";
import { bundle } from "../../../tools/simulator/bundle.ts";
import { Device, type Engine } from "../../../tools/simulator/device.ts";
import { Journal } from "../../support/journal.ts";
import { freePort } from "../../support/real-brokers.ts";
import { describeWith, type Requirement } from "../../support/require.ts";
import { xs } from "./engine.ts";

const node: Requirement = { name: "Node", missing: undefined };
const program = await bundle(join(packageRoot, "test/tools/simulator/programs/echo.ts"));

const running: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function startBroker(listener: BrokerListener = {}): Promise<Broker> {
  const broker = await Broker.start({ port: 0 }, listener);
  running.push(broker);
  return broker;
}

interface Running {
  device: Device;
  lines: Journal<string>;
  ended: Journal<string>;
}

async function startDevice(engine: Engine, settings: Record<string, unknown>, code = program.code): Promise<Running> {
  const lines = new Journal<string>();
  const ended = new Journal<string>();
  const device = await Device.create({
    engine,
    settings: JSON.stringify(settings),
    seed: 1,
    onPrint: (line) => lines.add(line),
    onEnd: (message) => ended.add(message),
  });
  running.push(device);
  await device.start(code);
  return { device, lines, ended };
}

/** A server that is no broker: `serve` says what it does with a connection. */
async function startServer(serve: (socket: Socket) => void): Promise<{ port: number }> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    serve(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  running.push({
    stop: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  });
  return { port: (server.address() as { port: number }).port };
}

for (const [engine, requirement] of [
  ["xs", xs],
  ["node", node],
] as const) {
  describeWith(requirement, `a device on ${engine}`, () => {
    it("publishes and receives through the bundled broker", async () => {
      const broker = await startBroker();
      const { device, lines, ended } = await startDevice(engine, { url: broker.url, size: 100, count: 30 });
      await lines.has("all came back");
      const { reports, slotBytes } = await device.statistics();
      expect(reports).toEqual({ received: 30, waiting: 0 });
      expect(slotBytes > 0).toBe(engine === "xs");
      expect(ended.items).toEqual([]);
    });

    it("sends more than a connection holds at once", async () => {
      const broker = await startBroker();
      const { device, lines, ended } = await startDevice(engine, { url: broker.url, size: 3_000, count: 60, qos: 1 });
      await lines.has("all came back");
      expect((await device.statistics()).reports).toEqual({ received: 60, waiting: 0 });
      expect(ended.items).toEqual([]);
    });

    it("is refused, says so once, and finds the broker when it comes", async () => {
      const port = await freePort();
      const { lines, ended } = await startDevice(engine, { url: `mqtt://127.0.0.1:${port}`, size: 10, count: 5 });
      await lines.count(1);
      running.push(await Broker.start({ port }));
      await lines.has("all came back");
      expect(lines.items).toEqual([expect.stringMatching(/^Nobody listens/), "connected", "all came back"]);
      expect(ended.items).toEqual([]);
    });

    it("bears resets, and says so", async () => {
      const resets = new Journal<Socket>();
      const { port } = await startServer((socket) =>
        socket.once("data", () => {
          socket.resetAndDestroy();
          resets.add(socket);
        }),
      );
      const { lines, ended } = await startDevice(engine, { url: `mqtt://127.0.0.1:${port}` });
      await resets.count(3);
      expect(lines.items).toEqual([expect.stringMatching(/^The connection to the broker broke/)]);
      expect(ended.items).toEqual([]);
    });

    it("speaks TLS when the URL says so, and tells when there is none", async () => {
      const first: Buffer[] = [];
      const { port } = await startServer((socket) =>
        socket.once("data", (bytes: Buffer) => {
          first.push(bytes);
          socket.end("this is no TLS\r\n");
        }),
      );
      const { lines, ended } = await startDevice(engine, { url: `mqtts://localhost:${port}` });
      await lines.count(1);
      expect(first[0]![0]).toBe(0x16); // a handshake
      expect(lines.items[0]).toMatch(/^TLS failed/);
      expect(ended.items).toEqual([]);
    });

    it("has no address for a host that is none", async () => {
      const { lines, ended } = await startDevice(engine, { url: "mqtt://broker.invalid" });
      await lines.count(1);
      expect(lines.items).toEqual([expect.stringMatching(/^The broker's host name has no address/)]);
      expect(ended.items).toEqual([]);
    });

    it("is gone at once when it is stopped, and the broker publishes its will", async () => {
      const gone = new Journal<string>();
      const broker = await startBroker({ onDisconnect: (id) => gone.add(id) });
      const { device, lines, ended } = await startDevice(engine, { url: broker.url, size: 10, count: 1_000_000 });
      await lines.has("connected");
      await device.stop();
      await gone.has("echo");
      await device.stop();
      await expect(device.statistics()).rejects.toThrow("The machine does not run: it was stopped");
      expect(ended.items).toEqual([]);
    });

    it("tells once that its program ended it, and leaves the broker", async () => {
      const gone = new Journal<string>();
      const broker = await startBroker({ onDisconnect: (id) => gone.add(id) });
      const { device, ended } = await startDevice(engine, { url: broker.url, size: 10, count: 5, failAt: 3 });
      await ended.count(1);
      await gone.has("echo");
      expect(ended.items).toEqual([expect.stringMatching(/^The program threw .*Error: sensor is broken/)]);
      await expect(device.statistics()).rejects.toThrow("The machine does not run");
    });

    it("has timers that fire on time, and not after they were stopped", async () => {
      const { code } = await bundle(join(packageRoot, "test/tools/simulator/programs/timers.ts"));
      const { lines } = await startDevice(engine, {}, code);
      await lines.has("end");
      expect(lines.items).toEqual(["10", "20", "20", "30", "often", "often", "often", "end"]);
    });
  });
}
