// What an OfflineQueue leaves, once the plug is in again: what arrives through a real broker is what the policy says.

import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { createPlatform } from "../../../platforms/node/index.ts";
import { type Client, Published } from "../../../src/index.ts";
import { OfflineQueue, type OfflineQueueOptions } from "../../../src/queue.ts";
import { Client as ClientV5 } from "../../../src/v5.ts";
import { Journal } from "../../support/journal.ts";
import { brokers, mosquitto, type RealBroker, startMosquitto } from "../../support/real-brokers.ts";
import { RealClient } from "../../support/real-client.ts";
import { describeWith } from "../../support/require.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

/** What a message of one digit takes with topic "queue/x" and QoS 1 or 0: header, margin, fixed header, topic, id, payload. */
const entry = (version: number, qos: number): number =>
  4 + (version === 5 ? 9 : 5) + 5 + 9 + (qos ? 2 : 0) + (version === 5 ? 1 : 0) + 1;

const quick = { tickMs: 5, reconnectMinMs: 10, reconnectMaxMs: 50 };

const VARIANTS = [
  ...brokers.map((broker) => ({ ...broker, version: 3 })),
  { name: "mosquitto", requirement: mosquitto, start: startMosquitto, version: 5 },
];

for (const { name, requirement, start, version } of VARIANTS) {
  describeWith(requirement, `an OfflineQueue with ${name}${version === 5 ? " and MQTT 5" : ""}`, () => {
    let broker: RealBroker;
    let proxy: TcpProxy;
    beforeAll(async () => {
      broker = await start();
      proxy = await TcpProxy.start(broker.port);
    });
    afterAll(async () => {
      await proxy?.stop();
      await broker?.stop();
    });
    let client: Client | undefined;
    afterEach(() => {
      client?.disconnect();
      proxy.unplugged = false;
    });

    /** A client behind the proxy with room for four messages, whose plug has just been pulled. */
    async function unplugged(policy: OfflineQueueOptions, qos: number): Promise<OfflineQueue> {
      const options = { url: proxy.url, outboxBytes: 4 * entry(version, qos), ...quick };
      const platform = createPlatform();
      client = version === 5 ? new ClientV5(platform, options) : new RealClient(options).client;
      const queue = new OfflineQueue(client, policy);
      const events = new Journal<string>();
      client.onConnect = () => events.add("up");
      client.onDisconnect = () => events.add("down");
      client.connect();
      await events.has("up");
      proxy.unplugged = true;
      proxy.cut();
      await events.has("down");
      return queue;
    }

    /** Puts the plug in again. Returns what arrived then. */
    async function replugged(subscriber: RealClient): Promise<string> {
      proxy.unplugged = false;
      await expect.poll(() => client!.queued + client!.inFlight).toBe(0);
      client!.publish("queue/x", "e", { qos: 1 });
      await subscriber.messages.has("queue/x e");
      const all = subscriber.messages.items.map((item) => item.replace("queue/x ", "")).join("");
      return all.slice(0, all.indexOf("e"));
    }

    it.each([
      { policy: {}, arrives: "0123", answers: "QUEUED QUEUED QUEUED QUEUED FULL FULL" },
      { policy: { whenFull: "drop-oldest" }, arrives: "2345", answers: "QUEUED QUEUED QUEUED QUEUED QUEUED QUEUED" },
      { policy: { whenFull: "drop-newest" }, arrives: "0123", answers: "QUEUED QUEUED QUEUED QUEUED DROPPED DROPPED" },
    ] as const)("delivers $arrives of 012345 with $policy", async ({ policy, arrives, answers }) => {
      const subscriber = await (await new RealClient({ url: broker.url }).connect()).subscribe("queue/x");
      for (const qos of [1, 0] as const) {
        subscriber.messages.items.length = 0;
        const queue = await unplugged(policy, qos);
        const publisher = client!.publisher("queue/x", { qos });
        expect([..."012345"].map((digit) => Published[publisher.publish(digit)]).join(" ")).toBe(answers);
        expect(await replugged(subscriber)).toBe(arrives);
        expect(queue.refused + queue.dropped).toBe(2);
        client!.disconnect();
      }
    });

    it("delivers no message with QoS 0 that was published without a connection, when it is told so", async () => {
      const subscriber = await (await new RealClient({ url: broker.url }).connect()).subscribe("queue/x");
      const queue = await unplugged({ qos0: "drop" }, 1);
      [..."0123"].forEach((digit, index) => client!.publish("queue/x", digit, { qos: (index % 2) as 0 | 1 }));
      expect(await replugged(subscriber)).toBe("13");
      expect(queue.droppedOffline).toBe(2);
    });

    it("delivers no message that waited too long", async () => {
      const subscriber = await (await new RealClient({ url: broker.url }).connect()).subscribe("queue/x");
      const queue = await unplugged({}, 1);
      const brittle = queue.publisher("queue/x", { qos: 1, expiryMs: 10 });
      const lasting = queue.publisher("queue/x", { qos: 1, expiryMs: 1_000_000 });
      brittle.publish("0");
      lasting.publish("1");
      brittle.publish("2");
      await expect.poll(() => queue.expired).toBe(2);
      expect(await replugged(subscriber)).toBe("1");
    });
  });
}
