import { describe, expect, it } from "vitest";
import { ExactlyOnce } from "../../../src/qos2.ts";
import type { ClientOptions } from "../../../src/v5.ts";
import { PacketType } from "../../../src/packet/v5/index.ts";
import type { Connect, Packet } from "../../packet/v5/model.ts";
import { acknowledgement, brief, named, publish, ScriptedWorldV5 } from "../../support/scripted-world-v5.ts";

const { PUBREL } = PacketType;

function listening(options: Partial<ClientOptions> = {}, maximumReceived?: number) {
  const world = new ScriptedWorldV5({
    exactlyOnce: new ExactlyOnce(maximumReceived),
    cleanStart: false,
    sessionExpiryInterval: 60,
    ...options,
  });
  const got: string[] = [];
  world.client.onMessage = (message) => got.push(message.text());
  world.connect();
  return { world, got };
}

const message = (text: string, packetId: number, dup = false): Packet => publish("t", text, { qos: 2, packetId, dup });
const pubrel = (packetId: number): Packet => acknowledgement(PUBREL, packetId);

describe("receiving with QoS 2", () => {
  it("delivers once, over connections", () => {
    const { world, got } = listening();
    world.send(message("x", 7), message("x", 7, true));
    world.cut();
    world.take();
    world.reconnect(true);
    world.send(message("x", 7, true), pubrel(7), pubrel(7), message("y", 7));
    expect(brief(world.take())).toEqual(["PUBREC#7", "PUBCOMP#7", "PUBCOMP#7 0x92", "PUBREC#7"]);
    expect(got).toEqual(["x", "y"]);
  });

  it("takes what is new for new where CONNACK got lost, and with it that the session is a new one", () => {
    const { world, got } = listening({ connectTimeoutMs: 1_000 });
    world.send(message("a", 7), message("b", 8));
    world.cut();
    world.nextAttempt(); // the broker answers, but nothing arrives
    world.reconnect(true);
    world.send(message("b", 8, true), message("new", 7));
    expect(got).toEqual(["a", "b", "new"]);
  });
});

describe("the client's receive maximum", () => {
  it("is what the broker may have under way with QoS 2 [MQTT-3.3.4-9]", () => {
    const { world, got } = listening({ receiveMaximum: 2 }, 2);
    world.send(message("1", 1), message("2", 2), pubrel(1), message("3", 3));
    expect(named(world.events)).toEqual([false]);
    world.take();
    world.send(message("4", 4));
    expect(named(world.events)).toEqual([false, "TOO_MANY_UNFINISHED"]);
    expect(brief(world.take())).toEqual(["DISCONNECT 0x93"]);
    expect(got).toEqual(["1", "2", "3"]);
  });

  it("may be exceeded as far as there is room: the connection goes on, and what has its PUBREL makes room again", () => {
    const { world, got } = listening({ receiveMaximum: 2 }, 4);
    for (let id = 1; id <= 40; id += 4) {
      world.send(message("", id), message("", id + 1), message("", id + 2), message("", id + 3));
      world.send(pubrel(id), pubrel(id + 1), pubrel(id + 2), pubrel(id + 3));
    }
    expect(got).toHaveLength(40);
    expect(named(world.events)).toEqual([false]);
    world.take();
    world.send(message("", 1), message("", 2), message("", 3), message("", 4), message("", 5));
    expect(got).toHaveLength(44);
    // What was taken is answered: it is not the same that comes next time.
    expect(brief(world.take())).toEqual(["PUBREC#1", "PUBREC#2", "PUBREC#3", "PUBREC#4", "DISCONNECT 0x93"]);
    expect(named(world.events)).toEqual([false, "TOO_MANY_UNFINISHED"]);
  });

  it("is what may come with QoS 1 before the answers can be there", () => {
    const { world, got } = listening({ receiveMaximum: 3 });
    const one = (packetId: number): Packet => publish("t", `${packetId}`, { qos: 1, packetId });
    for (let round = 0; round < 10; round++) world.send(one(1), one(2), one(3));
    expect(got).toHaveLength(30);
    expect(named(world.events)).toEqual([false]);
  });

  it("may be exceeded with QoS 1 as long as the answers find room: then the connection ends", () => {
    const { world, got } = listening({ receiveMaximum: 3 });
    const ids = Array.from({ length: 100 }, (_, index) => index + 1);
    const messages = ids.map((packetId) => publish("t", "", { qos: 1, packetId }));
    world.send(...messages);
    expect(brief(world.take())).toEqual(ids.map((packetId) => `PUBACK#${packetId}`));
    world.link.link.room = 0;
    world.send(...messages.slice(0, 84));
    expect(named(world.events)).toEqual([false]);
    expect(got).toHaveLength(184);
    world.send(messages[84]!);
    expect(named(world.events)).toEqual([false, "OUTPUT_STALLED"]);
  });

  it("takes no request that waits behind a PUBACK for another PUBACK", () => {
    const { world, got } = listening({ receiveMaximum: 1 });
    const one = (packetId: number): Packet => publish("t", `${packetId}`, { qos: 1, packetId });
    const { link } = world.link;
    link.room = 0;
    world.client.subscribe("first", 0, () => undefined);
    world.client.subscribe("second", 0, () => undefined);
    world.send(one(1));
    link.grant(13 + 4 + 2); // SUBSCRIBE, PUBACK, and the beginning of the other SUBSCRIBE
    expect(brief(world.take())).toEqual(["SUBSCRIBE#5", "PUBACK#1"]);
    world.send(one(2));
    link.grant(Infinity);
    expect(brief(world.take())).toEqual(["SUBSCRIBE#6", "PUBACK#2"]);
    expect(got).toEqual(["1", "2"]);
    expect(named(world.events)).toEqual([false]);
  });

  it("after a reconnection is what there is room for, beside what is unfinished", () => {
    const { world, got } = listening({}, 3);
    world.send(message("1", 1), message("2", 2));
    world.cut();
    world.nextAttempt();
    expect((world.take()[0] as Connect).properties.receiveMaximum).toBe(1);
    world.acceptWith({}, true);
    world.send(message("3", 3), pubrel(1), pubrel(2), pubrel(3));
    expect(brief(world.take())).toEqual(["PUBREC#3", "PUBCOMP#1", "PUBCOMP#2", "PUBCOMP#3"]);
    expect(got).toEqual(["1", "2", "3"]);
  });
});
