// What becomes of messages for which there is no room or no connection.

import { describe, expect, it } from "vitest";
import type { Client } from "../../src/client/client.ts";
import type { ClientOptions } from "../../src/client/options.ts";
import { type Publisher, Published } from "../../src/client/publisher.ts";
import { Metrics } from "../../src/metrics.ts";
import { PacketType, Reason } from "../../src/packet/index.ts";
import { ExactlyOnce } from "../../src/qos2.ts";
import { OfflineQueue, type OfflineQueueOptions } from "../../src/queue.ts";
import { SavedSession } from "../../src/store.ts";
import { Streaming } from "../../src/streaming.ts";
import type { Packet } from "../packet/model.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { payloadOf } from "../support/packet-link.ts";
import { ScriptedWorld } from "../support/scripted-world.ts";
import { brief as brief5, ScriptedWorldV5 } from "../support/scripted-world-v5.ts";

interface QueueWorld extends ScriptedWorld {
  queue: OfflineQueue;
}

/** A message of ten characters with topic "t" and QoS 0 takes so much: what is in front of them, and they. */
const ENTRY = 4 + 5 + 5 + 2 + 1 + 10;

/** A client with room for four such messages. */
function start(policy: OfflineQueueOptions = {}, options: Partial<ClientOptions> = {}): QueueWorld {
  const world = new ScriptedWorld({ outboxBytes: 4 * ENTRY, ...options });
  return Object.assign(world, { queue: new OfflineQueue(world.client, policy) });
}

const text = (name: string): string => name.padEnd(10, ".");
const payload = (publisher: Publisher, ...names: string[]): string[] =>
  names.map((name) => Published[publisher.publish(text(name))]);
const publish = (client: Client, ...names: string[]): string[] =>
  names.map((name) => Published[client.publish("t", text(name))]);

/** Packets as "a#1!", the mark for DUP, or "PUBREL#2". */
function brief(packets: Packet[]): string[] {
  return packets.map((packet) => {
    const id = (packet as { packetId?: number }).packetId;
    const name = packet.type === PacketType.PUBLISH ? payloadOf(packet).replace(/\.+$/, "") : PacketType[packet.type];
    const isAgain = packet.type === PacketType.PUBLISH && packet.dup;
    return name + (id ? `#${id}` : "") + (isAgain ? "!" : "");
  });
}

const puback = (packetId: number): Packet => ({ type: PacketType.PUBACK, packetId });

/** What was dropped, and refused. */
function counts(queue: OfflineQueue): Record<string, number> {
  const { refused, droppedOldest, droppedNewest, droppedOffline, expired } = queue;
  const all = { refused, droppedOldest, droppedNewest, droppedOffline, expired };
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0));
}

describe("without room, a message", () => {
  it("is refused unless something else is said, and what waits goes on waiting", () => {
    const world = start();
    expect(publish(world.client, "a", "b", "c", "d", "e")).toEqual(["QUEUED", "QUEUED", "QUEUED", "QUEUED", "FULL"]);
    world.connect();
    expect(brief(world.take())).toEqual(["a", "b", "c", "d"]);
    expect(counts(world.queue)).toEqual({ refused: 1 });
    expect(world.queue.dropped).toBe(0);
  });

  it("takes the place of the oldest with drop-oldest", () => {
    const world = start({ whenFull: "drop-oldest" });
    expect(new Set(publish(world.client, "a", "b", "c", "d", "e", "f"))).toEqual(new Set(["QUEUED"]));
    expect(world.client.queued).toBe(4);
    world.connect();
    expect(brief(world.take())).toEqual(["c", "d", "e", "f"]);
    expect(counts(world.queue)).toEqual({ droppedOldest: 2 });
  });

  it("is dropped itself with drop-newest", () => {
    const world = start({ whenFull: "drop-newest" });
    expect(publish(world.client, "a", "b", "c", "d", "e").slice(3)).toEqual(["QUEUED", "DROPPED"]);
    world.connect();
    expect(brief(world.take())).toEqual(["a", "b", "c", "d"]);
    expect(counts(world.queue)).toEqual({ droppedNewest: 1 });
  });

  it("costs as many of the oldest as it needs, and none when all of them would not be enough", () => {
    const world = start({ whenFull: "drop-oldest" });
    publish(world.client, "a", "b", "c", "d");
    expect(world.client.publish("t", "x".repeat(10 + 4 * ENTRY))).toBe(Published.FULL);
    expect(counts(world.queue)).toEqual({ refused: 1 });
    expect(world.client.publish("t", "x".repeat(10 + ENTRY))).toBe(Published.QUEUED);
    world.connect();
    expect(brief(world.take())).toEqual(["c", "d", "x".repeat(10 + ENTRY)]);
    expect(counts(world.queue)).toEqual({ refused: 1, droppedOldest: 2 });
  });

  it.each([
    ["a number", -1234.5],
    ["a large number", 1.5e21],
    ["bytes", new Uint8Array(33)],
    ["a string", "äöü€😀"],
    ["lone surrogates", "\ud800x\udc00"],
  ])("of %s is measured to the byte", (_, value) => {
    const { length } =
      typeof value === "object" ? value : Buffer.from(typeof value === "number" ? value.toFixed(1) : value);
    const entry = (bytes: number): number => ENTRY - 10 + bytes;
    // Without the first there is room for exactly this one; or for all but a byte of it.
    for (const [spare, dropped] of [
      [0, 1],
      [-1, 2],
    ] as const) {
      const { client, queue } = start({ whenFull: "drop-oldest" }, { outboxBytes: entry(length) + entry(60) + spare });
      client.publish("t", "");
      client.publish("t", "x".repeat(60));
      expect(client.publisher("t", { decimals: 1 }).publish(value)).toBe(Published.QUEUED);
      expect(counts(queue)).toEqual({ droppedOldest: dropped });
    }
  });
});

