// The whole path: a client on platforms/node, real TCP, a real broker.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Published } from "../../../src/client/publisher.ts";
import { brokers, mosquitto, type RealBroker, startAedes, startMosquitto } from "../../support/real-brokers.ts";
import { RealClient as FullClient, RealLeanClient as LeanClient } from "../../support/real-client.ts";
import { describeWith, itWith } from "../../support/require.ts";
import { countOverCuts } from "./count-over-cuts.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

/** What both clients do alike, and what the full one alone. */
const clients = [
  { RealClient: FullClient, isFull: true, client: "a client" },
  { RealClient: LeanClient, isFull: false, client: "a lean client" },
];
const pairs = brokers.flatMap((broker) => clients.map((client) => ({ ...broker, ...client })));

for (const { name, requirement, start, RealClient, isFull, client } of pairs) {
  describeWith(requirement, `${client} on Node.js with ${name}`, () => {
    let broker: RealBroker;
    beforeAll(async () => {
      broker = await start();
    });
    afterAll(() => broker?.stop());

    it.each(isFull ? ([0, 1, 2] as const) : ([0, 1] as const))(
      "publishes and receives with QoS %i, in order, nothing missing [MQTT-4.2.0-1], [MQTT-7.0.0-2], [MQTT-7.1.2-1]",
      async (qos) => {
        const { messages } = await (await new RealClient({ url: broker.url }).connect()).subscribe(`q${qos}/+`, qos);
        const publisher = await new RealClient({ url: broker.url }).connect();
        const counter = publisher.client.publisher(`q${qos}/count`, { qos });
        let next = 0;
        const publish = (): void => {
          while (next < 500 && counter.publish(next) !== Published.FULL) next++;
          if (next < 500) setImmediate(publish);
        };
        publish();
        await messages.count(500);
        expect(messages.items).toEqual(Array.from({ length: 500 }, (_, index) => `q${qos}/count ${index}`));
        await expect.poll(() => [publisher.client.queued, publisher.client.inFlight]).toEqual([0, 0]);
        expect(publisher.events.items).toEqual(["connected"]);
      },
    );

    // Not aedes 1.2, which on the next connection delivers anew, with other packet ids, what it had delivered before.
    if (isFull && name === "mosquitto") {
      it("loses and repeats nothing with QoS 2 over connections that break [MQTT-4.3.3-1]", async () => {
        const proxy = await TcpProxy.start(broker.port);
        const kept = { url: proxy.url, cleanSession: false };
        const subscriber = await new RealClient({ ...kept, clientId: `${name}-exact-subscriber` }).connect();
        await subscriber.subscribe("exact", 2);
        const publisher = await new RealClient({ ...kept, clientId: `${name}-exact-publisher` }).connect();
        const counter = publisher.client.publisher("exact", { qos: 2 });
        await countOverCuts(proxy, counter, "exact", publisher, subscriber);
        await proxy.stop();
      });
    }

    it("receives a retained message when it subscribes, and none once that is cleared", async () => {
      const publisher = await new RealClient({ url: broker.url }).connect();
      const echo = await publisher.subscribe("retained/#");
      publisher.client.publish("retained/état", "21.5 °C", { qos: 1, retain: true });
      await echo.messages.has("retained/état 21.5 °C");
      const late = await (await new RealClient({ url: broker.url }).connect()).subscribe("retained/+");
      await late.messages.count(1);
      expect(late.messages.items).toEqual(["retained/état 21.5 °C (retained)"]);
      publisher.client.publish("retained/état", "", { qos: 1, retain: true });
      await late.messages.has("retained/état ");
    });

    it("has its will published when its socket dies, and not when it disconnects [MQTT-3.1.2-8], [MQTT-3.1.2-10]", async () => {
      const watcher = await (await new RealClient({ url: broker.url }).connect()).subscribe("will/+");
      const proxy = await TcpProxy.start(broker.port);
      const will = (id: string) => ({ topic: `will/${id}`, payload: `${id} is gone`, qos: 1 as const });
      const polite = await new RealClient({ url: proxy.url, clientId: "polite", will: will("polite") }).connect();
      polite.client.disconnect();
      const killed = await new RealClient({ url: proxy.url, clientId: "killed", will: will("killed") }).connect();
      proxy.cut();
      await watcher.messages.count(1);
      expect(watcher.messages.items).toEqual(["will/killed killed is gone"]);
      await killed.events.until((items) => items.length >= 3);
      expect(killed.events.items).toEqual(["connected", "CONNECTION_LOST", "connected"]);
      await proxy.stop();
    });

    it("gets what came while it was away, of a session that is kept", async () => {
      const options = { url: broker.url, clientId: `kept-${name}`, cleanSession: false };
      const first = await (await new RealClient(options).connect()).subscribe("kept/+");
      first.client.disconnect();
      const publisher = await (await new RealClient({ url: broker.url }).connect()).subscribe("kept/echo");
      for (let count = 0; count < 8; count++) publisher.client.publish("kept/x", `${count}`, { qos: 1 });
      publisher.client.publish("kept/echo", "all sent", { qos: 1 });
      await publisher.messages.has("kept/echo all sent");
      const second = await new RealClient(options).connect();
      expect(second.events.items).toEqual(["connected to the kept session"]);
      await second.messages.count(9);
      expect(second.messages.items.filter((item) => item.startsWith("kept/x"))).toEqual(
        Array.from({ length: 8 }, (_, count) => `kept/x ${count}`),
      );
    });

    it("stops getting what it unsubscribed from", async () => {
      const client = await new RealClient({ url: broker.url }).connect();
      const got: string[] = [];
      const ended = client.client.subscribe("ended", 1, (message) => got.push(message.text()));
      await client.subscribe("goes-on");
      client.client.publish("ended", "1", { qos: 1 });
      client.client.publish("goes-on", "1", { qos: 1 });
      await client.messages.has("goes-on 1");
      ended.unsubscribe();
      ended.unsubscribe();
      client.client.publish("ended", "2", { qos: 1 });
      client.client.publish("goes-on", "2", { qos: 1 });
      await client.messages.has("goes-on 2");
      expect(got).toEqual(["1"]);
      expect(client.messages.items).not.toContain("ended 2");
    });

    it("keeps an idle connection alive with pings", async () => {
      const proxy = await TcpProxy.start(broker.port);
      // 1.5 s without a packet would end it (3.1.2.10).
      const client = await new RealClient({ url: proxy.url, keepAlive: 1 }).connect();
      const since = performance.now();
      await expect.poll(() => performance.now() - since > 1_800, { timeout: 5_000, interval: 50 }).toBe(true);
      expect(client.events.items).toEqual(["connected"]);
      expect(proxy.connections).toBe(1);
      await proxy.stop();
    });

    it("notices a half-open connection by a missing PINGRESP, and connects again", async () => {
      const proxy = await TcpProxy.start(broker.port);
      const client = await new RealClient({ url: proxy.url, keepAlive: 1, pingTimeoutMs: 200 }).connect();
      proxy.stall();
      await client.events.count(3);
      expect(client.events.items).toEqual(["connected", "PING_TIMEOUT", "connected"]);
      await proxy.stop();
    });

    it("sends payloads larger than a socket takes at once", async () => {
      const big = { url: broker.url, outboxBytes: 1_200_000, receiveBytes: 1_200_000 };
      const client = await (await new RealClient(big).connect()).subscribe("big");
      const text = "0123456789".repeat(50_000);
      expect(client.client.publish("big", text, { qos: 1 })).not.toBe(Published.FULL);
      expect(client.client.publish("big", `${text}!`, { qos: 1 })).not.toBe(Published.FULL);
      await client.messages.count(2);
      expect(client.messages.items.map((item) => item.length)).toEqual([500_004, 500_005]);
    });

    it("skips what is larger than its buffer, and gets the next", async () => {
      const big = await new RealClient({ url: broker.url, outboxBytes: 200_000 }).connect();
      const small = await (await new RealClient({ url: broker.url, receiveBytes: 100 }).connect()).subscribe("size/+");
      small.client.onSkipped = (message) => small.messages.add(`skipped ${message.topic} ${message.length}`);
      big.client.publish("size/a", "x".repeat(150_000), { qos: 1 });
      big.client.publish("size/b", "next", { qos: 1 });
      await small.messages.count(2);
      expect(small.messages.items).toEqual(["skipped size/a 150000", "size/b next"]);
      expect(small.events.items).toEqual(["connected"]);
    });

    it("goes on after a handler has thrown; the exception is an uncaught one", async () => {
      const client = await (await new RealClient({ url: broker.url }).connect()).subscribe("fine");
      const before = process.listeners("uncaughtException");
      const uncaught: unknown[] = [];
      process.removeAllListeners("uncaughtException");
      process.on("uncaughtException", (error) => uncaught.push(error.message));
      try {
        client.client.subscribe("throws", 1, () => {
          throw new Error("of the handler");
        });
        client.client.publish("throws", "x", { qos: 1 });
        client.client.publish("fine", "y", { qos: 1 });
        await client.messages.has("fine y");
        client.client.publish("fine", "z", { qos: 1 });
        await client.messages.has("fine z");
      } finally {
        process.removeAllListeners("uncaughtException");
        for (const listener of before) process.on("uncaughtException", listener);
      }
      expect(uncaught).toEqual(["of the handler"]);
      expect(client.events.items).toEqual(["connected"]);
    });

    if (isFull) {
      it("with the id of another client: both are told TAKEN_OVER, and slow down", async () => {
        const times: number[] = [];
        const options = { url: broker.url, clientId: "twin", reconnectMinMs: 20, reconnectMaxMs: 1_000 };
        const twins = [new RealClient(options), new RealClient(options)];
        for (const { client } of twins) {
          const onConnect = client.onConnect!;
          client.onConnect = (kept) => {
            times.push(performance.now());
            onConnect(kept);
          };
          client.connect();
        }
        for (const { events } of twins) {
          await events.has("TAKEN_OVER");
          expect(events.items.indexOf("TAKEN_OVER")).toBeGreaterThanOrEqual(4);
        }
        // From here on, each waits at least half of reconnectMaxMs.
        const count = times.length;
        await twins[0].events.until(() => times.length > count + 1);
        expect(times[count + 1] - times[count - 1]).toBeGreaterThan(450);
      });
    }
  });
}

