import { once } from "node:events";
import { connect } from "node:net";
import mqtt, { type IPublishPacket, type Packet } from "mqtt-packet";
import { afterEach, expect, it } from "vitest";
import { Broker, PortTakenError } from "../../../tools/broker/broker.ts";
import { Journal } from "../../support/journal.ts";
import { RealClient } from "../../support/real-client.ts";

const brokers: Broker[] = [];
afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.stop();
});

async function start(...args: Parameters<typeof Broker.start>): Promise<Broker> {
  const broker = await Broker.start(...args);
  brokers.push(broker);
  return broker;
}

it("listens at loopback alone unless asked, and tells who comes and goes", async () => {
  const events = new Journal<string>();
  const broker = await start(
    { port: 0 },
    { onConnect: (id) => events.add(`+ ${id}`), onDisconnect: (id) => events.add(`- ${id}`) },
  );
  expect(broker).toMatchObject({ host: "127.0.0.1", url: `mqtt://127.0.0.1:${broker.port}` });
  const subscriber = await (await new RealClient({ url: broker.url, clientId: "a" }).connect()).subscribe("b/#");
  const publisher = await new RealClient({ url: broker.url, clientId: "b" }).connect();
  publisher.client.publish("b/c", "said", { qos: 1 });
  await subscriber.messages.has("b/c said");
  publisher.client.disconnect();
  await events.has("- b");
  expect(events.items).toEqual(["+ a", "+ b", "- b"]);
});

it("survives what is no MQTT, and tells of it", async () => {
  const errors = new Journal<string>();
  const broker = await start({ port: 0 }, { onError: (id, message) => errors.add(`${id}: ${message}`) });
  for (const bytes of [
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    Buffer.alloc(2_000, 0xff),
    Buffer.from([0x10, 2, 0, 9]),
  ]) {
    const socket = connect(broker.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(bytes);
    await once(socket, "close");
  }
  await errors.count(3);
  expect(errors.items.every((error) => error.startsWith("undefined: "))).toBe(true);
  await new RealClient({ url: broker.url }).connect();
});

it("gives DUP to what it sends again, and to nothing else", async () => {
  const gone = new Journal<string>();
  const broker = await start({ port: 0 }, { onDisconnect: (id) => gone.add(id) });
  const publisher = await new RealClient({ url: broker.url, clientId: "b" }).connect();

  /** A subscriber with a session that is kept, which acknowledges nothing. */
  const subscribe = () => {
    const packets = new Journal<Packet>();
    const socket = connect(broker.port, "127.0.0.1");
    const parser = mqtt.parser({ protocolVersion: 4 });
    parser.on("packet", (packet) => packets.add(packet));
    socket.on("data", (bytes) => parser.parse(bytes));
    socket.write(mqtt.generate({ cmd: "connect", protocolId: "MQTT", clientId: "a", clean: false, keepalive: 60 }));
    socket.write(mqtt.generate({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "t", qos: 2 }] }));
    return { packets, socket };
  };
  const published = (packets: readonly Packet[]): string[] =>
    packets
      .filter((packet): packet is IPublishPacket => packet.cmd === "publish")
      .map((packet) => `${packet.payload.toString()}${packet.dup ? " again" : ""}`);

  const first = subscribe();
  await first.packets.until((packets) => packets.some(({ cmd }) => cmd === "suback"));
  publisher.client.publish("t", "one", { qos: 2 });
  publisher.client.publish("t", "two", { qos: 1 });
  await first.packets.until((packets) => published(packets).length === 2);
  expect(published(first.packets.items)).toEqual(["one", "two"]);
  first.socket.destroy();
  await gone.has("a");
  publisher.client.publish("t", "three", { qos: 2 });
  await expect.poll(() => publisher.client.inFlight).toBe(0);

  const second = subscribe();
  await second.packets.until((packets) => published(packets).length === 3);
  expect(published(second.packets.items)).toEqual(["one again", "two again", "three"]);
  second.socket.destroy();
});

it("ends its connections when it is stopped", async () => {
  const broker = await Broker.start({ port: 0 });
  const client = await new RealClient({ url: broker.url }).connect();
  await broker.stop();
  await client.events.until((events) => events.some((event) => /CLOSED_BY_BROKER|CONNECTION_LOST/.test(event)));
});

it("has a URL of an IPv6 address", async ({ skip }) => {
  const broker = await start({ host: "::1", port: 0 }).catch((error: Error) => error);
  if (broker instanceof Error) return skip("this machine has no IPv6");
  expect(broker.url).toBe(`mqtt://[::1]:${broker.port}`);
  await new RealClient({ url: broker.url }).connect();
});

it("says what it cannot have", async () => {
  const { port } = await start({ port: 0 });
  await expect(Broker.start({ port })).rejects.toBeInstanceOf(PortTakenError);
  await expect(Broker.start({ port })).rejects.toMatchObject({ exitCode: 3 });
  const elsewhere = Broker.start({ host: "192.0.2.1", port: 0 });
  await expect(elsewhere).rejects.toThrow("192.0.2.1 is no address of this machine: try --host 127.0.0.1.");
});
