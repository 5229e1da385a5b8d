import { Framer, packetSize, PacketType, Reason, writeFixedHeader } from "../../src/packet/index.ts";
import { encode, type Packet, type Publish, toHex, utf8 } from "../packet/model.ts";
import { readPackets } from "../packet/read-packets.ts";
import type { Link } from "./virtual-platform.ts";

const BUFFER_SIZE = 1 << 18;

/** The broker's end of a connection, in packets. A client that sends what is not MQTT makes it throw. */
export class PacketLink {
  readonly link: Link;
  onPacket: (packet: Packet) => void = () => undefined;
  private _received: Packet[] = [];

  constructor(link: Link) {
    this.link = link;
    const framer = new Framer(
      {
        onPacket: (header, bytes, start, end) => this._receive(header, bytes.subarray(start, end)),
        onLargePublish: () => fail("a packet larger than the test's buffer"),
        onLargePayload: () => undefined,
        onMalformed: (reason) => fail(`malformed: ${Reason[reason]}`),
      },
      new Uint8Array(BUFFER_SIZE),
    );
    link.onBytes = (bytes) => framer.push(bytes, 0, bytes.length);
  }

  private _receive(header: number, body: Uint8Array): void {
    const whole = new Uint8Array(packetSize(body.length));
    whole.set(body, writeFixedHeader(whole, 0, header, body.length));
    const { packets, reason } = readPackets([whole], { bufferSize: body.length + 16 });
    if (reason) fail(`malformed: ${Reason[reason]}`);
    this._received.push(packets[0]);
    this.onPacket(packets[0]);
  }

  send(...packets: Packet[]): void {
    this.link.deliver(encode(...packets));
  }

  /** What has come since the last call. */
  take(): Packet[] {
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
