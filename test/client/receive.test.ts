import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Message } from "../../src/client/message.ts";
import { Published } from "../../src/client/publisher.ts";
import { PacketType, Reason } from "../../src/packet/index.ts";
import { encode, fromHex, type Packet, toHex, utf8 } from "../packet/model.ts";
import { payloadOf, publish } from "../support/packet-link.ts";
import { seededRandom } from "../support/random.ts";
import { CLIENTS, ScriptedWorld, type WorldClass } from "../support/scripted-world.ts";

const types = (packets: Packet[]): string[] => packets.map(({ type }) => PacketType[type]);

/** A connected client that notes what its handlers get, as "filter<topic=payload". */
function listening(World: WorldClass, filters: string[], options = {}): { world: ScriptedWorld; got: string[] } {
  const world = new World(options);
  const got: string[] = [];
  const note = (name: string) => (message: Message) => got.push(`${name}<${message.topic}=${message.text()}`);
  for (const filter of filters) world.client.subscribe(filter, 1, note(filter));
  world.client.onMessage = note("-");
  world.client.onSkipped = (message) => got.push(`skipped<${message.topic}=${message.length}`);
  world.connect();
  for (const packet of world.take()) {
    if (packet.type === PacketType.SUBSCRIBE)
      world.send({ type: PacketType.SUBACK, packetId: packet.packetId, codes: [1] });
  }
  return { world, got };
}

