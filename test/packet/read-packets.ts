import {
  checkAcknowledgement,
  checkBarePacket,
  ConnackView,
  ConnectView,
  decodeConnack,
  decodeConnect,
  decodePublish,
  decodeSuback,
  decodeSubscribe,
  decodeUnsubscribe,
  Framer,
  PacketType,
  PublishView,
  readUint16,
  Reason,
  SubackView,
  SubscribeView,
  UnsubscribeView,
} from "../../src/packet/index.ts";
import { type Packet, toHex } from "./model.ts";

export interface ReadOptions {
  /** Size of the framer's buffer: a longer PUBLISH comes in pieces, any other longer packet is refused. */
  bufferSize?: number;
  /** The largest remaining length to accept. */
  maximum?: number;
}

export interface ReadResult<AnyPacket = Packet> {
  /** The packets before the first malformed one. */
  packets: AnyPacket[];
  /** Why reading ended, or `OK`. */
  reason: Reason;
  /** Numbers of packets, counted from 0, of whose topic (or properties) something did not fit into the framer's buffer. */
  clipped: number[];
}

/** Decodes a packet's body: its fields, or why it is malformed. */
export type Decode<AnyPacket> = (header: number, bytes: Uint8Array, start: number, end: number) => AnyPacket | Reason;

/**
 * Reads a stream that arrives in the given chunks: the framer, then the decoder for each packet's type. Each chunk is
 * wiped once the framer has returned, so whoever keeps bytes that were only lent reads rubbish.
 */
export function readPackets(chunks: readonly Uint8Array[], options: ReadOptions = {}): ReadResult {
  return readPacketsBy(Framer, decode, chunks, options);
}

/** The same with the framer and decoders of any version. */
export function readPacketsBy<AnyPacket extends object>(
  FramerOfVersion: typeof Framer,
  decode: Decode<AnyPacket>,
  chunks: readonly Uint8Array[],
  options: ReadOptions,
): ReadResult<AnyPacket> {
  const packets: AnyPacket[] = [];
  const clipped: number[] = [];
  let reason = Reason.OK;
  let large: { payload: string } | undefined;

  const framer = new FramerOfVersion(
    {
      onPacket(header, bytes, start, end) {
        take(decode(header, bytes, start, end));
      },
      onLargePublish(header, bytes, start, end, payloadLength, isClipped) {
        const publish = decode(header, bytes, start, end);
        if (typeof publish === "object" && isClipped) clipped.push(packets.length);
        large = take(publish) as { payload: string } | undefined;
        if (payloadLength === 0) large = undefined;
      },
      onLargePayload(bytes, start, end, missing) {
        if (large) large.payload += toHex(bytes, start, end);
        if (missing === 0) large = undefined;
      },
      onMalformed(why) {
        reason ||= why;
      },
    },
    new Uint8Array(options.bufferSize ?? 1024),
    options.maximum,
  );

  /** Nothing counts after the first malformed packet: the connection ends there. */
  function take(decoded: AnyPacket | Reason): AnyPacket | undefined {
    if (reason) return undefined;
    if (typeof decoded === "number") {
      reason = decoded;
      return undefined;
    }
    packets.push(decoded);
    return decoded;
  }

  for (const chunk of chunks) {
    const lent = Uint8Array.from(chunk);
    framer.push(lent, 0, lent.length);
    lent.fill(0xee);
  }
  return { packets, reason, clipped };
}

/** The stream `bytes`, cut before each of the given positions. */
export function cut(bytes: Uint8Array, ...positions: number[]): Uint8Array[] {
  const sorted = [0, ...[...positions].sort((a, b) => a - b), bytes.length];
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
}

/** The stream `bytes`, one byte at a time. */
export function cutEverywhere(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

/** Decodes a packet's body: its fields, or why it is malformed. */
export function decode(header: number, bytes: Uint8Array, start: number, end: number): Packet | Reason {
  const text = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString("utf8");
  const type: PacketType = header >> 4;
  switch (type) {
    case PacketType.CONNECT: {
      const view = new ConnectView();
      const reason = decodeConnect(bytes, start, end, view);
      if (reason) return reason;
      return {
        type,
        clientId: text(view.clientIdStart, view.clientIdEnd),
        cleanSession: view.cleanSession,
        keepAlive: view.keepAlive,
        ...(view.hasWill && {
          will: {
            topic: text(view.willTopicStart, view.willTopicEnd),
            payload: toHex(bytes, view.willPayloadStart, view.willPayloadEnd),
            qos: view.willQos,
            retain: view.willRetain,
          },
        }),
        ...(view.hasUsername && { username: text(view.usernameStart, view.usernameEnd) }),
        ...(view.hasPassword && { password: toHex(bytes, view.passwordStart, view.passwordEnd) }),
      };
    }
    case PacketType.CONNACK: {
      const view = new ConnackView();
      const reason = decodeConnack(bytes, start, end, view);
      return reason || { type, sessionPresent: view.sessionPresent, returnCode: view.returnCode };
    }
    case PacketType.PUBLISH: {
      const view = new PublishView();
      const reason = decodePublish(header, bytes, start, end, view);
      if (reason) return reason;
      return {
        type,
        topic: text(view.topicStart, view.topicEnd),
        payload: toHex(bytes, view.payloadStart, view.payloadEnd),
        qos: view.qos,
        retain: view.retain,
        dup: view.dup,
        packetId: view.packetId,
      };
    }
    case PacketType.SUBSCRIBE: {
      const view = new SubscribeView();
      const reason = decodeSubscribe(bytes, start, end, view);
      if (reason) return reason;
      const entries = [];
      while (view.next(bytes)) entries.push({ filter: text(view.filterStart, view.filterEnd), qos: view.qos });
      return { type, packetId: view.packetId, entries };
    }
    case PacketType.SUBACK: {
      const view = new SubackView();
      const reason = decodeSuback(bytes, start, end, view);
      return reason || { type, packetId: view.packetId, codes: [...bytes.subarray(view.codesStart, view.codesEnd)] };
    }
    case PacketType.UNSUBSCRIBE: {
      const view = new UnsubscribeView();
      const reason = decodeUnsubscribe(bytes, start, end, view);
      if (reason) return reason;
      const filters = [];
      while (view.next(bytes)) filters.push(text(view.filterStart, view.filterEnd));
      return { type, packetId: view.packetId, filters };
    }
    case PacketType.PINGREQ:
    case PacketType.PINGRESP:
    case PacketType.DISCONNECT:
      return checkBarePacket(start, end) || { type };
    case PacketType.AUTH: // of MQTT 5: the framer does not let it through
      return Reason.PACKET_TYPE;
    default:
      return checkAcknowledgement(bytes, start, end) || { type, packetId: readUint16(bytes, start) };
  }
}
