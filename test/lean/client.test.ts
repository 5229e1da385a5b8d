import { describe, expect, it } from "vitest";
import { Published } from "../../src/client/publisher.ts";
import { Client, type ClientOptions } from "../../src/lean/index.ts";
import { PacketType } from "../../src/packet/index.ts";
import type { Packet } from "../packet/model.ts";
import { PacketLink, publish } from "../support/packet-link.ts";
import { virtualPlatform } from "../support/virtual-platform.ts";

/** The lean client on a virtual platform, and a broker that does nothing but what the test says. */
class World {
  readonly platform = virtualPlatform(1);
  readonly links: PacketLink<Packet>[] = [];
  readonly client: Client;

  constructor(options: Partial<ClientOptions> = {}) {
    this.platform.network.onConnection = (link) => this.links.push(new PacketLink<Packet>(link));
    this.client = new Client(this.platform, { url: "mqtt://broker.test", clientId: "lean", ...options });
  }

  get link(): PacketLink<Packet> {
    return this.links[this.links.length - 1]!;
  }

  connect(sessionPresent = false): Packet[] {
    const before = this.links.length;
    this.client.connect();
    this.platform.clock.advanceUntil(() => this.links.length > before, 600_000, 250);
    this.platform.clock.settle();
    const packets = this.link.take();
    this.send({ type: PacketType.CONNACK, sessionPresent, returnCode: 0 });
    return packets;
  }

  take(): Packet[] {
    this.platform.clock.settle();
    return this.link.take();
  }

  send(...packets: Packet[]): void {
    this.link.send(...packets);
    this.platform.clock.settle();
  }
}

describe("the lean client", () => {
  it("connects, publishes, and sends again with DUP what was not acknowledged", () => {
    const world = new World({ cleanSession: false });
    expect(world.connect()).toMatchObject([{ type: PacketType.CONNECT, keepAlive: 60, cleanSession: false }]);
    expect(world.client.publish("a/b", "0")).toBe(Published.SENT);
    expect(world.client.publish("a/b", "1", { qos: 1 })).toBe(Published.SENT);
    expect(world.take()).toEqual([publish("a/b", "0"), publish("a/b", "1", { qos: 1, packetId: 1 })]);
    expect([world.client.queued, world.client.inFlight]).toEqual([0, 1]);
    world.link.link.close();
    world.connect(true);
    expect(world.take()).toEqual([publish("a/b", "1", { qos: 1, packetId: 1, dup: true })]);
    world.send({ type: PacketType.PUBACK, packetId: 1 });
    expect([world.client.queued, world.client.inFlight]).toEqual([0, 0]);
  });

  it("subscribes, and hands each message to the handlers whose filter matches", () => {
    const world = new World();
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
