import { packetSize, PacketType, Reason, writeFixedHeader } from "../../src/packet/index.ts";
import { Framer as Framer5 } from "../../src/packet/v5/index.ts";
import { encode, type Packet, type Publish, toHex, utf8 } from "../packet/model.ts";
import { readPackets } from "../packet/read-packets.ts";
import type { Link } from "./virtual-platform.ts";

const BUFFER_SIZE = 1 << 18;

/** Packets of one version of MQTT as values, to bytes and back. */
export interface PacketCodec<P> {
  encode(packet: P): Uint8Array;
  /** The packet that these bytes are, and all of them; or why they are none. */
  read(bytes: Uint8Array): P | Reason;
}

/** That of MQTT 3.1.1. */
export const CODEC: PacketCodec<Packet> = {
  encode: (packet) => encode(packet),
  read: (bytes) => {
    const { packets, reason } = readPackets([bytes], { bufferSize: bytes.length + 16 });
    return reason || packets[0];
  },
};

/** Makes packets of the bytes that a client sends, cut anywhere. One that sends what is not MQTT makes it throw. */
export function packetReader<P>(codec: PacketCodec<P>, onPacket: (packet: P) => void): (bytes: Uint8Array) => void {
  const receive = (header: number, body: Uint8Array): void => {
    const whole = new Uint8Array(packetSize(body.length));
    whole.set(body, writeFixedHeader(whole, 0, header, body.length));
    const packet = codec.read(whole);
    if (typeof packet === "number") fail(`malformed: ${Reason[packet]}`);
    onPacket(packet as P);
  };
  // That of MQTT 5 differs only in what a client does not send.
  const framer = new Framer5(
    {
      onPacket: (header, bytes, start, end) => receive(header, bytes.subarray(start, end)),
      onLargePublish: () => fail("a packet larger than the test's buffer"),
      onLargePayload: () => undefined,
      onMalformed: (reason) => fail(`malformed: ${Reason[reason]}`),
    },
    new Uint8Array(BUFFER_SIZE),
  );
  return (bytes) => framer.push(bytes, 0, bytes.length);
}

/** The broker's end of a connection, in packets. */
export class PacketLink<P = Packet> {
  readonly link: Link;
  onPacket: (packet: P) => void = () => undefined;
  private readonly _codec: PacketCodec<P>;
  private _received: P[] = [];

  constructor(link: Link, codec = CODEC as unknown as PacketCodec<P>) {
    this.link = link;
    this._codec = codec;
    link.onBytes = packetReader(codec, (packet) => {
      this._received.push(packet);
      this.onPacket(packet);
    });
  }

  send(...packets: P[]): void {
    this.link.deliver(new Uint8Array(Buffer.concat(packets.map((packet) => this._codec.encode(packet)))));
  }

  /** What has come since the last call. */
  take(): P[] {
    const received = this._received;
    this._received = [];
    return received;
  }
}

function fail(what: string): never {
  throw new Error(`the client sent ${what}`);
}

/** A PUBLISH of text. */
export function publish(topic: string, payload: string | Uint8Array, fields: Partial<Publish> = {}): Publish {
  const bytes = typeof payload === "string" ? utf8(payload) : payload;
  const packet = { type: PacketType.PUBLISH as const, topic, payload: toHex(bytes), qos: 0, retain: false, dup: false };
  return { ...packet, packetId: 0, ...fields };
}

/** The text of a PUBLISH. */
export function payloadOf(packet: Packet): string {
  return packet.type === PacketType.PUBLISH ? Buffer.from(packet.payload, "hex").toString() : "";
}