describe("a publisher's own policy", () => {
  it("is its messages', and leaves those of the others alone", () => {
    const world = start({ whenFull: "drop-oldest" });
    const events = world.queue.publisher("e", { whenFull: "refuse" });
    const log = world.queue.publisher("l", { whenFull: "drop-newest" });
    expect(payload(events, "e1")).toEqual(["QUEUED"]);
    expect(payload(log, "l1")).toEqual(["QUEUED"]);
    publish(world.client, "a", "b", "c");
    expect(payload(events, "e2")).toEqual(["FULL"]);
    expect(payload(log, "l2")).toEqual(["DROPPED"]);
    world.connect();
    expect(brief(world.take())).toEqual(["e1", "l1", "b", "c"]);
    expect(counts(world.queue)).toEqual({ refused: 1, droppedOldest: 1, droppedNewest: 1 });
  });

  it("can protect what waits, and still make room", () => {
    const world = start({ whenFull: "drop-oldest" });
    const alarms = world.queue.publisher("a", { protect: true });
    payload(alarms, "a1");
    publish(world.client, "x", "y", "z");
    payload(alarms, "a2", "a3", "a4");
    expect(publish(world.client, "n")).toEqual(["FULL"]);
    expect(payload(alarms, "a5")).toEqual(["FULL"]);
    world.connect();
    expect(brief(world.take())).toEqual(["a1", "a2", "a3", "a4"]);
  });

  it("has from the queue's what it leaves out", () => {
    const world = start({ whenFull: "drop-oldest", protect: true, qos0: "drop", expiryMs: 1_000 });
    const publisher = world.queue.publisher("t", { qos: 1 });
    payload(publisher, "a", "b", "c");
    expect(payload(publisher, "d")).toEqual(["FULL"]);
    expect(payload(world.queue.publisher("t", { protect: false }), "e")).toEqual(["DROPPED"]);
    world.open();
    world.clock.advance(1_250);
    expect(counts(world.queue)).toEqual({ refused: 1, droppedOffline: 1, expired: 3 });
  });
});

