import { describe, expect, it } from "vitest";
import type { ClientOptions } from "../../src/client/options.ts";
import { Published } from "../../src/client/publisher.ts";
import { type AcknowledgementType, PacketType, Reason } from "../../src/packet/index.ts";
import { ExactlyOnce } from "../../src/qos2.ts";
import type { Acknowledgement, Packet } from "../packet/model.ts";
import { payloadOf, publish } from "../support/packet-link.ts";
import { ScriptedWorld } from "../support/scripted-world.ts";

function worldWithQos2(options: Partial<ClientOptions> = {}, maximumReceived?: number): ScriptedWorld {
  return new ScriptedWorld({ exactlyOnce: new ExactlyOnce(maximumReceived), ...options });
}

function acknowledgement(type: AcknowledgementType, packetId: number): Acknowledgement {
  return { type, packetId };
}

const pubrec = (packetId: number): Packet => acknowledgement(PacketType.PUBREC, packetId);
const pubrel = (packetId: number): Packet => acknowledgement(PacketType.PUBREL, packetId);
const pubcomp = (packetId: number): Packet => acknowledgement(PacketType.PUBCOMP, packetId);

/** Of a PUBLISH with a topic and a payload of one character each. */
const PUBLISH_BYTES = 8;

/** Packets as "PUBLISH payload#2!", the mark for DUP, or "PUBREL#2". */
function brief(packets: Packet[]): string[] {
  return packets.map((packet) => {
    const id = `#${(packet as { packetId?: number }).packetId ?? ""}`;
    if (packet.type !== PacketType.PUBLISH) return PacketType[packet.type] + id;
    return `PUBLISH ${payloadOf(packet)}${id}${packet.dup ? "!" : ""}`;
  });
}

