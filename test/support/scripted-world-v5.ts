import { PacketType, Reason } from "../../src/packet/v5/index.ts";
import { Client } from "../../src/v5.ts";
import type { ClientOptions } from "../../src/v5.ts";
import { encode, type Packet, type PropertyValues, type Publish, toHex, utf8 } from "../packet/v5/model.ts";
import { oracleRead } from "../packet/v5/oracle.ts";
import { readPackets } from "../packet/v5/read-packets.ts";
import type { PacketCodec, PacketLink } from "./packet-link.ts";
import { World } from "./scripted-world.ts";

/** That of MQTT 5. What the client sends has to mean the same to mqtt-packet. */
export const CODEC_V5: PacketCodec<Packet> = {
  encode: (packet) => encode(packet),
  read: (bytes) => {
    const { packets, reason } = readPackets([bytes], { bufferSize: bytes.length + 16, toServer: true });
    if (reason) return reason;
    const theirs = oracleRead(bytes);
    if (JSON.stringify(theirs) !== JSON.stringify(packets)) {
      throw new Error(`mqtt-packet reads ${String(theirs)} ${JSON.stringify(theirs)}, not ${JSON.stringify(packets)}`);
    }
    return packets[0];
  },
};

/** A client of MQTT 5 on a virtual platform, and a broker that does nothing but what the test says. */
export class ScriptedWorldV5 extends World<Client, Packet> {
  constructor(options: Partial<ClientOptions> = {}, seed = 1) {
    super((platform) => new Client(platform, { url: "mqtt://broker", clientId: "sensor", ...options }), CODEC_V5, seed);
  }

  protected override connack(sessionPresent: boolean, reasonCode: number): Packet {
    return connack({}, sessionPresent, reasonCode);
  }

  /** Connects, and the broker accepts with these properties. */
  connectWith(properties: PropertyValues, sessionPresent = false): PacketLink<Packet> {
    this.open();
    return this.acceptWith(properties, sessionPresent);
  }

  acceptWith(properties: PropertyValues, sessionPresent = false): PacketLink<Packet> {
    this.link.take();
    this.send(connack(properties, sessionPresent));
    return this.link;
  }

  reconnectWith(properties: PropertyValues, sessionPresent = false): PacketLink<Packet> {
    this.nextAttempt();
    return this.acceptWith(properties, sessionPresent);
  }
}

export function connack(properties: PropertyValues, sessionPresent = false, reasonCode = 0): Packet {
  return { type: PacketType.CONNACK, sessionPresent, reasonCode, properties };
}

export function publish(topic: string, payload: string | Uint8Array, fields: Partial<Publish> = {}): Publish {
  const bytes = typeof payload === "string" ? utf8(payload) : payload;
  const packet = { type: PacketType.PUBLISH as const, topic, payload: toHex(bytes), qos: 0, retain: false, dup: false };
  return { ...packet, packetId: 0, properties: {}, ...fields };
}

export function acknowledgement(
  type: PacketType.PUBACK | PacketType.PUBREC | PacketType.PUBREL | PacketType.PUBCOMP,
  packetId: number,
  reasonCode = 0,
  properties: PropertyValues = {},
): Packet {
  return { type, packetId, reasonCode, properties };
}

export function codes(
  type: PacketType.SUBACK | PacketType.UNSUBACK,
  packetId: number,
  code: number,
  properties: PropertyValues = {},
): Packet {
  return { type, packetId, properties, codes: [code] };
}

export function disconnect(reasonCode: number, properties: PropertyValues = {}): Packet {
  return { type: PacketType.DISCONNECT, reasonCode, properties };
}

/** Packets as "PUBLISH t=x#2!", "PUBREL#2", "DISCONNECT 0x93"; the mark is for DUP, reason codes from 1 up are shown. */
export function brief(packets: Packet[]): string[] {
  return packets.map((packet) => {
    const id = "packetId" in packet && packet.packetId ? `#${packet.packetId}` : "";
    const code = "reasonCode" in packet && packet.reasonCode ? ` 0x${packet.reasonCode.toString(16)}` : "";
    if (packet.type !== PacketType.PUBLISH) return PacketType[packet.type] + id + code;
    return `PUBLISH ${packet.topic}=${Buffer.from(packet.payload, "hex").toString()}${id}${packet.dup ? "!" : ""}`;
  });
}

/** The names of reasons, and whether a session was present. */
export function named(events: (Reason | boolean)[]): (string | boolean)[] {
  return events.map((event) => (typeof event === "boolean" ? event : Reason[event]));
}
