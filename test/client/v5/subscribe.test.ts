import { describe, expect, it } from "vitest";
import { type ClientOptions, type Message, Reason, RetainHandling, type SubscribeOptions } from "../../../src/v5.ts";
import { PacketType } from "../../../src/packet/v5/index.ts";
import type { PropertyValues, Subscribe } from "../../packet/v5/model.ts";
import { brief, codes, named, publish, ScriptedWorldV5 } from "../../support/scripted-world-v5.ts";

const { SUBACK, UNSUBACK } = PacketType;
const nothing = (): void => undefined;

describe("SUBSCRIBE", () => {
  it("has its options and properties, and again in a new session", () => {
    const world = new ScriptedWorldV5();
    const options = {
      noLocal: true,
      retainAsPublished: true,
      retainHandling: RetainHandling.SEND_IF_NEW,
      subscriptionIdentifier: 268_435_455,
      userProperties: [["a", "b"]],
    } as const;
    world.client.subscribe("f/+", 1, nothing, options);
    world.connect();
    const expected = {
      type: PacketType.SUBSCRIBE,
      packetId: 5,
      properties: { subscriptionIdentifier: 268_435_455, userProperties: { a: "b" } },
      entries: [{ filter: "f/+", qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 1 }],
    };
    expect(world.take()).toEqual([expected]);
    world.cut();
    world.reconnect();
    expect(world.take()).toEqual([expected]);
  });

  it.each([0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2])(
    "is told what the broker answers: %i",
    (code) => {
      const world = new ScriptedWorldV5();
      const heard: unknown[] = [];
      const subscription = world.client.subscribe("f", 1, nothing);
      subscription.onGranted = (granted) => heard.push(granted, world.client.properties.textOf(0x1f));
      world.connect();
      world.send(codes(SUBACK, 5, code, { reasonString: "because" }));
      expect(heard).toEqual([code, "because"]);
      expect(subscription.granted).toBe(code);
      expect(named(world.events)).toEqual([false]);
    },
  );

  it.each<[PropertyValues, string, SubscribeOptions, Reason]>([
    [{ wildcardSubscriptionAvailable: false }, "a/+", {}, Reason.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED],
    [{ wildcardSubscriptionAvailable: false }, "#", {}, Reason.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED],
    [{ sharedSubscriptionAvailable: false }, "$share/g/a", {}, Reason.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED],
    [
      { subscriptionIdentifiersAvailable: false },
      "a",
      { subscriptionIdentifier: 7 },
      Reason.SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
    ],
  ])("is not sent to a broker that says %j: %s is refused", (properties, filter, options, reason) => {
    const world = new ScriptedWorldV5();
    const subscription = world.client.subscribe(filter, 0, nothing, options);
    const heard: number[] = [];
    subscription.onGranted = (granted) => heard.push(granted);
    world.client.subscribe("plain", 0, nothing);
    world.connectWith(properties);
    expect((world.take() as Subscribe[]).map(({ entries }) => entries[0].filter)).toEqual(["plain"]);
    expect(subscription.granted).toBe(reason);
    world.clock.advance(250);
    expect(heard).toEqual([reason]);
    // The next one may be another broker.
    world.cut();
    world.reconnect();
    expect(brief(world.take())).toEqual(["SUBSCRIBE#5", "SUBSCRIBE#6"]);
  });

  it("refused while the client is connected is told with the next tick: nobody could hear it before", () => {
    const world = new ScriptedWorldV5();
    world.connectWith({ wildcardSubscriptionAvailable: false });
    const heard: string[] = [];
    for (const filter of ["a/+", "b/#", "c/#"]) {
      const subscription = world.client.subscribe(filter, 0, nothing);
      world.client.publish("t", "");
      expect(subscription.granted).toBe(Reason.WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED);
      subscription.onGranted = (granted) => heard.push(`${filter} ${Reason[granted]}`);
      if (filter === "b/#") subscription.unsubscribe();
    }
    expect(heard).toEqual([]);
    world.clock.advance(1_000);
    expect(heard).toEqual(["a/+", "c/#"].map((filter) => `${filter} WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED`));
    expect(brief(world.take())).toEqual(["PUBLISH t=", "PUBLISH t=", "PUBLISH t="]);
  });

  it.each<[string, SubscribeOptions, string]>([
    ["$share/g/f", { noLocal: true }, "noLocal must not be set for a shared subscription [MQTT-3.8.3-4]"],
    ["$share//f", {}, "filter must have a share name without wildcards and a filter after $share/"],
    ["$share/g+/f", {}, "filter must have a share name"],
    ["$share/g", {}, "filter must have a share name"],
    ["$share/g/", {}, "filter must have a share name"],
    ["a/#/b", {}, "filter may have + only as a whole level and # only as the last one"],
    ["f", { retainHandling: 3 as RetainHandling }, "retainHandling must be a whole number from 0 to 2, not 3"],
    ["f", { subscriptionIdentifier: 0 }, "subscriptionIdentifier must be a whole number from 1 to 268435455, not 0"],
    ["x".repeat(250), {}, "filter must have at most 246 bytes, not 250"],
    ["f", { userProperties: [["x".repeat(300), ""]] }, "filter must have at most"],
  ])("%s with %j throws", (filter, options, message) => {
    const { client } = new ScriptedWorldV5();
    expect(() => client.subscribe(filter, 1, nothing, options)).toThrow(message);
  });
});