describe.each(clients)(
  "a broker of $client that is killed in the midst of a stream of QoS 1, and started again",
  (one) => {
    const { RealClient } = one;

    /** Publishes numbers, as many as are accepted, until `end` is called. */
    function stream(publisher: FullClient): { accepted: string[]; end: () => void } {
      const accepted: string[] = [];
      const counter = publisher.client.publisher("stream", { qos: 1 });
      const timer = setInterval(() => {
        for (let count = 0; count < 5; count++) {
          if (counter.publish(accepted.length) === Published.FULL) return;
          accepted.push(`stream ${accepted.length}`);
        }
      }, 1);
      return { accepted, end: () => clearInterval(timer) };
    }

    const firstOccurrences = (items: readonly string[]): string[] => [...new Set(items)];

    it("aedes, with nothing but memory: it gets all that was accepted, in order", async () => {
      const broker = await startAedes();
      try {
        const publisher = await new RealClient({ url: broker.url }).connect();
        const { accepted, end } = stream(publisher);
        for (let round = 1; round <= 3; round++) {
          const before = broker.received.length;
          await expect.poll(() => broker.received.length).toBeGreaterThan(before + 100);
          await broker.kill();
          await publisher.events.until((items) => items.length >= 2 * round);
          await broker.start();
          await publisher.events.until((items) => items.filter((one) => one === "connected").length > round);
        }
        end();
        await expect
          .poll(() => [publisher.client.queued, publisher.client.inFlight], { timeout: 10_000 })
          .toEqual([0, 0]);
        expect(firstOccurrences(broker.received)).toEqual(accepted);
        expect(accepted.length).toBeGreaterThan(300);
      } finally {
        await broker.stop();
      }
    });

    itWith(
      mosquitto,
      "mosquitto, with sessions on disk: a subscriber gets all that was accepted, in order",
      async () => {
        const broker = await startMosquitto({ persistence: true });
        try {
          const kept = { url: broker.url, cleanSession: false };
          const subscriber = await new RealClient({ ...kept, clientId: "subscriber" }).connect();
          await subscriber.subscribe("stream");
          const publisher = await new RealClient({ ...kept, clientId: "publisher" }).connect();
          await broker.save();
          const { accepted, end } = stream(publisher);
          for (let round = 1; round <= 3; round++) {
            await subscriber.messages.count(subscriber.messages.items.length + 100);
            await broker.kill();
            for (const { events } of [publisher, subscriber]) await events.until((items) => items.length >= 2 * round);
            await broker.start();
            for (const { events } of [publisher, subscriber]) await events.count(2 * round + 1);
          }
          end();
          await expect
            .poll(() => [publisher.client.queued, publisher.client.inFlight], { timeout: 10_000 })
            .toEqual([0, 0]);
          await subscriber.messages.has(accepted[accepted.length - 1]);
          expect(firstOccurrences(subscriber.messages.items)).toEqual(accepted);
          expect(subscriber.events.items).toContain("connected to the kept session");
        } finally {
          await broker.stop();
        }
      },
    );
  },
);