describe.each(CLIENTS)("a message of %s", (_client, World) => {
  it("comes with its topic, payload and flags, and as bytes without a string", () => {
    const world = new World();
    const got: object[] = [];
    world.client.onMessage = (message) => {
      const { qos, retain, dup, length, bytes, start, end, topicStart, topicEnd } = message;
      const hex = [toHex(bytes, topicStart, topicEnd), toHex(bytes, start, end)];
      got.push({ qos, retain, dup, length, hex, topic: message.topic, text: message.text() });
    };
    world.connect();
    world.send(publish("a/ü", "€", { retain: true }), publish("b", "", { qos: 1, dup: true, packetId: 65_535 }));
    expect(got).toEqual([
      {
        qos: 0,
        retain: true,
        dup: false,
        length: 3,
        hex: [toHex(utf8("a/ü")), toHex(utf8("€"))],
        topic: "a/ü",
        text: "€",
      },
      { qos: 1, retain: false, dup: true, length: 0, hex: [toHex(utf8("b")), ""], topic: "b", text: "" },
    ]);
  });

  it("with QoS 1 is acknowledged with its packet id, after its handler, and not with QoS 0 [MQTT-4.3.2-2], [MQTT-3.3.4-1], [MQTT-2.3.1-6]", () => {
    const world = new World();
    let sentBefore = -1;
    world.client.onMessage = () => (sentBefore = world.link.take().length);
    world.connect();
    world.send(publish("t", "x"), publish("t", "y", { qos: 1, packetId: 513 }));
    expect(sentBefore).toBe(0);
    expect(world.take()).toEqual([{ type: PacketType.PUBACK, packetId: 513 }]);
  });

  it("with QoS 1 whose packet id comes again is another message, whatever its DUP [MQTT-4.3.2-2]", () => {
    const { world, got } = listening(World, ["t"]);
    const [one, two, three] = ["1", "2", "3"].map((text) => publish("t", text, { qos: 1, packetId: 7 }));
    world.send(one, { ...two, dup: true });
    world.send(three);
    expect(got).toEqual(["t<t=1", "t<t=2", "t<t=3"]);
    expect(world.take()).toEqual(Array(3).fill({ type: PacketType.PUBACK, packetId: 7 }));
  });

  it("with DUP that a handler passes on is sent without [MQTT-3.3.1-3]", () => {
    const world = new World();
    world.client.onMessage = (message) => {
      expect(message.dup).toBe(true);
      world.client.publish("passed/on", message.text(), { qos: 1 });
    };
    world.connect();
    world.send(publish("t", "x", { qos: 1, packetId: 7, dup: true }));
    expect(world.take().find(({ type }) => type === PacketType.PUBLISH)).toMatchObject({
      topic: "passed/on",
      qos: 1,
      dup: false,
    });
  });

  it("with QoS 2, which nobody asked for, ends the connection", () => {
    const { world } = listening(World, ["#"]);
    world.send(publish("t", "x", { qos: 2, packetId: 1 }));
    expect(world.events).toEqual([false, Reason.QOS_NOT_REQUESTED]);
  });

  it.each([
    ["sport/tennis/player1", ["sport/#", "+/tennis/#", "#", "sport/tennis/+"]],
    ["sport", ["sport/#", "#", "+"]],
    ["sport/", ["sport/#", "#", "+/+"]],
    ["/finance", ["#", "+/+", "/+"]],
    ["sport/tennis", ["sport/#", "+/tennis/#", "#", "+/+"]],
    ["$SYS/monitor", ["$SYS/#", "$SYS/monitor"]],
    ["$SYS", ["$SYS/#"]],
    ["ünï/cöde", ["#", "+/+"]],
  ])("for %s goes to every handler whose filter matches [MQTT-4.7.1-2], [MQTT-4.7.2-1]", (topic, matching) => {
    const filters = ["sport/#", "+/tennis/#", "#", "sport/tennis/+", "+", "+/+", "/+", "$SYS/#", "$SYS/monitor"];
    const { world, got } = listening(World, filters);
    world.send(publish(topic, "x"));
    expect(got.sort()).toEqual(matching.map((filter) => `${filter}<${topic}=x`).sort());
  });

  it("that no filter matches goes to onMessage, and is acknowledged even without one [MQTT-4.5.0-2]", () => {
    const { world, got } = listening(World, ["a", "+/b"]);
    world.send(publish("c", "x", { qos: 1, packetId: 1 }), publish("$x/b", "y"));
    expect(got).toEqual(["-<c=x", "-<$x/b=y"]);
    world.client.onMessage = undefined;
    world.send(publish("c", "x", { qos: 1, packetId: 2 }));
    expect(world.take()).toEqual([1, 2].map((packetId) => ({ type: PacketType.PUBACK, packetId })));
  });

  it("comes through byte by byte, and many in one piece", () => {
    for (const size of [1, 2, 7, 1e9]) {
      const { world, got } = listening(World, ["t/+"]);
      world.link.link.chunkSize = () => size;
      const messages = Array.from({ length: 40 }, (_, index) =>
        publish(`t/${index}`, "x".repeat(index * 3), { qos: index & 1, packetId: index & 1 ? index : 0 }),
      );
      world.send(...messages);
      expect(got).toEqual(messages.map((message) => `t/+<${message.topic}=${payloadOf(message)}`));
      expect(world.take()).toHaveLength(20);
    }
  });

  it("is acknowledged in its turn, any number in one piece, though the room for that is small [MQTT-4.6.0-2]", () => {
    const { world, got } = listening(World, ["t"]);
    const messages = Array.from({ length: 1_000 }, (_, index) => publish("t", "", { qos: 1, packetId: index + 1 }));
    world.send(...messages);
    expect(got).toHaveLength(1_000);
    expect(world.take().map((packet) => (packet as { packetId: number }).packetId)).toEqual(
      messages.map(({ packetId }) => packetId),
    );
  });

  it("is acknowledged in its turn when the connection takes only a part at first [MQTT-4.6.0-2]", () => {
    const { world } = listening(World, ["t"]);
    const { link } = world.link;
    link.grant(37);
    const messages = Array.from({ length: 73 }, (_, index) => publish("t", "", { qos: 1, packetId: 300 + index }));
    world.send(...messages.slice(0, 64));
    world.send(...messages.slice(64));
    expect(world.events).toEqual([false]);
    link.grant(Infinity);
    const ids = world.take().map((packet) => (packet as { packetId: number }).packetId);
    expect(ids).toEqual(messages.map(({ packetId }) => packetId));
  });

  it("is acknowledged in its turn behind the longest request, as many as Mosquitto sends at once", () => {
    const { world } = listening(World, ["t"]);
    world.link.link.grant(0);
    world.client.subscribe("f".repeat(240), 0, () => undefined);
    world.send(...Array.from({ length: 20 }, (_, index) => publish("t", "", { qos: 1, packetId: index + 1 })));
    expect(world.events).toEqual([false]);
    world.link.link.grant(Infinity);
    expect(world.take().map((packet) => PacketType[packet.type])).toEqual(["SUBSCRIBE", ...Array(20).fill("PUBACK")]);
  });

  it("flood, whose acknowledgements the broker does not read, ends the connection rather than growing [MQTT-4.8.0-2]", () => {
    const { world } = listening(World, ["t"]);
    world.link.link.grant(0);
    world.send(...Array.from({ length: 84 }, (_, index) => publish("t", "", { qos: 1, packetId: index + 1 })));
    expect(world.events).toEqual([false]);
    // The lean client has room for some more, as much as its CONNECT takes.
    world.send(...Array.from({ length: 60 }, (_, index) => publish("t", "", { qos: 1, packetId: 85 + index })));
    expect(world.events).toEqual([false, Reason.OUTPUT_STALLED]);
    world.reconnect();
    expect(world.client.connected).toBe(true);
  });
});

