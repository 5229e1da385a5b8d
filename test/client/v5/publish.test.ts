import { describe, expect, it } from "vitest";
import { Published, Reason } from "../../../src/v5.ts";
import { ExactlyOnce } from "../../../src/qos2.ts";
import { PacketType } from "../../../src/packet/v5/index.ts";
import type { Publish } from "../../packet/v5/model.ts";
import { acknowledgement, brief, named, publish, ScriptedWorldV5 } from "../../support/scripted-world-v5.ts";

const { PUBACK, PUBREC, PUBREL, PUBCOMP } = PacketType;
const LONG = "greenhouse/7/temperature";

describe("publishing with MQTT 5", () => {
  it("sends a message without properties", () => {
    const world = new ScriptedWorldV5();
    world.connect();
    expect(world.client.publish("t", "x")).toBe(Published.SENT);
    expect(world.take()).toEqual([publish("t", "x")]);
  });

  it.each([0, 1, 2] as const)(
    "sends all properties of a publisher with each message, and no others, QoS %i [MQTT-3.3.4-6]",
    (qos) => {
      const world = new ScriptedWorldV5({ exactlyOnce: new ExactlyOnce() });
      world.connect();
      const publisher = world.client.publisher("größe/t", {
        qos,
        retain: true,
        decimals: 1,
        payloadFormatIndicator: 1,
        messageExpiryInterval: 4_294_967_295,
        contentType: "text/plain; charset=utf-8",
        responseTopic: "antwort/ä",
        correlationData: new Uint8Array([0, 1, 255]),
        userProperties: [
          ["unit", "°C"],
          ["unit", "K"],
          ["", ""],
        ],
      });
      const properties = {
        payloadFormatIndicator: true,
        messageExpiryInterval: 4_294_967_295,
        contentType: "text/plain; charset=utf-8",
        responseTopic: "antwort/ä",
        correlationData: "0001ff",
        userProperties: { unit: ["°C", "K"], "": "" },
      };
      publisher.publish(21.46);
      publisher.publish("");
      const packetId = (index: number): number => (qos ? index + 2 : 0);
      expect(world.take()).toEqual([
        publish("größe/t", "21.5", { qos, retain: true, packetId: packetId(0), properties }),
        publish("größe/t", "", { qos, retain: true, packetId: packetId(1), properties }),
      ]);
    },
  );

  it("completes QoS 1 and 2 on answers with and without reason codes", () => {
    const world = new ScriptedWorldV5({ exactlyOnce: new ExactlyOnce() });
    world.connect();
    world.client.publish("t", "1", { qos: 1 });
    world.client.publish("t", "2", { qos: 2 });
    world.send(acknowledgement(PUBACK, 2, 0x10, { reasonString: "nobody" }), acknowledgement(PUBREC, 3, 0x10));
    expect(brief(world.take())).toEqual(["PUBLISH t=1#2", "PUBLISH t=2#3", "PUBREL#3"]);
    world.send(acknowledgement(PUBCOMP, 3, 0x92));
    expect([world.client.queued, world.client.inFlight, world.client.rejected]).toEqual([0, 0, 0]);
    expect(named(world.events)).toEqual([false]);
  });
});

describe("a message that the broker rejects", () => {
  function rejecting(exactlyOnce = true) {
    const world = new ScriptedWorldV5(exactlyOnce ? { exactlyOnce: new ExactlyOnce() } : {});
    const rejected: string[] = [];
    world.client.onRejected = (message) => {
      const why = world.client.properties.textOf(0x1f) ?? "";
      rejected.push(`${Reason[message.reason]} ${message.topic}=${message.text()} ${why}`.trim());
    };
    world.connect();
    return { world, rejected };
  }

  it("by PUBACK: is given up, with the reason and what the broker says", () => {
    const { world, rejected } = rejecting();
    world.client.publish("t", "x", { qos: 1, contentType: "a" });
    world.client.publish("t", "y", { qos: 1 });
    world.send(acknowledgement(PUBACK, 2, 0x87, { reasonString: "not you" }), acknowledgement(PUBACK, 3));
    expect(rejected).toEqual(["NOT_AUTHORIZED_V5 t=x not you"]);
    expect([world.client.inFlight, world.client.rejected]).toEqual([0, 1]);
  });

  it("by PUBREC: ends there, without PUBREL [MQTT-4.4.0-2]", () => {
    const { world, rejected } = rejecting();
    world.client.publish("t", "x", { qos: 2 });
    world.take();
    world.send(acknowledgement(PUBREC, 2, 0x97));
    expect(rejected).toEqual(["QUOTA_EXCEEDED t=x"]);
    expect(world.take()).toEqual([]);
    expect(world.client.inFlight).toBe(0);
  });

  it("is not sent again on the next connection [MQTT-4.4.0-2]", () => {
    const { world } = rejecting();
    world.client.publish("t", "x", { qos: 1 });
    world.client.publish("t", "y", { qos: 1 });
    world.send(acknowledgement(PUBACK, 2, 0x99));
    world.cut();
    world.reconnect();
    expect(brief(world.take())).toEqual(["PUBLISH t=y#4"]);
  });
});

