// Messages larger than any buffer of the client's, over real TCP and through real brokers.

import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { createPlatform } from "../../../platforms/node/index.ts";
import type { ClientOptions } from "../../../src/client/options.ts";
import { Reason } from "../../../src/packet/index.ts";
import { ExactlyOnce } from "../../../src/qos2.ts";
import { type Piece, Streaming, type StreamingPublisher } from "../../../src/streaming.ts";
import { Client, type ClientOptions as ClientOptions5, type Message, Property } from "../../../src/v5.ts";
import { Journal } from "../../support/journal.ts";
import { brokers, mosquitto, type RealBroker, startMosquitto } from "../../support/real-brokers.ts";
import { RealClient } from "../../support/real-client.ts";
import { describeWith } from "../../support/require.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

const MB = 1_024 * 1_024;

/** Bytes that do not repeat soon. */
function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = 1;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

class StreamingClient extends RealClient {
  readonly streaming = new Streaming(this.client);
  /** The digest of each message that came whole, or the name of why it did not. */
  readonly received = new Journal<string>();
  readonly ended = new Journal<string>();

  constructor(options: Partial<ClientOptions> & { url: string }) {
    super({ receiveBytes: 1_024, outboxBytes: 1_024, ...options });
  }

  async receive(filter: string, qos: 0 | 1 | 2): Promise<this> {
    const granted = new Journal<number>();
    let hash = createHash("sha256");
    const handler = this.streaming.pieces(
      ({ bytes, start, end, offset, last }) => {
        if (offset === 0) hash = createHash("sha256");
        hash.update(bytes.subarray(start, end));
        if (last) this.received.add(hash.digest("hex"));
      },
      (reason) => this.received.add(Reason[reason]),
    );
    this.client.subscribe(filter, qos, handler).onGranted = (code) => granted.add(code);
    await granted.has(qos);
    return this;
  }

  publisher(topic: string, qos: 0 | 1 | 2): StreamingPublisher {
    const publisher = this.streaming.publisher(topic, { qos });
    publisher.onEnd = (reason) => this.ended.add(Reason[reason]);
    return publisher;
  }
}

/** Sends a message in pieces, as fast as the connection takes them. */
function send(publisher: StreamingPublisher, payload: Uint8Array, pieceBytes = 8_192): void {
  let at = 0;
  const pump = (): void => {
    while (at < payload.length) {
      const end = Math.min(payload.length, at + pieceBytes);
      const taken = publisher.write(payload, at, end);
      at += taken;
      if (at < end) return;
    }
    publisher.end();
  };
  publisher.onWritable = pump;
  expect(publisher.begin(payload.length)).toBe(true);
  pump();
}

for (const { name, requirement, start } of brokers) {
  describeWith(requirement, `streaming through ${name}`, () => {
    let broker: RealBroker;
    beforeAll(async () => {
      broker = await start();
    });
    afterAll(() => broker?.stop());

    it.each([0, 1, 2] as const)("brings 5 MB whole to a client with buffers of 1 KB, QoS %i", async (qos) => {
      const payload = noise(5 * MB);
      const receiver = await (await new StreamingClient({ url: broker.url }).connect()).receive(`large/${qos}`, qos);
      const sender = await new StreamingClient({ url: broker.url }).connect();
      const publisher = sender.publisher(`large/${qos}`, qos);
      send(publisher, payload);
      sender.client.publish(`large/${qos}`, "after", { qos });
      await sender.ended.count(1);
      await receiver.received.count(2);
      expect(sender.ended.items).toEqual(["OK"]);
      expect(receiver.received.items).toEqual([digest(payload), digest(Buffer.from("after"))]);
      expect([sender.events.items, receiver.events.items]).toEqual([["connected"], ["connected"]]);
    });

    it("repeats with DUP what was whole but not acknowledged when the connection broke", async () => {
      const payload = noise(65_536);
      const proxy = await TcpProxy.start(broker.port);
      const receiver = await (await new StreamingClient({ url: broker.url }).connect()).receive("repeated", 1);
      const options = { url: proxy.url, clientId: `${name}-repeats`, cleanSession: false };
      const sender = await new StreamingClient(options).connect();
      await sender.subscribe("other"); // a session without subscriptions is none for aedes
      const publisher = sender.publisher("repeated", 1);
      proxy.bytesPerSecond = 1_000;
      send(publisher, payload);
      await expect.poll(() => publisher.missing).toBe(0);
      proxy.cut();
      await sender.events.count(3);
      expect(sender.ended.items).toEqual(["CONNECTION_LOST"]);
      expect(publisher.repeats).toBe(true);
      proxy.bytesPerSecond = Infinity;
      send(publisher, payload);
      await sender.ended.count(2);
      expect([sender.ended.items[1], publisher.repeats]).toEqual(["OK", false]);
      await receiver.received.has(digest(payload));
      await proxy.stop();
    });
  });
}

