import { describe, expect, it } from "vitest";
import { crc32 } from "../../tools/serial/crc32.ts";
import type { Client } from "../../src/client/client.ts";
import type { ClientOptions } from "../../src/client/options.ts";
import { Published } from "../../src/client/publisher.ts";
import { PacketType, Reason } from "../../src/packet/index.ts";
import type { Store } from "../../src/platform.ts";
import { ExactlyOnce } from "../../src/qos2.ts";
import { Crc32 } from "../../src/session/crc32.ts";
import { SavedSession, type SavedSessionOptions } from "../../src/store.ts";
import type { Packet } from "../packet/model.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { payloadOf, publish } from "../support/packet-link.ts";
import { ScriptedWorld } from "../support/scripted-world.ts";

interface SavedWorld extends ScriptedWorld {
  session: SavedSession;
}

/** A client whose session is in `store`: one life of a device. */
function boot(store: Store, options: Partial<ClientOptions> = {}, saved?: SavedSessionOptions): SavedWorld {
  const world = new ScriptedWorld({ cleanSession: false, exactlyOnce: new ExactlyOnce(), ...options });
  return Object.assign(world, { session: new SavedSession(world.client, store, saved) });
}

/** Packets as "PUBLISH payload#2!", the mark for DUP, or "PUBREL#2". */
function brief(packets: Packet[]): string[] {
  return packets.map((packet) => {
    const id = `#${(packet as { packetId?: number }).packetId ?? ""}`;
    if (packet.type !== PacketType.PUBLISH) return PacketType[packet.type] + id;
    return `PUBLISH ${payloadOf(packet)}${id}${packet.dup ? "!" : ""}`;
  });
}

const puback = (packetId: number): Packet => ({ type: PacketType.PUBACK, packetId });
const pubrec = (packetId: number): Packet => ({ type: PacketType.PUBREC, packetId });
const pubrel = (packetId: number): Packet => ({ type: PacketType.PUBREL, packetId });
const pubcomp = (packetId: number): Packet => ({ type: PacketType.PUBCOMP, packetId });