describe.each(CLIENTS)("a message larger than receiveBytes of %s", (_client, World) => {
  // receiveBytes counts what comes after the fixed header: topic length, topic, packet id, payload.
  const exact = 64 - 2 - 1 - 2;

  it("is received whole up to the last byte", () => {
    const { world, got } = listening(World, ["t"], { receiveBytes: 64 });
    for (const size of [1, 1e9]) {
      world.link.link.chunkSize = () => size;
      world.send(publish("t", "x".repeat(exact), { qos: 1, packetId: 7 }));
      expect(got.splice(0)).toEqual([`t<t=${"x".repeat(exact)}`]);
      expect(world.take()).toEqual([{ type: PacketType.PUBACK, packetId: 7 }]);
    }
  });

  // The lean client's buffer has room for a fixed header of 5 bytes besides.
  const above = World === ScriptedWorld ? exact + 1 : exact + 4;

  it.each([above, 1_000, 100_000])(
    "with %i bytes is skipped, reported and acknowledged, and the next is not [MQTT-4.5.0-2]",
    (size) => {
      for (const chunk of [1, 1_460, 1e9]) {
        if (chunk === 1 && size > 1_000) continue;
        const { world, got } = listening(World, ["t"], { receiveBytes: 64 });
        world.link.link.chunkSize = () => chunk;
        world.send(publish("t", "x".repeat(size), { qos: 1, packetId: 7 }), publish("t", "next"));
        expect(got).toEqual([`skipped<t=${size}`, "t<t=next"]);
        expect(world.take()).toEqual([{ type: PacketType.PUBACK, packetId: 7 }]);
        expect(world.events).toEqual([false]);
      }
    },
  );

  it("is acknowledged only when all of it has come", () => {
    const { world } = listening(World, ["t"], { receiveBytes: 64 });
    const bytes = encode(publish("t", "x".repeat(200), { qos: 1, packetId: 7 }));
    world.link.link.deliver(bytes.subarray(0, 150));
    expect(world.take()).toEqual([]);
    world.link.link.deliver(bytes.subarray(150));
    expect(world.take()).toEqual([{ type: PacketType.PUBACK, packetId: 7 }]);
  });

  it("that is cut off by the end of the connection is not acknowledged on the next", () => {
    const { world, got } = listening(World, ["t"], { receiveBytes: 64, cleanSession: false });
    world.link.link.deliver(encode(publish("t", "x".repeat(200), { qos: 1, packetId: 7 })).subarray(0, 100));
    world.clock.settle();
    world.cut();
    world.reconnect(true);
    world.send(publish("t", "y", { qos: 1, packetId: 7, dup: true }));
    expect(world.take()).toEqual([{ type: PacketType.PUBACK, packetId: 7 }]);
    expect(got).toEqual(["skipped<t=200", "t<t=y"]);
  });

  it("holds up no acknowledgement's time-out while it is still arriving: nothing can overtake it", () => {
    const { world } = listening(World, ["t"], { receiveBytes: 64, acknowledgeTimeoutMs: 5_000 });
    world.client.publish("u", "x", { qos: 1 });
    const bytes = encode(publish("t", "x".repeat(200)));
    for (let at = 0; at < bytes.length; at += 20) {
      world.link.link.deliver(bytes.subarray(at, at + 20));
      world.clock.advance(3_000);
    }
    expect(world.client.connected).toBe(true);
    world.clock.advance(5_000);
    expect(world.events).toEqual([false, Reason.ACKNOWLEDGE_TIMEOUT]);
  });

  it("with QoS 2, or before CONNACK, ends the connection", () => {
    const { world } = listening(World, ["t"], { receiveBytes: 64 });
    world.send(publish("t", "x".repeat(200), { qos: 2, packetId: 7 }));
    world.nextAttempt();
    world.send(publish("t", "x".repeat(200)));
    expect(world.events).toEqual([false, Reason.QOS_NOT_REQUESTED, Reason.UNEXPECTED_PACKET]);
  });
});

