// MQTT's packets as plain values, and the encoder for each: what the tests compare. Texts are strings and binary fields
// are in hexadecimal, so that two packets are equal when their fields are.

import {
  type AcknowledgementType,
  type BarePacketType,
  encodeAcknowledgement,
  encodeBarePacket,
  encodeConnack,
  encodeConnect,
  encodePublish,
  encodeSuback,
  encodeSubscribe,
  encodeUnsubscribe,
  NO_ROOM,
  PacketType,
  publishHeader,
} from "../../src/packet/index.ts";

export interface Connect {
  type: PacketType.CONNECT;
  clientId: string;
  cleanSession: boolean;
  keepAlive: number;
  will?: { topic: string; payload: string; qos: number; retain: boolean };
  username?: string;
  password?: string;
}

export interface Connack {
  type: PacketType.CONNACK;
  sessionPresent: boolean;
  returnCode: number;
}

export interface Publish {
  type: PacketType.PUBLISH;
  topic: string;
  payload: string;
  qos: number;
  retain: boolean;
  dup: boolean;
  packetId: number;
}

export interface Acknowledgement {
  type: AcknowledgementType;
  packetId: number;
}

export interface Subscribe {
  type: PacketType.SUBSCRIBE;
  packetId: number;
  entries: { filter: string; qos: number }[];
}

export interface Suback {
  type: PacketType.SUBACK;
  packetId: number;
  codes: number[];
}

export interface Unsubscribe {
  type: PacketType.UNSUBSCRIBE;
  packetId: number;
  filters: string[];
}

export interface BarePacket {
  type: BarePacketType;
}

export type Packet = Connect | Connack | Publish | Acknowledgement | Subscribe | Suback | Unsubscribe | BarePacket;

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

export function toHex(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("hex");
}

/** Writes `packet` at `at` with its encoder. Returns what that returns. */
export function encodeInto(into: Uint8Array, at: number, packet: Packet): number {
  switch (packet.type) {
    case PacketType.CONNECT: {
      const { will, username, password } = packet;
      return encodeConnect(into, at, {
        clientId: utf8(packet.clientId),
        cleanSession: packet.cleanSession,
        keepAlive: packet.keepAlive,
        will: will && { ...will, topic: utf8(will.topic), payload: fromHex(will.payload) },
        username: username === undefined ? undefined : utf8(username),
        password: password === undefined ? undefined : fromHex(password),
      });
    }
    case PacketType.CONNACK:
      return encodeConnack(into, at, packet.sessionPresent, packet.returnCode);
    case PacketType.PUBLISH: {
      const header = publishHeader(packet.qos, packet.retain, packet.dup);
      const payload = fromHex(packet.payload);
      return encodePublish(into, at, header, utf8(packet.topic), packet.packetId, payload, 0, payload.length);
    }
    case PacketType.SUBSCRIBE: {
      const entries = packet.entries.map(({ filter, qos }) => ({ filter: utf8(filter), qos }));
      return encodeSubscribe(into, at, packet.packetId, entries);
    }
    case PacketType.SUBACK:
      return encodeSuback(into, at, packet.packetId, Uint8Array.from(packet.codes));
    case PacketType.UNSUBSCRIBE:
      return encodeUnsubscribe(into, at, packet.packetId, packet.filters.map(utf8));
    case PacketType.PINGREQ:
    case PacketType.PINGRESP:
    case PacketType.DISCONNECT:
      return encodeBarePacket(into, at, packet.type);
    default:
      return encodeAcknowledgement(into, at, packet.type, packet.packetId);
  }
}

/** The bytes of packets one after the other, each in its own encoder's words. */
export function encode(...packets: Packet[]): Uint8Array {
  return new Uint8Array(Buffer.concat(packets.map(encodeOne)));
}

function encodeOne(packet: Packet): Uint8Array {
  for (let size = 1024; ; size *= 16) {
    const into = new Uint8Array(size);
    const end = encodeInto(into, 0, packet);
    if (end !== NO_ROOM) return into.subarray(0, end);
  }
}
