// mqtt-packet 9 as the second opinion on MQTT 5, as it is on 3.1.1 (../oracle.ts).
//
// Its generator writes the long form of what may be short: a property length of 0 after a reason code in PUBACK, PUBREC,
// PUBREL, PUBCOMP, and reason code 0 with property length 0 in DISCONNECT; `oracleEncode` shortens these as our encoders
// do. It refuses to write a password without a user name, which MQTT 5 allows (3.1.2.9).
//
// Its parser accepts, beyond what ../oracle.ts says of 3.1.1:
//   - properties of any packet in any packet, and single ones twice, whose values it makes an array of, or, when the first
//     is 0, false or empty, forgets;
//   - any value of a property: receive maximum, maximum packet size, topic alias and subscription identifier 0, maximum QoS
//     2, and other bytes than 0 and 1 (read as true); wildcards and nothing at all in a response topic;
//   - a property that ends after the list does, or a list that ends after the packet does;
//   - variable byte integers not in their fewest bytes;
//   - an empty topic without alias; no local with `$share`; malformed share names; data without authentication method;
//   - bytes left over after the properties of all packets without a payload.
// It is stricter than MQTT 5 in two ways: it refuses reason code 0x8C in DISCONNECT, which table 2-6 allows, and an empty
// AUTH (3.15.2.1). And it is wrong in two: an empty value of a user property is forgotten when the same name follows, and
// what a short DISCONNECT leaves out is read from the packet that follows it.

import {
  generate,
  type IConnectPacket,
  type IPacket,
  type Packet as OraclePacket,
  parser,
  type QoS,
} from "mqtt-packet";
import { PacketType } from "../../../src/packet/v5/index.ts";
import { fromHex, identifierOf, type Packet, PROPERTIES, type PropertyValues, toHex } from "./model.ts";

/** Bytes of `packet` according to mqtt-packet, in the shortest form. */
export function oracleEncode(packet: Packet): Uint8Array {
  return shorten(packet, new Uint8Array(generate(toOracle(packet), { protocolVersion: 5 })));
}

/** The packets in `bytes` according to mqtt-packet; or what it has to say against them. */
export function oracleRead(bytes: Uint8Array): Packet[] | Error {
  const packets: Packet[] = [];
  let refusal: Error | undefined;
  const reader = parser({ protocolVersion: 5 });
  reader.on("packet", (packet) => packets.push(fromOracle(packet)));
  reader.on("error", (error: Error) => (refusal ??= error));
  reader.parse(Buffer.from(bytes));
  return refusal ?? packets;
}

function shorten(packet: Packet, bytes: Uint8Array): Uint8Array {
  let size = bytes.length;
  if ("properties" in packet && Object.keys(packet.properties).length === 0) {
    if (packet.type === PacketType.DISCONNECT) size -= packet.reasonCode ? 1 : 2;
    else if (packet.type >= PacketType.PUBACK && packet.type <= PacketType.PUBCOMP && size === 6) size--;
  }
  const short = bytes.slice(0, size);
  if (size < bytes.length) short[1] -= bytes.length - size;
  return short;
}

const COMMANDS = {
  [PacketType.PUBACK]: "puback",
  [PacketType.PUBREC]: "pubrec",
  [PacketType.PUBREL]: "pubrel",
  [PacketType.PUBCOMP]: "pubcomp",
  [PacketType.SUBACK]: "suback",
  [PacketType.UNSUBACK]: "unsuback",
  [PacketType.PINGREQ]: "pingreq",
  [PacketType.PINGRESP]: "pingresp",
  [PacketType.DISCONNECT]: "disconnect",
  [PacketType.AUTH]: "auth",
} as const;

const TYPES = new Map<string, PacketType>(Object.entries(COMMANDS).map(([type, command]) => [command, Number(type)]));

/** Undefined for none, which mqtt-packet writes differently from an empty object. */
function toOracleProperties(values: PropertyValues): Record<string, unknown> | undefined {
  const entries = Object.entries(values).map(([name, value]) => [
    name,
    PROPERTIES[identifierOf(name)].kind === "binary" ? Buffer.from(fromHex(value as string)) : value,
  ]);
  return entries.length ? (Object.fromEntries(entries) as Record<string, unknown>) : undefined;
}

function fromOracleProperties(properties: object | undefined): PropertyValues {
  const entries = Object.entries(properties ?? {}).map(([name, value]: [string, unknown]) => [
    name,
    Buffer.isBuffer(value) ? toHex(value) : value,
  ]);
  return Object.fromEntries(entries) as PropertyValues;
}

