import { describe, expect, it } from "vitest";
import { PacketType, Reason } from "../../src/packet/index.ts";
import type { Packet } from "../packet/model.ts";
import { publish } from "../support/packet-link.ts";
import { CLIENTS, ScriptedWorld } from "../support/scripted-world.ts";

const nothing = (): void => undefined;
const suback = (packet: Packet, code: number): Packet => ({
  type: PacketType.SUBACK,
  packetId: (packet as { packetId: number }).packetId,
  codes: [code],
});
const unsuback = (packet: Packet): Packet => ({
  type: PacketType.UNSUBACK,
  packetId: (packet as { packetId: number }).packetId,
});
/** SUBSCRIBE as "+filter:qos", UNSUBSCRIBE as "-filter". */
const brief = (packets: Packet[]): string[] =>
  packets.map((one) =>
    one.type === PacketType.SUBSCRIBE
      ? one.entries.map(({ filter, qos }) => `+${filter}:${qos}`).join()
      : one.type === PacketType.UNSUBSCRIBE
        ? `-${one.filters.join()}`
        : PacketType[one.type],
  );

/** What the broker's subscriptions are after it has answered everything, as MQTT says (3.8.4, 3.10.4). */
function answerAll(world: ScriptedWorld, filters = new Set<string>()): Set<string> {
  for (let packets = world.take(); packets.length; packets = world.take()) {
    for (const packet of packets) {
      if (packet.type === PacketType.SUBSCRIBE) {
        packet.entries.forEach(({ filter }) => filters.add(filter));
        world.send(suback(packet, 0));
      } else if (packet.type === PacketType.UNSUBSCRIBE) {
        packet.filters.forEach((filter) => filters.delete(filter));
        world.send(unsuback(packet));
      }
    }
  }
  return filters;
}

describe.each(CLIENTS)("subscribe of %s", (_client, World) => {
  it("sends SUBSCRIBE at once when there is a connection, and reports what was granted [MQTT-2.3.1-1], [MQTT-3.8.3-3]", () => {
    const world = new World();
    world.connect();
    const granted: number[] = [];
    const one = world.client.subscribe("a/+", 1, nothing);
    const other = world.client.subscribe("b", 0, nothing);
    one.onGranted = (qos) => granted.push(qos);
    other.onGranted = (qos) => granted.push(qos);
    const packets = world.take();
    expect(brief(packets)).toEqual(["+a/+:1", "+b:0"]);
    const ids = packets.map((packet) => (packet as { packetId: number }).packetId);
    expect(new Set(ids).size).toBe(2);
    expect(ids).not.toContain(0);
    expect([one.granted, other.granted]).toEqual([-1, -1]);
    world.send(suback(packets[1], 0), suback(packets[0], 1));
    expect([one.granted, other.granted]).toEqual([1, 0]);
    expect(granted).toEqual([0, 1]);
  });

  it("sends it once there is a connection, before any message", () => {
    const world = new World();
    world.client.publish("t", "x");
    world.client.subscribe("a", 1, nothing);
    world.open();
    world.client.subscribe("b", 1, nothing);
    world.accept();
    expect(brief(world.take())).toEqual(["+a:1", "+b:1", "PUBLISH"]);
  });

  it("reports a filter that the broker refuses as 0x80, and does not ask again on this connection (3.9.3)", () => {
    const world = new World();
    world.connect();
    const subscription = world.client.subscribe("secret", 1, nothing);
    world.send(suback(world.take()[0], 0x80));
    expect(subscription.granted).toBe(0x80);
    world.clock.advance(50_000);
    expect(world.take()).toEqual([]);
    expect(world.events).toEqual([false]);
  });

  it("subscribes again when the broker lost the session, and not when it kept it", () => {
    const world = new World({ cleanSession: false });
    world.connect();
    const granted: number[] = [];
    world.client.subscribe("a", 1, nothing).onGranted = (qos) => granted.push(qos);
    world.client.subscribe("b", 0, nothing);
    answerAll(world);
    world.cut();
    world.reconnect(true);
    expect(brief(world.take())).toEqual([]);
    world.cut();
    world.reconnect(false);
    expect(brief(world.link.take())).toEqual(["+a:1", "+b:0"]);
    world.cut();
    world.reconnect(true); // without SUBACK the client cannot know
    expect(brief(world.link.take())).toEqual(["+a:1", "+b:0"]);
    expect(granted).toEqual([0]);
  });

  it("subscribes again when CONNACK of an earlier attempt got lost: it may have begun the session that is present", () => {
    const world = new World({ cleanSession: false, connectTimeoutMs: 1_000 });
    world.client.subscribe("a", 1, nothing);
    world.connect();
    answerAll(world);
    world.cut();
    world.nextAttempt(); // the broker has lost its sessions, and begins one; but its CONNACK never arrives
    expect(brief(world.take())).toEqual(["CONNECT"]);
    world.reconnect(true);
    const packets = world.take();
    expect(brief(packets)).toEqual(["+a:1"]);
    // Once it is answered, all is known again.
    world.send(suback(packets[0], 1));
    world.cut();
    world.reconnect(true);
    expect(brief(world.take())).toEqual([]);
  });

  it("uses no packet id that a message has, whatever is in flight [MQTT-2.3.1-2]", () => {
    const world = new World({ maximumInFlight: 3 });
    world.connect();
    for (let count = 0; count < 3; count++) world.client.publish("t", "x", { qos: 1 });
    for (let count = 0; count < 16; count++) world.client.subscribe(`s/${count}`, 0, nothing);
    const ids = world.take().map((packet) => (packet as { packetId: number }).packetId);
    expect(ids).toHaveLength(19);
    expect(new Set(ids).size).toBe(19);
  });

  it("ends the connection when SUBACK is missing for acknowledgeTimeoutMs, and asks again", () => {
    const world = new World({ acknowledgeTimeoutMs: 5_000 });
    world.connect();
    world.client.subscribe("a", 0, nothing);
    world.clock.advance(5_500);
    expect(world.events).toEqual([false, Reason.ACKNOWLEDGE_TIMEOUT]);
    world.reconnect();
    expect(answerAll(world)).toEqual(new Set(["a"]));
    world.clock.advance(6_000);
    expect(world.events).toEqual([false, Reason.ACKNOWLEDGE_TIMEOUT, false]);
  });
});