describe("what the broker may know of", () => {
  it("is never dropped, and is sent again from wherever it is then", () => {
    const world = start(
      { whenFull: "drop-oldest" },
      { maximumInFlight: 2, cleanSession: false, outboxBytes: 4 * (ENTRY + 2) },
    );
    const publisher = world.client.publisher("t", { qos: 1 });
    world.connect();
    payload(publisher, "a", "b", "c", "d", "e", "f");
    expect(brief(world.take())).toEqual(["a#2", "b#1"]);
    expect(counts(world.queue)).toEqual({ droppedOldest: 2 });
    world.cut();
    payload(publisher, "g");
    world.reconnect(true);
    expect(brief(world.take())).toEqual(["a#2!", "b#1!"]);
    world.send(puback(2));
    expect(brief(world.take())).toEqual(["f#2"]);
    // With the session lost, they are messages like any other.
    world.cut();
    world.reconnect(false);
    expect(brief(world.take())).toEqual(["b#1", "f#2"]);
    world.send(puback(1), puback(2));
    expect(brief(world.take())).toEqual(["g#1"]);
    world.send(puback(1));
    expect([world.client.queued, world.client.inFlight]).toEqual([0, 0]);
  });

  it("goes on with PUBREL after a drop", () => {
    const world = start(
      { whenFull: "drop-oldest" },
      { maximumInFlight: 1, exactlyOnce: new ExactlyOnce(), outboxBytes: 4 * (ENTRY + 2) },
    );
    const publisher = world.client.publisher("t", { qos: 2 });
    world.connect();
    payload(publisher, "a", "b", "c", "d");
    world.send({ type: PacketType.PUBREC, packetId: 1 });
    payload(publisher, "e", "f");
    expect(brief(world.take())).toEqual(["a#1", "PUBREL#1"]);
    world.send({ type: PacketType.PUBCOMP, packetId: 1 });
    expect(brief(world.take())).toEqual(["d#1"]);
    expect(counts(world.queue)).toEqual({ droppedOldest: 2 });
  });

  it("is not dropped when a part of it is sent, and the rest of it follows", () => {
    const world = start({ whenFull: "drop-oldest" });
    world.connect();
    world.link.link.room = 5;
    publish(world.client, "a", "b", "c", "d", "e");
    expect(counts(world.queue)).toEqual({ droppedOldest: 1 });
    world.link.link.grant(Infinity);
    expect(brief(world.take())).toEqual(["a", "c", "d", "e"]);
  });

  it("has no place any more once the connection ended that a part of it was sent on", () => {
    const world = start({ whenFull: "drop-oldest" });
    world.connect();
    world.link.link.room = 5;
    publish(world.client, "a", "b", "c", "d");
    world.cut();
    publish(world.client, "e");
    world.reconnect();
    expect(brief(world.take())).toEqual(["b", "c", "d", "e"]);
  });
});

describe("QoS 0 without a connection", () => {
  it("waits unless something else is said", () => {
    const world = start();
    publish(world.client, "a");
    world.connect();
    expect(brief(world.take())).toEqual(["a"]);
  });

  it("is dropped when that is said, be it published then or waiting", () => {
    const world = start({ qos0: "drop" });
    expect(publish(world.client, "a")).toEqual(["DROPPED"]);
    expect(Published[world.client.publish("t", "b", { qos: 1 })]).toBe("QUEUED");
    world.connect();
    expect(brief(world.take())).toEqual(["b#2"]);
    world.link.link.room = 0;
    expect(publish(world.client, "c", "d")).toEqual(["QUEUED", "QUEUED"]);
    expect(world.client.queued).toBe(2);
    world.cut();
    expect(world.client.queued).toBe(0);
    expect(counts(world.queue)).toEqual({ droppedOffline: 3 });
    world.reconnect();
    expect(brief(world.take())).toEqual(["b#3"]);
    expect(publish(world.client, "e")).toEqual(["SENT"]);
  });
});

