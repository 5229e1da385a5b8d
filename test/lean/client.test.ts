import { describe, expect, it } from "vitest";
import { Published } from "../../src/client/publisher.ts";
import { PacketType } from "../../src/packet/index.ts";
import { publish } from "../support/packet-link.ts";
import { LeanWorld } from "../support/scripted-world.ts";

describe("the lean client", () => {
  it("connects, publishes, and sends again with DUP what was not acknowledged", () => {
    const world = new LeanWorld({ cleanSession: false });
    world.open();
    expect(world.take()).toMatchObject([{ type: PacketType.CONNECT, keepAlive: 60, cleanSession: false }]);
    world.accept();
    expect(world.client.publish("a/b", "0")).toBe(Published.SENT);
    expect(world.client.publish("a/b", "1", { qos: 1 })).toBe(Published.SENT);
    expect(world.take()).toEqual([publish("a/b", "0"), publish("a/b", "1", { qos: 1, packetId: 1 })]);
    expect([world.client.queued, world.client.inFlight]).toEqual([0, 1]);
    world.cut();
    world.reconnect(true);
    expect(world.take()).toEqual([publish("a/b", "1", { qos: 1, packetId: 1, dup: true })]);
    world.send({ type: PacketType.PUBACK, packetId: 1 });
    expect([world.client.queued, world.client.inFlight]).toEqual([0, 0]);
  });

  it("subscribes, and hands each message to the handlers whose filter matches", () => {
    const world = new LeanWorld();
    const received: string[] = [];
    world.client.subscribe("a/+", 1, (message) => received.push(`${message.topic} ${message.text()}`));
    world.client.onMessage = (message) => received.push(`else ${message.topic}`);
    world.connect();
    const [request] = world.take();
    expect(request).toMatchObject({ type: PacketType.SUBSCRIBE, entries: [{ qos: 1 }] });
    world.send(publish("a/b", "hello", { qos: 1, packetId: 7 }), publish("b", "x"));
    expect(received).toEqual(["a/b hello", "else b"]);
    expect(world.take()).toEqual([{ type: PacketType.PUBACK, packetId: 7 }]);
  });
});