describe.each(CLIENTS)("unsubscribe of %s", (_client, World) => {
  it("tells the broker soon, though nothing else happens, and calls the handler no more", () => {
    const world = new World({ keepAlive: 0 });
    world.connect();
    const got: string[] = [];
    const subscription = world.client.subscribe("a", 0, (message) => got.push(message.text()));
    answerAll(world);
    world.send(publish("a", "1"));
    subscription.unsubscribe();
    subscription.unsubscribe();
    world.send(publish("a", "2"));
    world.clock.advance(250);
    expect(brief(world.link.take())).toEqual(["-a"]);
    expect(got).toEqual(["1"]);
  });

  it("names the filter as SUBSCRIBE did, and has a packet id of its own [MQTT-3.10.3-1], [MQTT-3.10.3-2], [MQTT-2.3.1-1]", () => {
    const world = new World({ maximumInFlight: 1 });
    world.connect();
    const subscription = world.client.subscribe("ü/+", 0, nothing);
    answerAll(world);
    world.client.publish("t", "x", { qos: 1 });
    subscription.unsubscribe();
    world.clock.advance(250);
    const [message, request] = world.take() as { packetId: number }[];
    expect(request).toEqual({ type: PacketType.UNSUBSCRIBE, packetId: expect.any(Number), filters: ["ü/+"] });
    expect([0, message.packetId]).not.toContain(request.packetId);
  });

  it("while SUBACK is awaited, waits for it and then ends the subscription", () => {
    const world = new World();
    world.connect();
    const granted: number[] = [];
    const subscription = world.client.subscribe("a", 0, nothing);
    subscription.onGranted = (qos) => granted.push(qos);
    subscription.unsubscribe();
    const packets = world.take();
    expect(brief(packets)).toEqual(["+a:0"]);
    world.send(suback(packets[0], 0));
    expect(answerAll(world, new Set(["a"]))).toEqual(new Set());
    expect(granted).toEqual([]);
  });

  it("of which the answer got lost is said again when the session was kept", () => {
    const world = new World({ cleanSession: false });
    world.connect();
    const subscription = world.client.subscribe("a", 0, nothing);
    answerAll(world);
    subscription.unsubscribe();
    world.clock.advance(250);
    expect(brief(world.take())).toEqual(["-a"]);
    world.cut();
    world.reconnect(true);
    expect(brief(world.link.take())).toEqual(["-a"]);
  });

  it("in onConnect, of what may be known from before, tells a broker that kept the session", () => {
    const world = new World({ cleanSession: false });
    world.connect();
    const subscription = world.client.subscribe("a", 0, nothing);
    world.take(); // the broker has got SUBSCRIBE; its answer gets lost
    world.cut();
    world.client.onConnect = () => subscription.unsubscribe();
    world.reconnect(true);
    world.clock.advance(250);
    expect(answerAll(world, new Set(["a"]))).toEqual(new Set());
  });
});