describe("a message that waits too long", () => {
  it("is dropped, to the tick", () => {
    const world = start({ expiryMs: 1_000 });
    world.open();
    publish(world.client, "a");
    world.clock.advance(500);
    publish(world.client, "b");
    const lasting = world.queue.publisher("t", { expiryMs: 10_000 });
    payload(lasting, "c");
    world.clock.advance(499);
    expect(world.client.queued).toBe(3);
    world.clock.advance(1);
    expect(world.client.queued).toBe(2);
    world.clock.advance(500);
    expect(world.client.queued).toBe(1);
    expect(counts(world.queue)).toEqual({ expired: 2 });
    world.accept();
    expect(brief(world.take())).toEqual(["c"]);
  });

  it("is not sent late, though no tick came before", () => {
    const world = start({ expiryMs: 1_000 }, { tickMs: 60_000 });
    world.open();
    publish(world.client, "a");
    world.clock.advance(999);
    publish(world.client, "b");
    world.clock.advance(1);
    world.accept();
    expect(brief(world.take())).toEqual(["b"]);
  });

  it("makes room, whatever else is said", () => {
    const world = start({ expiryMs: 1_000 });
    publish(world.client, "a", "b", "c", "d");
    expect(publish(world.client, "e")).toEqual(["FULL"]);
    world.clock.advance(1_000); // without a connection asked for there are no ticks
    expect(publish(world.client, "f")).toEqual(["QUEUED"]);
    expect(counts(world.queue)).toEqual({ refused: 1, expired: 4 });
  });

  it("stays once it is sent", () => {
    const world = start({ expiryMs: 1_000 }, { cleanSession: false });
    world.connect();
    world.client.publish("t", "a", { qos: 1 });
    world.take();
    world.cut();
    world.clock.advance(5_000);
    expect(counts(world.queue)).toEqual({});
    world.nextAttempt();
    world.accept(true);
    expect(brief(world.take())).toEqual(["a#2!"]);
  });

  it.each([0x7fff_ff00, 0xffff_ff00, -1_000])("is noticed when the clock begins at %i and wraps", (origin) => {
    const world = start({ expiryMs: 1_000 });
    world.clock.shows = (passed) => (origin + passed) | 0;
    world.open();
    publish(world.client, "a");
    world.clock.advance(999);
    expect(world.client.queued).toBe(1);
    world.clock.advance(251);
    expect(world.client.queued).toBe(0);
  });
});

describe("of drops", () => {
  it("onDropped tells with the next tick, how many there were", () => {
    const world = start({ whenFull: "drop-newest", qos0: "drop", expiryMs: 10_000 });
    const told: number[] = [];
    world.queue.onDropped = (count) => told.push(count);
    world.open();
    publish(world.client, "a", "b");
    expect(told).toEqual([]);
    world.clock.advance(1_000);
    expect(told).toEqual([2]);
    world.client.publish("t", "c", { qos: 1 });
    world.clock.advance(11_000);
    expect(told).toEqual([2, 1]);
  });

  it("what onDropped throws, ends nothing", () => {
    const world = start({ qos0: "drop" });
    world.queue.onDropped = () => {
      throw new Error("of the application");
    };
    world.open();
    publish(world.client, "a");
    expect(() => world.clock.advance(250)).toThrow("of the application");
    world.accept();
    expect(publish(world.client, "b")).toEqual(["SENT"]);
  });

  it("metrics have the numbers, of all clients that count there", () => {
    const base = start();
    const metrics = new Metrics(base.platform);
    const worlds = [
      start({ whenFull: "drop-oldest", metrics }),
      start({ whenFull: "drop-newest", qos0: "drop", metrics }),
    ];
    publish(worlds[0]!.client, "a", "b", "c", "d", "e");
    worlds[0]!.client.publish("t", "x".repeat(1_000));
    publish(worlds[1]!.client, "a");
    for (let count = 0; count < 10; count++) worlds[1]!.client.publish("t", text("b"), { qos: 1 });
    expect(metrics).toMatchObject({ refused: 1, droppedOldest: 1, droppedNewest: 7, droppedOffline: 1, expired: 0 });
    expect(worlds.map(({ queue }) => queue.dropped)).toEqual([1, 8]);
  });
});