describe("packet identifiers that are not in use", () => {
  it("are answered with 0x92, as after a loss of state (3.6.2.1, 3.7.2.1)", () => {
    const world = new ScriptedWorldV5({ exactlyOnce: new ExactlyOnce() });
    world.connect();
    world.send(acknowledgement(PUBREC, 9), acknowledgement(PUBREL, 8, 0x92), acknowledgement(PUBREL, 7));
    expect(brief(world.take())).toEqual(["PUBREL#9 0x92", "PUBCOMP#8 0x92", "PUBCOMP#7 0x92"]);
    expect(named(world.events)).toEqual([false]);
  });
});

describe("what the broker says that it does not take", () => {
  it.each([
    [{ maximumQoS: 0 }, { qos: 1 as const }, "QOS_NOT_SUPPORTED"],
    [{ maximumQoS: 1 }, { qos: 2 as const }, "QOS_NOT_SUPPORTED"],
    [{ retainAvailable: false }, { retain: true }, "RETAIN_NOT_SUPPORTED"],
    [{ maximumPacketSize: 20 }, { contentType: "much too long" }, "PACKET_TOO_LARGE_V5"],
  ])(
    "%j: is rejected with the broker's reason, and not sent [MQTT-3.2.2-11], [MQTT-3.2.2-14], [MQTT-3.2.2-15]",
    (properties, options, reason) => {
      const world = new ScriptedWorldV5({ exactlyOnce: new ExactlyOnce() });
      const rejected: string[] = [];
      world.client.onRejected = (message) =>
        rejected.push(`${Reason[message.reason]} ${message.topic} ${message.text()}`);
      expect(world.client.publish("before", "x", options)).toBe(Published.QUEUED);
      world.client.publish("first", "y");
      world.connectWith(properties);
      expect(world.client.publish("after", "x", options)).toBe(Published.REJECTED);
      expect(world.client.publish("last", "y")).toBe(Published.SENT);
      expect(brief(world.take())).toEqual(["PUBLISH first=y", "PUBLISH last=y"]);
      expect(rejected).toEqual([`${reason} before x`, `${reason} after x`]);
      expect([world.client.queued, world.client.inFlight, world.client.rejected]).toEqual([0, 0, 2]);
    },
  );

  it("is not what publish answers of another message", () => {
    const world = new ScriptedWorldV5();
    const answers: string[] = [];
    let again = 2;
    const publish = (text: string, retain: boolean): void => {
      const published = world.client.publish("t", text, { retain });
      answers.push(`${text} ${Published[published]}`);
    };
    // Published while a rejection is told, a message waits for its turn; what becomes of it then, is no answer to the first.
    world.client.onRejected = (message) => {
      if (again-- > 0) publish(`${message.text()}+`, true);
      else publish("plain", false);
    };
    world.connectWith({ retainAvailable: false });
    publish("a", true);
    publish("b", false);
    expect(answers).toEqual(["a+ QUEUED", "a REJECTED", "a++ QUEUED", "plain QUEUED", "b SENT"]);
    world.clock.advance(250);
    expect(brief(world.take())).toEqual(["PUBLISH t=b", "PUBLISH t=plain"]);
    world.link.link.room = 0;
    publish("c", false);
    publish("d", true);
    world.link.link.grant(100);
    world.clock.settle();
    expect(answers.slice(5)).toEqual(["c QUEUED", "d QUEUED", "plain QUEUED"]);
    world.clock.advance(250);
    expect(brief(world.take())).toEqual(["PUBLISH t=c", "PUBLISH t=plain"]);
    expect(world.client.rejected).toBe(4);
  });

  it("is sent on the next connection when that takes it", () => {
    const world = new ScriptedWorldV5();
    world.connectWith({ maximumPacketSize: 100 });
    world.client.publish("t", "x".repeat(80), { qos: 1 });
    world.cut();
    world.reconnectWith({ maximumPacketSize: 88 });
    expect(world.take()).toHaveLength(1);
    world.cut();
    world.reconnectWith({ maximumPacketSize: 87 });
    expect(world.take()).toEqual([]);
    expect([world.client.queued, world.client.inFlight, world.client.rejected]).toEqual([0, 0, 1]);
  });
});

