// What the lean client does in its own way. What it does as the full one does, is tested with that, in test/client.

import { describe, expect, it } from "vitest";
import { Published } from "../../src/client/publisher.ts";
import { PacketType, Reason } from "../../src/packet/index.ts";
import { encode, fromHex, type Packet, toHex, utf8 } from "../packet/model.ts";
import { payloadOf, publish } from "../support/packet-link.ts";
import { LeanWorld } from "../support/scripted-world.ts";

const nothing = (): void => undefined;
const idOf = (packet: Packet): number => (packet as { packetId: number }).packetId;
const types = (packets: Packet[]): string[] => packets.map(({ type }) => PacketType[type]);

/** The broker answers each request, until there are no more. Returns the filters in the order they were asked for. */
function grantAll(world: LeanWorld): string[] {
  const filters: string[] = [];
  for (let packets = world.take(); packets.length; packets = world.take()) {
    for (const packet of packets) {
      if (packet.type === PacketType.SUBSCRIBE) {
        filters.push(packet.entries[0].filter);
        world.send({ type: PacketType.SUBACK, packetId: packet.packetId, codes: [packet.entries[0].qos] });
      } else if (packet.type === PacketType.UNSUBSCRIBE) {
        world.send({ type: PacketType.UNSUBACK, packetId: packet.packetId });
      }
    }
  }
  return filters;
}

describe("the url", () => {
  it.each(["broker", "mqtt:", "mqtt://", "mqtt:///path", ""])("%j is a mistake that throws", (url) => {
    expect(() => new LeanWorld({ url })).toThrow(new TypeError("url must be like mqtt://host:1883"));
  });

  it.each(["mqtt://user:SECRET@host", "mqtt:///user:SECRET@host", "user:SECRET@host"])(
    "with credentials throws, without them: case %#",
    (url) => expect(() => new LeanWorld({ url })).toThrow(/^(?!.*SEC)url/),
  );

  it("of a scheme that the platform does not have makes connect throw, again and again, and leaves the client usable", () => {
    const world = new LeanWorld({ url: "mqtts://broker" });
    for (let count = 0; count < 2; count++) expect(() => world.client.connect()).toThrow('"mqtts"');
    world.client.disconnect();
    expect(world.client.publish("t", "x")).toBe(Published.QUEUED);
    world.clock.advance(600_000);
    expect([world.events, world.client.connected]).toEqual([[], false]);
  });
});

