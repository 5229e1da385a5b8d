// What MQTT 5 asks of a client as 3.1.1 does: sessions, packet identifiers, the handshakes of QoS 1 and 2 and their order.

import { describe, expect, it } from "vitest";
import { PacketType } from "../../../src/packet/v5/index.ts";
import { ExactlyOnce } from "../../../src/qos2.ts";
import { type ClientOptions, type Message, Reason } from "../../../src/v5.ts";
import { type Packet, toHex } from "../../packet/v5/model.ts";
import { seededRandom } from "../../support/random.ts";
import { acknowledgement, brief, codes, publish, ScriptedWorldV5 } from "../../support/scripted-world-v5.ts";

const { PUBACK, PUBREC, PUBREL, PUBCOMP, PINGREQ, PINGRESP, SUBACK, UNSUBACK } = PacketType;
const puback = (packetId: number): Packet => acknowledgement(PUBACK, packetId);
const pubrec = (packetId: number): Packet => acknowledgement(PUBREC, packetId);
const pubrel = (packetId: number): Packet => acknowledgement(PUBREL, packetId);
const pubcomp = (packetId: number): Packet => acknowledgement(PUBCOMP, packetId);

function worldWithQos2(options: Partial<ClientOptions> = {}): ScriptedWorldV5 {
  return new ScriptedWorldV5({ exactlyOnce: new ExactlyOnce(), sessionExpiryInterval: 3_600, ...options });
}

/** A connected client with what its handlers got. */
function listening(options: Partial<ClientOptions> = {}): { world: ScriptedWorldV5; got: string[] } {
  const world = worldWithQos2(options);
  const got: string[] = [];
  world.client.onMessage = (message: Message) => got.push(message.text());
  world.client.onSkipped = (message: Message) => got.push(`skipped ${message.length}`);
  world.connect();
  return { world, got };
}

/** What a broker answers. */
function answersTo({ type, packetId, qos }: { type: PacketType; packetId: number; qos?: number }): Packet[] {
  if (type === PacketType.SUBSCRIBE) return [codes(SUBACK, packetId, 0)];
  if (type === PacketType.UNSUBSCRIBE) return [codes(UNSUBACK, packetId, 0)];
  return qos === 1 ? [puback(packetId)] : [pubrec(packetId), pubcomp(packetId)];
}

const received = (text: string, qos: number, packetId: number, dup = false): Packet =>
  publish("t", text, { qos, packetId, dup });

describe("CONNECT of MQTT 5", () => {
  it("is the first packet, and the only one before CONNACK [MQTT-3.1.0-1]", () => {
    const world = new ScriptedWorldV5();
    world.client.subscribe("a", 1, () => undefined);
    world.client.publish("b", "c", { qos: 1 });
    world.open();
    world.clock.advance(5_000);
    expect(brief(world.take())).toEqual(["CONNECT"]);
  });

  it("has its texts in UTF-8, the client id first [MQTT-3.1.3-3], [MQTT-3.1.3-4], [MQTT-3.1.3-11], [MQTT-3.1.3-12]", () => {
    const will = { topic: "€", payload: "p" };
    const world = new ScriptedWorldV5({ clientId: "ü", will, username: "\u{1f600}", keepAlive: 10 });
    let sent = "";
    world.platform.network.onConnection = (link) => (link.onBytes = (some) => (sent += toHex(some)));
    world.client.connect();
    world.clock.settle();
    const properties = "06" + "210020" + "220000";
    const payload = "0002c3bc" + "00" + "0003e282ac" + "000170" + "0004f09f9880";
    expect(sent).toBe("1024" + "00044d515454" + "05" + "86" + "000a" + properties + payload);
  });

  it.each<[string, Partial<ClientOptions>, string]>([
    ["a clientId with U+0000 [MQTT-3.1.3-4]", { clientId: "a\0" }, "clientId must be well-formed text"],
    ["a username with U+0000 [MQTT-3.1.3-12]", { username: "a\0" }, "username must be well-formed text"],
    [
      "a will topic with U+0000 [MQTT-3.1.3-11]",
      { will: { topic: "\0", payload: "" } },
      "will.topic must be well-formed",
    ],
    [
      "a will with QoS 3 [MQTT-3.1.2-12]",
      { will: { topic: "t", payload: "", qos: 3 as 2 } },
      "will.qos must be a whole",
    ],
  ])("is not made with %s", (_name, options, message) => {
    expect(() => new ScriptedWorldV5(options)).toThrow(message);
  });

  it("has the same client id at each connection: it names the session [MQTT-3.1.3-2]", () => {
    const world = worldWithQos2();
    world.open();
    for (let count = 0; count < 3; count++) {
      expect(world.take()).toMatchObject([{ clientId: "sensor", cleanStart: count === 0 }]);
      world.accept(count > 0);
      world.cut();
      world.nextAttempt();
      world.clock.settle();
    }
  });
});