describe("after a reboot", () => {
  it("what was accepted goes out in order, before anything else, with its packet id and DUP [MQTT-4.4.0-1]", () => {
    const store = new MemoryStore();
    const first = boot(store, { maximumInFlight: 2 });
    first.client.publish("t", "a", { qos: 1 });
    first.connect();
    for (const text of ["b", "c", "d"]) first.client.publish("t", text, { qos: text === "c" ? 2 : 1 });
    expect(brief(first.take())).toEqual(["PUBLISH a#2", "PUBLISH b#3"]);

    const second = boot(store, { maximumInFlight: 2 });
    expect(second.session.restored).toBe(4);
    expect(second.client.queued).toBe(4);
    second.client.publish("t", "e", { qos: 1 });
    second.connect(true);
    expect(brief(second.take())).toEqual(["PUBLISH a#2!", "PUBLISH b#3!"]);
    second.send(puback(2), puback(3));
    expect(brief(second.take())).toEqual(["PUBLISH c#4!", "PUBLISH d#5!"]);
    second.send(pubrec(4), puback(5), pubcomp(4));
    expect(brief(second.take())).toEqual(["PUBREL#4", "PUBLISH e#6"]);
    second.send(puback(6));
    expect(store.records.size).toBe(0);
    expect(second.session).toMatchObject({ waiting: 0, damaged: 0, failures: 0 });
  });

  it("a broker that lost the session gets everything as new", () => {
    const store = new MemoryStore();
    const first = boot(store);
    first.connect();
    for (const text of ["a", "b"]) first.client.publish("t", text, { qos: 2 });
    first.client.publish("t", "c", { qos: 1 });
    first.send(pubrec(2));

    const second = boot(store);
    second.connect(false);
    // Of a, the broker had taken over.
    expect(brief(second.take())).toEqual(["PUBLISH b#3", "PUBLISH c#4"]);
    second.cut();
    second.reconnect(false);
    expect(brief(second.take())).toEqual(["PUBLISH b#3", "PUBLISH c#4"]);
    second.send(pubrec(3), puback(4), pubcomp(3));
    expect(store.records.size).toBe(0);
  });

  it("PUBREL goes again for messages with QoS 2 that the broker has, before others and in the order of PUBREC [MQTT-4.6.0-4]", () => {
    const store = new MemoryStore();
    const first = boot(store);
    first.connect();
    for (const text of ["a", "b", "c", "d"]) first.client.publish("t", text, { qos: 2 });
    first.send(pubrec(5), pubrec(3));

    const second = boot(store);
    second.connect(true);
    expect(brief(second.take())).toEqual(["PUBREL#5", "PUBREL#3", "PUBLISH a#2!", "PUBLISH c#4!"]);
    second.send(pubrec(4), pubrec(2));

    const third = boot(store);
    third.connect(true);
    expect(brief(third.take())).toEqual(["PUBREL#5", "PUBREL#3", "PUBREL#4", "PUBREL#2"]);
    third.send(...[5, 3, 4, 2].map(pubcomp));
    expect(store.records.size).toBe(0);
    expect(third.client.inFlight).toBe(0);
  });

  it("PUBREC of a message that the outbox has no room for yet waits until that is sent again", () => {
    const store = new MemoryStore();
    const first = boot(store, { outboxBytes: 512 });
    first.connect();
    for (const text of ["a", "b", "c"]) first.client.publish("t", text.padEnd(40), { qos: 2 });

    const second = boot(store, { outboxBytes: 64 });
    second.connect(true);
    second.send(pubrec(4));
    expect(brief(second.take())).toEqual([`PUBLISH ${"a".padEnd(40)}#2!`]);
    for (const packetId of [2, 3, 4]) second.send(pubrec(packetId), pubcomp(packetId));
    expect(brief(second.take()).map((text) => text.replace(/ +#/, "#"))).toEqual([
      "PUBREL#2",
      "PUBLISH b#3!",
      "PUBREL#3",
      "PUBLISH c#4!",
      "PUBREL#4",
    ]);
    expect(store.records.size).toBe(0);
  });

  it("a received message with QoS 2 is not delivered again [MQTT-4.3.3-2]", () => {
    const store = new MemoryStore();
    const got: string[] = [];
    const listen = (): SavedWorld => {
      const world = boot(store);
      world.client.onMessage = (message) => got.push(message.text());
      return world;
    };
    const first = listen();
    first.connect();
    first.send(publish("t", "x", { qos: 2, packetId: 7 }), publish("t", "y", { qos: 2, packetId: 8 }), pubrel(8));

    const second = listen();
    second.connect(true);
    second.send(publish("t", "x", { qos: 2, packetId: 7, dup: true }));
    expect(brief(second.take())).toEqual(["PUBREC#7"]);
    second.send(pubrel(7), publish("t", "z", { qos: 2, packetId: 7 }));
    expect(brief(second.take())).toEqual(["PUBCOMP#7", "PUBREC#7"]);

    const third = listen();
    third.connect(false); // whatever it was, it is not of this session
    expect(store.records.size).toBe(0);
    third.send(publish("t", "new", { qos: 2, packetId: 7 }));
    expect(got).toEqual(["x", "y", "z", "new"]);
  });

  it.each([
    ["the power is cut while a lost session is forgotten", 2],
    ["a broker loses the session, and nobody says so", 0],
  ])("where %s, a new message with a packet id that stayed is not taken for an old one", (_, steps) => {
    const store = new MemoryStore();
    const got: string[] = [];
    const listen = (): SavedWorld => {
      store.on();
      const world = boot(store);
      world.client.onMessage = (message) => got.push(message.text());
      return world;
    };
    const first = listen();
    first.connect();
    first.send(publish("t", "x", { qos: 2, packetId: 7 }), publish("t", "y", { qos: 2, packetId: 8 }));
    if (steps) {
      first.cut();
      store.stepsLeft = steps; // of two removals, one is done
      first.reconnect(false);
    }

    const second = listen();
    expect(store.records.size).toBe(steps ? 1 : 2);
    second.connect(true);
    second.send(publish("t", "new", { qos: 2, packetId: 8 }), publish("t", "new", { qos: 2, packetId: 8, dup: true }));
    expect(got).toEqual(["x", "y", "new"]);
    expect(brief(second.take())).toEqual(["PUBREC#8", "PUBREC#8"]);
    second.send(pubrel(8), publish("t", "newer", { qos: 2, packetId: 7 }), pubrel(7));
    expect(got).toEqual(["x", "y", "new", "newer"]);
    expect(store.records.size).toBe(0);
  });
});

describe("a message costs", () => {
  function cost(work: (world: SavedWorld) => void, options: Partial<ClientOptions> = {}): string {
    const store = new MemoryStore();
    const world = boot(store, options);
    world.connect();
    store.writes = store.removals = 0;
    work(world);
    expect(store.records.size).toBe(0);
    return `${store.writes} writes, ${store.removals} removals`;
  }

  it.each([
    {
      what: "with QoS 0",
      cost: "0 writes, 0 removals",
      work: ({ client }: SavedWorld) => client.publish("t", "x"),
    },
    {
      what: "with QoS 1",
      cost: "1 writes, 1 removals",
      work: (world: SavedWorld) => {
        world.client.publish("t", "x", { qos: 1 });
        world.send(puback(2));
      },
    },
    {
      what: "with QoS 1, published while offline, sent again and in a new session",
      cost: "1 writes, 1 removals",
      work: (world: SavedWorld) => {
        world.cut();
        world.client.publish("t", "x", { qos: 1 });
        world.reconnect(true);
        world.cut();
        world.reconnect(true);
        world.cut();
        world.reconnect(false);
        world.send(puback(2));
      },
    },
    {
      what: "with QoS 2",
      cost: "2 writes, 2 removals",
      work: (world: SavedWorld) => {
        world.client.publish("t", "x", { qos: 2 });
        world.send(pubrec(2));
        world.cut();
        world.reconnect(true);
        world.send(pubcomp(2));
      },
    },
    {
      what: "received with QoS 1",
      cost: "0 writes, 0 removals",
      work: (world: SavedWorld) => world.send(publish("t", "x", { qos: 1, packetId: 7 })),
    },
    {
      what: "received with QoS 2, twice",
      cost: "1 writes, 1 removals",
      work: (world: SavedWorld) =>
        world.send(
          publish("t", "x", { qos: 2, packetId: 7 }),
          publish("t", "x", { qos: 2, packetId: 7, dup: true }),
          pubrel(7),
          pubrel(7),
        ),
    },
  ])("$cost $what", ({ work, cost: expected }) => {
    expect(cost(work)).toBe(expected);
  });
});

describe("records", () => {
  it("are not more than `records`: publish answers FULL, also to QoS 2, not to QoS 0", () => {
    const store = new MemoryStore();
    const { client } = boot(store, {}, { records: 2 });
    expect(client.publish("t", "a", { qos: 1 })).toBe(Published.QUEUED);
    expect(client.publish("t", "b", { qos: 2 })).toBe(Published.QUEUED);
    expect(client.publish("t", "c", { qos: 1 })).toBe(Published.FULL);
    expect(client.publish("t", "c", { qos: 2 })).toBe(Published.FULL);
    expect(client.publish("t", "c")).toBe(Published.QUEUED);
    expect(store.writes).toBe(2);
  });

  it("do not meet the packet ids of subscriptions [MQTT-2.3.1-2]", () => {
    const world = boot(new MemoryStore());
    for (let count = 0; count < 20; count++) world.client.publish("t", `${count}`, { qos: 1 });
    world.client.subscribe("a", 1, () => undefined);
    world.connect();
    const ids = world.take().map((packet) => (packet as { packetId: number }).packetId);
    expect(ids).toEqual([33, 2, 3, 4, 5]);
  });

  it("that the store does not take leave the message unaccepted, and the outbox as it was", () => {
    const store = new MemoryStore();
    const world = boot(store);
    store.capacity = 1;
    world.connect();
    expect(world.client.publish("t", "a", { qos: 1 })).toBe(Published.SENT);
    for (let count = 0; count < 100; count++) expect(world.client.publish("t", "b", { qos: 1 })).toBe(Published.FULL);
    expect(world.client.publish("t", "c")).toBe(Published.SENT);
    world.send(puback(2));
    expect(world.client.publish("t", "d", { qos: 1 })).toBe(Published.SENT);
    expect(brief(world.take()).map((text) => text.slice(0, 9))).toEqual(["PUBLISH a", "PUBLISH c", "PUBLISH d"]);
    expect(world.session.failures).toBe(100);
  });

  it("that the store does not take leave a received message with QoS 2 unanswered, so that it comes again", () => {
    const store = new MemoryStore();
    const world = boot(store);
    const got: string[] = [];
    world.client.onMessage = (message) => got.push(message.text());
    world.connect();
    store.capacity = 0;
    world.send(publish("t", "x", { qos: 2, packetId: 7 }));
    expect(got).toEqual([]);
    expect(world.events).toEqual([false, Reason.TOO_MANY_UNFINISHED]);
    store.capacity = 1;
    world.reconnect(true);
    world.send(publish("t", "x", { qos: 2, packetId: 7, dup: true }));
    expect(brief(world.take())).toEqual(["PUBREC#7"]);
    expect(got).toEqual(["x"]);
  });

  it("of PUBREL that the store does not take leave PUBREC unanswered, so that it comes again", () => {
    const store = new MemoryStore();
    const world = boot(store);
    world.connect();
    world.client.publish("t", "x", { qos: 2 });
    world.take();
    store.capacity = 1;
    world.send(pubrec(2));
    expect(world.events).toEqual([false, Reason.TOO_MANY_UNFINISHED]);
    store.capacity = 2;
    world.reconnect(true);
    world.send(pubrec(2));
    expect(brief(world.take())).toEqual(["PUBLISH x#2!", "PUBREL#2"]);
  });

  it("that are damaged, empty, too long, swapped or of another program are removed, and the others count", () => {
    const store = new MemoryStore();
    const first = boot(store);
    for (let count = 0; count < 8; count++) first.client.publish("t", `${count}`, { qos: (1 + (count % 2)) as 1 | 2 });
    const keys = [...store.records.keys()];
    const record = (index: number): Uint8Array => store.records.get(keys[index])!;
    record(0)[9] ^= 1;
    store.records.set(keys[1], new Uint8Array());
    store.records.set(keys[2], record(2).slice(0, -1));
    store.records.set(keys[3], new Uint8Array(5_000).fill(0xff));
    store.records.set(keys[4], record(5));
    store.records.set(keys[5], new Uint8Array(8).fill(0xff));
    store.records.set(keys[0] + 1, new Uint8Array(8));
    store.records.set(keys[0] + 2, Uint8Array.of(1, 2, 3, 4, 5));
    const second = boot(store);
    expect(second.session).toMatchObject({ restored: 2, damaged: 8, failures: 0 });
    second.connect(true);
    expect(brief(second.take())).toEqual(["PUBLISH 6#8!", "PUBLISH 7#9!"]);
    expect(store.records.size).toBe(2);
  });

  it("with QoS 2 are of no use to a client without ExactlyOnce", () => {
    const store = new MemoryStore();
    boot(store).client.publish("t", "x", { qos: 2 });
    expect(boot(store, { exactlyOnce: undefined }).session).toMatchObject({ restored: 0, damaged: 1 });
  });

  it("keep their order when sequence numbers run over", () => {
    const store = new MemoryStore();
    const world = boot(store);
    world.connect();
    const lap = (count: number): void => {
      for (; count > 0; count--) {
        world.client.publish("t", "x", { qos: 1 });
        const ids = world.take().map((packet) => (packet as { packetId: number }).packetId);
        world.send(...ids.map(puback));
      }
    };
    lap(65_533);
    world.cut();
    for (const text of ["a", "b", "c", "d", "e"]) world.client.publish("t", text, { qos: 1 });
    const second = boot(store);
    second.client.publish("t", "f", { qos: 1 });
    const third = boot(store, { maximumInFlight: 10 });
    third.connect(true);
    expect(brief(third.take()).map((text) => text[8])).toEqual(["a", "b", "c", "d", "e", "f"]);
  });
});

describe("an outbox that became smaller", () => {
  it("takes what fits, in order, and the rest as room comes free", () => {
    const store = new MemoryStore();
    const first = boot(store, { outboxBytes: 2_048 });
    const texts = Array.from({ length: 12 }, (_, index) => `${index} `.padEnd(30, "x"));
    for (const text of texts) first.client.publish("t", text, { qos: 1 });

    const second = boot(store, { outboxBytes: 128 });
    expect(second.session.restored).toBe(12);
    expect(second.session.waiting).toBe(9);
    expect(second.client.publish("t", "later", { qos: 1 })).toBe(Published.FULL);
    second.connect(true);
    const got: string[] = [];
    for (let count = 0; count < 12; count++) {
      const packets = second.take();
      got.push(...packets.map(payloadOf));
      second.send(...packets.map((packet) => puback((packet as { packetId: number }).packetId)));
    }
    expect(got).toEqual(texts);
    expect(second.session.waiting).toBe(0);
    expect(second.client.publish("t", "later", { qos: 1 })).toBe(Published.SENT);
  });

  it("cannot have a message that is larger than itself: that is removed, and counted", () => {
    const store = new MemoryStore();
    const first = boot(store);
    first.client.publish("t", "x".repeat(200), { qos: 1 });
    first.client.publish("t", "y", { qos: 1 });
    const second = boot(store, { outboxBytes: 128 });
    expect(second.session).toMatchObject({ restored: 1, damaged: 1, waiting: 0 });
  });
});

describe("SavedSession", () => {
  it.each([0, 1_001, 1.5, NaN])("refuses %j records", (records) => {
    expect(() => boot(new MemoryStore(), {}, { records })).toThrow(
      `records must be a whole number from 1 to 1000, not ${records}`,
    );
  });

  it("has to be there before the client is used", () => {
    const used = (use: (client: Client) => void) => (): SavedSession => {
      const { client } = new ScriptedWorld();
      use(client);
      return new SavedSession(client, new MemoryStore());
    };
    const sentence = "a SavedSession must be made right after its client, before it subscribes or publishes";
    expect(used((client) => client.publish("t", "x"))).toThrow(sentence);
    expect(used((client) => client.subscribe("t", 0, () => undefined))).toThrow(sentence);
    expect(used((client) => new SavedSession(client, new MemoryStore()))).toThrow(sentence);
  });
});

it("the checksum is that of zlib", () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, index) => index * 7);
  const crc = new Crc32();
  for (let end = 0; end <= bytes.length; end++) {
    expect(crc.sum(bytes, 0, end, 0) >>> 0).toBe(crc32(bytes.subarray(0, end)));
  }
});
