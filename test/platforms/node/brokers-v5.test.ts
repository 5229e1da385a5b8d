// The whole path with MQTT 5: a client on platforms/node, real TCP, mosquitto.

import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { createPlatform } from "../../../platforms/node/index.ts";
import { ExactlyOnce } from "../../../src/qos2.ts";
import { Client, Property, Published, Reason } from "../../../src/v5.ts";
import { Journal } from "../../support/journal.ts";
import { mosquitto, type RealBroker, startMosquitto } from "../../support/real-brokers.ts";
import { describeWith } from "../../support/require.ts";

describeWith(mosquitto, "a client of MQTT 5 on Node.js with mosquitto", () => {
  let broker: RealBroker;
  beforeAll(async () => {
    broker = await startMosquitto();
  });
  afterAll(() => broker?.stop());

  const clients: Client[] = [];
  afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));

  async function connected(): Promise<{ client: Client; events: Journal<string> }> {
    const client = new Client(createPlatform(), {
      url: broker.url,
      tickMs: 5,
      topicAliasMaximum: 10,
      exactlyOnce: new ExactlyOnce(),
    });
    clients.push(client);
    const events = new Journal<string>();
    client.onConnect = () => events.add("connected");
    client.onDisconnect = (reason) => events.add(Reason[reason]);
    client.connect();
    await events.has("connected");
    return { client, events };
  }

  it.each([0, 1, 2] as const)(
    "publishes and receives with QoS %i, in order, nothing missing [MQTT-4.2-1]",
    async (qos) => {
      const subscriber = await connected();
      const messages = new Journal<string>();
      const granted = new Journal<number>();
      const subscription = subscriber.client.subscribe(`v5/${qos}`, qos, (message) => {
        messages.add(`${message.text()} ${message.properties.textOf(Property.CONTENT_TYPE)}`);
      });
      subscription.onGranted = (code) => granted.add(code);
      await granted.has(qos);
      const publisher = await connected();
      const counter = publisher.client.publisher(`v5/${qos}`, { qos, contentType: "text/plain", topicAlias: true });
      let next = 0;
      const publish = (): void => {
        while (next < 500 && counter.publish(next) !== Published.FULL) next++;
        if (next < 500) setImmediate(publish);
      };
      publish();
      await messages.count(500);
      expect(messages.items).toEqual(Array.from({ length: 500 }, (_, index) => `${index} text/plain`));
      await expect.poll(() => [publisher.client.queued, publisher.client.inFlight]).toEqual([0, 0]);
      expect([publisher.events.items, subscriber.events.items]).toEqual([["connected"], ["connected"]]);
    },
  );
});