describe("with a saved session", () => {
  const options: Partial<ClientOptions> = { cleanSession: false, outboxBytes: 6 * (ENTRY + 2) };
  const boot = (
    store: MemoryStore,
    policy: OfflineQueueOptions,
    records = 32,
  ): QueueWorld & { session: SavedSession } => {
    const world = start(policy, options);
    return Object.assign(world, { session: new SavedSession(world.client, store, { records }) });
  };

  it("what is dropped is gone from the store, and the rest is there after a reboot", () => {
    const store = new MemoryStore();
    const first = boot(store, { whenFull: "drop-oldest" });
    payload(first.client.publisher("t", { qos: 1 }), "a", "b", "c", "d", "e", "f", "g", "h");
    expect(store.records.size).toBe(6);
    const second = boot(store, { whenFull: "drop-oldest" });
    expect(second.session.restored).toBe(6);
    second.connect();
    expect(brief(second.take()).map((name) => name[0])).toEqual(["c", "d", "e", "f"]);
  });

  it("a record is what there is no room for, too", () => {
    const store = new MemoryStore();
    const world = boot(store, { whenFull: "drop-oldest" }, 2);
    publish(world.client, "zero");
    payload(world.client.publisher("t", { qos: 1 }), "a", "b", "c", "d");
    expect(store.records.size).toBe(2);
    world.connect();
    expect(brief(world.take()).map((name) => name.split("#")[0])).toEqual(["zero", "c", "d"]);
    expect(counts(world.queue)).toEqual({ droppedOldest: 2 });
  });

  it("nothing is dropped because the store fails", () => {
    const store = new MemoryStore();
    const world = boot(store, { whenFull: "drop-oldest" });
    const publisher = world.client.publisher("t", { qos: 1 });
    payload(publisher, "a", "b");
    store.capacity = 2;
    expect(payload(publisher, "c")).toEqual(["FULL"]);
    const newest = world.queue.publisher("t", { qos: 1, whenFull: "drop-newest" });
    expect(payload(newest, "d")).toEqual(["FULL"]);
    expect(counts(world.queue)).toEqual({ refused: 2 });
    expect(world.client.queued).toBe(2);
  });

  it("nothing is dropped while the store still has what does not fit into the outbox", () => {
    const store = new MemoryStore();
    payload(boot(store, {}).client.publisher("t", { qos: 1 }), "a", "b", "c", "d", "e", "f");
    const world = start({ whenFull: "drop-oldest" }, { ...options, outboxBytes: 3 * (ENTRY + 2) });
    const session = new SavedSession(world.client, store);
    expect(session.waiting).toBe(3);
    expect(publish(world.client, "x")).toEqual(["FULL"]);
    world.connect();
    expect(brief(world.take()).map((name) => name[0])).toEqual(["a", "b", "c"]);
    world.send(puback(2), puback(3), puback(4));
    expect(brief(world.take()).map((name) => name[0])).toEqual(["d", "e", "f"]);
    expect(counts(world.queue)).toEqual({ refused: 1 });
  });

  it("what may be with the broker since before the reboot stays, until that says it knows of none", () => {
    const store = new MemoryStore();
    payload(boot(store, {}).client.publisher("t", { qos: 1 }), "a", "b", "c", "d", "e", "f");
    const world = boot(store, { whenFull: "drop-oldest" });
    const publisher = world.client.publisher("t", { qos: 1 });
    expect(payload(publisher, "g")).toEqual(["FULL"]);
    world.open();
    world.link.link.room = 0; // CONNECT has gone
    world.accept(false);
    // The first has its packet id on this connection now, the others are to be had.
    expect(payload(publisher, "h")).toEqual(["QUEUED"]);
    world.link.link.grant(Infinity);
    expect(brief(world.take()).map((name) => name[0])).toEqual(["a", "c", "d", "e"]);
  });
});

describe("with Streaming", () => {
  it("what waits behind a streamed message is dropped or expires as ever", () => {
    const world = start({ whenFull: "drop-oldest" });
    const large = new Streaming(world.client).publisher("large");
    const brittle = world.queue.publisher("t", { expiryMs: 1_000 });
    world.connect();
    expect(large.begin(4)).toBe(true);
    publish(world.client, "a", "b", "c", "d", "e");
    payload(brittle, "f");
    world.clock.advance(1_250);
    large.write(new Uint8Array(4));
    large.end();
    const packets = world.take();
    expect(brief(packets.slice(1))).toEqual(["c", "d", "e"]);
    expect(counts(world.queue)).toEqual({ droppedOldest: 2, expired: 1 });
  });
});