describe("the outbox", () => {
  it("takes a message that fills it to the byte, and is FULL for one byte more", () => {
    // A message of QoS 1 needs 5 bytes for its fixed header while it is added, of which it keeps 2.
    const free = 64 - 5 - 2 - 1 - 2;
    for (const payload of [(size: number) => "x".repeat(size), (size: number) => new Uint8Array(size)]) {
      const world = new LeanWorld({ outboxBytes: 64 });
      expect(world.client.publish("t", payload(free + 1), { qos: 1 })).toBe(Published.FULL);
      expect(world.client.publish("t", payload(free), { qos: 1 })).toBe(Published.QUEUED);
      expect(world.client.publish("t", "", { qos: 1 })).toBe(Published.FULL);
      world.connect();
      const [packet] = world.take();
      expect(payloadOf(packet)).toHaveLength(free);
      expect(world.client.publish("t", "")).toBe(Published.FULL);
      world.send({ type: PacketType.PUBACK, packetId: idOf(packet) });
      expect(world.client.publish("t", payload(free), { qos: 1 })).toBe(Published.SENT);
    }
  });

  it("is FULL for a topic, or a topic and packet id, that do not fit even without a payload", () => {
    const world = new LeanWorld({ outboxBytes: 64 });
    for (const length of [55, 56, 57, 58, 59, 64, 500]) {
      expect(world.client.publish("t".repeat(length), "", { qos: 1 })).toBe(
        length > 55 ? Published.FULL : Published.QUEUED,
      );
      if (length > 55)
        expect(world.client.publish("t".repeat(length), new Uint8Array(), { qos: 1 })).toBe(Published.FULL);
    }
    world.connect();
    expect(world.take()).toEqual([publish("t".repeat(55), "", { qos: 1, packetId: 1 })]);
  });

  it("throws for a topic that cannot be published to: empty, with wildcards, longer than 65,535 bytes", () => {
    const world = new LeanWorld({ outboxBytes: 200_000 });
    world.connect();
    for (const topic of ["", "a/#", "+", "t".repeat(65_536)]) {
      expect(() => world.client.publish(topic, "x")).toThrow(`topic cannot be published to: "${topic}"`);
    }
    expect(world.client.publish("t".repeat(65_535), "x")).toBe(Published.SENT);
    expect(world.take()).toEqual([publish("t".repeat(65_535), "x")]);
  });

  it.each([undefined, null, true, { temperature: 21 }])("is whole after a payload that is none: %j", (payload) => {
    const world = new LeanWorld();
    world.connect();
    world.client.publish("t", "before", { qos: 1 });
    let result = Published.FULL;
    try {
      result = world.client.publish("t", payload as unknown as string);
    } catch {
      // It may throw as well: this client leaves it to the engine.
    }
    expect(result).toBe(Published.FULL);
    world.client.publish("t", "after", { qos: 1 });
    expect(world.take().map(payloadOf)).toEqual(["before", "after"]);
  });

  it("makes a number a string as toFixed does", () => {
    const world = new LeanWorld();
    world.connect();
    const publisher = world.client.publisher("t", { decimals: 1 });
    for (const value of [21.57, -0.01, NaN, 1e300]) publisher.publish(value);
    world.client.publish("t", 21.57);
    expect(world.take().map(payloadOf)).toEqual(["21.6", "-0.0", "NaN", "1e+300", "22"]);
  });

  it("gives no packet id that a message in flight has, also after all 64,000 [MQTT-2.3.1-2], [MQTT-2.3.1-4]", () => {
    const world = new LeanWorld({ maximumInFlight: 3 });
    world.connect();
    const publisher = world.client.publisher("t", { qos: 1 });
    publisher.publish("slow");
    const slow = idOf(world.take()[0]);
    const seen = new Set([slow]);
    for (let count = 0; count < 64_010; count++) {
      publisher.publish("");
      const [packet] = world.take();
      const packetId = idOf(packet);
      expect(packetId).not.toBe(slow);
      expect(packetId).toBeGreaterThan(0);
      seen.add(packetId);
      world.link.link.event((listener) => {
        const bytes = encode({ type: PacketType.PUBACK, packetId });
        listener.onData(bytes, 0, bytes.length);
      });
      world.clock.settle();
    }
    expect([seen.size, Math.max(...seen), world.client.inFlight]).toEqual([64_000, 64_000, 1]);
  }, 30_000);
});