describe.each(CLIENTS)("a handler of %s", (_client, World) => {
  it("that throws disturbs nothing: others are called, the message is acknowledged, the exception surfaces after", () => {
    const world = new World();
    const got: string[] = [];
    world.client.subscribe("t", 1, () => {
      throw new Error("first");
    });
    world.client.subscribe("#", 1, (message) => {
      got.push(message.text());
      throw new Error("second");
    });
    world.connect();
    for (const packet of world.take()) {
      world.send({ type: PacketType.SUBACK, packetId: (packet as { packetId: number }).packetId, codes: [1] });
    }
    const messages = [publish("t", "1", { qos: 1, packetId: 1 }), publish("t", "2", { qos: 1, packetId: 2 })];
    expect(() => world.send(...messages)).toThrow("first");
    expect(got).toEqual(["1", "2"]);
    expect(types(world.take())).toEqual(["PUBACK", "PUBACK"]);
    expect(() => world.send(messages[0])).toThrow("first");
    expect(world.client.publish("u", "x")).toBe(Published.SENT);
    expect(world.events).toEqual([false]);
  });

  it("onConnect, onDisconnect, onGranted and onSkipped may throw as well", () => {
    const world = new World({ receiveBytes: 64 });
    const fail = (name: string) => () => {
      throw new Error(name);
    };
    world.client.onConnect = fail("onConnect");
    world.client.onDisconnect = fail("onDisconnect");
    world.client.onSkipped = fail("onSkipped");
    world.client.subscribe("t", 1, () => undefined).onGranted = fail("onGranted");
    expect(() => world.connect()).toThrow("onConnect");
    const [subscribe] = world.take() as { packetId: number }[];
    expect(() => world.send({ type: PacketType.SUBACK, packetId: subscribe.packetId, codes: [1] })).toThrow(
      "onGranted",
    );
    expect(() => world.send(publish("t", "x".repeat(100), { qos: 1, packetId: 3 }))).toThrow("onSkipped");
    expect(world.take()).toEqual([{ type: PacketType.PUBACK, packetId: 3 }]);
    expect(() => world.cut()).toThrow("onDisconnect");
    expect(() => world.reconnect()).toThrow("onConnect");
    world.client.onConnect = undefined;
    expect(world.client.connected).toBe(true);
    // Of a time-out, it surfaces from the tick.
    world.take();
    world.link.link.dead = true;
    expect(() => world.clock.advance(80_000)).toThrow("onDisconnect");
    world.reconnect();
    expect(world.client.connected).toBe(true);
  });

  it("may publish, subscribe and end its own subscription", () => {
    const world = new World();
    world.connect();
    const subscription = world.client.subscribe("question", 1, (message) => {
      expect(world.client.publish("answer", `${message.text()}!`, { qos: 1 })).not.toBe(Published.FULL);
      subscription.unsubscribe();
      world.client.subscribe("more", 0, () => undefined);
    });
    const [{ packetId }] = world.take() as { packetId: number }[];
    world.send({ type: PacketType.SUBACK, packetId, codes: [1] });
    world.send(
      publish("question", "why", { qos: 1, packetId: 4 }),
      publish("question", "how", { qos: 1, packetId: 5 }),
    );
    const packets = world.take();
    expect(types(packets).sort()).toEqual(["PUBACK", "PUBACK", "PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE"]);
    expect(packets.map(payloadOf).join("")).toBe("why!");
  });

  it("may disconnect: what it published before is sent, nothing more is handled or answered [MQTT-3.14.4-2]", () => {
    const { world, got } = listening(World, ["t"]);
    world.client.subscribe("stop", 1, () => {
      world.client.publish("state", "stopped");
      world.client.disconnect();
    });
    world.take();
    const stop = publish("stop", "", { qos: 1, packetId: 9 });
    world.send(publish("t", "1", { qos: 1, packetId: 8 }), stop, publish("t", "2", { qos: 1, packetId: 10 }));
    expect(got).toEqual(["t<t=1"]);
    const packets = world.take();
    expect(types(packets)).toEqual(["PUBACK", "PUBLISH", "DISCONNECT"]);
    expect(world.link.link.closedByClient).toBe(true);
    expect(world.events).toEqual([false, Reason.DISCONNECTED]);
    expect(world.client.queued).toBe(0);
  });

  it("may disconnect and connect: the new connection begins cleanly", () => {
    const { world, got } = listening(World, ["t"]);
    world.client.subscribe("again", 1, () => {
      world.client.disconnect();
      world.client.connect();
      world.client.publish("hello", "again");
    });
    world.take();
    const rest = publish("t", "lost", { qos: 1, packetId: 3 });
    world.send(publish("again", "", { qos: 1, packetId: 2 }), rest);
    expect(world.links).toHaveLength(2);
    expect(types(world.take())).toEqual(["CONNECT"]);
    world.accept();
    expect(types(world.take())).toEqual(["SUBSCRIBE", "SUBSCRIBE", "PUBLISH"]);
    world.send(publish("t", "heard"));
    expect(got).toEqual(["t<t=heard"]);
  });

  it("of a skipped message may disconnect and connect", () => {
    const { world, got } = listening(World, ["t"], { receiveBytes: 64 });
    world.client.onSkipped = () => {
      world.client.disconnect();
      world.client.connect();
    };
    world.send(publish("t", "x".repeat(200), { qos: 1, packetId: 2 }), publish("t", "lost"));
    expect(types(world.take())).toEqual(["CONNECT"]);
    world.accept();
    world.send(publish("t", "heard"));
    expect(got).toEqual(["t<t=heard"]);
  });
});