describe.each(CLIENTS)("unsubscribe, then subscribe to the same filter of %s", (_client, World) => {
  const cases: [string, (world: ScriptedWorld) => void][] = [
    ["when it was granted", (world) => void answerAll(world)],
    ["while SUBACK is awaited", (world) => void world.clock.settle()],
  ];

  it.each(cases)("%s leaves the broker with it", (_name, prepare) => {
    const world = new World();
    world.connect();
    // A free place before it, so that the new subscription comes before the old one.
    const free = world.client.subscribe("free", 0, nothing);
    const old = world.client.subscribe("a", 0, nothing);
    const filters = new Set<string>();
    if (_name === "when it was granted") answerAll(world, filters);
    free.unsubscribe();
    world.clock.advance(250);
    if (_name === "when it was granted") answerAll(world, filters);
    prepare(world);
    const got: string[] = [];
    old.unsubscribe();
    world.client.subscribe("a", 1, () => got.push("new"));
    world.clock.advance(250);
    answerAll(world, filters);
    world.clock.advance(250);
    answerAll(world, filters);
    expect([...filters]).toEqual(["a"]);
    world.send(publish("a", "x"));
    expect(got).toEqual(["new"]);
    expect(world.events).toEqual([false]);
  });

  it("and ended again before that could be sent, leaves the broker without it", () => {
    const world = new World();
    const old = world.client.subscribe("a", 0, nothing);
    world.connect();
    expect(answerAll(world)).toEqual(new Set(["a"]));
    const { link } = world.link;
    link.room = 0;
    world.client.subscribe("b", 0, nothing);
    old.unsubscribe();
    world.client.subscribe("c", 0, nothing);
    const anew = world.client.subscribe("a", 0, nothing);
    link.grant(8); // that is for b alone: what is next, is decided now
    world.clock.settle();
    anew.unsubscribe();
    link.grant(Infinity);
    world.clock.advance(500);
    expect(answerAll(world, new Set(["a"]))).toEqual(new Set(["b", "c"]));
  });

  it("while UNSUBACK is awaited leaves the broker with it", () => {
    const world = new World();
    world.connect();
    const old = world.client.subscribe("a", 0, nothing);
    const filters = answerAll(world);
    old.unsubscribe();
    world.clock.advance(250);
    world.client.subscribe("a", 1, nothing);
    expect(answerAll(world, filters)).toEqual(new Set(["a"]));
  });

  it.each([true, false])("without a connection leaves the broker with it, session kept: %s", (kept) => {
    const world = new World({ cleanSession: false });
    world.connect();
    const old = world.client.subscribe("a", 0, nothing);
    const filters = answerAll(world);
    world.cut();
    old.unsubscribe();
    world.client.subscribe("a", 1, nothing);
    world.reconnect(kept);
    if (!kept) filters.clear();
    world.clock.advance(500);
    expect(answerAll(world, filters)).toEqual(new Set(["a"]));
  });
});

// What the full client alone does: it checks more, and tells the broker only what that need know.