describe("with MQTT 5", () => {
  const start5 = (policy: OfflineQueueOptions, outboxBytes = 256): ScriptedWorldV5 & { queue: OfflineQueue } => {
    const world = new ScriptedWorldV5({
      outboxBytes,
      maximumInFlight: 2,
      sessionExpiryInterval: 600,
      cleanStart: false,
    });
    return Object.assign(world, { queue: new OfflineQueue(world.client, policy) as unknown as OfflineQueue });
  };

  it("messages with and without an alias are dropped and sent again like any other", () => {
    const world = start5({ whenFull: "drop-oldest" });
    const topic = "a/topic/that/is/worth/an/alias";
    const publisher = world.client.publisher(topic, { qos: 1, topicAlias: true });
    world.connectWith({ topicAliasMaximum: 10 });
    for (const name of "abcdef") publisher.publish(name);
    expect(brief5(world.take())).toEqual([`PUBLISH ${topic}=a#2`, "PUBLISH =b#1"]);
    for (const name of "ghijk") publisher.publish(name);
    world.cut();
    publisher.publish("l");
    world.reconnectWith({ topicAliasMaximum: 10 }, true);
    expect(brief5(world.take())).toEqual([`PUBLISH ${topic}=a#2!`, "PUBLISH =b#1!"]);
    world.send({ type: PacketType.PUBACK, packetId: 2, reasonCode: 0, properties: {} });
    world.send({ type: PacketType.PUBACK, packetId: 1, reasonCode: 0, properties: {} });
    expect(brief5(world.take())).toEqual(["PUBLISH =k#2", "PUBLISH =l#1"]);
    expect(world.queue.droppedOldest).toBe(8);
  });

  it("a message expiry interval counts from publish on, and ends the waiting", () => {
    const world = start5({}, 1_024);
    const publisher = world.client.publisher("t", {
      qos: 1,
      payloadFormatIndicator: 1,
      messageExpiryInterval: 10,
      userProperties: [["n", "v".repeat(150)]],
    });
    publisher.publish("a");
    world.open();
    world.clock.advance(3_500);
    publisher.publish("b");
    world.clock.advance(4_000);
    world.accept();
    const intervals = (): unknown[] =>
      world
        .take()
        .map(
          (packet) => (packet as { properties: { messageExpiryInterval?: number } }).properties.messageExpiryInterval,
        );
    expect(intervals()).toEqual([3, 6]);
    world.cut();
    publisher.publish("c");
    world.nextAttempt();
    world.clock.advance(4_000);
    world.acceptWith({}, true);
    // What may be with the broker is sent again, be it with the least there is.
    expect(intervals().slice(0, 2)).toEqual([1, expect.any(Number)]);
    expect(world.queue.expired).toBe(0);
    publisher.publish("d");
    world.clock.advance(10_250);
    expect(world.queue.expired).toBe(2);
  });

  it("the shorter of expiryMs and the message expiry interval holds", () => {
    const world = start5({ expiryMs: 5_000 }, 1_024);
    world.client.publisher("t", { messageExpiryInterval: 2 }).publish("a");
    world.client.publisher("t", { messageExpiryInterval: 60 }).publish("b");
    world.client.publisher("t", { messageExpiryInterval: 4_294_967_295 }).publish("c");
    world.open();
    world.clock.advance(2_000);
    expect(world.client.queued).toBe(2);
    world.clock.advance(3_000);
    expect(world.client.queued).toBe(0);
  });

  it("a rejected message can be read to its end, though the application publishes meanwhile", () => {
    const world = start5({ whenFull: "drop-oldest" }, 128);
    const publisher = world.client.publisher("t", { qos: 1 });
    const told: unknown[] = [];
    world.client.onRejected = (message) => {
      told.push(Published[publisher.publish("x".repeat(50))], message.text(), message.topic);
    };
    world.connect();
    publisher.publish("abc".repeat(5));
    publisher.publish("def".repeat(5));
    publisher.publish("ghi".repeat(5));
    world.send({ type: PacketType.PUBACK, packetId: 2, reasonCode: Reason.QUOTA_EXCEEDED, properties: {} });
    expect(told).toEqual(["FULL", "abc".repeat(5), "t"]);
  });
});

describe("an OfflineQueue that cannot be", () => {
  it.each<[OfflineQueueOptions, string]>([
    [{ whenFull: "oldest" as never }, 'whenFull must be "refuse" or "drop-oldest" or "drop-newest", not "oldest"'],
    [{ qos0: true as never }, 'qos0 must be "keep" or "drop", not true'],
    [{ expiryMs: 0 }, "expiryMs must be a whole number from 1 to 2147483647, not 0"],
  ])("%o is refused", (policy, sentence) => {
    expect(() => start(policy)).toThrow(sentence);
    expect(() => start().queue.publisher("t", policy)).toThrow(sentence);
  });

  it("comes after a SavedSession, a message, or another", () => {
    const sentence = "must be made right after its client";
    const saved = new ScriptedWorld({ cleanSession: false });
    new SavedSession(saved.client, new MemoryStore());
    expect(() => new OfflineQueue(saved.client)).toThrow(sentence);
    const used = new ScriptedWorld();
    used.client.publish("t", "x");
    expect(() => new OfflineQueue(used.client)).toThrow(sentence);
    expect(() => new OfflineQueue(start().client)).toThrow(sentence);
  });
});