// What breaks the protocol ends the connection with its reason, and the client connects again [MQTT-4.8.0-1].

interface MalformedCase {
  name: string;
  bytes: string;
  direction: "to-client" | "to-server" | "both";
  reason: string;
  clause: string;
  close: boolean;
}

const malformed = (
  JSON.parse(readFileSync(new URL("../packet/malformed.json", import.meta.url), "utf8")) as MalformedCase[]
).filter(({ direction }) => direction !== "to-server");

const NEVER_FROM_BROKER = [PacketType.PUBREC, PacketType.PUBREL, PacketType.PUBCOMP];
/** What the framer finds before anybody asks what packet it is. */
const FRAMING = ["PACKET_TYPE", "HEADER_FLAGS", "REMAINING_LENGTH", "PACKET_TOO_LARGE", "QOS", "DUP_WITH_QOS_0"];

/** What the lean client may await some more bytes for, before it looks at it. */
const AFTER_MORE = ["REMAINING_LENGTH"];
/** The lean client's reasons for packets that are wrong. */
const OF_A_PACKET =
  /^(UNEXPECTED_PACKET|TRUNCATED|PACKET_TOO_LARGE|QOS_NOT_REQUESTED|PACKET_ID_ZERO|CONNACK_FLAGS|CONNACK_CODE|SESSION_PRESENT|SUBACK_CODE|NULL_CHARACTER|ILL_FORMED_UTF8|WILDCARD_IN_TOPIC)$/;