describe("the broker's receive maximum", () => {
  it("is never exceeded; QoS 0 behind a waiting message keeps its order [MQTT-3.3.4-7]", () => {
    const world = new ScriptedWorldV5();
    world.connectWith({ receiveMaximum: 1 });
    for (const text of ["a", "b"]) world.client.publish("t", text, { qos: 1 });
    world.client.publish("t", "c");
    expect(brief(world.take())).toEqual(["PUBLISH t=a#2"]);
    world.send(acknowledgement(PUBACK, 2));
    expect(brief(world.take())).toEqual(["PUBLISH t=b#3", "PUBLISH t=c"]);
  });

  it("counts anew on each connection, and what is sent again counts [MQTT-4.9.0-2]", () => {
    const world = new ScriptedWorldV5({ cleanStart: false, sessionExpiryInterval: 60 });
    world.connectWith({ receiveMaximum: 3 });
    for (const text of ["a", "b", "c", "d"]) world.client.publish("t", text, { qos: 1 });
    expect(brief(world.take())).toEqual(["PUBLISH t=a#2", "PUBLISH t=b#3", "PUBLISH t=c#4"]);
    world.cut();
    world.reconnectWith({ receiveMaximum: 2 }, true);
    expect(brief(world.take())).toEqual(["PUBLISH t=a#2!", "PUBLISH t=b#3!"]);
    world.send(acknowledgement(PUBACK, 2));
    expect(brief(world.take())).toEqual(["PUBLISH t=c#4!"]);
    world.send(acknowledgement(PUBACK, 3), acknowledgement(PUBACK, 4));
    expect(brief(world.take())).toEqual(["PUBLISH t=d#1"]);
  });

  it("delays no PUBREL [MQTT-3.3.4-8], and a PUBREL's end gives nothing back that it did not take", () => {
    const world = new ScriptedWorldV5({
      cleanStart: false,
      sessionExpiryInterval: 60,
      exactlyOnce: new ExactlyOnce(),
    });
    world.connect();
    for (const text of ["a", "b", "c", "d"]) world.client.publish("t", text, { qos: 2 });
    world.send(acknowledgement(PUBREC, 4));
    world.cut();
    world.take();
    world.reconnectWith({ receiveMaximum: 1 }, true);
    expect(brief(world.take())).toEqual(["PUBLISH t=a#2!", "PUBREL#4"]);
    world.send(acknowledgement(PUBCOMP, 4));
    expect(brief(world.take())).toEqual([]);
    world.send(acknowledgement(PUBREC, 2), acknowledgement(PUBCOMP, 2));
    expect(brief(world.take())).toEqual(["PUBREL#2", "PUBLISH t=b#3!"]);
    world.send(acknowledgement(PUBREC, 3, 0x80));
    expect(brief(world.take())).toEqual(["PUBLISH t=d#1!"]);
    world.send(acknowledgement(PUBREC, 1), acknowledgement(PUBCOMP, 1));
    expect([world.client.queued, world.client.inFlight, world.client.rejected]).toEqual([0, 0, 1]);
    world.client.publish("t", "e", { qos: 2 });
    expect(brief(world.take()).pop()).toMatch(/PUBLISH t=e/);
  });

  it("is free again in a new session, whatever was under way in the old one", () => {
    const world = new ScriptedWorldV5({
      cleanStart: false,
      sessionExpiryInterval: 60,
      exactlyOnce: new ExactlyOnce(),
      maximumInFlight: 1,
    });
    world.connect();
    world.client.publish("t", "a", { qos: 2 });
    world.send(acknowledgement(PUBREC, 1));
    world.cut();
    world.take();
    world.reconnectWith({ receiveMaximum: 1 });
    for (const text of ["b", "c"]) world.client.publish("t", text, { qos: 1 });
    expect(brief(world.take())).toEqual(["PUBLISH t=b#1"]);
    world.send(acknowledgement(PUBACK, 1));
    expect(brief(world.take())).toEqual(["PUBLISH t=c#1"]);
  });

  it("keeps a PUBREL whole that goes ahead of a message and of which the transport takes a part", () => {
    const world = new ScriptedWorldV5({
      cleanStart: false,
      sessionExpiryInterval: 60,
      exactlyOnce: new ExactlyOnce(),
    });
    world.connect();
    for (const text of ["a", "b", "c"]) world.client.publish("t", text, { qos: 2 });
    world.send(acknowledgement(PUBREC, 4));
    world.cut();
    world.take();
    world.nextAttempt();
    world.link.link.room = 16;
    world.link.take();
    world.send({ type: PacketType.CONNACK, sessionPresent: true, reasonCode: 0, properties: { receiveMaximum: 1 } });
    world.clock.settle();
    for (let step = 0; step < 60; step++) {
      world.link.link.grant(1);
      world.clock.settle();
      if (step === 5) world.send(acknowledgement(PUBREC, 2, 0x80));
    }
    expect(brief(world.take())).toEqual(["PUBLISH t=a#2!", "PUBREL#4", "PUBLISH t=b#3!"]);
  });
});

