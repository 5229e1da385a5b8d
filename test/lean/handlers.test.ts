// Whatever handlers do from within, the lean client lives on: in the end it connects, subscribes, delivers and is empty.

import fc from "fast-check";
import { expect, it } from "vitest";
import { Published } from "../../src/client/publisher.ts";
import { PacketType, Reason } from "../../src/packet/index.ts";
import type { Packet } from "../packet/model.ts";
import { payloadOf, publish } from "../support/packet-link.ts";
import { LeanWorld } from "../support/scripted-world.ts";

const DEEDS = ["publish", "subscribe", "unsubscribe", "disconnect", "connect", "again", "throw", "nothing"] as const;
const EVENTS = ["message", "large", "connect", "cut", "wait", "nonsense", "stall", "publish"] as const;

class Chaos {
  readonly world = new LeanWorld({ cleanSession: false, receiveBytes: 64, outboxBytes: 200, keepAlive: 20 });
  readonly got: string[] = [];
  private readonly _deeds: (typeof DEEDS)[number][];
  private _subscriptions = [this._subscribe("t/#")];
  private _count = 0;

  constructor(deeds: (typeof DEEDS)[number][]) {
    this._deeds = deeds;
    const { client } = this.world;
    client.onConnect = client.onDisconnect = client.onMessage = client.onSkipped = () => this._act();
    this.world.clock.onUncaught = (error) => expect(error).toEqual(new Error("a handler's"));
  }

  private _subscribe(filter: string): ReturnType<LeanWorld["client"]["subscribe"]> {
    const subscription = this.world.client.subscribe(filter, 1, (message) => {
      this.got.push(message.text());
      this._act();
    });
    subscription.onGranted = () => this._act();
    return subscription;
  }

  private _act(): void {
    const { client } = this.world;
    switch (this._deeds.pop()) {
      case "publish":
        client.publish("from", "x".repeat(this._count++ % 50), { qos: 1 });
        break;
      case "subscribe":
        this._subscriptions.push(this._subscribe(`t/${this._count++ % 3}`));
        break;
      case "unsubscribe":
        this._subscriptions.pop()?.unsubscribe();
        break;
      case "disconnect":
        client.disconnect();
        break;
      case "connect":
        client.connect();
        break;
      case "again":
        client.disconnect();
        client.connect();
        break;
      case "throw":
        throw new Error("a handler's");
    }
  }

  /** The broker answers all that there is. */
  answer(): void {
    const { world } = this;
    for (let packets = this._take(); packets.length; packets = this._take()) {
      for (const packet of packets) {
        if (!world.link.link.open) break;
        if (packet.type === PacketType.CONNECT) {
          world.send({ type: PacketType.CONNACK, sessionPresent: world.links.length % 3 > 0, returnCode: 0 });
        } else if (packet.type === PacketType.SUBSCRIBE) {
          world.send({ type: PacketType.SUBACK, packetId: packet.packetId, codes: [1] });
        } else if (packet.type === PacketType.UNSUBSCRIBE) {
          world.send({ type: PacketType.UNSUBACK, packetId: packet.packetId });
        } else if (packet.type === PacketType.PUBLISH && packet.qos) {
          world.send({ type: PacketType.PUBACK, packetId: packet.packetId });
          this.last = payloadOf(packet);
        } else if (packet.type === PacketType.PINGREQ) world.send({ type: PacketType.PINGRESP });
      }
    }
  }

  last = "";

  private _take(): Packet[] {
    return this.world.links.length ? this.world.take() : [];
  }

  meet(event: (typeof EVENTS)[number]): void {
    const { world } = this;
    const up = world.links.length > 0 && world.client.connected;
    if (event === "connect") world.client.connect();
    else if (event === "wait") world.clock.advance(5_000);
    else if (event === "publish") world.client.publish("from", "app", { qos: 1 });
    else if (!up) world.clock.advance(1_000);
    else if (event === "message")
      world.send(publish("t/1", "m", { qos: 1, packetId: 5 }), publish("t/2", "n"), publish("u", ""));
    else if (event === "large")
      world.send(publish("t/0", "x".repeat(300), { qos: 1, packetId: 6 }), publish("t/0", "y"));
    else if (event === "cut") world.cut(Reason.CONNECTION_LOST);
    else if (event === "nonsense") world.link.link.deliver(new Uint8Array([0x90, 0x7f, 1, 2, 3, 4]));
    else world.link.link.grant(7);
    this.answer();
  }

  /** The handlers do nothing more, and the network is well: all must come right. */
  end(): void {
    const { client, clock } = this.world;
    this._deeds.length = 0;
    for (const subscription of this._subscriptions) subscription.unsubscribe();
    const done: string[] = [];
    client.subscribe("end", 1, (message) => done.push(message.text()));
    client.connect();
    const settle = (): void => {
      if (this.world.links.length && this.world.link.link.room < Infinity) this.world.link.link.grant(Infinity);
      this.answer();
    };
    clock.advanceUntil(() => (settle(), client.connected && client.queued + client.inFlight === 0), 600_000, 250);
    expect(client.publish("from", "the end", { qos: 1 })).toBe(Published.SENT);
    clock.advance(250);
    settle();
    expect(this.last).toBe("the end");
    this.got.length = 0;
    this.world.send(publish("end", "1", { qos: 1, packetId: 9 }), publish("t/1", "2"));
    expect([done, this.got, client.inFlight]).toEqual([["1"], [], 0]);
    const before = this.world.platform.network.attempts;
    clock.advanceUntil(() => (settle(), clock.passed % 100_000 < 250), 100_000, 250);
    expect([client.connected, this.world.platform.network.attempts]).toEqual([true, before]);
  }
}

it("handlers may do anything from within: the client lives on", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...DEEDS), { maxLength: 60 }),
      fc.array(fc.constantFrom(...EVENTS), { maxLength: 40 }),
      (deeds, events) => {
        const chaos = new Chaos([...deeds]);
        for (const event of ["connect" as const, ...events]) chaos.meet(event);
        chaos.end();
      },
    ),
    { numRuns: 1_000, includeErrorInReport: true },
  );
});