describe("UNSUBSCRIBE", () => {
  it.each([0, 0x11, 0x80, 0x87])("is told what the broker answers: %i", (code) => {
    const world = new ScriptedWorldV5();
    const subscription = world.client.subscribe("f", 1, nothing);
    const heard: unknown[] = [];
    subscription.onUnsubscribed = (reasonCode) => heard.push(reasonCode, world.client.properties.textOf(0x1f));
    world.connect();
    world.send(codes(SUBACK, 5, 0));
    subscription.unsubscribe();
    world.clock.advance(250);
    expect(brief(world.take())).toEqual(["SUBSCRIBE#5", "UNSUBSCRIBE#5"]);
    world.send(codes(UNSUBACK, 5, code, { reasonString: "so" }));
    expect(heard).toEqual([code, "so"]);
  });

  it.each([SUBACK, UNSUBACK] as const)("an answer of type %i that nobody waits for ends the connection", (type) => {
    const world = new ScriptedWorldV5();
    world.connect();
    world.send(codes(type, 5, 0));
    expect(named(world.events)).toEqual([false, "UNKNOWN_PACKET_ID"]);
    expect(brief(world.take())).toEqual(["DISCONNECT 0x82"]);
  });

  it.each([SUBACK, UNSUBACK] as const)("an answer of type %i for two filters ends the connection", (type) => {
    const world = new ScriptedWorldV5();
    world.client.subscribe("f", 1, nothing);
    world.connect();
    world.take();
    world.send({ type, packetId: 5, properties: {}, codes: [0, 0] });
    expect(brief(world.take())).toEqual(["DISCONNECT 0x81"]);
  });
});

