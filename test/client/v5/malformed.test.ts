// Every packet that a broker must not send: the client says why with DISCONNECT, closes, and connects again.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PacketType, Reason } from "../../../src/packet/v5/index.ts";
import { ExactlyOnce } from "../../../src/qos2.ts";
import { fromHex, type Packet } from "../../packet/v5/model.ts";
import {
  acknowledgement,
  brief,
  codes,
  disconnect,
  named,
  publish,
  ScriptedWorldV5,
} from "../../support/scripted-world-v5.ts";

interface MalformedCase {
  name: string;
  bytes: string;
  direction: "to-client" | "to-server" | "both";
  reason: keyof typeof Reason;
  clause: string;
  close: string;
}

const malformed = (
  JSON.parse(readFileSync(new URL("../../packet/v5/malformed-v5.json", import.meta.url), "utf8")) as MalformedCase[]
).filter(({ direction }) => direction !== "to-server");

describe("what is not MQTT 5 [MQTT-4.13.2-1]", () => {
  it.each(malformed)("$name ends the connection: $reason, $close [$clause]", ({ bytes, reason, close }) => {
    const packet = fromHex(bytes);
    const world = new ScriptedWorldV5({ exactlyOnce: new ExactlyOnce(), receiveBytes: 1_000 });
    world.open();
    if (packet[0] >> 4 === PacketType.CONNACK) world.take();
    else world.accept();
    world.events.length = 0;
    world.link.link.deliver(packet);
    world.clock.settle();
    expect(named(world.events)).toEqual([reason]);
    expect(world.take()).toEqual([disconnect(Number(close))]);
    expect(world.link.link.closedByClient).toBe(true);
    world.reconnect();
    expect(world.client.connected).toBe(true);
  });

  it.each([
    ["a packet that only clients send", "c000", "UNEXPECTED_PACKET", "DISCONNECT 0x82"],
    ["a second CONNACK [MQTT-3.2.0-2]", "2003000000", "UNEXPECTED_PACKET", "DISCONNECT 0x82"],
    ["CONNACK of 3.1.1", "20020000", "UNEXPECTED_PACKET", "DISCONNECT 0x82"],
    ["HTTP", Buffer.from("HTTP/1.1 400 Bad Request").toString("hex"), "HEADER_FLAGS", "DISCONNECT 0x81"],
    ["a packet of 256 MB that is no PUBLISH", "90ffffff7f0001", "PACKET_TOO_LARGE", "DISCONNECT 0x95"],
    ["AUTH that was not asked for", "f000", "UNEXPECTED_PACKET", "DISCONNECT 0x82"],
  ])("%s ends the connection", (_name, hex, reason, said) => {
    const world = new ScriptedWorldV5();
    world.connect();
    world.link.link.deliver(fromHex(hex));
    expect(brief(world.take())).toEqual([said]);
    expect(named(world.events)).toEqual([false, reason]);
    world.reconnect();
  });

  const said = { reasonString: "so" };
  const own = { userProperties: { a: "b" } };
  it.each<[string, Packet]>([
    ["PUBACK", acknowledgement(PacketType.PUBACK, 2, 0, said)],
    ["PUBACK", acknowledgement(PacketType.PUBACK, 2, 0x87, own)],
    ["PUBREC", acknowledgement(PacketType.PUBREC, 3, 0, said)],
    ["PUBREL", acknowledgement(PacketType.PUBREL, 7, 0x92, own)],
    ["PUBCOMP", acknowledgement(PacketType.PUBCOMP, 3, 0, said)],
    ["SUBACK", codes(PacketType.SUBACK, 5, 0, said)],
    ["UNSUBACK", codes(PacketType.UNSUBACK, 5, 0, own)],
    ["AUTH", { type: PacketType.AUTH, reasonCode: 0x18, properties: { authenticationMethod: "m", ...said } }],
  ])("why in %s, where requestProblemInformation is false, ends the connection [MQTT-3.1.2-29]", (_name, packet) => {
    for (const requestProblemInformation of [false, true]) {
      const world = new ScriptedWorldV5({
        requestProblemInformation,
        exactlyOnce: new ExactlyOnce(),
        authenticationMethod: "m",
      });
      const why: unknown[] = [];
      world.client.onDisconnect = (reason) => why.push(Reason[reason], world.client.properties.textOf(0x1f));
      const heard: string[] = [];
      world.client.onRejected = () => heard.push("rejected");
      world.client.onAuthenticate = () => heard.push("challenge");
      const subscription = world.client.subscribe("f", 0, () => undefined);
      subscription.onGranted = () => heard.push("granted");
      subscription.onUnsubscribed = () => heard.push("unsubscribed");
      world.connectWith({ authenticationMethod: "m", ...said, ...own }); // CONNACK may say why
      world.client.publish("t", "1", { qos: 1 });
      world.client.publish("t", "2", { qos: 2 });
      world.send(publish("t", "3", { properties: own }), publish("t", "4", { qos: 2, packetId: 7 }));
      if (packet.type === PacketType.PUBCOMP) world.send(acknowledgement(PacketType.PUBREC, 3));
      if (packet.type === PacketType.AUTH) world.client.authenticate();
      if (packet.type === PacketType.UNSUBACK) {
        world.send(codes(PacketType.SUBACK, 5, 0));
        subscription.unsubscribe();
        world.clock.advance(250);
        heard.length = 0;
      }
      world.take();
      world.send(packet);
      if (requestProblemInformation) {
        expect(why).toEqual([]);
      } else {
        expect([why, heard]).toEqual([
          ["PROBLEM_INFORMATION", (packet as typeof packet & { properties: typeof said }).properties.reasonString],
          [],
        ]);
        expect(brief(world.take())).toEqual(["DISCONNECT 0x82"]);
      }
    }
  });

  it("a broker of 3.1.1 is noticed at its CONNACK", () => {
    const world = new ScriptedWorldV5();
    world.open();
    world.link.link.deliver(fromHex("20020001"));
    world.clock.settle();
    expect(named(world.events)).toEqual(["TRUNCATED"]);
  });

  it.each([
    ["PUBACK of a message with QoS 2", acknowledgement(PacketType.PUBACK, 2)],
    ["PUBCOMP before PUBREC", acknowledgement(PacketType.PUBCOMP, 2)],
    ["PUBREC of a message with QoS 1", acknowledgement(PacketType.PUBREC, 3)],
  ])("%s is out of order", (_name, packet) => {
    const world = new ScriptedWorldV5({ exactlyOnce: new ExactlyOnce() });
    world.connect();
    world.client.publish("t", "x", { qos: 2 });
    world.client.publish("t", "x", { qos: 1 });
    world.take();
    world.send(packet);
    expect(named(world.events)).toEqual([false, "UNKNOWN_PACKET_ID"]);
    expect(brief(world.take())).toEqual(["DISCONNECT 0x82"]);
  });

  it("QoS 2 that no subscription asked for is a protocol error", () => {
    const world = new ScriptedWorldV5();
    world.connect();
    world.send(publish("t", "x", { qos: 2, packetId: 1 }));
    expect(named(world.events)).toEqual([false, "QOS_NOT_REQUESTED"]);
    expect(brief(world.take())).toEqual(["DISCONNECT 0x82"]);
  });
});
