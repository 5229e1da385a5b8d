// Bytes <-> packets of either version, in one shape: that of MQTT 5, of which 3.1.1's is a part.

import { isDeepStrictEqual } from "node:util";
import { Framer as Framer311 } from "../../src/packet/framer.ts";
import { packetSize, PacketType, Reason, writeFixedHeader } from "../../src/packet/index.ts";
import { Framer as Framer5 } from "../../src/packet/v5/framer.ts";
import * as model311 from "../packet/model.ts";
import { oracleRead as oracleRead311 } from "../packet/oracle.ts";
import { decode as decode311 } from "../packet/read-packets.ts";
import * as model5 from "../packet/v5/model.ts";
import { oracleRead as oracleRead5 } from "../packet/v5/oracle.ts";
import { decode as decode5 } from "../packet/v5/read-packets.ts";

export type { Connack, Connect, Packet, Publish } from "../packet/v5/model.ts";
type Packet = model5.Packet;

/** The protocol level in CONNECT: 4 is MQTT 3.1.1. */
export type Level = 4 | 5;

/** Larger than any packet of a simulation but those that come in pieces. */
const BUFFER_SIZE = 1 << 14;

/** A strict reader of one direction of a connection. */
export class Reader {
  /** Gets each packet and its size in bytes. */
  onPacket: (packet: Packet, size: number) => void = () => undefined;
  /** The stream is not MQTT, or mqtt-packet reads something else in it. */
  onMalformed: (why: string) => void = () => undefined;
  /** A PUBLISH is larger than any of a simulation; the rest of it is skipped. */
  onLarge: () => void = () => this.onMalformed("a packet that is larger than any the simulation has");
  /** Whether mqtt-packet reads each packet too. */
  private readonly _twice: boolean;
  private readonly _level: Level;
  private readonly _toServer: boolean;
  private readonly _framer: Framer311;

  constructor(level: Level, toServer: boolean, twice = false) {
    this._level = level;
    this._toServer = toServer;
    this._twice = twice;
    const Framer = level === 5 ? Framer5 : Framer311;
    this._framer = new Framer(
      {
        onPacket: (header, bytes, start, end) => this._take(header, bytes, start, end),
        onLargePublish: () => this.onLarge(),
        onLargePayload: () => undefined,
        onMalformed: (reason) => this.onMalformed(Reason[reason]),
      },
      new Uint8Array(BUFFER_SIZE),
    );
  }

  push(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this._framer.push(bytes, start, end);
  }

  private _take(header: number, bytes: Uint8Array, start: number, end: number): void {
    const own =
      this._level === 5 ? decode5(header, bytes, start, end, this._toServer) : decode311(header, bytes, start, end);
    if (typeof own === "number") return this.onMalformed(Reason[own]);
    const size = packetSize(end - start);
    if (this._twice) {
      const whole = new Uint8Array(size);
      whole.set(bytes.subarray(start, end), writeFixedHeader(whole, 0, header, end - start));
      const theirs = this._level === 5 ? oracleRead5(whole) : oracleRead311(whole);
      if (!isDeepStrictEqual(plain(theirs), plain([own]))) {
        return this.onMalformed(`${text(own)}, which mqtt-packet reads as ${text(theirs)}`);
      }
    }
    this.onPacket(this._level === 5 ? (own as Packet) : toShape(own as model311.Packet), size);
  }
}

export function encode(level: Level, packet: Packet): Uint8Array {
  return level === 5 ? model5.encode(packet) : model311.encode(fromShape(packet));
}

function toShape(packet: model311.Packet): Packet {
  if (packet.type === PacketType.CONNECT) {
    const { cleanSession, will, ...rest } = packet;
    return { ...rest, cleanStart: cleanSession, properties: {}, ...(will && { will: { ...will, properties: {} } }) };
  }
  if (packet.type === PacketType.CONNACK) {
    const { returnCode, ...rest } = packet;
    return { ...rest, reasonCode: returnCode, properties: {} };
  }
  if (packet.type === PacketType.SUBSCRIBE) {
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 };
    return { ...packet, properties: {}, entries: packet.entries.map((entry) => ({ ...entry, ...options })) };
  }
  return { ...packet, properties: {}, reasonCode: 0 } as unknown as Packet;
}

function fromShape(packet: Packet): model311.Packet {
  if (packet.type === PacketType.CONNECT) return { ...packet, cleanSession: packet.cleanStart };
  if (packet.type === PacketType.CONNACK) return { ...packet, returnCode: packet.reasonCode };
  return packet as model311.Packet;
}

/** Without prototypes, of which mqtt-packet's objects have others. */
function plain(value: unknown): unknown {
  return value instanceof Error ? value.message : JSON.parse(JSON.stringify(value));
}

/** A packet on one line of a journal. */
export function text(packet: unknown): string {
  if (packet instanceof Error) return packet.message;
  if (Array.isArray(packet)) return packet.map(text).join(", ");
  const { type, ...fields } = packet as Packet & { payload?: string };
  const { payload } = fields;
  if (payload !== undefined) fields.payload = shorten(Buffer.from(payload, "hex").toString());
  const shown = Object.entries(fields).filter(
    ([name, value]) => value !== false && !(name === "properties" && Object.keys(value as object).length === 0),
  );
  const list = shown.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(", ");
  return `${PacketType[type]}${list && `: ${list}`}`;
}

function shorten(payload: string): string {
  return payload.length > 40 ? `${payload.slice(0, 40)}… (${payload.length})` : payload;
}