describe("subscribe of the full client", () => {
  it.each([
    ["with a code too many", { type: PacketType.SUBACK, packetId: 5, codes: [0, 0] }, Reason.SUBACK_CODE],
    ["of nothing", { type: PacketType.SUBACK, packetId: 6, codes: [0] }, Reason.UNKNOWN_PACKET_ID],
    ["with a message's packet id", { type: PacketType.SUBACK, packetId: 1, codes: [0] }, Reason.UNKNOWN_PACKET_ID],
    ["that is an UNSUBACK", { type: PacketType.UNSUBACK, packetId: 5 }, Reason.UNKNOWN_PACKET_ID],
  ] as [string, Packet, Reason][])("takes no SUBACK %s", (_name, packet, reason) => {
    const world = new ScriptedWorld();
    world.connect();
    world.client.subscribe("a", 0, nothing);
    world.send(packet);
    expect(world.events).toEqual([false, reason]);
  });

  it("refuses a second subscription with the same filter, but not a similar one", () => {
    const world = new ScriptedWorld();
    world.client.subscribe("a/b", 0, nothing);
    expect(() => world.client.subscribe("a/b", 1, nothing)).toThrow(/^filter .*"a\/b"/);
    world.client.subscribe("a/c", 0, nothing);
    world.client.subscribe("a/bc", 0, nothing);
    world.client.subscribe("a/#", 0, nothing);
  });

  it("refuses one more than maximumSubscriptions, and takes another once one is gone", () => {
    const world = new ScriptedWorld({ maximumSubscriptions: 2 });
    world.connect();
    const first = world.client.subscribe("a", 0, nothing);
    world.client.subscribe("b", 0, nothing);
    expect(() => world.client.subscribe("c", 0, nothing)).toThrow("maximumSubscriptions is 2");
    answerAll(world);
    first.unsubscribe();
    world.clock.advance(250);
    expect(answerAll(world)).toEqual(new Set());
    world.client.subscribe("c", 0, nothing);
    expect(answerAll(world)).toEqual(new Set(["c"]));
  });

  it.each([
    ["", 0, "filter must not be empty"],
    ["a/#/b", 0, 'filter may have + only as a whole level and # only as the last one: "a/#/b"'],
    ["a+", 0, 'filter may have + only as a whole level and # only as the last one: "a+"'],
    ["a\0", 0, "filter must be well-formed text without U+0000"],
    ["a", 2, "qos must be a whole number from 0 to 1, not 2"],
    ["x".repeat(300), 0, "filter must have at most 247 bytes, not 300"],
  ])(
    "refuses %j with QoS %i: a mistake of the programmer [MQTT-3.8.3-1], [MQTT-4.7.1-2], [MQTT-4.7.1-3], [MQTT-4.7.3-1], [MQTT-4.7.3-2]",
    (filter, qos, message) => {
      const world = new ScriptedWorld();
      expect(() => world.client.subscribe(filter, qos as 0, nothing)).toThrow(message);
      world.connect();
      expect(world.take()).toEqual([]);
    },
  );

  it("refuses a filter of more than 65,535 bytes [MQTT-4.7.3-3]", () => {
    const { client } = new ScriptedWorld();
    expect(() => client.subscribe("x".repeat(65_536), 0, nothing)).toThrow("filter must have at most 65535 bytes");
  });

  it("takes the longest filter that it says is possible", () => {
    const world = new ScriptedWorld();
    world.connect();
    world.client.subscribe("x".repeat(247), 1, nothing);
    expect(answerAll(world)).toEqual(new Set(["x".repeat(247)]));
  });
});

describe("unsubscribe of the full client", () => {
  it("before SUBSCRIBE is sent, says nothing to the broker", () => {
    const world = new ScriptedWorld();
    world.client.subscribe("a", 0, nothing).unsubscribe();
    world.connect();
    world.clock.advance(1_000);
    expect(world.take()).toEqual([]);
  });

  it("without a connection is made good when the broker kept the session, and forgotten when it lost it", () => {
    const world = new ScriptedWorld({ cleanSession: false });
    world.connect();
    const one = world.client.subscribe("a", 0, nothing);
    const other = world.client.subscribe("b", 0, nothing);
    answerAll(world);
    world.cut();
    one.unsubscribe();
    world.reconnect(true);
    expect(answerAll(world, new Set(["a", "b"]))).toEqual(new Set(["b"]));
    world.cut();
    other.unsubscribe();
    world.reconnect(false);
    world.clock.advance(1_000);
    expect(world.take()).toEqual([]);
  });

  it("of what was refused says nothing to the broker", () => {
    const world = new ScriptedWorld();
    world.connect();
    const subscription = world.client.subscribe("a", 0, nothing);
    world.send(suback(world.take()[0], 0x80));
    subscription.unsubscribe();
    world.clock.advance(1_000);
    expect(world.take()).toEqual([]);
  });
});