function toOracle(packet: Packet): OraclePacket {
  const properties = "properties" in packet ? toOracleProperties(packet.properties) : undefined;
  switch (packet.type) {
    case PacketType.CONNECT: {
      const { will, username, password } = packet;
      return {
        cmd: "connect",
        protocolId: "MQTT",
        protocolVersion: 5,
        clientId: packet.clientId,
        clean: packet.cleanStart,
        keepalive: packet.keepAlive,
        properties,
        ...(will && {
          will: {
            ...will,
            qos: will.qos as QoS,
            payload: Buffer.from(fromHex(will.payload)),
            properties: toOracleProperties(will.properties),
          },
        }),
        ...(username !== undefined && { username }),
        ...(password !== undefined && { password: Buffer.from(fromHex(password)) }),
      } as OraclePacket;
    }
    case PacketType.CONNACK: {
      const { sessionPresent, reasonCode } = packet;
      return { cmd: "connack", sessionPresent, reasonCode, properties } as OraclePacket;
    }
    case PacketType.PUBLISH:
      return {
        cmd: "publish",
        topic: packet.topic,
        payload: Buffer.from(fromHex(packet.payload)),
        qos: packet.qos as QoS,
        retain: packet.retain,
        dup: packet.dup,
        messageId: packet.packetId,
        properties,
      } as OraclePacket;
    case PacketType.SUBSCRIBE: {
      const subscriptions = packet.entries.map((entry) => ({
        topic: entry.filter,
        qos: entry.qos as QoS,
        nl: entry.noLocal,
        rap: entry.retainAsPublished,
        rh: entry.retainHandling,
      }));
      return { cmd: "subscribe", messageId: packet.packetId, subscriptions, properties } as OraclePacket;
    }
    case PacketType.SUBACK:
    case PacketType.UNSUBACK: {
      const { packetId, codes } = packet;
      return { cmd: COMMANDS[packet.type], messageId: packetId, granted: codes, properties } as OraclePacket;
    }
    case PacketType.UNSUBSCRIBE: {
      const { packetId, filters } = packet;
      return { cmd: "unsubscribe", messageId: packetId, unsubscriptions: filters, properties } as OraclePacket;
    }
    case PacketType.PINGREQ:
    case PacketType.PINGRESP:
      return { cmd: COMMANDS[packet.type] };
    case PacketType.DISCONNECT:
    case PacketType.AUTH:
      return { cmd: COMMANDS[packet.type], reasonCode: packet.reasonCode, properties } as OraclePacket;
    default: {
      const { type, packetId, reasonCode } = packet;
      return { cmd: COMMANDS[type], messageId: packetId, reasonCode, properties } as OraclePacket;
    }
  }
}

function fromOracle(packet: OraclePacket): Packet {
  const packetId = packet.messageId ?? 0;
  const properties = fromOracleProperties("properties" in packet ? packet.properties : undefined);
  switch (packet.cmd) {
    case "connect":
      return fromOracleConnect(packet);
    case "connack": {
      const { sessionPresent, reasonCode } = packet;
      return { type: PacketType.CONNACK, sessionPresent, reasonCode: reasonCode ?? NaN, properties };
    }
    case "publish": {
      const { topic, qos, retain, dup } = packet;
      const payload = hexOf(packet.payload);
      return { type: PacketType.PUBLISH, topic, payload, qos, retain, dup, packetId, properties };
    }
    case "subscribe": {
      const entries = packet.subscriptions.map((subscription) => ({
        filter: subscription.topic,
        qos: subscription.qos,
        noLocal: subscription.nl === true,
        retainAsPublished: subscription.rap === true,
        retainHandling: subscription.rh ?? NaN,
      }));
      return { type: PacketType.SUBSCRIBE, packetId, properties, entries };
    }
    case "suback":
    case "unsuback": {
      const type = packet.cmd === "suback" ? PacketType.SUBACK : PacketType.UNSUBACK;
      return { type, packetId, properties, codes: packet.granted as number[] };
    }
    case "unsubscribe":
      return { type: PacketType.UNSUBSCRIBE, packetId, properties, filters: packet.unsubscriptions };
    case "pingreq":
      return { type: PacketType.PINGREQ };
    case "pingresp":
      return { type: PacketType.PINGRESP };
    case "disconnect":
      return { type: PacketType.DISCONNECT, reasonCode: packet.reasonCode ?? NaN, properties };
    case "auth":
      return { type: PacketType.AUTH, reasonCode: packet.reasonCode, properties };
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp": {
      const type = TYPES.get(packet.cmd) as PacketType.PUBACK;
      return { type, packetId, reasonCode: packet.reasonCode ?? NaN, properties };
    }
    default:
      throw new Error(`mqtt-packet read a packet that MQTT 5 does not have: ${(packet as IPacket).cmd}`);
  }
}

function fromOracleConnect(packet: IConnectPacket): Packet {
  const { will, username, password } = packet;
  return {
    type: PacketType.CONNECT,
    clientId: packet.clientId,
    cleanStart: packet.clean === true,
    keepAlive: packet.keepalive ?? NaN,
    properties: fromOracleProperties(packet.properties),
    ...(will && {
      will: {
        topic: will.topic,
        payload: hexOf(will.payload),
        qos: will.qos ?? NaN,
        retain: will.retain === true,
        properties: fromOracleProperties(will.properties),
      },
    }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: hexOf(password) }),
  };
}

function hexOf(bytes: Buffer | string): string {
  return typeof bytes === "string" ? toHex(Buffer.from(bytes)) : toHex(bytes);
}
