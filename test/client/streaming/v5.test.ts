// What MQTT 5 has more, streamed. All else is as in 3.1.1: see the other tests here.

import { describe, expect, it } from "vitest";
import { PacketType, Property, Reason } from "../../../src/packet/v5/index.ts";
import { ExactlyOnce } from "../../../src/qos2.ts";
import { Streaming, type StreamingPublisher } from "../../../src/streaming.ts";
import type { Client, ClientOptions } from "../../../src/v5.ts";
import { encode, type PropertyValues } from "../../packet/v5/model.ts";
import { acknowledgement, brief, codes, named, publish, ScriptedWorldV5 } from "../../support/scripted-world-v5.ts";

const ID = 65_535;
const TEXT = Array.from({ length: 100 }, (_, index) => String.fromCharCode(33 + (index % 90))).join("");
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Stream {
  world: ScriptedWorldV5;
  streaming: Streaming<Client>;
  publisher: StreamingPublisher;
  told: string[];
}

function stream(
  options: NonNullable<Parameters<Client["publisher"]>[1]>,
  connack: PropertyValues = {},
  clientOptions: Partial<ClientOptions> = {},
): Stream {
  const world = new ScriptedWorldV5({ exactlyOnce: new ExactlyOnce(), keepAlive: 0, ...clientOptions });
  const streaming = new Streaming(world.client);
  const publisher = streaming.publisher("large", options);
  const told: string[] = [];
  publisher.onEnd = (reason) => told.push(Reason[reason]);
  world.connectWith(connack);
  return { world, streaming, publisher, told };
}

function send(publisher: StreamingPublisher, text: string): void {
  expect(publisher.begin(text.length)).toBe(true);
  publisher.write(bytes(text));
  publisher.end();
}

describe("a streamed message of MQTT 5", () => {
  it("has the properties of its publisher", () => {
    const properties = { contentType: "image/png", userProperties: [["a", "b"]] as [string, string][] };
    const { world, publisher } = stream({ qos: 1, ...properties });
    send(publisher, "abc");
    expect(world.take()).toEqual([
      publish("large", "abc", {
        qos: 1,
        packetId: ID,
        properties: { contentType: "image/png", userProperties: expect.anything() as never },
      }),
    ]);
  });

  it("has no topic alias", () => {
    expect(() => stream({ topicAlias: true })).toThrow("topicAlias is not for streamed messages");
  });

  it.each([1, 2] as const)("ends with the reason code of an acknowledgement, QoS %i", (qos) => {
    const { world, publisher, told } = stream({ qos });
    const type = qos === 1 ? PacketType.PUBACK : PacketType.PUBREC;
    for (const code of [Reason.QUOTA_EXCEEDED, Reason.OK, 0x10]) {
      send(publisher, "x");
      world.send(acknowledgement(type, ID, code, { reasonString: "so" }));
      if (qos === 2 && code < 0x80) world.send(acknowledgement(PacketType.PUBCOMP, ID));
    }
    expect(told).toEqual(["QUOTA_EXCEEDED", "OK", "OK"]);
    const released = brief(world.take()).filter((packet) => packet === `PUBREL#${ID}`);
    expect(released).toHaveLength(qos === 1 ? 0 : 2);
  });

  it.each([
    ["a reason code that PUBACK has not", [0x40, 4, 0xff, 0xff, 0x42, 0], "REASON_CODE"],
    ["a property that PUBACK has not", [0x40, 6, 0xff, 0xff, 0, 2, 1, 0], "MISPLACED_PROPERTY"],
    ["bytes left over", [0x40, 5, 0xff, 0xff, 0, 0, 0], "TRAILING_BYTES"],
  ])("is not acknowledged by a PUBACK with %s: the connection ends", (_name, packet, reason) => {
    const { world, publisher, told } = stream({ qos: 1 });
    send(publisher, "x");
    world.link.link.deliver(Uint8Array.from(packet));
    world.clock.settle();
    expect([told, named(world.events)]).toEqual([[reason], [false, reason]]);
    expect(brief(world.take())[1]).toMatch(/^DISCONNECT 0x8/);
  });
});