describe("publishing with QoS 2", () => {
  it("takes PUBLISH, PUBREC, PUBREL and PUBCOMP, all with one packet id [MQTT-4.3.3-1], [MQTT-2.3.1-6]", () => {
    const world = worldWithQos2();
    world.connect();
    expect(world.client.publish("t", "x", { qos: 2 })).toBe(Published.SENT);
    expect(brief(world.take())).toEqual(["PUBLISH x#2"]);
    world.send(pubrec(2));
    expect(brief(world.take())).toEqual(["PUBREL#2"]);
    expect(world.client.inFlight).toBe(1);
    world.send(pubcomp(2));
    expect(world.client.inFlight).toBe(0);
    expect(world.events).toEqual([false]);
  });

  it("holds its place in the window until PUBCOMP, so that its packet id is not used again [MQTT-2.3.1-2]", () => {
    const world = worldWithQos2({ maximumInFlight: 1 });
    world.connect();
    world.client.publish("t", "x", { qos: 2 });
    world.client.publish("t", "y", { qos: 2 });
    world.send(pubrec(1));
    expect(brief(world.take())).toEqual(["PUBLISH x#1", "PUBREL#1"]);
    world.send(pubcomp(1));
    expect(brief(world.take())).toEqual(["PUBLISH y#1"]);
  });

  it("answers a PUBREC that comes again with PUBREL again", () => {
    const world = worldWithQos2();
    world.connect();
    world.client.publish("t", "x", { qos: 2 });
    world.send(pubrec(2), pubrec(2), pubcomp(2));
    expect(brief(world.take())).toEqual(["PUBLISH x#2", "PUBREL#2", "PUBREL#2"]);
    expect(world.client.inFlight).toBe(0);
  });

  it("sends again, in order, PUBLISH with DUP before PUBREC and PUBREL after it [MQTT-4.4.0-1], [MQTT-4.6.0-1], [MQTT-4.3.3-1], [MQTT-3.1.2-4]", () => {
    const world = worldWithQos2({ cleanSession: false });
    world.connect();
    for (const text of ["a", "b", "c"]) world.client.publish("t", text, { qos: 2 });
    world.client.publish("t", "d", { qos: 1 });
    expect(brief(world.take())).toEqual(["PUBLISH a#2", "PUBLISH b#3", "PUBLISH c#4", "PUBLISH d#1"]);
    world.send(pubrec(3));
    world.cut();
    world.take();
    world.reconnect(true);
    expect(brief(world.take())).toEqual(["PUBLISH a#2!", "PUBREL#3", "PUBLISH c#4!", "PUBLISH d#1!"]);
    world.send(pubcomp(3), pubrec(2), pubrec(4), { type: PacketType.PUBACK, packetId: 1 }, pubcomp(2), pubcomp(4));
    expect(world.client.inFlight).toBe(0);
  });

  it("sends PUBREL in the order of PUBREC, whatever that of PUBLISH was [MQTT-4.6.0-4]", () => {
    const world = worldWithQos2();
    world.connect();
    for (const text of ["a", "b", "c"]) world.client.publish("t", text, { qos: 2 });
    expect(brief(world.take())).toEqual(["PUBLISH a#2", "PUBLISH b#3", "PUBLISH c#4"]);
    world.send(pubrec(4), pubrec(2));
    world.send(pubrec(3));
    expect(brief(world.take())).toEqual(["PUBREL#4", "PUBREL#2", "PUBREL#3"]);
  });

  it("sends PUBREL in the order of PUBREC on later connections, too [MQTT-4.6.0-4]", () => {
    const world = worldWithQos2({ cleanSession: false, maximumInFlight: 6 });
    world.connect();
    for (const text of ["a", "b", "c", "d", "e"]) world.client.publish("t", text, { qos: 2 });
    world.send(pubrec(6), pubrec(3), pubrec(5));
    world.cut();
    world.take();
    world.reconnect(true);
    expect(brief(world.take())).toEqual(["PUBLISH a#2!", "PUBREL#6", "PUBLISH c#4!", "PUBREL#3", "PUBREL#5"]);
    world.send(pubcomp(3), pubrec(4), pubrec(2));
    expect(brief(world.take())).toEqual(["PUBREL#4", "PUBREL#2"]);
    world.cut();
    world.reconnect(true);
    expect(brief(world.take())).toEqual(["PUBREL#6", "PUBREL#5", "PUBREL#4", "PUBREL#2"]);
    world.send(...[6, 5, 4, 2].map(pubcomp));
    expect(world.client.inFlight).toBe(0);
  });

  it.each([
    { sent: "no part", room: 0 },
    { sent: "a part", room: 3 },
  ])("lets no PUBREL overtake one of an earlier connection of which $sent is sent yet [MQTT-4.6.0-4]", ({ room }) => {
    const world = worldWithQos2({ cleanSession: false });
    world.connect();
    for (const text of ["a", "b", "c"]) world.client.publish("t", text, { qos: 2 });
    world.send(pubrec(3), pubrec(4));
    world.cut();
    world.take();
    world.nextAttempt();
    world.link.link.room = PUBLISH_BYTES + room;
    world.accept(true);
    expect(brief(world.take())).toEqual(["PUBLISH a#2!"]);
    world.send(pubrec(2));
    world.link.link.grant(Infinity);
    expect(brief(world.take())).toEqual(["PUBREL#3", "PUBREL#4", "PUBREL#2"]);
    world.send(pubcomp(3), pubcomp(4), pubcomp(2));
    expect([world.events, world.client.inFlight]).toEqual([[false, Reason.CLOSED_BY_BROKER, true], 0]);
  });

  it("does not answer PUBREC of a message that is still to be sent again: the broker would take that for a new one [MQTT-4.3.3-1]", () => {
    const world = worldWithQos2({ cleanSession: false });
    world.connect();
    for (const text of ["a", "b"]) world.client.publish("t", text, { qos: 2 });
    world.cut();
    world.take();
    world.nextAttempt();
    world.link.link.room = PUBLISH_BYTES;
    world.accept(true);
    expect(brief(world.take())).toEqual(["PUBLISH a#2!"]);
    world.send(pubrec(3));
    world.link.link.grant(Infinity);
    expect(brief(world.take())).toEqual(["PUBLISH b#3!"]);
    world.send(pubrec(2), pubrec(3), pubcomp(2), pubcomp(3));
    expect(brief(world.take())).toEqual(["PUBREL#2", "PUBREL#3"]);
    expect(world.client.inFlight).toBe(0);
  });

  it("begins anew when the broker lost the session, but for what the broker had taken over [MQTT-3.1.2-6]", () => {
    const world = worldWithQos2();
    world.connect();
    world.client.publish("t", "a", { qos: 2 });
    world.client.publish("t", "b", { qos: 2 });
    world.send(pubrec(2));
    world.cut();
    world.take();
    world.reconnect(false);
    expect(brief(world.take())).toEqual(["PUBLISH b#4"]);
    world.send(pubrec(4), pubcomp(4));
    expect([world.client.queued, world.client.inFlight]).toEqual([0, 0]);
  });

  it("takes PUBREC and PUBCOMP of a message that is finished without harm, and lets the broker finish as well", () => {
    const world = worldWithQos2();
    world.connect();
    world.client.publish("t", "x", { qos: 2 });
    world.send(pubrec(2), pubcomp(2), pubcomp(2), pubrec(2), pubcomp(2), pubcomp(4), pubcomp(65_535));
    expect(brief(world.take())).toEqual(["PUBLISH x#2", "PUBREL#2", "PUBREL#2"]);
    expect([world.events, world.client.inFlight]).toEqual([[false], 0]);
    world.client.publish("t", "y", { qos: 2 });
    expect(brief(world.take())).toEqual(["PUBLISH y#3"]);
  });

  it("takes PUBREL for no acknowledgement: acknowledgeTimeoutMs goes on", () => {
    const world = worldWithQos2({ acknowledgeTimeoutMs: 5_000 });
    world.connect();
    world.client.publish("t", "x", { qos: 2 });
    for (let second = 0; second < 6; second++) {
      world.clock.advance(1_000);
      if (world.client.connected) world.send(pubrel(7));
    }
    expect(world.events).toEqual([false, Reason.ACKNOWLEDGE_TIMEOUT]);
  });

  it.each([
    ["PUBCOMP before PUBREC", [pubcomp(2)]],
    ["PUBCOMP of a message with QoS 1", [pubcomp(1)]],
    ["PUBACK", [{ type: PacketType.PUBACK, packetId: 2 } as Packet]],
    ["PUBACK after PUBREC", [pubrec(2), { type: PacketType.PUBACK, packetId: 2 } as Packet]],
    ["PUBREC of a message with QoS 1", [pubrec(1)]],
  ])("ends the connection on %s", (_name, packets) => {
    const world = worldWithQos2({ maximumInFlight: 2 });
    world.connect();
    world.client.publish("t", "x", { qos: 2 });
    world.client.publish("t", "y", { qos: 1 });
    world.take();
    // The first packet id taken of a window of two is 2.
    world.send(...packets);
    expect(world.events).toEqual([false, Reason.UNKNOWN_PACKET_ID]);
  });
});