describe("a subscription", () => {
  it("takes the place of an earlier one to the same filter", () => {
    const world = new LeanWorld();
    world.connect();
    const got: string[] = [];
    const old = world.client.subscribe("a", 0, () => got.push("old"));
    world.client.subscribe("a", 1, () => got.push("new"));
    expect(grantAll(world)).toEqual(["a", "a"]);
    old.unsubscribe();
    world.clock.advance(500);
    expect(world.take()).toEqual([]);
    world.send(publish("a", "x"));
    expect([got, old.granted]).toEqual([["new"], -1]);
  });

  it("has a filter of at most 240 bytes, and throws a RangeError for a longer one", () => {
    const world = new LeanWorld({ clientId: "" });
    world.connect();
    expect(() => world.client.subscribe("x".repeat(241), 0, nothing)).toThrow(RangeError);
    expect(() => world.client.subscribe("ü".repeat(121), 0, nothing)).toThrow("filter has more than 240 bytes");
    world.client.subscribe("x".repeat(240), 1, nothing);
    world.client.subscribe("ü".repeat(120), 1, nothing).unsubscribe();
    world.clock.advance(250);
    expect(grantAll(world)).toEqual(["x".repeat(240), "ü".repeat(120)]);
  });

  it("is asked for in its turn, of many more than the room for requests holds, each with its own packet id [MQTT-2.3.1-2]", () => {
    const world = new LeanWorld();
    const filters = Array.from({ length: 900 }, (_, index) => `${"f".repeat(50)}/${index}`);
    const granted: string[] = [];
    for (const filter of filters) world.client.subscribe(filter, 1, nothing).onGranted = () => granted.push(filter);
    world.connect();
    const packets = world.take();
    expect(packets.map((packet) => packet.type === PacketType.SUBSCRIBE && packet.entries[0].filter)).toEqual(filters);
    const ids = packets.map(idOf);
    expect(new Set(ids).size).toBe(900);
    expect(Math.min(...ids)).toBeGreaterThan(64_000);
    // However little the connection takes at once.
    world.cut();
    world.nextAttempt().link.writeLimit = 7;
    world.accept();
    expect(grantAll(world)).toEqual(filters);
    expect(granted).toEqual(filters);
    world.clock.advance(31_000);
    expect(world.client.connected).toBe(true);
  });

  it("is asked for though acknowledgements have taken the room at first", () => {
    const world = new LeanWorld();
    world.connect().link.grant(0);
    world.send(...Array.from({ length: 64 }, (_, index) => publish("t", "", { qos: 1, packetId: index + 1 })));
    world.client.subscribe("a", 1, nothing);
    world.clock.advance(250);
    world.link.link.grant(Infinity);
    expect(types(world.take()).slice(-2)).toEqual(["PUBACK", "SUBSCRIBE"]);
  });

  it("that a message's handler makes, ends, or makes anew, is known to the broker in the end", () => {
    const world = new LeanWorld();
    const got: string[] = [];
    const first = world.client.subscribe("a", 0, ({ topic }) => {
      got.push(topic);
      first.unsubscribe();
      const second = world.client.subscribe("b", 0, () => {
        got.push("b");
        second.unsubscribe();
        world.client.subscribe("b", 0, () => got.push("b anew"));
      });
    });
    world.connect();
    expect(grantAll(world)).toEqual(["a"]);
    world.send(publish("a", ""), publish("a", ""), publish("b", ""), publish("b", ""));
    world.clock.advance(250);
    expect(grantAll(world)).toEqual(["b", "b"]);
    world.send(publish("b", ""), publish("a", ""));
    expect(got).toEqual(["a", "b", "b anew", "b anew"]);
  });

  it("of which the answer has another's packet id waits for its own, until acknowledgeTimeoutMs ends it", () => {
    const world = new LeanWorld({ acknowledgeTimeoutMs: 5_000 });
    world.connect();
    const subscription = world.client.subscribe("a", 0, nothing);
    world.send({ type: PacketType.SUBACK, packetId: idOf(world.take()[0]) + 1, codes: [0] });
    expect(subscription.granted).toBe(-1);
    world.client.publish("t", "x", { qos: 1 });
    world.clock.advance(6_000);
    expect(world.events).toEqual([false, Reason.ACKNOWLEDGE_TIMEOUT]);
    world.reconnect();
    expect(grantAll(world)).toEqual(["a"]);
  });
});

describe("a message", () => {
  it("whose topic does not fit into receiveBytes ends the connection with PACKET_TOO_LARGE", () => {
    for (const chunk of [1, 1e9]) {
      const world = new LeanWorld({ receiveBytes: 64 });
      world.connect();
      world.link.link.chunkSize = () => chunk;
      world.send(publish("t".repeat(100), "x"));
      expect(world.events).toEqual([false, Reason.PACKET_TOO_LARGE]);
    }
  });

  it("that is skipped may have a topic up to the room there is, cut anywhere", () => {
    for (let chunk = 1; chunk < 80; chunk++) {
      const world = new LeanWorld({ receiveBytes: 64 });
      const got: string[] = [];
      world.client.onSkipped = ({ topic, length, qos }) => got.push(`${topic.length}=${length}#${qos}`);
      world.client.onMessage = ({ topic }) => got.push(topic);
      world.connect();
      world.link.link.chunkSize = () => chunk;
      world.send(
        publish("t".repeat(60), "x".repeat(70), { qos: 1, packetId: 3 }),
        publish("u".repeat(62), "x".repeat(5_000)),
        publish("next", ""),
      );
      expect([got, world.events]).toEqual([["60=70#1", "62=5000#0", "next"], [false]]);
      expect(world.take()).toEqual([{ type: PacketType.PUBACK, packetId: 3 }]);
    }
  });

  it.each([
    ["HTTP", toHex(utf8("HTTP/1.1 400 Bad Request\r\n\r\n"))],
    ["a TLS alert", "15030300020228"],
    ["PINGREQ", "c000"],
    ["a packet of 256 MB that is no PUBLISH", "90ffffff7f0001"],
  ])("is not %s: that ends the connection", (_name, hex) => {
    const world = new LeanWorld();
    world.connect();
    world.link.link.deliver(fromHex(hex));
    world.clock.settle();
    expect(world.events).toEqual([false, expect.any(Number)]);
    world.reconnect();
    expect(world.client.connected).toBe(true);
  });
});