describeWith(mosquitto, "streaming with MQTT 5 through mosquitto", () => {
  let broker: RealBroker;
  beforeAll(async () => {
    broker = await startMosquitto();
  });
  afterAll(() => broker?.stop());

  const clients: Client[] = [];
  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });

  /** A client of MQTT 5 with buffers of 1 KB, connected. */
  async function connect(
    options: Partial<ClientOptions5> = {},
  ): Promise<{ client: Client; streaming: Streaming<Client> }> {
    const memory = { receiveBytes: 1_024, outboxBytes: 1_024, exactlyOnce: new ExactlyOnce() };
    const client = new Client(createPlatform(), { url: broker.url, tickMs: 5, ...memory, ...options });
    clients.push(client);
    const streaming = new Streaming(client);
    await new Promise<void>((resolve) => {
      client.onConnect = () => resolve();
      client.connect();
    });
    return { client, streaming };
  }

  /** Notes each message that comes whole: where from, its properties, its digest and how many pieces it had. */
  async function receive(
    topic: string,
    qos: 0 | 1 | 2,
    options: Partial<ClientOptions5> = {},
  ): Promise<Journal<string>> {
    const { client, streaming } = await connect(options);
    const received = new Journal<string>();
    const granted = new Journal<number>();
    let hash = createHash("sha256");
    let pieces = 0;
    const onPiece = ({ message, bytes, start, end, offset, total, last }: Piece<Message>): void => {
      if (offset === 0) {
        hash = createHash("sha256");
        pieces = 0;
      }
      pieces++;
      hash.update(bytes.subarray(start, end));
      if (!last) return;
      const { properties } = message;
      const about = [message.topic, message.qos, total, properties.textOf(Property.CONTENT_TYPE)];
      for (let more = properties.find(0x26); more; more = properties.findNext(0x26)) about.push(properties.text);
      received.add(`${about.join(" ")} ${pieces > 1 ? "in pieces" : "whole"} ${hash.digest("hex")}`);
    };
    client.subscribe(
      topic,
      qos,
      streaming.pieces(onPiece, (reason) => received.add(Reason[reason])),
    ).onGranted = (code) => granted.add(code);
    await granted.has(qos);
    return received;
  }

  it.each([0, 1, 2] as const)("brings 5 MB with their properties, QoS %i", async (qos) => {
    const payload = noise(5 * MB);
    const topic = `large/v5/${qos}`;
    const received = await receive(topic, qos, { topicAliasMaximum: 5, topicAliasBytes: 64 });
    const { client, streaming } = await connect();
    const properties = {
      contentType: "image/png",
      userProperties: [
        ["a", "ä"],
        ["a", "b"],
      ] as [string, string][],
    };
    const publisher = streaming.publisher(topic, { qos, ...properties });
    const ended = new Journal<string>();
    publisher.onEnd = (reason) => ended.add(Reason[reason]);
    const small = noise(100);
    send(publisher, payload);
    client.publish(topic, small, { qos, ...properties });
    await ended.has("OK");
    send(publisher, payload.subarray(0, 70_000));
    await received.count(3);
    const about = (bytes: Uint8Array, how: string): string =>
      `${topic} ${qos} ${bytes.length} image/png ä b ${how} ${digest(bytes)}`;
    expect(received.items).toEqual([
      about(payload, "in pieces"),
      about(small, "whole"),
      about(payload.subarray(0, 70_000), "in pieces"),
    ]);
    expect(ended.items[0]).toBe("OK");
  });

  it("begins nothing that is larger than the broker's maximum packet size", async () => {
    const small = await startMosquitto({ config: ["max_packet_size 10000"] });
    try {
      const { streaming } = await connect({ url: small.url });
      const publisher = streaming.publisher("large/limited", { qos: 1, contentType: "image/png" });
      const ended: string[] = [];
      publisher.onEnd = (reason) => ended.push(Reason[reason]);
      expect(publisher.begin(10_000)).toBe(false);
      expect(ended).toEqual(["PACKET_TOO_LARGE_V5"]);
    } finally {
      await small.stop();
    }
  });
});