describe.each(CLIENTS)("what is not MQTT, for %s [MQTT-4.8.0-1]", (_client, World) => {
  it.each(malformed)("$name ends the connection: $reason [$clause]", ({ bytes, reason, close }) => {
    const packet = fromHex(bytes);
    const type = packet[0] >> 4;
    const alien = NEVER_FROM_BROKER.includes(type) && !FRAMING.includes(reason);
    const expected = alien ? Reason.UNEXPECTED_PACKET : Reason[reason as keyof typeof Reason];
    for (const chunk of [1e9, 1]) {
      const world = new World();
      world.open();
      if (type !== PacketType.CONNACK) world.accept();
      world.events.length = 0;
      world.link.link.chunkSize = () => chunk;
      world.link.link.deliver(packet);
      world.clock.settle();
      if (World !== ScriptedWorld && AFTER_MORE.includes(reason)) world.link.link.deliver(new Uint8Array(1_100));
      world.clock.settle();
      // The lean client tells fewer reasons from one another.
      expect(world.events.map((event) => Reason[event as Reason])).toEqual([
        World === ScriptedWorld ? Reason[expected] : expect.stringMatching(OF_A_PACKET),
      ]);
      expect(world.link.link.closedByClient).toBe(close);
      world.reconnect();
      expect(world.client.connected).toBe(true);
    }
  });

  it.each([
    ["half a packet", "30100001"],
    ["half a remaining length", "30ff"],
    ["a PUBLISH of 256 MB", "30ffffff7f000174"],
    ["nothing", ""],
  ])("%s and then silence is noticed by a ping", (_name, hex) => {
    const world = new World();
    world.connect();
    world.link.link.deliver(fromHex(hex));
    world.clock.advance(59_000);
    expect(world.events).toEqual([false]);
    world.clock.advance(12_000);
    expect(world.events).toEqual([false, Reason.PING_TIMEOUT]);
    world.reconnect();
    world.send(publish("t", "x"));
    expect(world.client.connected).toBe(true);
  });

  it("before CONNACK, half a packet and then silence is a time-out", () => {
    const world = new World();
    world.open();
    world.link.link.deliver(fromHex("2002"));
    world.clock.advance(11_000);
    expect(world.events).toEqual([Reason.CONNECT_TIMEOUT]);
    world.reconnect();
    expect(world.client.connected).toBe(true);
  });

  it("random bytes never do worse than to end the connection, and the next one works", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = seededRandom(seed);
      const { world, got } = listening(World, ["#"], { receiveBytes: 64 });
      const bytes = Uint8Array.from({ length: 300 }, () => random() * 256);
      // Plausible first bytes get further.
      for (let at = 0; at < bytes.length; at += 7) bytes[at] = [0x30, 0x32, 0x40, 0x90, 0xb0, 0xd0][seed % 6];
      world.link.link.chunkSize = () => 1 + random() * 50;
      world.link.link.deliver(bytes);
      world.clock.advance(1_000);
      if (world.client.connected) world.cut();
      world.reconnect();
      got.length = 0;
      world.send(publish("t", "x"));
      expect(got).toEqual(["#<t=x"]);
    }
  });
});

// What the full client alone does.

describe("a message with a topic larger than receiveBytes", () => {
  it("may have a topic that is larger itself: it is cut at the end", () => {
    const { world, got } = listening(ScriptedWorld, ["#"], { receiveBytes: 64 });
    world.send(publish("ü".repeat(100), "x", { qos: 1, packetId: 7 }), publish("y".repeat(500), ""), publish("t", "z"));
    expect(got[0]).toMatch(/^skipped<ü{29,30}=1$/);
    expect(got[1]).toMatch(/^skipped<y{60,62}=0$/);
    expect(got[2]).toBe("#<t=z");
    expect(world.take()).toEqual([{ type: PacketType.PUBACK, packetId: 7 }]);
  });
});

describe("a handler of the full client", () => {
  it("that throws undefined is an exception too", () => {
    const world = new ScriptedWorld();
    world.client.onMessage = () => {
      throw undefined;
    };
    world.connect();
    let threw = false;
    world.link.link.event((listener) => {
      const bytes = encode(publish("t", "x"));
      try {
        listener.onData(bytes, 0, bytes.length);
      } catch {
        threw = true;
      }
    });
    world.clock.settle();
    expect(threw).toBe(true);
  });
});

describe("what is not MQTT, for the full client", () => {
  it.each([
    ["a packet that only clients send", fromHex("c000"), Reason.UNEXPECTED_PACKET],
    ["PUBREC", fromHex("50020001"), Reason.UNEXPECTED_PACKET],
    ["HTTP", utf8("HTTP/1.1 400 Bad Request\r\n\r\n"), Reason.HEADER_FLAGS],
    ["a TLS alert", fromHex("15030300020228"), Reason.HEADER_FLAGS],
    ["a packet of 256 MB that is no PUBLISH", fromHex("90ffffff7f0001"), Reason.PACKET_TOO_LARGE],
  ])("%s ends the connection", (_name, bytes, reason) => {
    const world = new ScriptedWorld();
    world.connect();
    world.link.link.deliver(bytes);
    world.clock.settle();
    expect(world.events).toEqual([false, reason]);
    world.reconnect();
    expect(world.client.connected).toBe(true);
  });
});