describe("a handler", () => {
  it("that throws before another that reconnects disturbs neither it nor the clock", () => {
    const world = new LeanWorld();
    world.client.subscribe("t", 0, () => {
      throw new Error("first");
    });
    world.client.subscribe("#", 0, () => {
      world.client.disconnect();
      world.client.connect();
    });
    world.connect();
    grantAll(world);
    expect(() => world.send(publish("t", "x"))).toThrow("first");
    expect(world.links).toHaveLength(2);
    // CONNACK never comes: the clock must notice.
    world.clock.advance(11_000);
    expect(world.events).toEqual([false, Reason.DISCONNECTED, Reason.CONNECT_TIMEOUT]);
  });

  it("onDisconnect that throws is heard by whoever calls disconnect, and the client is usable after", () => {
    const world = new LeanWorld();
    world.connect();
    world.client.onDisconnect = () => {
      throw new Error("onDisconnect");
    };
    expect(() => world.client.disconnect()).toThrow("onDisconnect");
    world.client.onDisconnect = undefined;
    world.connect();
    expect(world.client.connected).toBe(true);
  });

  it("onDisconnect may reconnect at each reason, also where two time-outs are due at once", () => {
    const world = new LeanWorld({ keepAlive: 20, pingTimeoutMs: 500, acknowledgeTimeoutMs: 20_000 });
    const reasons: Reason[] = [];
    world.connect().link.dead = true;
    world.client.onDisconnect = (reason) => {
      reasons.push(reason);
      if (reason === Reason.DISCONNECTED) return;
      world.client.disconnect();
      world.client.connect();
    };
    world.client.publish("t", "x", { qos: 1 });
    world.clock.advance(20_500);
    expect([reasons.length, world.links.length]).toEqual([2, 2]);
    world.accept();
    expect(world.client.connected).toBe(true);
  });
});

describe("disconnect", () => {
  it.each([1, 2, 3, 7, 20])(
    "is followed by no packet, where the connection takes %i bytes at once [MQTT-3.14.4-2]",
    (limit) => {
      const world = new LeanWorld();
      const { link } = world.connect();
      link.grant(0);
      for (let count = 0; count < 5; count++) world.client.publish("t", `${count}`);
      world.client.subscribe("s", 0, nothing);
      link.room = Infinity;
      link.writeLimit = limit;
      world.client.disconnect();
      const sent = types(world.take());
      expect(sent.indexOf("DISCONNECT")).toBe(sent.includes("DISCONNECT") ? sent.length - 1 : -1);
      expect([link.closedByClient, world.events]).toEqual([true, [false, Reason.DISCONNECTED]]);
      link.writeLimit = Infinity;
      world.connect();
      expect(new Set([...sent, ...types(world.take())])).toContain("PUBLISH");
      expect(world.client.queued).toBe(0);
    },
  );
});

describe("PINGREQ", () => {
  it("does not heap up where the connection takes nothing, nor hide that it is dead", () => {
    const world = new LeanWorld({ keepAlive: 5, pingTimeoutMs: 600_000 });
    world.connect().link.grant(0);
    world.clock.advance(300_000);
    expect(world.events).toEqual([false]);
    world.clock.advance(310_000);
    expect(world.events).toEqual([false, Reason.PING_TIMEOUT]);
  });

  it("that finds acknowledgements still waiting is not sent, and missed all the same", () => {
    const world = new LeanWorld({ keepAlive: 5 });
    world.connect().link.grant(0);
    world.send(publish("t", "x", { qos: 1, packetId: 1 }));
    world.clock.advance(16_000);
    expect(world.events).toEqual([false, Reason.PING_TIMEOUT]);
  });
});