describe("the session of MQTT 5", () => {
  it("is kept with what is not acknowledged, and sent again in order, with DUP and its ids [MQTT-3.1.2-23], [MQTT-4.4.0-1], [MQTT-4.6.0-1], [MQTT-3.3.1-1], [MQTT-4.3.2-3], [MQTT-4.3.3-3], [MQTT-4.3.3-5], [MQTT-4.3.3-6]", () => {
    const world = worldWithQos2();
    world.connect();
    for (const text of ["a", "b", "c"]) world.client.publish("t", text, { qos: 2 });
    world.client.publish("t", "d", { qos: 1 });
    expect(brief(world.take())).toEqual(["PUBLISH t=a#2", "PUBLISH t=b#3", "PUBLISH t=c#4", "PUBLISH t=d#1"]);
    world.send(pubrec(3), pubrec(4), pubcomp(4));
    world.clock.advance(20_000); // nothing is sent again while the connection is up
    expect(brief(world.take())).toEqual(["PUBREL#3", "PUBREL#4"]);
    world.cut();
    world.reconnect(true);
    expect(brief(world.take())).toEqual(["PUBLISH t=a#2!", "PUBREL#3", "PUBLISH t=d#1!"]);
    world.send(pubcomp(3), pubrec(2), puback(1), pubcomp(2));
    expect(brief(world.take())).toEqual(["PUBREL#2"]);
    world.cut();
    world.reconnect(true);
    expect(brief(world.take())).toEqual([]);
  });

  it("remembers over connections which messages it was delivered [MQTT-4.1.0-1], [MQTT-4.3.3-10], [MQTT-3.1.2-23]", () => {
    const { world, got } = listening();
    world.send(received("x", 2, 7), received("x", 2, 7, true));
    world.cut();
    world.reconnect(true);
    world.send(received("x", 2, 7, true), pubrel(7));
    expect(brief(world.take())).toEqual(["PUBREC#7", "PUBCOMP#7"]);
    expect(got).toEqual(["x"]);
  });

  it("that the broker does not have is discarded: messages are new, received ids forgotten [MQTT-3.2.2-5], [MQTT-3.1.2-4]", () => {
    const { world, got } = listening();
    world.client.publish("t", "a", { qos: 1 });
    world.client.publish("t", "b", { qos: 2 });
    world.client.publish("t", "c", { qos: 2 });
    world.send(received("x", 2, 7), pubrec(3));
    world.cut();
    world.reconnect(false);
    const sent = world.take() as { dup?: boolean }[];
    expect(brief(sent as Packet[]).map((one) => one.replace(/#\d/, ""))).toEqual(["PUBLISH t=a", "PUBLISH t=c"]);
    world.send(received("y", 2, 7));
    expect(got).toEqual(["x", "y"]);
  });
});

describe("packet identifiers of MQTT 5", () => {
  it("are not 0 and not in use, whatever needs one [MQTT-2.2.1-3], [MQTT-4.3.2-1], [MQTT-4.3.3-1]", () => {
    const world = worldWithQos2({ maximumInFlight: 3 });
    world.connect();
    const random = seededRandom(1);
    const waiting = new Map<number, Packet[]>();
    let requests = 0;
    const take = (): void => {
      for (const packet of world.take() as (Packet & { packetId: number })[]) {
        if (packet.type === PUBREL) continue;
        expect(packet.packetId).toBeGreaterThan(0);
        expect([...waiting.keys()]).not.toContain(packet.packetId);
        waiting.set(packet.packetId, answersTo(packet));
        requests++;
      }
    };
    for (let round = 0; round < 200; round++) {
      const subscription = world.client.subscribe(`s/${round}`, 0, () => undefined);
      world.client.publish("t", "x", { qos: 1 });
      world.client.publish("t", "x", { qos: 2 });
      take();
      if (random() < 0.7) subscription.unsubscribe();
      world.clock.advance(250);
      // Answers come late and in any order; what has been ended is gone for the next round.
      for (const [packetId, answers] of [...waiting].filter(() => random() < 0.8)) {
        waiting.delete(packetId);
        world.send(...answers);
        take();
      }
      if (subscription.granted === 0) subscription.unsubscribe();
      if (waiting.size > 10) break;
    }
    expect(world.events).toEqual([false]);
    expect(requests).toBeGreaterThan(300);
  });
});

describe("QoS 0, 1 and 2 of MQTT 5", () => {
  it("are sent with DUP 0 at first, and ids for 1 and 2 alone [MQTT-4.3.1-1], [MQTT-4.3.2-2], [MQTT-4.3.3-2], [MQTT-3.3.1-2], [MQTT-2.2.1-2]", () => {
    const world = worldWithQos2();
    world.connect();
    for (const qos of [0, 1, 2] as const) world.client.publish("t", "x", { qos });
    expect(world.take()).toEqual([
      publish("t", "x"),
      publish("t", "x", { qos: 1, packetId: 2 }),
      publish("t", "x", { qos: 2, packetId: 3 }),
    ]);
  });

  it("are answered as they ask, with their packet id [MQTT-3.3.4-1], [MQTT-4.3.2-4], [MQTT-4.3.3-8], [MQTT-4.3.3-11], [MQTT-2.2.1-5]", () => {
    const { world } = listening();
    world.send(received("x", 0, 0), received("x", 1, 513), received("x", 2, 65_535), pubrel(65_535));
    expect(brief(world.take())).toEqual(["PUBACK#513", "PUBREC#65535", "PUBCOMP#65535"]);
  });

  it("have PUBREC answered with PUBREL, below 0x80, with their packet id [MQTT-4.3.3-4], [MQTT-2.2.1-5]", () => {
    const world = worldWithQos2();
    world.connect();
    world.client.publish("t", "x", { qos: 2 });
    world.client.publish("t", "y", { qos: 2 });
    world.take();
    world.send(acknowledgement(PUBREC, 2), acknowledgement(PUBREC, 3, 0x10), pubcomp(2), pubcomp(3));
    expect(brief(world.take())).toEqual(["PUBREL#2", "PUBREL#3"]);
    expect([world.client.inFlight, world.events]).toEqual([0, [false]]);
  });

  it("are another message when the id comes again after its last answer, whatever DUP says [MQTT-4.3.2-5], [MQTT-4.3.3-12]", () => {
    const { world, got } = listening();
    world.send(received("1", 1, 7), received("2", 1, 7, true));
    world.send(received("3", 2, 7), pubrel(7), received("4", 2, 7, true));
    expect(got).toEqual(["1", "2", "3", "4"]);
  });

  it("are answered in the order of PUBLISH [MQTT-4.6.0-2], [MQTT-4.6.0-3]", () => {
    const { world } = listening();
    world.send(...[9, 4, 7, 2].map((packetId, index) => received("x", 1 + (index & 1), packetId)));
    expect(brief(world.take())).toEqual(["PUBACK#9", "PUBREC#4", "PUBACK#7", "PUBREC#2"]);
  });

  it("have PUBREL in the order of PUBREC [MQTT-4.6.0-4]", () => {
    const world = worldWithQos2();
    world.connect();
    for (const text of ["a", "b", "c"]) world.client.publish("t", text, { qos: 2 });
    world.take();
    world.send(pubrec(4), pubrec(2), pubrec(3));
    expect(brief(world.take())).toEqual(["PUBREL#4", "PUBREL#2", "PUBREL#3"]);
    world.cut();
    world.reconnect(true);
    expect(brief(world.take())).toEqual(["PUBREL#4", "PUBREL#2", "PUBREL#3"]);
  });

  it("have no PUBREL, of any reason code, while the message is still to be sent again [MQTT-4.3.3-6]", () => {
    const world = worldWithQos2();
    world.connect();
    for (const text of ["a", "b"]) world.client.publish("t", text, { qos: 2 });
    world.cut();
    world.take();
    world.nextAttempt();
    world.link.link.room = 9; // of one of them
    world.accept(true);
    expect(brief(world.take())).toEqual(["PUBLISH t=a#2!"]);
    world.send(pubrec(3));
    world.link.link.grant(Infinity);
    expect(brief(world.take())).toEqual(["PUBLISH t=b#3!"]);
    world.send(pubrec(2), pubrec(3));
    expect(brief(world.take())).toEqual(["PUBREL#2", "PUBREL#3"]);
  });

  it("are acknowledged whether or not the application makes use of them [MQTT-4.5.0-2]", () => {
    const { world, got } = listening({ receiveBytes: 64 });
    world.send(received("x".repeat(200), 1, 5), received("x".repeat(200), 2, 6));
    world.client.onMessage = undefined;
    world.send(received("x", 1, 7));
    expect(brief(world.take())).toEqual(["PUBACK#5", "PUBREC#6", "PUBACK#7"]);
    expect(got).toEqual(["skipped 200", "skipped 200"]);
  });

  it("do not expire once sent, and a handshake goes on though its message has [MQTT-4.3.3-7], [MQTT-4.3.3-13]", () => {
    const { world, got } = listening({ keepAlive: 0 });
    world.client.publish("t", "out", { qos: 2, messageExpiryInterval: 1 });
    world.take();
    world.send(publish("t", "in", { qos: 2, packetId: 7, properties: { messageExpiryInterval: 1 } }));
    world.clock.advance(20_000);
    world.cut();
    world.reconnect(true);
    world.send(pubrel(7));
    expect(brief(world.take())).toEqual(["PUBLISH t=out#2!", "PUBCOMP#7"]);
    expect(got).toEqual(["in"]);
  });

  it("with DUP that a handler passes on are sent without [MQTT-3.3.1-3]", () => {
    const world = new ScriptedWorldV5();
    world.client.onMessage = (message) => void world.client.publish("on", message.text(), { qos: 1 });
    world.connect();
    world.send(received("x", 1, 7, true));
    expect(brief(world.take())).toEqual(["PUBACK#7", "PUBLISH on=x#2"]);
  });

  it("are never refused, and answered without reason strings or user properties, however small the broker's packets are [MQTT-3.4.2-2], [MQTT-3.4.2-3], [MQTT-3.5.2-2], [MQTT-3.5.2-3], [MQTT-3.6.2-2], [MQTT-3.6.2-3], [MQTT-3.7.2-2], [MQTT-3.7.2-3], [MQTT-4.3.3-9]", () => {
    const world = worldWithQos2();
    world.client.onMessage = () => undefined;
    world.connectWith({ maximumPacketSize: 20 });
    world.client.publish("t", "x", { qos: 2 });
    world.take();
    world.send(received("x", 1, 5), received("x", 2, 6), pubrel(6), pubrec(2), pubrel(9), pubrec(9));
    const answers = world.take();
    expect(brief(answers)).toEqual([
      "PUBACK#5",
      "PUBREC#6",
      "PUBCOMP#6",
      "PUBREL#2",
      "PUBCOMP#9 0x92",
      "PUBREL#9 0x92",
    ]);
    for (const answer of answers) expect(answer).toMatchObject({ properties: {} });
  });
});

describe("the receive maximum", () => {
  it.each([1, 2, 3, 65_535])(
    "of %i is the send quota that a connection begins with [MQTT-4.9.0-1], [MQTT-3.3.4-7]",
    (maximum) => {
      const world = worldWithQos2({ maximumInFlight: 5 });
      world.connectWith({ receiveMaximum: maximum });
      for (let count = 0; count < 9; count++) world.client.publish("t", "x", { qos: 1 });
      expect(world.take()).toHaveLength(Math.min(maximum, 5));
    },
  );

  it("holds up nothing but PUBLISH, in or out [MQTT-4.9.0-3], [MQTT-3.3.4-8]", () => {
    const world = worldWithQos2({ keepAlive: 10 });
    world.client.onMessage = () => undefined;
    world.connectWith({ receiveMaximum: 1 });
    world.client.publish("t", "x", { qos: 2 });
    world.client.publish("t", "y", { qos: 2 });
    world.client.subscribe("s", 0, () => undefined);
    world.send(received("x", 1, 5), received("x", 2, 6), pubrel(6), pubrec(2));
    world.clock.advance(11_000);
    const sent = brief(world.take()).map((one) => one.replace(/SUBSCRIBE#\d+/, "SUBSCRIBE"));
    expect(sent).toEqual(["PUBLISH t=x#2", "SUBSCRIBE", "PUBACK#5", "PUBREC#6", "PUBCOMP#6", "PUBREL#2", "PINGREQ"]);
  });
});

describe("a topic alias from the broker", () => {
  it("may be any up to the maximum of CONNECT, until the connection ends [MQTT-3.3.2-10], [MQTT-3.3.2-7]", () => {
    const world = new ScriptedWorldV5({ topicAliasMaximum: 40 });
    const got: string[] = [];
    world.client.onMessage = (message) => got.push(`${message.topic}=${message.text()}`);
    world.connect();
    const expected: string[] = [];
    for (const known of [false, true]) {
      for (let topicAlias = 40; topicAlias > 0; topicAlias--) {
        world.send(publish(known ? "" : `t/${topicAlias}`, "x", { properties: { topicAlias } }));
        expected.push(`t/${topicAlias}=x`);
      }
    }
    expect(got).toEqual(expected);
    world.cut();
    world.reconnect();
    world.send(publish("", "x", { properties: { topicAlias: 1 } }));
    expect(got).toEqual(expected);
    expect(world.client.connected).toBe(false);
  });
});

describe("keep alive of MQTT 5", () => {
  it("has PINGREQ sent when nothing else is [MQTT-3.1.2-20]", () => {
    const world = new ScriptedWorldV5({ keepAlive: 10 });
    world.connect();
    const seconds: number[] = [];
    for (let second = 1; second <= 45; second++) {
      world.clock.advance(1_000);
      if (!world.take().some(({ type }) => type === PINGREQ)) continue;
      seconds.push(second);
      world.send({ type: PINGRESP });
    }
    expect(seconds).toEqual([10, 19, 29, 38]);
  });
});

describe("filters and topics of MQTT 5", () => {
  it("are in UTF-8, one filter to a SUBSCRIBE and UNSUBSCRIBE [MQTT-3.8.3-1], [MQTT-3.8.3-2], [MQTT-3.10.3-1], [MQTT-3.10.3-2], [MQTT-2.2.1-3]", () => {
    const world = new ScriptedWorldV5({ maximumInFlight: 1 });
    world.connect();
    const subscription = world.client.subscribe("ü/+", 1, () => undefined);
    const [subscribe] = world.take() as (Packet & { packetId: number })[];
    expect(subscribe).toMatchObject({ type: PacketType.SUBSCRIBE, entries: [{ filter: "ü/+", qos: 1 }] });
    world.send(codes(SUBACK, subscribe.packetId, 1));
    world.client.publish("t", "x", { qos: 1 });
    subscription.unsubscribe();
    world.clock.advance(250);
    const [message, unsubscribe] = world.take() as (Packet & { packetId: number })[];
    expect(unsubscribe).toMatchObject({ type: PacketType.UNSUBSCRIBE, filters: ["ü/+"] });
    expect([0, message.packetId]).not.toContain(unsubscribe.packetId);
    world.send(codes(UNSUBACK, unsubscribe.packetId, 0));
    expect(world.events).toEqual([false]);
  });

  it("have at most 65,535 bytes, and no U+0000 [MQTT-4.7.3-2], [MQTT-4.7.3-3]", () => {
    const { client } = new ScriptedWorldV5({ outboxBytes: 100_000 });
    const long = "t".repeat(65_536);
    expect(() => client.publisher(long)).toThrow("topic must have at most 65535 bytes, not 65536");
    expect(() => client.subscribe(long, 0, () => undefined)).toThrow("filter must have at most 65535 bytes");
    expect(() => client.publisher("\0")).toThrow("topic must be well-formed");
    expect(() => client.subscribe("\0", 0, () => undefined)).toThrow("filter must be well-formed");
    expect(() => client.publisher(long.slice(1))).not.toThrow();
  });

  it("are not asked for when the broker takes no packet as large [MQTT-3.2.2-15]", () => {
    const world = new ScriptedWorldV5({ sessionExpiryInterval: 60 });
    world.connectWith({ maximumPacketSize: 30 });
    const large = world.client.subscribe("x".repeat(23), 1, () => undefined);
    const fits = world.client.subscribe("y".repeat(22), 1, () => undefined);
    const [request] = world.take() as (Packet & { packetId: number })[];
    expect(request).toMatchObject({ entries: [{ filter: "y".repeat(22) }] });
    world.send(codes(SUBACK, request.packetId, 1));
    expect([large.granted, fits.granted]).toEqual([Reason.PACKET_TOO_LARGE_V5, 1]);
    world.cut();
    fits.unsubscribe();
    world.reconnectWith({ maximumPacketSize: 28 }, true);
    world.clock.advance(1_000);
    expect(world.take()).toEqual([]);
    world.cut();
    world.reconnectWith({ maximumPacketSize: 31 }, true);
    expect(world.take()).toMatchObject([{ entries: [{ filter: "x".repeat(23) }] }]);
  });

  it("of shared subscriptions take no noLocal [MQTT-3.8.3-4]", () => {
    const { client } = new ScriptedWorldV5();
    expect(() => client.subscribe("$share/g/t", 0, () => undefined, { noLocal: true })).toThrow(/^noLocal /);
  });
});

describe("DISCONNECT of MQTT 5", () => {
  it("is the last packet: then the connection is closed [MQTT-3.14.4-1], [MQTT-3.14.4-2]", () => {
    const { world } = listening();
    const { link } = world;
    world.client.publish("a", "b");
    world.client.disconnect();
    world.client.publish("a", "c");
    world.clock.advance(120_000);
    expect(brief(world.take())).toEqual(["PUBLISH a=b", "DISCONNECT"]);
    expect(link.link.closedByClient).toBe(true);
    expect(world.events).toEqual([false, Reason.DISCONNECTED]);
  });
});
