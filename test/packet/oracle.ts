// mqtt-packet 9, the codec of MQTT.js and aedes, as the second opinion on every byte.
//
// Its generator writes what the specification asks for. Its parser is laxer than MQTT 3.1.1, so that it can judge
// packets that we accept, but not those that we refuse. It accepts:
//   - packet id 0, and bytes left over at the end of CONNECT, CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, PINGREQ,
//     PINGRESP and DISCONNECT;
//   - ill-formed UTF-8 (read as U+FFFD), U+0000, empty topics, wildcards in topics and misplaced ones in filters;
//   - DUP with QoS 0; SUBSCRIBE and UNSUBSCRIBE without a filter, SUBACK without a return code;
//   - in CONNECT: levels 3 and 5, the name MQIsdp, bridge mode (level + 128), will QoS 3, a password without username,
//     an empty client id without clean session;
//   - in CONNACK: any return code, also together with session present;
//   - an id or number that is cut off by the packet's end, read from the packet that follows or as -1.
// It is stricter than 3.1.1 in nothing that these tests have met.

import {
  generate,
  type IConnectPacket,
  type IPacket,
  type Packet as OraclePacket,
  parser,
  type QoS,
} from "mqtt-packet";
import { PacketType } from "../../src/packet/index.ts";
import { fromHex, type Packet, toHex } from "./model.ts";

/** Bytes of `packet` according to mqtt-packet. */
export function oracleEncode(packet: Packet): Uint8Array {
  return new Uint8Array(generate(toOracle(packet), { protocolVersion: 4 }));
}

/** The packets in `bytes` according to mqtt-packet; or what it has to say against them. */
export function oracleRead(bytes: Uint8Array): Packet[] | Error {
  const packets: Packet[] = [];
  let refusal: Error | undefined;
  const reader = parser({ protocolVersion: 4 });
  reader.on("packet", (packet) => packets.push(fromOracle(packet)));
  reader.on("error", (error: Error) => (refusal ??= error));
  reader.parse(Buffer.from(bytes));
  return refusal ?? packets;
}

const COMMANDS = {
  [PacketType.PUBACK]: "puback",
  [PacketType.PUBREC]: "pubrec",
  [PacketType.PUBREL]: "pubrel",
  [PacketType.PUBCOMP]: "pubcomp",
  [PacketType.UNSUBACK]: "unsuback",
  [PacketType.PINGREQ]: "pingreq",
  [PacketType.PINGRESP]: "pingresp",
  [PacketType.DISCONNECT]: "disconnect",
} as const;

function toOracle(packet: Packet): OraclePacket {
  switch (packet.type) {
    case PacketType.CONNECT: {
      const { will, username, password } = packet;
      return {
        cmd: "connect",
        protocolId: "MQTT",
        protocolVersion: 4,
        clientId: packet.clientId,
        clean: packet.cleanSession,
        keepalive: packet.keepAlive,
        ...(will && { will: { ...will, qos: will.qos as QoS, payload: Buffer.from(fromHex(will.payload)) } }),
        ...(username !== undefined && { username }),
        ...(password !== undefined && { password: Buffer.from(fromHex(password)) }),
      };
    }
    case PacketType.CONNACK:
      return { cmd: "connack", sessionPresent: packet.sessionPresent, returnCode: packet.returnCode };
    case PacketType.PUBLISH:
      return {
        cmd: "publish",
        topic: packet.topic,
        payload: Buffer.from(fromHex(packet.payload)),
        qos: packet.qos as QoS,
        retain: packet.retain,
        dup: packet.dup,
        messageId: packet.packetId,
      };
    case PacketType.SUBSCRIBE: {
      const subscriptions = packet.entries.map(({ filter, qos }) => ({ topic: filter, qos: qos as QoS }));
      return { cmd: "subscribe", messageId: packet.packetId, subscriptions };
    }
    case PacketType.SUBACK:
      return { cmd: "suback", messageId: packet.packetId, granted: packet.codes };
    case PacketType.UNSUBSCRIBE:
      return { cmd: "unsubscribe", messageId: packet.packetId, unsubscriptions: packet.filters };
    case PacketType.PINGREQ:
    case PacketType.PINGRESP:
    case PacketType.DISCONNECT:
      return { cmd: COMMANDS[packet.type] };
    default:
      return { cmd: COMMANDS[packet.type], messageId: packet.packetId } as OraclePacket;
  }
}

function fromOracle(packet: OraclePacket): Packet {
  const packetId = packet.messageId ?? 0;
  switch (packet.cmd) {
    case "connect":
      return fromOracleConnect(packet);
    case "connack":
      return {
        type: PacketType.CONNACK,
        sessionPresent: packet.sessionPresent,
        returnCode: packet.returnCode ?? NaN,
      };
    case "publish": {
      const { topic, qos, retain, dup } = packet;
      return { type: PacketType.PUBLISH, topic, payload: hexOf(packet.payload), qos, retain, dup, packetId };
    }
    case "subscribe": {
      const entries = packet.subscriptions.map(({ topic, qos }) => ({ filter: topic, qos }));
      return { type: PacketType.SUBSCRIBE, packetId, entries };
    }
    case "suback":
      return { type: PacketType.SUBACK, packetId, codes: packet.granted as number[] };
    case "unsubscribe":
      return { type: PacketType.UNSUBSCRIBE, packetId, filters: packet.unsubscriptions };
    case "pingreq":
      return { type: PacketType.PINGREQ };
    case "pingresp":
      return { type: PacketType.PINGRESP };
    case "disconnect":
      return { type: PacketType.DISCONNECT };
    case "puback":
      return { type: PacketType.PUBACK, packetId };
    case "pubrec":
      return { type: PacketType.PUBREC, packetId };
    case "pubrel":
      return { type: PacketType.PUBREL, packetId };
    case "pubcomp":
      return { type: PacketType.PUBCOMP, packetId };
    case "unsuback":
      return { type: PacketType.UNSUBACK, packetId };
    default:
      throw new Error(`mqtt-packet read a packet that MQTT 3.1.1 does not have: ${(packet as IPacket).cmd}`);
  }
}

function fromOracleConnect(packet: IConnectPacket): Packet {
  const { will, username, password } = packet;
  return {
    type: PacketType.CONNECT,
    clientId: packet.clientId,
    cleanSession: packet.clean === true,
    keepAlive: packet.keepalive ?? NaN,
    ...(will && {
      will: { topic: will.topic, payload: hexOf(will.payload), qos: will.qos ?? NaN, retain: will.retain === true },
    }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: hexOf(password) }),
  };
}

function hexOf(bytes: Buffer | string): string {
  return typeof bytes === "string" ? toHex(Buffer.from(bytes)) : toHex(bytes);
}