describe("the broker's limits", () => {
  it("of receive maximum are kept to by messages and streams together [MQTT-3.3.4-7]", () => {
    const { world, publisher, told } = stream({ qos: 1 }, { receiveMaximum: 1 });
    world.client.publish("t", "a", { qos: 1 });
    expect(publisher.begin(1)).toBe(false);
    world.send(acknowledgement(PacketType.PUBACK, 2));
    send(publisher, "b");
    world.client.publish("t", "c", { qos: 1 });
    world.client.publish("t", "d");
    expect(brief(world.take())).toEqual(["PUBLISH t=a#2", `PUBLISH large=b#${ID}`]);
    world.send(acknowledgement(PacketType.PUBACK, ID));
    expect(brief(world.take())).toEqual(["PUBLISH t=c#3", "PUBLISH t=d"]);
    world.send(acknowledgement(PacketType.PUBACK, 3));
    send(publisher, "e");
    expect(told).toEqual(["OK"]);
  });

  it("of receive maximum begin anew with each connection", () => {
    const { world, publisher } = stream(
      { qos: 1 },
      { receiveMaximum: 1 },
      { cleanStart: false, sessionExpiryInterval: 60 },
    );
    for (let round = 0; round < 3; round++) {
      expect(publisher.begin(2)).toBe(true);
      world.cut();
      world.reconnectWith({ receiveMaximum: 1 }, true);
    }
    send(publisher, "x");
    world.send(acknowledgement(PacketType.PUBACK, ID));
    send(publisher, "x");
    expect(publisher.begin(1)).toBe(false);
  });

  it.each([
    ["QoS", { maximumQoS: 0 }, { qos: 1 as const }, "QOS_NOT_SUPPORTED"],
    ["retained messages", { retainAvailable: false }, { retain: true }, "RETAIN_NOT_SUPPORTED"],
    ["size", { maximumPacketSize: 109 }, {}, "PACKET_TOO_LARGE_V5"],
  ])("of %s end a message at its beginning", (_name, connack, options, reason) => {
    const { world, publisher, told } = stream(options, connack);
    expect([publisher.begin(100), told]).toEqual([false, [reason]]);
    expect(world.take()).toEqual([]);
    expect(publisher.write(bytes("x"))).toBe(0);
  });

  it("of size are exact", () => {
    const { world, publisher } = stream({}, { maximumPacketSize: 110 });
    send(publisher, "x".repeat(100)); // fixed header 2, topic 7, no properties 1
    expect(world.take()).toHaveLength(1);
  });
});

describe("a large message of MQTT 5", () => {
  function receiving(options: Partial<ClientOptions> = {}): {
    world: ScriptedWorldV5;
    got: string[];
    others: string[];
  } {
    const world = new ScriptedWorldV5({
      exactlyOnce: new ExactlyOnce(4),
      keepAlive: 0,
      receiveBytes: 64,
      topicAliasMaximum: 2,
      ...options,
    });
    const streaming = new Streaming(world.client);
    const got: string[] = [];
    const others: string[] = [];
    const handler = streaming.pieces(({ message, offset, total, bytes, start, end, last }) => {
      const text = Buffer.from(bytes.subarray(start, end)).toString();
      const type = message.properties.textOf(Property.CONTENT_TYPE) ?? "none";
      got.push(`${message.topic} ${type} ${offset}/${total} ${text}${last ? " last" : ""}`);
    });
    world.client.subscribe("$share/group/large/+", 2, handler);
    world.client.onSkipped = (message) => others.push(`skipped ${message.topic}`);
    world.connectWith({});
    world.take();
    world.send(codes(PacketType.SUBACK, 5, 2));
    return { world, got, others };
  }

  const text = (got: string[]): string => got.map((item) => item.split(" ")[3]).join("");

  it.each([0, 1, 2] as const)("comes in pieces with its properties, wherever it is cut, QoS %i", (qos) => {
    const message = publish("large/a", TEXT, { qos, packetId: qos && 7, properties: { contentType: "image" } });
    const size = encode(message).length;
    for (let at = 1; at < size; at++) {
      const { world, got } = receiving();
      let first = true;
      world.link.link.chunkSize = () => (first ? ((first = false), at) : 50);
      world.send(message);
      expect(text(got)).toBe(TEXT);
      for (const item of got) expect(item).toMatch(/^large\/a image \d+\/100 /);
      expect(got[got.length - 1]).toMatch(/ last$/);
      expect(brief(world.take())).toEqual([[], ["PUBACK#7"], ["PUBREC#7"]][qos]);
    }
  });

  it("has its topic from an alias, with each piece", () => {
    const { world, got } = receiving();
    world.link.link.chunkSize = () => 50;
    world.send(publish("large/a", TEXT, { properties: { topicAlias: 1 } }));
    world.send(publish("", TEXT, { properties: { topicAlias: 1 } }));
    expect(text(got)).toBe(TEXT + TEXT);
    expect(got.every((item) => item.startsWith("large/a none "))).toBe(true);
  });

  it("is skipped when its properties do not fit", () => {
    const { world, got, others } = receiving({ topicAliasMaximum: 0 });
    world.send(publish("large/a", TEXT, { properties: { contentType: "x".repeat(80) } }));
    expect([got, others]).toEqual([[], ["skipped large/a"]]);
  });

  it("with no payload but many properties is a last piece", () => {
    const { world, got } = receiving();
    for (let length = 40; length < 60; length++) {
      world.send(publish("large/a", "", { properties: { contentType: "x".repeat(length) } }));
    }
    expect(got.length).toBeGreaterThan(5);
    for (const item of got) expect(item).toMatch(/^large\/a x+ 0\/0 {2}last$/);
  });
});