describeWith(mosquitto, "with a keep-alive of one second, mosquitto", () => {
  let broker: RealBroker;
  beforeAll(async () => {
    broker = await startMosquitto();
  });
  afterAll(() => broker?.stop());

  it("takes 1 MB over a link that takes four seconds for it", async () => {
    const payload = noise(MB);
    const proxy = await TcpProxy.start(broker.port);
    const receiver = await (await new StreamingClient({ url: broker.url }).connect()).receive("slow", 1);
    const sender = await new StreamingClient({ url: proxy.url, keepAlive: 1 }).connect();
    proxy.bytesPerSecond = MB / 4;
    const begun = performance.now();
    send(sender.publisher("slow", 1), payload);
    await sender.ended.count(1);
    expect(performance.now() - begun).toBeGreaterThan(3_900); // by the brake, however fast the computer
    expect([sender.ended.items, sender.events.items]).toEqual([["OK"], ["connected"]]);
    await receiver.received.count(1);
    expect(receiver.received.items).toEqual([digest(payload)]);
    await proxy.stop();
  }, 30_000);

  it("takes 1 MB of an application that takes four seconds for it", async () => {
    const payload = noise(MB);
    const receiver = await (await new StreamingClient({ url: broker.url }).connect()).receive("drip", 1);
    const sender = await new StreamingClient({ url: broker.url, keepAlive: 1 }).connect();
    const publisher = sender.publisher("drip", 1);
    publisher.begin(payload.length);
    let at = 0;
    const timer = setInterval(() => {
      at += publisher.write(payload, at, Math.min(payload.length, at + MB / 32));
      if (at < payload.length) return;
      clearInterval(timer);
      publisher.end();
    }, 125);
    await sender.ended.count(1);
    expect([sender.ended.items, sender.events.items]).toEqual([["OK"], ["connected"]]);
    await receiver.received.count(1);
    expect(receiver.received.items).toEqual([digest(payload)]);
  }, 30_000);

  it("sends 1 MB over a link that takes four seconds for it, to a client that pings meanwhile", async () => {
    const payload = noise(MB);
    const proxy = await TcpProxy.start(broker.port);
    const receiver = await new StreamingClient({ url: proxy.url, keepAlive: 1 }).connect();
    await receiver.receive("slow/in", 1);
    proxy.bytesPerSecondToClient = MB / 4;
    const sender = await new StreamingClient({ url: broker.url }).connect();
    send(sender.publisher("slow/in", 1), payload);
    await receiver.received.count(1);
    expect([receiver.received.items, receiver.events.items]).toEqual([[digest(payload)], ["connected"]]);
    await proxy.stop();
  }, 30_000);
});