describe("receiving with QoS 2", () => {
  function listening(options: Partial<ClientOptions> = {}, maximumReceived?: number) {
    const world = worldWithQos2({ cleanSession: false, ...options }, maximumReceived);
    const got: string[] = [];
    world.client.subscribe("t", 2, (message) => got.push(message.text()));
    world.client.onSkipped = (message) => got.push(`skipped ${message.length}`);
    world.connect();
    const [subscribe] = world.take() as { packetId: number }[];
    world.send({ type: PacketType.SUBACK, packetId: subscribe.packetId, codes: [2] });
    return { world, got };
  }
  const message = (text: string, packetId: number, dup = false): Packet =>
    publish("t", text, { qos: 2, packetId, dup });

  it("delivers at PUBLISH, and answers with PUBREC and PUBCOMP [MQTT-4.3.3-2], [MQTT-3.3.4-1], [MQTT-2.3.1-6]", () => {
    const { world, got } = listening();
    world.send(message("x", 7));
    expect(brief(world.take())).toEqual(["PUBREC#7"]);
    world.send(pubrel(7));
    expect(brief(world.take())).toEqual(["PUBCOMP#7"]);
    expect(got).toEqual(["x"]);
  });

  it("does not deliver again what comes again before PUBREL, on the next connection either [MQTT-4.3.3-2], [MQTT-4.1.0-1]", () => {
    const { world, got } = listening();
    world.send(message("x", 7), message("x", 7, true));
    expect(brief(world.take())).toEqual(["PUBREC#7", "PUBREC#7"]);
    world.cut();
    world.reconnect(true);
    world.send(message("x", 7, true), pubrel(7));
    expect(brief(world.take())).toEqual(["PUBREC#7", "PUBCOMP#7"]);
    expect(got).toEqual(["x"]);
  });

  it("takes a packet id for a new message after PUBREL, or in a new session [MQTT-4.3.3-2], [MQTT-3.1.2-6]", () => {
    const { world, got } = listening();
    world.send(message("x", 7), pubrel(7), message("y", 7));
    world.cut();
    world.reconnect(false);
    world.send(message("z", 7));
    expect(got).toEqual(["x", "y", "z"]);
  });

  it("where CONNACK got lost, and with it that the session is a new one, takes what is new for new, and nothing else", () => {
    const { world, got } = listening({ connectTimeoutMs: 1_000 }, 2);
    world.send(message("a", 7), message("b", 8));
    world.cut();
    world.nextAttempt(); // the broker answers, but nothing arrives
    world.reconnect(true);
    world.take();
    world.send(message("b", 8, true), message("new", 7));
    expect(got, "8 comes again, 7 is another message").toEqual(["a", "b", "new"]);
    expect(brief(world.take())).toEqual(["PUBREC#8", "PUBREC#7"]);
    world.cut();
    world.nextAttempt();
    world.reconnect(true);
    world.take();
    world.send(message("more", 9), message("b", 8, true));
    expect(got, "there is room in place of one that nobody knows").toEqual(["a", "b", "new", "more"]);
    expect(brief(world.take())).toEqual(["PUBREC#9", "PUBREC#8"]);
  });

  it("keeps a clean session as long as its connection: nothing is delivered again on it [MQTT-4.1.0-2]", () => {
    const { world, got } = listening({ cleanSession: true, keepAlive: 0 });
    world.send(message("x", 7));
    world.clock.advance(86_400_000);
    world.send(message("x", 7, true));
    expect(brief(world.take())).toEqual(["PUBREC#7", "PUBREC#7"]);
    expect(got).toEqual(["x"]);
  });

  it("sends PUBREC in the order of PUBLISH, between PUBACKs [MQTT-4.6.0-3], [MQTT-4.6.0-2]", () => {
    const { world } = listening();
    const sure = publish("t", "y", { qos: 1, packetId: 5 });
    world.send(message("x", 9), message("x", 4), sure, message("x", 7));
    expect(brief(world.take())).toEqual(["PUBREC#9", "PUBREC#4", "PUBACK#5", "PUBREC#7"]);
  });

  it("answers a PUBREL of nothing: its PUBCOMP may have got lost", () => {
    const { world } = listening();
    world.send(pubrel(9));
    expect(brief(world.take())).toEqual(["PUBCOMP#9"]);
  });

  it("skips a message larger than receiveBytes, once", () => {
    const { world, got } = listening({ receiveBytes: 64 });
    world.send(message("x".repeat(200), 7), message("x".repeat(200), 7, true), pubrel(7));
    expect(brief(world.take())).toEqual(["PUBREC#7", "PUBREC#7", "PUBCOMP#7"]);
    expect(got).toEqual(["skipped 200"]);
  });

  it("answers as many as there is room for, and ends the connection, so that the others come again [MQTT-4.8.0-2]", () => {
    const { world, got } = listening({}, 2);
    world.link.send(message("1", 1), message("2", 2), message("3", 3));
    const { link } = world;
    world.clock.settle();
    expect(brief(link.take())).toEqual(["PUBREC#1", "PUBREC#2"]);
    expect(world.events).toEqual([false, Reason.TOO_MANY_UNFINISHED]);
    world.reconnect(true);
    world.send(pubrel(1), pubrel(2), message("3", 3, true));
    expect(brief(world.take())).toEqual(["PUBCOMP#1", "PUBCOMP#2", "PUBREC#3"]);
    expect(got).toEqual(["1", "2", "3"]);
  });
});

describe("without ExactlyOnce", () => {
  it("QoS 2 cannot be asked for", () => {
    const { client } = new ScriptedWorld();
    expect(() => client.publisher("t", { qos: 2 })).toThrow("qos must be a whole number from 0 to 1, not 2");
    expect(() => client.subscribe("t", 2, () => undefined)).toThrow("qos must be a whole number from 0 to 1, not 2");
  });

  it.each([pubrec(1), pubrel(1), pubcomp(1)])("its packets are not expected: %j", (packet) => {
    const world = new ScriptedWorld();
    world.connect();
    world.send(packet);
    expect(world.events).toEqual([false, Reason.UNEXPECTED_PACKET]);
  });
});

describe("ExactlyOnce", () => {
  it.each([0, 65_536, 1.5, NaN])("refuses %j places", (places) => {
    expect(() => new ExactlyOnce(places)).toThrow(
      `maximumReceived must be a whole number from 1 to 65535, not ${places}`,
    );
  });
});
