import { describe, expect, it } from "vitest";
import { Published } from "../../src/client/publisher.ts";
import { PacketType, Reason } from "../../src/packet/index.ts";
import { ExactlyOnce } from "../../src/qos2.ts";
import type { Packet } from "../packet/model.ts";
import { payloadOf, publish } from "../support/packet-link.ts";
import { CLIENTS, ScriptedWorld } from "../support/scripted-world.ts";

const puback = (packetId: number): Packet => ({ type: PacketType.PUBACK, packetId });
const idsOf = (packets: Packet[]): number[] => packets.map((one) => (one as { packetId: number }).packetId);
/** PUBLISHes as "payload#packetId", with "!" for DUP. */
const brief = (packets: Packet[]): string[] =>
  packets.map((one) =>
    one.type === PacketType.PUBLISH ? `${payloadOf(one)}#${one.packetId}${one.dup ? "!" : ""}` : PacketType[one.type],
  );

describe.each(CLIENTS)("publish of %s", (_client, World) => {
  it("sends at once when it can, with DUP 0, and says SENT [MQTT-3.3.1-2], [MQTT-4.3.1-1]", () => {
    const world = new World();
    world.connect();
    expect(world.client.publish("a/b", "hello")).toBe(Published.SENT);
    expect(world.client.publish("a/b", "kept", { retain: true })).toBe(Published.SENT);
    expect(world.client.publish("a/b", "sure", { qos: 1 })).toBe(Published.SENT);
    expect(world.take()).toEqual([
      publish("a/b", "hello"),
      publish("a/b", "kept", { retain: true }),
      publish("a/b", "sure", { qos: 1, packetId: expect.any(Number) }),
    ]);
    expect([world.client.queued, world.client.inFlight]).toEqual([0, 1]);
  });

  it("says QUEUED before there is a connection, QoS 0 too, and sends in order once there is", () => {
    const world = new World();
    expect(world.client.publish("t", "1")).toBe(Published.QUEUED);
    world.open();
    expect(world.client.publish("t", "2", { qos: 1 })).toBe(Published.QUEUED);
    expect(world.client.publish("t", "3")).toBe(Published.QUEUED);
    expect(world.client.queued).toBe(3);
    world.accept();
    const packets = world.take();
    expect(brief(packets)).toEqual(["1#0", `2#${idsOf(packets)[1]}`, "3#0"]);
  });

  it("says FULL when the outbox has no room, and changes nothing", () => {
    const world = new World({ outboxBytes: 64 });
    expect(world.client.publish("t", "x".repeat(40))).toBe(Published.QUEUED);
    expect(world.client.publish("t", "y".repeat(40))).toBe(Published.FULL);
    expect(world.client.publish("t", "z".repeat(400))).toBe(Published.FULL);
    world.connect();
    expect(brief(world.take())).toEqual([`${"x".repeat(40)}#0`]);
    expect(world.client.publish("t", "y".repeat(40))).toBe(Published.SENT);
  });

  it("has at most four messages with QoS 1 in flight, by default, each until its PUBACK [MQTT-4.3.2-1]", () => {
    const world = new World();
    world.connect();
    const results = ["1", "2", "3", "4", "5", "6"].map((text) => world.client.publish("t", text, { qos: 1 }));
    expect(results.map((one) => Published[one])).toEqual(["SENT", "SENT", "SENT", "SENT", "QUEUED", "QUEUED"]);
    const packets = world.take();
    const [one, two, three, four] = idsOf(packets);
    expect(new Set([0, one, two, three, four]).size).toBe(5);
    expect(packets.map(payloadOf)).toEqual(["1", "2", "3", "4"]);
    expect([world.client.queued, world.client.inFlight]).toEqual([2, 4]);
    world.send(puback(two));
    const [fifth] = world.take();
    expect(payloadOf(fifth)).toBe("5");
    world.send(puback(four), puback(three), puback(one), ...idsOf([fifth]).map(puback));
    const [sixth] = world.take();
    expect(payloadOf(sixth)).toBe("6");
    world.send(...idsOf([sixth]).map(puback));
    expect([world.client.queued, world.client.inFlight]).toEqual([0, 0]);
  });

  it("has a window that can be chosen", () => {
    const world = new World({ maximumInFlight: 1 });
    world.connect();
    world.client.publish("t", "1", { qos: 1 });
    world.client.publish("t", "2", { qos: 1 });
    const packets = world.take();
    expect(packets.map(payloadOf)).toEqual(["1"]);
    world.send(puback(idsOf(packets)[0]));
    expect(world.take().map(payloadOf)).toEqual(["2"]);
  });

  it("sends again what is not acknowledged, in order, with DUP and its packet id, when the session was kept [MQTT-4.4.0-1], [MQTT-4.6.0-1], [MQTT-3.3.1-1], [MQTT-2.3.1-3], [MQTT-3.1.2-4], [MQTT-4.1.0-1]", () => {
    const world = new World({ cleanSession: false });
    world.connect();
    for (const text of ["1", "2", "3"]) world.client.publish("t", text, { qos: 1 });
    const [one, two, three] = idsOf(world.take());
    world.send(puback(two));
    world.cut();
    world.client.publish("t", "4", { qos: 1 });
    world.client.publish("t", "5");
    world.reconnect(true);
    const packets = world.take();
    const four = idsOf(packets)[2];
    expect(brief(packets)).toEqual([`1#${one}!`, `3#${three}!`, `4#${four}`, "5#0"]);
    expect([0, one, three]).not.toContain(four);
  });

  it("sends again in order, as new messages without DUP, when the broker lost the session [MQTT-3.1.2-6]", () => {
    const world = new World({ cleanSession: false });
    world.connect();
    for (const text of ["1", "2"]) world.client.publish("t", text, { qos: 1 });
    const [one, two] = idsOf(world.take());
    world.cut();
    world.reconnect(true);
    expect(brief(world.take())).toEqual([`1#${one}!`, `2#${two}!`]);
    world.cut();
    world.reconnect(false);
    expect(brief(world.take()).map((one) => one.replace(/#\d/, ""))).toEqual(["1", "2"]);
  });

  it("does not send QoS 0 again [MQTT-3.3.1-2]", () => {
    const world = new World({ cleanSession: false });
    world.connect();
    world.client.publish("t", "1");
    world.cut();
    world.reconnect(true);
    expect(world.take()).toEqual([]);
  });

  it("begins a packet anew that the connection took only a part of", () => {
    const world = new World({ cleanSession: false });
    const { link } = world.connect();
    link.room = 5;
    expect(world.client.publish("t", "1", { qos: 1 })).toBe(Published.QUEUED);
    world.client.publish("t", "2");
    expect(world.take()).toEqual([]);
    world.cut();
    world.reconnect(true);
    expect(world.take().map(payloadOf)).toEqual(["1", "2"]); // a part of it was no attempt, or may be called one
  });

  it("is not disturbed by a connection that takes a byte at a time", () => {
    const world = new World();
    const { link } = world.connect();
    link.writeLimit = 1;
    world.client.subscribe("s", 0, () => undefined);
    for (let count = 0; count < 4; count++) world.client.publish("t", `${count}`, { qos: 1 });
    world.send(publish("s", "x", { qos: 1, packetId: 9 }));
    expect(brief(world.take()).map((one) => one.split("#")[0])).toEqual(["SUBSCRIBE", "0", "PUBACK", "1", "2", "3"]);
  });

  it.each([
    ["twice", []],
    ["of nothing", [4, 5, 65_535]],
  ])("takes a PUBACK that comes %s without harm: it frees no other message's packet id", (_name, others) => {
    const world = new World();
    world.connect();
    world.client.publish("t", "1", { qos: 1 });
    world.client.publish("t", "2", { qos: 1 });
    const [one, two] = idsOf(world.take());
    world.send(...[one, ...others, one].map(puback));
    expect([world.events, world.client.inFlight]).toEqual([[false], 1]);
    world.send(puback(two));
    expect(world.client.inFlight).toBe(0);
  });

  it("ends the connection when the broker acknowledges nothing for acknowledgeTimeoutMs, and sends again", () => {
    const world = new World({ acknowledgeTimeoutMs: 5_000 });
    world.connect();
    world.clock.advance(20_000);
    world.client.publish("t", "1", { qos: 1 });
    world.client.publish("t", "2", { qos: 1 });
    world.clock.advance(4_000);
    world.send(puback(idsOf(world.take())[0]));
    world.clock.advance(4_000);
    expect(world.events).toEqual([false]);
    world.take();
    world.clock.advance(1_500);
    expect(world.events).toEqual([false, Reason.ACKNOWLEDGE_TIMEOUT]);
    world.reconnect();
    expect(world.take().map(payloadOf)).toEqual(["2"]);
  });

  it("stays bounded when the broker reads nothing: QUEUED, then FULL, then the connection ends and all is sent", () => {
    const world = new World({ outboxBytes: 256 });
    world.connect().link.grant(0);
    const results: Published[] = [];
    const sent: string[] = [];
    for (let count = 0; count < 50; count++) {
      const result = world.client.publish("t", `message ${count}`, { qos: 1 });
      results.push(result);
      if (result !== Published.FULL) sent.push(`message ${count}`);
    }
    expect(results).toContain(Published.QUEUED);
    expect(results[49]).toBe(Published.FULL);
    world.clock.advanceUntil(() => !world.client.connected, 75_000);
    expect([Reason.ACKNOWLEDGE_TIMEOUT, Reason.PING_TIMEOUT]).toContain(world.events[1]);
    world.reconnect();
    const got: string[] = [];
    for (let packets = world.take(); packets.length; packets = world.take()) {
      for (const packet of packets) {
        got.push(payloadOf(packet));
        if (packet.type === PacketType.PUBLISH) world.send(puback(packet.packetId));
      }
    }
    expect(got).toEqual(sent);
  });

  it("with QoS 0 to a broker that reads nothing: the ping that cannot be sent is missed", () => {
    const world = new World();
    world.connect().link.grant(0);
    for (let count = 0; count < 200; count++) world.client.publish("t", "x");
    world.clock.advance(75_000);
    expect(world.events).toEqual([false, Reason.PING_TIMEOUT]);
  });
});

describe.each(CLIENTS)("a payload of %s", (_client, World) => {
  const one = (run: (world: ScriptedWorld) => unknown): Packet => {
    const world = new World({ outboxBytes: 300 });
    world.connect();
    expect(run(world)).toBe(Published.SENT);
    return world.take()[0];
  };

  it("of bytes is copied: it may change once publish returned", () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const packet = one(({ client }) => {
      const result = client.publish("t", bytes);
      bytes.fill(9);
      return result;
    });
    expect(packet).toMatchObject({ payload: "010203" });
  });

  it("may be a string of any characters, and empty", () => {
    for (const text of ["", "plain", "ü", "€", "😀", "a\0b", "ÿ".repeat(100)]) {
      expect(payloadOf(one(({ client }) => client.publish("t", text)))).toBe(text);
    }
  });
});

describe.each(CLIENTS)("publisher of %s", (_client, World) => {
  it.each(["", "a/+", "#", "a\0b"])(
    "refuses %j [MQTT-3.3.2-2], [MQTT-4.7.1-1], [MQTT-4.7.3-1], [MQTT-4.7.3-2]",
    (topic) => {
      const world = new World();
      expect(() => world.client.publisher(topic)).toThrow(/^topic /);
      expect(() => world.client.publish(topic, "x")).toThrow(/^topic /);
    },
  );

  it("serves again and again, through every connection", () => {
    const world = new World();
    const temperature = world.client.publisher("greenhouse/7/temperature", { qos: 1, retain: true, decimals: 1 });
    temperature.publish(1);
    world.connect();
    temperature.publish(2);
    world.cut();
    temperature.publish("three");
    world.reconnect();
    const fields = { qos: 1, retain: true, packetId: expect.any(Number) };
    const expected = ["1.0", "2.0", "three"].map((text) => publish("greenhouse/7/temperature", text, fields));
    expect(world.take()).toEqual(expected);
  });
});

// What the full client alone does: it checks more.

describe("publish of the full client", () => {
  it("takes a PUBACK of nothing for no answer: acknowledgeTimeoutMs goes on", () => {
    const world = new ScriptedWorld({ acknowledgeTimeoutMs: 5_000 });
    world.connect();
    world.client.publish("t", "1", { qos: 1 });
    for (let second = 0; second < 6; second++) {
      world.clock.advance(1_000);
      if (world.client.connected) world.send(puback(1));
    }
    expect(world.events).toEqual([false, Reason.ACKNOWLEDGE_TIMEOUT]);
  });
});

describe("a payload of the full client", () => {
  const one = (run: (world: ScriptedWorld) => unknown): Packet => {
    const world = new ScriptedWorld({ outboxBytes: 300 });
    world.connect();
    expect(run(world)).toBe(Published.SENT);
    return world.take()[0];
  };

  it("may be a part of bytes, and empty", () => {
    const bytes = new Uint8Array([1, 2, 3, 4]);
    const part = (start?: number, end?: number): Packet =>
      one(({ client }) => client.publisher("t").publish(bytes, start, end));
    expect(part(1, 3)).toMatchObject({ payload: "0203" });
    expect(part(2)).toMatchObject({ payload: "0304" });
    expect(part(0, 4)).toMatchObject({ payload: "01020304" });
    expect(part(4)).toMatchObject({ payload: "" });
    expect(part(0, 0)).toMatchObject({ payload: "" });
    expect(one(({ client }) => client.publish("t", new Uint8Array()))).toMatchObject({ payload: "" });
  });

  it("may be a number with the publisher's count of decimals", () => {
    const number = (value: number, decimals?: number): string =>
      payloadOf(one(({ client }) => client.publisher("t", decimals === undefined ? {} : { decimals }).publish(value)));
    expect(number(21)).toBe("21");
    expect(number(21.57)).toBe("22");
    expect(number(-21.55, 2)).toBe("-21.55");
    expect(number(0.05, 1)).toBe("0.1");
    expect(number(-0.01, 1)).toBe("0.0");
    expect(number(NaN, 2)).toBe("NaN");
    expect(number(1e300, 2)).toBe("1e+300");
  });

  it("larger than the outbox is FULL, whatever it is made of", () => {
    const world = new ScriptedWorld({ outboxBytes: 64 });
    world.connect();
    const big = "ü".repeat(100);
    expect(world.client.publish("t", big)).toBe(Published.FULL);
    expect(world.client.publish("t", new Uint8Array(100))).toBe(Published.FULL);
    expect(world.client.publish("t".repeat(51), 12_345)).toBe(Published.FULL);
    expect(world.client.publish("t", "fits")).toBe(Published.SENT);
    expect(brief(world.take())).toEqual(["fits#0"]);
  });

  it.each([
    ["a part beyond the end", new Uint8Array(4), 2, 5],
    ["a part from before the beginning", new Uint8Array(4), -1, 2],
    ["a part that ends before it begins", new Uint8Array(4), 3, 1],
    ["a part that begins beyond the end", new Uint8Array(4), 9, undefined],
    ["a part with a negative end", new Uint8Array(4), 0, -1],
    ["undefined", undefined, 0, undefined],
    ["null", null, 0, undefined],
    ["a boolean", true, 0, undefined],
    ["an object", { temperature: 21 }, 0, undefined],
  ])("that is none, %s, is a mistake that throws, and leaves the outbox whole", (_name, payload, start, end) => {
    const world = new ScriptedWorld();
    world.connect();
    world.client.publish("t", "before", { qos: 1 });
    expect(() => world.client.publisher("t").publish(payload as unknown as string, start, end)).toThrow(/payload/);
    world.client.publish("t", "after", { qos: 1 });
    expect(brief(world.take())).toEqual(["before#2", "after#3"]);
    world.send(puback(2), puback(3));
    expect([world.client.queued, world.client.inFlight]).toEqual([0, 0]);
  });
});

describe("publisher of the full client", () => {
  it.each([
    ["no longer", 65_535],
    ["longer", 65_536],
  ])("takes a topic %s than 65,535 bytes, or refuses it [MQTT-4.7.3-3]", (_name, length) => {
    const world = new ScriptedWorld({ outboxBytes: 100_000 });
    world.connect();
    const topic = "t".repeat(length);
    if (length > 65_535) {
      expect(() => world.client.publisher(topic)).toThrow("topic must have at most 65535 bytes, not 65536");
    } else {
      world.client.publish(topic, "x");
      expect(world.take()).toEqual([publish(topic, "x")]);
    }
  });

  it("refuses QoS 3 [MQTT-3.3.1-4]", () => {
    const world = new ScriptedWorld({ exactlyOnce: new ExactlyOnce() });
    expect(() => world.client.publisher("t", { qos: 3 as 2 })).toThrow("qos must be a whole number from 0 to 2, not 3");
  });

  it.each([
    [{ qos: 2 }, "qos must be a whole number from 0 to 1, not 2"],
    [{ decimals: 10 }, "decimals must be a whole number from 0 to 9, not 10"],
    [{ decimals: 1.5 }, "decimals must be a whole number from 0 to 9, not 1.5"],
  ])("refuses %j", (options, message) => {
    const world = new ScriptedWorld();
    expect(() => world.client.publisher("t", options as object)).toThrow(message);
  });

  it("refuses a topic that the outbox could never take, even with an empty payload", () => {
    const world = new ScriptedWorld({ outboxBytes: 64 });
    expect(() => world.client.publisher("t".repeat(52))).toThrow("topic must have at most 51 bytes, not 52");
    world.connect();
    expect(world.client.publish("t".repeat(51), "", { qos: 1 })).toBe(Published.SENT);
  });
});