describe("a received message", () => {
  function listening(options: Partial<ClientOptions> = {}) {
    const world = new ScriptedWorldV5(options);
    const got: string[] = [];
    world.client.onMessage = (message) => got.push(`${message.topic}=${message.text()}`);
    world.connect();
    return { world, got };
  }

  it("has its properties, read without arrays", () => {
    const { world } = listening();
    const seen: unknown[] = [];
    world.client.onMessage = ({ properties, topic }) => {
      seen.push(topic, properties.numberOf(0x02, -1), properties.numberOf(0x01, -1), properties.textOf(0x03));
      seen.push(properties.textOf(0x08), properties.find(0x09) && properties.end - properties.start);
      seen.push(properties.bytes[properties.start]);
      for (let more = properties.find(0x0b); more; more = properties.findNext(0x0b)) seen.push(properties.number);
      for (let more = properties.find(0x26); more; more = properties.findNext(0x26)) {
        seen.push(`${properties.name}=${properties.text}`);
      }
      properties.rewind();
      let count = 0;
      while (properties.next()) count++;
      seen.push(count, properties.textOf(0x1f), properties.identifier);
    };
    world.send(
      publish("größe", "x", {
        properties: {
          payloadFormatIndicator: true,
          messageExpiryInterval: 4_000_000_000,
          contentType: "text/plain",
          responseTopic: "antwort/ö",
          correlationData: "ff00",
          subscriptionIdentifier: [1, 16_384, 268_435_455],
          userProperties: { a: ["1", "2"], "": "ü" },
        },
      }),
    );
    expect(seen).toEqual([
      ...["größe", 4_000_000_000, 1, "text/plain", "antwort/ö", 2, 255, 1, 16_384, 268_435_455],
      ...["a=1", "a=2", "=ü", 11, undefined, 0x26],
    ]);
  });

  it("comes to a shared subscription by the filter after the share name", () => {
    const world = new ScriptedWorldV5();
    const got: string[] = [];
    const note = (group: string) => (message: Message) => got.push(`${group} ${message.topic}`);
    world.client.subscribe("$share/one/a/+", 1, note("one"));
    world.client.subscribe("$share/two/#", 1, note("two"));
    world.client.subscribe("a/b", 1, note("alone"));
    world.connect();
    world.send(publish("a/b", ""), publish("c", ""), publish("$SYS", ""));
    expect(got).toEqual(["one a/b", "two a/b", "alone a/b", "two c"]);
  });

  it("larger than receiveBytes is skipped with its properties, and acknowledged", () => {
    const { world } = listening({ receiveBytes: 64 });
    const skipped: unknown[] = [];
    world.client.onSkipped = (message) => skipped.push(message.topic, message.length, message.properties.textOf(0x03));
    world.send(
      publish("t", "x".repeat(60), { qos: 1, packetId: 9, properties: { contentType: "c" } }),
      publish("t", "x".repeat(54), { qos: 1, packetId: 9, properties: { contentType: "c" } }),
      publish("t", "y", { qos: 1, packetId: 9, properties: { contentType: "z".repeat(90) } }),
    );
    expect(skipped).toEqual(["t", 60, "c", "t", 1, undefined]);
    expect(brief(world.take())).toEqual(["PUBACK#9", "PUBACK#9", "PUBACK#9"]);
  });

  it("of exactly receiveBytes is not skipped", () => {
    const { world, got } = listening({ receiveBytes: 64 });
    world.send(publish("t", "x".repeat(60)));
    expect(got).toEqual([`t=${"x".repeat(60)}`]);
  });

  describe("with a topic alias", () => {
    const aliased = (topic: string, alias: number, payload = "x") =>
      publish(topic, payload, { properties: { topicAlias: alias } });

    it("has the topic that the alias stands for", () => {
      const { world, got } = listening({ topicAliasMaximum: 2 });
      world.client.subscribe("gro/+", 0, (message) => got.push(`handler ${message.topic}`));
      world.send(aliased("gro/ße", 2), aliased("b", 1), aliased("", 2, "y"), aliased("", 1), aliased("c", 2));
      world.send(aliased("", 2));
      expect(got).toEqual(["handler gro/ße", "b=x", "handler gro/ße", "b=x", "c=x", "c=x"]);
    });

    it.each<[string, Partial<ClientOptions>, ReturnType<typeof publish>[], string, string]>([
      ["when none are allowed", {}, [aliased("t", 1)], "TOPIC_ALIAS", "0x94"],
      ["above the maximum", { topicAliasMaximum: 2 }, [aliased("t", 3)], "TOPIC_ALIAS", "0x94"],
      ["that was given no topic", { topicAliasMaximum: 2 }, [aliased("", 1)], "UNKNOWN_TOPIC_ALIAS", "0x82"],
      [
        "whose topic is too long",
        { topicAliasMaximum: 2, topicAliasBytes: 3 },
        [aliased("four", 1)],
        "TOPIC_ALIAS_TOO_LONG",
        "0x83",
      ],
      [
        "and properties too long to read",
        { topicAliasMaximum: 2, receiveBytes: 64 },
        [publish("t", "", { properties: { topicAlias: 1, contentType: "c".repeat(80) } })],
        "TOPIC_ALIAS_TOO_LONG",
        "0x83",
      ],
    ])("%s: the connection ends", (_how, options, packets, reason, code) => {
      const { world, got } = listening(options);
      world.send(...packets);
      expect(named(world.events)).toEqual([false, reason]);
      expect(brief(world.take())).toEqual([`DISCONNECT ${code}`]);
      expect(got).toEqual([]);
      world.nextAttempt();
      // An alias that the client has no room for does not come again.
      const expected = code === "0x83" ? 0 : (options.topicAliasMaximum ?? 0);
      expect(world.link.take()).toMatchObject([{ properties: { topicAliasMaximum: expected } }]);
    });

    it("of an earlier connection is not known [MQTT-3.3.2-7]", () => {
      const { world } = listening({ topicAliasMaximum: 1 });
      world.send(aliased("t", 1));
      world.cut();
      world.reconnect();
      world.send(aliased("", 1));
      expect(named(world.events)).toEqual([false, "CLOSED_BY_BROKER", false, "UNKNOWN_TOPIC_ALIAS"]);
    });
  });
});

describe("maximumPacketSize", () => {
  it.each([127, 128, 129, 130, 131, 1_000])(
    "of %i bytes: the packet of that size is taken, one more is not",
    (size) => {
      const world = new ScriptedWorldV5({ maximumPacketSize: size });
      const got: number[] = [];
      world.client.onMessage = (message) => got.push(message.length);
      world.connect();
      const bytes = (length: number) => publish("t", "x".repeat(length));
      // Fixed header of 2 or 3 bytes, topic of 3, property length of 1.
      const length = size - (size < 130 ? 2 : 3) - 4;
      world.send(bytes(length));
      expect(got).toEqual([length]);
      world.send(bytes(length + (size === 129 ? 2 : 1)));
      expect(named(world.events)).toEqual([false, "PACKET_TOO_LARGE"]);
      expect(brief(world.take())).toEqual(["DISCONNECT 0x95"]);
    },
  );
});