describe("topic aliases out", () => {
  const topics = (world: ScriptedWorldV5): string[] =>
    (world.take() as Publish[]).map(
      ({ topic, properties, payload }) => `${topic}/${String(properties.topicAlias)}=${Buffer.from(payload, "hex")}`,
    );

  it("stand for the topic from the second message on", () => {
    const world = new ScriptedWorldV5();
    const one = world.client.publisher(LONG, { qos: 1, topicAlias: true, contentType: "c" });
    const two = world.client.publisher("greenhouse/8/temperature", { topicAlias: true });
    world.connectWith({ topicAliasMaximum: 2 });
    for (const publisher of [one, two, one, two]) publisher.publish("x");
    expect(topics(world)).toEqual([`${LONG}/1=x`, "greenhouse/8/temperature/2=x", "/1=x", "/2=x"]);
  });

  it("make no message fit that has to be sent again, for then it has its whole topic [MQTT-3.2.2-15]", () => {
    const world = new ScriptedWorldV5({ cleanStart: false, sessionExpiryInterval: 60 });
    const rejected: string[] = [];
    world.client.onRejected = (message) => rejected.push(`${Reason[message.reason]} ${message.text()}`);
    const limits = { topicAliasMaximum: 1, maximumPacketSize: 50 };
    const [never, again] = ([0, 1] as const).map((qos) => world.client.publisher(LONG, { qos, topicAlias: true }));
    world.connectWith(limits);
    again.publish("short");
    never.publish("x".repeat(40));
    again.publish("y".repeat(40));
    expect(topics(world)).toEqual([`${LONG}/1=short`, `/1=${"x".repeat(40)}`]);
    expect(rejected).toEqual([`PACKET_TOO_LARGE_V5 ${"y".repeat(40)}`]);
  });

  it("stand for it however slowly the transport takes the message", () => {
    const world = new ScriptedWorldV5();
    const publisher = world.client.publisher(LONG, { topicAlias: true });
    world.connectWith({ topicAliasMaximum: 1 });
    world.link.link.writeLimit = 3;
    for (const payload of ["first", "second", "third"]) publisher.publish(payload);
    expect(topics(world)).toEqual([`${LONG}/1=first`, "/1=second", "/1=third"]);
  });

  it("are left out above the broker's maximum, or when it takes none [MQTT-3.2.2-17], [MQTT-3.2.2-18], [MQTT-3.3.2-9]", () => {
    const world = new ScriptedWorldV5();
    const publishers = ["a", "b"].map((text) =>
      world.client.publisher(`${LONG}/${text}`, { topicAlias: true, userProperties: [["n", "v".repeat(123)]] }),
    );
    world.connectWith({ topicAliasMaximum: 1 });
    for (let round = 0; round < 2; round++) for (const publisher of publishers) publisher.publish("x");
    expect(topics(world)).toEqual([`${LONG}/a/1=x`, `${LONG}/b/undefined=x`, "/1=x", `${LONG}/b/undefined=x`]);
    world.cut();
    world.reconnect();
    for (const publisher of publishers) publisher.publish("x");
    expect(topics(world)).toEqual([`${LONG}/a/undefined=x`, `${LONG}/b/undefined=x`]);
  });

  it.each([16, 17, 120, 127, 128, 200, 300])(
    "are forgotten with the connection: a message goes again with its topic of %i bytes [MQTT-3.3.2-7]",
    (length) => {
      const topic = "t".repeat(length);
      for (const payload of ["", "x", "x".repeat(90), "x".repeat(127), "x".repeat(300)]) {
        const world = new ScriptedWorldV5({ cleanStart: false, sessionExpiryInterval: 60, outboxBytes: 4_096 });
        const publisher = world.client.publisher(topic, { qos: 1, topicAlias: true });
        world.connectWith({ topicAliasMaximum: 5 });
        for (let index = 0; index < 3; index++) publisher.publish(payload);
        expect(topics(world)).toEqual([`${topic}/1=${payload}`, `/1=${payload}`, `/1=${payload}`]);
        world.send(acknowledgement(PUBACK, 2));
        world.cut();
        world.reconnectWith({ topicAliasMaximum: 5 }, true);
        expect(topics(world)).toEqual([`${topic}/1=${payload}`, `/1=${payload}`]);
        world.cut();
        world.reconnectWith({}, true);
        const again = world.take();
        const expected = publish(topic, payload, { qos: 1, dup: true });
        expect(again).toEqual([
          { ...expected, packetId: 3 },
          { ...expected, packetId: 4 },
        ]);
        world.send(acknowledgement(PUBACK, 3), acknowledgement(PUBACK, 4));
        expect([world.client.queued, world.client.inFlight]).toEqual([0, 0]);
      }
    },
  );

  it("are not worth it for a short topic, and shared by publishers of one topic", () => {
    const world = new ScriptedWorldV5();
    const short = world.client.publisher("short", { topicAlias: true });
    const publishers = [1, 2].map(() => world.client.publisher(LONG, { topicAlias: true }));
    world.connectWith({ topicAliasMaximum: 9 });
    for (const publisher of [short, short, ...publishers]) publisher.publish("x");
    expect(topics(world)).toEqual(["short/undefined=x", "short/undefined=x", `${LONG}/1=x`, "/1=x"]);
  });

  it("name the topic of a rejected message", () => {
    const world = new ScriptedWorldV5();
    const rejected: string[] = [];
    world.client.onRejected = (message) => rejected.push(`${message.topic}=${message.text()}`);
    const publisher = world.client.publisher(LONG, { qos: 1, topicAlias: true });
    world.connectWith({ topicAliasMaximum: 9 });
    publisher.publish("x");
    publisher.publish("y");
    world.send(acknowledgement(PUBACK, 3, 0x80));
    expect(rejected).toEqual([`${LONG}=y`]);
  });
});

describe("options of a publisher", () => {
  it.each([
    [{ messageExpiryInterval: -1 }, "messageExpiryInterval must be a whole number from 0 to 4294967295, not -1"],
    [{ messageExpiryInterval: 2 ** 32 }, "messageExpiryInterval must be a whole number"],
    [{ payloadFormatIndicator: 2 as 1 }, "payloadFormatIndicator must be a whole number from 0 to 1, not 2"],
    [{ responseTopic: "a/+" }, 'responseTopic must not have the wildcards + and #: "a/+"'],
    [{ responseTopic: "" }, "responseTopic must not be empty"],
    [{ contentType: "\0" }, "contentType must be well-formed text without U+0000"],
    [{ userProperties: [["a\0", ""]] as const }, "userProperties must be well-formed text without U+0000"],
    [{ correlationData: new Uint8Array(65_536) }, "correlationData must have at most 65535 bytes, not 65536"],
    [{ contentType: "x".repeat(1_024) }, "the property list must have at most"],
    [{ qos: 2 as const }, "qos must be a whole number from 0 to 1, not 2"],
  ])("%j: throws", (options, message) => {
    const { client } = new ScriptedWorldV5();
    expect(() => client.publisher("t", options)).toThrow(message);
  });
});
