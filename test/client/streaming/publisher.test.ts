import { describe, expect, it } from "vitest";
import type { ClientOptions } from "../../../src/client/options.ts";
import { PacketType, Reason } from "../../../src/packet/index.ts";
import { ExactlyOnce } from "../../../src/qos2.ts";
import { Streaming, type StreamingOptions, type StreamingPublisher } from "../../../src/streaming.ts";
import type { AcknowledgementType } from "../../../src/packet/index.ts";
import type { Packet } from "../../packet/model.ts";
import { payloadOf, publish } from "../../support/packet-link.ts";
import { ScriptedWorld } from "../../support/scripted-world.ts";

const LAST_ID = 65_535;

interface Stream {
  world: ScriptedWorld;
  streaming: Streaming;
  publisher: StreamingPublisher;
  /** What `onEnd` and `onWritable` told, in order. */
  told: (Reason | "writable")[];
}

function stream(qos: 0 | 1 | 2 = 0, options: Partial<ClientOptions> = {}, streamingOptions?: StreamingOptions): Stream {
  const world = new ScriptedWorld({ exactlyOnce: new ExactlyOnce(), keepAlive: 0, ...options });
  const streaming = new Streaming(world.client, streamingOptions);
  const publisher = streaming.publisher("large", { qos });
  const told: Stream["told"] = [];
  publisher.onEnd = (reason) => told.push(reason);
  publisher.onWritable = () => told.push("writable");
  return { world, streaming, publisher, told };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const acknowledgement = (type: AcknowledgementType, packetId = LAST_ID): Packet => ({ type, packetId });
const puback = acknowledgement(PacketType.PUBACK);

/** Packets as "PUBLISH payload#2!", the mark for DUP, or "PUBREL#2". */
function brief(packets: Packet[]): string[] {
  return packets.map((packet) => {
    const id = (packet as { packetId?: number }).packetId;
    const suffix = id ? `#${id}` : "";
    if (packet.type !== PacketType.PUBLISH) return PacketType[packet.type] + suffix;
    return `PUBLISH ${payloadOf(packet)}${suffix}${packet.dup ? "!" : ""}`;
  });
}

describe("a streamed message", () => {
  it("is one PUBLISH of all its pieces, delivered with QoS 0 once it ends", () => {
    const { world, publisher, told } = stream();
    world.connect();
    expect(publisher.begin(9)).toBe(true);
    expect([publisher.write(bytes("one")), publisher.write(bytes("xtwoy"), 1, 4), publisher.missing]).toEqual([
      3, 3, 3,
    ]);
    expect(told).toEqual([]);
    expect(publisher.write(bytes("end"))).toBe(3);
    publisher.end();
    expect(told).toEqual([Reason.OK]);
    expect(world.take()).toEqual([publish("large", "onetwoend")]);
  });

  it("may be empty, and may be retained", () => {
    const { world, streaming, publisher, told } = stream();
    const retained = streaming.publisher("kept", { retain: true });
    world.connect();
    publisher.begin(0);
    publisher.end();
    retained.begin(1);
    retained.write(bytes("x"));
    retained.end();
    expect(told).toEqual([Reason.OK]);
    expect(world.take()).toEqual([publish("large", ""), publish("kept", "x", { retain: true })]);
  });

  it("is delivered with QoS 1 when it is acknowledged, be that before or after its end", () => {
    const { world, publisher, told } = stream(1);
    world.connect();
    publisher.begin(1);
    publisher.write(bytes("a"));
    publisher.end();
    expect([told, publisher.begin(1)]).toEqual([[], false]);
    world.send(puback);
    expect(told).toEqual([Reason.OK]);
    publisher.begin(1);
    publisher.write(bytes("b"));
    world.send(puback);
    expect(told).toEqual([Reason.OK]);
    publisher.end();
    expect(told).toEqual([Reason.OK, Reason.OK]);
    expect(brief(world.take())).toEqual([`PUBLISH a#${LAST_ID}`, `PUBLISH b#${LAST_ID}`]);
  });

  it("takes PUBREC, PUBREL and PUBCOMP with QoS 2", () => {
    const { world, publisher, told } = stream(2);
    world.connect();
    publisher.begin(1);
    publisher.write(bytes("a"));
    publisher.end();
    world.send(acknowledgement(PacketType.PUBREC), acknowledgement(PacketType.PUBREC));
    expect(told).toEqual([]);
    world.send(acknowledgement(PacketType.PUBCOMP));
    expect(told).toEqual([Reason.OK]);
    expect(brief(world.take())).toEqual([`PUBLISH a#${LAST_ID}`, `PUBREL#${LAST_ID}`, `PUBREL#${LAST_ID}`]);
  });

  it("has a packet id of its publisher's own, away from those of messages and subscriptions [MQTT-2.3.1-2]", () => {
    const { world, streaming, publisher } = stream(1, { maximumInFlight: 1_000, maximumSubscriptions: 1_000 });
    const other = streaming.publisher("other", { qos: 1 });
    world.connect();
    for (const one of [publisher, other]) {
      one.begin(1);
      one.write(bytes("x"));
      one.end();
    }
    expect(brief(world.take())).toEqual(["PUBLISH x#65535", "PUBLISH x#65534"]);
    world.send(acknowledgement(PacketType.PUBACK, 65_534));
    expect([publisher.begin(1), other.begin(1)]).toEqual([false, true]);
  });
});

describe("while a message is streamed", () => {
  it("nothing comes between its bytes, and what waited goes right after it", () => {
    const { world, publisher } = stream();
    world.connect();
    world.client.subscribe("t", 1, () => undefined);
    world.take();
    publisher.begin(4);
    publisher.write(bytes("ab"));
    world.client.publish("t", "small", { qos: 1 });
    world.client.subscribe("u", 1, () => undefined);
    world.send(publish("t", "in", { qos: 1, packetId: 7 }));
    expect(world.take()).toEqual([]);
    publisher.write(bytes("cd"));
    expect(brief(world.take())).toEqual(["PUBLISH abcd", "SUBSCRIBE#6", "PUBACK#7", "PUBLISH small#2"]);
  });

  it("another cannot begin, nor one without a connection", () => {
    const { world, streaming, publisher } = stream();
    const other = streaming.publisher("other");
    expect(publisher.begin(1)).toBe(false);
    world.open();
    expect(publisher.begin(1)).toBe(false);
    world.accept();
    expect([publisher.begin(1), publisher.begin(1), other.begin(1)]).toEqual([true, false, false]);
    publisher.write(bytes("x"));
    publisher.end();
    expect(other.begin(1)).toBe(true);
  });

  it("mistakes throw, and leave it as it is", () => {
    const { world, publisher, told } = stream();
    world.connect();
    publisher.begin(3);
    expect(() => publisher.write(bytes("four"))).toThrow("write has 4 bytes, but begin announced only 3 more");
    expect(() => publisher.write(bytes("abc"), 2, 4)).toThrow("write must have bytes that reach from start to end");
    expect(() => publisher.write(bytes("abc"), 0, 0.5)).toThrow("not from 0 to 0.5");
    publisher.write(bytes("ab"));
    expect(() => publisher.end()).toThrow("end came 1 bytes before the payload's");
    publisher.write(bytes("c"));
    publisher.end();
    expect(told).toEqual([Reason.OK]);
    expect(() => publisher.begin(268_435_455)).toThrow("totalBytes must be a whole number from 0 to 268435448");
    expect(() => publisher.begin(-1)).toThrow("totalBytes must be");
    expect(brief(world.take())).toEqual(["PUBLISH abc"]);
  });

  it("an acknowledgement that is not its own does not end it", () => {
    const { world, publisher, told } = stream(2);
    world.connect();
    publisher.begin(1);
    publisher.write(bytes("x"));
    publisher.end();
    world.send(acknowledgement(PacketType.PUBCOMP), puback);
    expect([told, publisher.begin(1)]).toEqual([[], false]);
  });
});

describe("back-pressure", () => {
  it("is told by what write takes, and onWritable follows", () => {
    const { world, publisher, told } = stream();
    const { link } = world.connect();
    link.room = 12;
    publisher.begin(10);
    expect(publisher.write(bytes("0123456789"))).toBe(3); // 9 of the header
    expect(publisher.write(bytes("3456789"))).toBe(0);
    link.grant(4);
    world.clock.settle();
    expect(told).toEqual(["writable"]);
    expect(publisher.write(bytes("3456789"))).toBe(4);
    link.grant(100);
    world.clock.settle();
    expect(told).toEqual(["writable", "writable"]);
    publisher.write(bytes("789"));
    publisher.end();
    expect(brief(world.take())).toEqual(["PUBLISH 0123456789"]);
  });

  it("holds for the header, too", () => {
    const { world, publisher, told } = stream();
    const { link } = world.connect();
    link.room = 4;
    expect(publisher.begin(2)).toBe(true);
    expect(publisher.write(bytes("ab"))).toBe(0);
    link.grant(4);
    world.clock.settle();
    expect(told).toEqual([]);
    link.grant(10);
    world.clock.settle();
    expect(told).toEqual(["writable"]);
    expect(publisher.write(bytes("ab"))).toBe(2);
    publisher.end();
    expect(brief(world.take())).toEqual(["PUBLISH ab"]);
  });

  it("lets a packet be finished that is partly sent, and acknowledgements go first", () => {
    const { world, publisher, told } = stream();
    const { link } = world.connect();
    world.client.subscribe("in", 1, () => undefined);
    world.take();
    link.room = 5;
    world.client.publish("t", "partly");
    world.client.publish("t", "later");
    world.send(publish("in", "", { qos: 1, packetId: 9 }));
    publisher.begin(2);
    expect(publisher.write(bytes("ab"))).toBe(0);
    link.grant(1_000);
    world.clock.settle();
    expect(told).toEqual(["writable"]);
    publisher.write(bytes("ab"));
    publisher.end();
    expect(brief(world.take())).toEqual(["PUBLISH partly", "PUBACK#9", "PUBLISH ab", "PUBLISH later"]);
  });

  it("leaves every packet whole, wherever the connection stops taking bytes", () => {
    for (let room = 1; room < 60; room++) {
      const { world, publisher, told } = stream(1);
      const { link } = world.connect();
      link.room = room;
      world.client.publish("t", "before", { qos: 1 });
      world.client.publish("t", "before too");
      const payload = bytes("0123456789");
      let at = 0;
      publisher.onWritable = () => {
        while (at < payload.length && publisher.write(payload, at, at + 1)) at++;
        if (at === payload.length) publisher.end();
      };
      expect(publisher.begin(payload.length)).toBe(true);
      publisher.onWritable();
      world.client.publish("t", "after");
      for (let step = 0; step < 60; step++) {
        link.grant(1 + (step % 3));
        world.clock.settle();
      }
      link.grant(1_000);
      world.clock.settle();
      world.send(puback);
      expect(told).toEqual([Reason.OK]);
      const sent = brief(world.take());
      expect(sent).toHaveLength(4);
      expect(sent).toEqual(
        expect.arrayContaining(["PUBLISH before#2", `PUBLISH 0123456789#${LAST_ID}`, "PUBLISH after"]),
      );
    }
  });

  it("holds within a handler, whose message is acknowledged first", () => {
    const { world, publisher, told } = stream();
    world.client.subscribe("in", 1, () => {
      expect(publisher.begin(2)).toBe(true);
      expect(publisher.write(bytes("ab"))).toBe(0);
    });
    publisher.onWritable = () => {
      publisher.write(bytes("ab"));
      publisher.end();
    };
    world.connect();
    world.take();
    world.send(publish("in", "", { qos: 1, packetId: 9 }));
    expect(brief(world.take())).toEqual(["PUBACK#9", "PUBLISH ab"]);
    expect(told).toEqual([Reason.OK]);
  });
});

describe("a connection that ends", () => {
  it("interrupts the message, which begins anew on the next", () => {
    const { world, publisher, told } = stream(1, { cleanSession: false });
    world.connect();
    publisher.begin(4);
    publisher.write(bytes("ab"));
    world.cut();
    expect(told).toEqual([Reason.CLOSED_BY_BROKER]);
    expect([publisher.write(bytes("cd")), publisher.missing, publisher.repeats, publisher.begin(4)]).toEqual([
      0,
      0,
      false,
      false,
    ]);
    publisher.end();
    world.reconnect(true);
    expect(publisher.begin(4)).toBe(true);
    publisher.write(bytes("abcd"));
    publisher.end();
    world.send(puback);
    expect(told).toEqual([Reason.CLOSED_BY_BROKER, Reason.OK]);
    expect(brief(world.take())).toEqual([`PUBLISH abcd#${LAST_ID}`]);
  });

  it("has a message that was whole repeated with its packet id and DUP while the session lives [MQTT-4.4.0-1]", () => {
    const { world, publisher, told } = stream(1, { cleanSession: false });
    world.connect();
    publisher.begin(2);
    publisher.write(bytes("ab"));
    publisher.end();
    world.take();
    world.cut();
    expect([told, publisher.repeats]).toEqual([[Reason.CLOSED_BY_BROKER], true]);
    // Interrupted once more, before it is whole: the broker may have it all the same.
    world.reconnect(true);
    publisher.begin(2);
    publisher.write(bytes("a"));
    world.cut();
    world.reconnect(true);
    publisher.begin(2);
    publisher.write(bytes("ab"));
    publisher.end();
    expect(brief(world.take())).toEqual([`PUBLISH ab#${LAST_ID}!`]);
    world.send(puback);
    expect(publisher.repeats).toBe(false);
    publisher.begin(1);
    publisher.write(bytes("c"));
    expect(brief(world.take())).toEqual([`PUBLISH c#${LAST_ID}`]);
  });

  it("forgets that when the broker lost the session, before onConnect is called", () => {
    const { world, publisher } = stream(1, { cleanSession: false });
    world.connect();
    publisher.begin(2);
    publisher.write(bytes("ab"));
    world.take();
    world.cut();
    world.client.onConnect = () => {
      publisher.begin(2);
    };
    publisher.onWritable = () => publisher.write(bytes("ab"));
    world.reconnect(false);
    expect(brief(world.take())).toEqual([`PUBLISH ab#${LAST_ID}`]);
  });

  it("has PUBREL sent again for what the broker had taken over with QoS 2", () => {
    const { world, publisher, told } = stream(2, { cleanSession: false });
    world.connect();
    publisher.begin(2);
    publisher.write(bytes("ab"));
    publisher.end();
    world.send(acknowledgement(PacketType.PUBREC));
    world.cut();
    world.take();
    expect([told, publisher.begin(2)]).toEqual([[], false]);
    world.reconnect(true);
    expect(brief(world.take())).toEqual([`PUBREL#${LAST_ID}`]);
    world.send(acknowledgement(PacketType.PUBCOMP));
    expect(told).toEqual([Reason.OK]);
  });

  it("ends that, too, when the broker lost the session", () => {
    const { world, publisher, told } = stream(2);
    world.connect();
    publisher.begin(0);
    world.send(acknowledgement(PacketType.PUBREC));
    world.cut();
    world.take();
    world.reconnect(false);
    expect([told, brief(world.take())]).toEqual([[], []]);
    publisher.end();
    expect(told).toEqual([Reason.OK]);
  });

  it("ends that also when onConnect ends the connection of the new session", () => {
    const { world, publisher, told } = stream(2, { cleanSession: false });
    world.connect();
    publisher.begin(0);
    publisher.end();
    world.send(acknowledgement(PacketType.PUBREC));
    world.cut();
    world.take();
    world.client.onConnect = () => world.client.disconnect();
    world.reconnect(false);
    world.client.onConnect = undefined;
    world.take();
    world.connect(true);
    expect([told, brief(world.take())]).toEqual([[Reason.OK], []]);
  });

  it("may be the application's doing, also of the one that is told", () => {
    const { world, publisher, told } = stream();
    world.connect();
    publisher.begin(2);
    world.client.disconnect();
    expect([told, world.events]).toEqual([[Reason.DISCONNECTED], [false, Reason.DISCONNECTED]]);
    expect(brief(world.take())).toEqual([]); // in the midst of a packet there is no place for DISCONNECT
    world.connect();
    publisher.onEnd = () => world.client.disconnect();
    publisher.begin(2);
    world.cut();
    expect([world.client.connected, world.links.length]).toEqual([false, 2]);
    world.clock.advance(600_000);
    expect(world.links).toHaveLength(2);
    publisher.onEnd = undefined;
    world.connect();
    expect(world.client.connected).toBe(true);
  });

  it("may come within onWritable", () => {
    const { world, publisher, told } = stream();
    const { link } = world.connect();
    link.room = 3;
    publisher.begin(2);
    publisher.onWritable = () => world.client.disconnect();
    link.grant(100);
    world.clock.settle();
    expect([told, publisher.missing]).toEqual([[Reason.DISCONNECTED], 0]);
  });

  it("is no time for an application's exception", () => {
    const { world, publisher } = stream();
    world.connect();
    publisher.onEnd = () => {
      throw new Error("of the application");
    };
    publisher.begin(2);
    expect(() => world.cut()).toThrow("of the application");
    world.reconnect();
    publisher.onEnd = undefined;
    publisher.begin(1);
    publisher.write(bytes("x"));
    publisher.end();
    expect(brief(world.take())).toEqual(["PUBLISH x"]);
  });
});

describe("time", () => {
  /** Writes a byte every so often. */
  function drip(world: ScriptedWorld, publisher: StreamingPublisher, count: number, everyMs: number): void {
    for (let index = 0; index < count; index++) {
      publisher.write(bytes("x"));
      world.clock.advance(everyMs);
    }
  }

  it("passes without a ping in the midst of a message, and without a time-out of the broker's answers", () => {
    const options = { keepAlive: 5, pingTimeoutMs: 2_000, acknowledgeTimeoutMs: 3_000 };
    const { world, publisher, told } = stream(1, options);
    world.connect();
    world.client.publish("t", "not acknowledged", { qos: 1 });
    world.clock.advance(2_750);
    publisher.begin(11);
    // The ping that was ahead of it, too, gets its answer only afterwards.
    expect(brief(world.take())).toEqual(["PUBLISH not acknowledged#2", "PINGREQ"]);
    drip(world, publisher, 10, 4_500);
    publisher.write(bytes("x"));
    publisher.end();
    expect(brief(world.take())).toEqual([`PUBLISH ${"x".repeat(11)}#${LAST_ID}`]);
    world.send({ type: PacketType.PINGRESP }, acknowledgement(PacketType.PUBACK, 2), puback);
    expect([world.events, told]).toEqual([[false], [Reason.OK]]);
    world.clock.advance(4_750);
    expect(brief(world.take())).toEqual(["PINGREQ"]);
  });

  it("is counted by the bytes that the connection takes, wherever they come from", () => {
    const { world, publisher } = stream(0, { keepAlive: 10 });
    const { link } = world.connect();
    link.room = 0;
    publisher.onWritable = () => {
      while (publisher.write(bytes("x")));
    };
    publisher.begin(100);
    for (let second = 0; second < 60; second += 5) {
      link.grant(1);
      world.clock.advance(5_000);
    }
    expect(world.events).toEqual([false]);
  });

  it.each([
    ["the application writes nothing", Infinity],
    ["the connection takes nothing", 20],
    ["what is ahead is not sent", 0],
  ])("ends the connection when %s for stallTimeoutMs", (_name, room) => {
    const { world, publisher, told } = stream(0, { keepAlive: 60 }, { stallTimeoutMs: 4_000 });
    const { link } = world.connect();
    link.room = room;
    world.client.publish("t", "");
    publisher.begin(100);
    if (room < Infinity) publisher.write(bytes("x".repeat(100)));
    world.clock.advance(3_750);
    expect(told).toEqual([]);
    world.clock.advance(500);
    expect([told, world.events]).toEqual([[Reason.STREAM_STALLED], [false, Reason.STREAM_STALLED]]);
    world.reconnect();
    expect(publisher.begin(1)).toBe(true);
  });

  it("ends it when the broker does not acknowledge for acknowledgeTimeoutMs", () => {
    const { world, publisher, told } = stream(1, { acknowledgeTimeoutMs: 5_000 });
    world.connect();
    publisher.begin(0);
    publisher.end();
    world.clock.advance(4_750);
    expect(told).toEqual([]);
    world.clock.advance(500);
    expect([told, world.events]).toEqual([[Reason.ACKNOWLEDGE_TIMEOUT], [false, Reason.ACKNOWLEDGE_TIMEOUT]]);
  });

  it("is not up when there was no message for long", () => {
    const { world, publisher } = stream(1);
    world.connect();
    world.clock.advance(100_000);
    publisher.begin(1);
    world.clock.advance(9_750);
    publisher.write(bytes("x"));
    expect(world.events).toEqual([false]);
  });
});

describe("Streaming", () => {
  it("must be made before the client connects, and once", () => {
    const world = new ScriptedWorld();
    world.connect();
    expect(() => new Streaming(world.client)).toThrow("Streaming must be made before the client connects");
    world.client.disconnect();
    new Streaming(world.client);
    expect(() => new Streaming(world.client)).toThrow("the client has a Streaming already");
  });

  it("says which option cannot be", () => {
    const world = new ScriptedWorld();
    expect(() => new Streaming(world.client, { stallTimeoutMs: 0 })).toThrow("stallTimeoutMs must be");
    const streaming = new Streaming(world.client);
    expect(() => streaming.publisher("a", { topicAlias: true } as object)).toThrow("topicAlias is not for");
    expect(() => streaming.publisher("a/#")).toThrow("topic must not have the wildcards");
    expect(() => streaming.publisher("a", { qos: 2 })).toThrow("qos must be a whole number from 0 to 1");
  });
});
