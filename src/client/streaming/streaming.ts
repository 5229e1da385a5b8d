import { readUint16 } from "../../packet/bytes.ts";
import { PacketType } from "../../packet/fixed-header.ts";
import type { PacketListener } from "../../packet/framer.ts";
import { Reason } from "../../packet/reason.ts";
import { type Client, Phase } from "../client.ts";
import { inRange } from "../options.ts";
import { watchTicks } from "../ticks.ts";
import type { MessageHandler } from "../subscriptions.ts";
import { Line, type LineListener } from "./line.ts";
import { type InterruptionHandler, type PieceHandler, Pieces } from "./pieces.ts";
import { StreamingPublisher } from "./publisher.ts";

/** How long a client may be kept waiting. */
export interface StreamingOptions {
  /**
   * How long a message on its way out may go without a byte taken, be it for the application or the connection, before
   * the connection ends: 1 to 2^31 - 1. 10,000 by default. It can only end, for a packet cannot be broken off.
   */
  stallTimeoutMs?: number;
}

/** Where packets come from. */
interface PacketSource {
  _listener: PacketListener;
}

/** The first publisher's packet id; the others' are below. Those of the client's own messages and requests count from 1. */
const LAST_PACKET_ID = 65_535;

/**
 * Messages of any size, both ways, without a buffer for them: an optional part, `mote-mqtt/streaming`. Made for one
 * client, before that connects. A client without it has nothing of it: this takes places around the client (at the
 * transport, the framer and the clock) rather than have places within.
 */
export class Streaming<Of extends Client = Client> implements PacketListener, LineListener {
  private readonly _client: Of;
  private readonly _line: Line;
  private readonly _pieces: Pieces;
  private readonly _publishers: StreamingPublisher[] = [];
  private readonly _stallTimeoutMs: number;
  /** How long what is under way has not got on. */
  private _idleMs = 0;

  /** Throws a RangeError that names the option when one cannot be, an Error when the client connects or has one already. */
  constructor(client: Of, options?: StreamingOptions) {
    if (client._phase !== Phase.IDLE) throw new Error("Streaming must be made before the client connects");
    // The framer of MQTT 5 has an own listener before the client.
    const framer: PacketSource & { _large?: PacketSource } = client._framer;
    const source = framer._large ?? framer;
    if (source._listener !== client) throw new Error("the client has a Streaming already");
    this._stallTimeoutMs = inRange("stallTimeoutMs", options?.stallTimeoutMs, 10_000, 1, 2_147_483_647);
    this._client = client;
    this._line = new Line(client, this);
    this._pieces = new Pieces(client);
    source._listener = this;
    watchTicks(client, (passedMs) => this._tick(passedMs));
  }

  /**
   * Prepares to publish to `topic`; the options are those of `client.publisher`, but for `topicAlias` and `decimals`. Throws
   * when the topic cannot be published to, or an option cannot be.
   */
  publisher(topic: string, options?: Parameters<Of["publisher"]>[1]): StreamingPublisher {
    if (options && "topicAlias" in options) throw new TypeError("topicAlias is not for streamed messages");
    const prepared = this._client.publisher(topic, options);
    const packetId = LAST_PACKET_ID - this._publishers.length;
    const publisher = new StreamingPublisher(this._client, this._line, prepared, packetId);
    this._publishers.push(publisher);
    return publisher;
  }

  /**
   * A handler for `client.subscribe` that gets messages in pieces: one that is larger than `receiveBytes` as it arrives,
   * any other whole. It is acknowledged once its last piece was handled. Topic and properties have to fit into the
   * receive buffer; where they do not, the message is skipped.
   *
   * @param onInterrupted told when the rest of a message does not come. With QoS 1 or 2 and a session that is kept, the
   *   message comes again, from its beginning.
   */
  pieces(onPiece: PieceHandler<Of["_message"]>, onInterrupted?: InterruptionHandler): MessageHandler {
    return this._pieces.handler(onPiece as PieceHandler, onInterrupted);
  }

  // As the line's listener

  /** @internal */
  _onProgress(): void {
    this._idleMs = 0;
  }

  /** The connection has ended. @internal */
  _onClosed(reason: Reason): void {
    this._pieces.interrupted(reason);
    for (let index = 0; index < this._publishers.length; index++) this._publishers[index]._interrupted(reason);
  }

  private _tick(passed: number): void {
    const client = this._client;
    const sending = this._line.owner !== undefined;
    if (sending) {
      // No ping can be sent now, and answers may be as slow as the message: its own time-out stands for the others.
      client._sinceSentMs = client._sinceAcknowledgedMs = 0;
      if (client._sincePingMs > 0) client._sincePingMs = 0;
    }
    if (!client.connected || !(sending || this._isAwaiting)) {
      this._idleMs = 0;
      return;
    }
    this._idleMs += passed;
    if (this._idleMs < (sending ? this._stallTimeoutMs : client._acknowledgeTimeoutMs)) return;
    client._lose(sending ? Reason.STREAM_STALLED : Reason.ACKNOWLEDGE_TIMEOUT);
  }

  private get _isAwaiting(): boolean {
    for (let index = 0; index < this._publishers.length; index++) {
      if (this._publishers[index]._awaiting) return true;
    }
    return false;
  }

  // As the framer's listener

  /** @internal */
  onPacket(header: number, bytes: Uint8Array, start: number, end: number): void {
    const type = header >> 4;
    if (type === PacketType.CONNACK) return this._onConnack(header, bytes, start, end);
    const client = this._client;
    const publisher = this._publisherOf(type, bytes, start, end);
    if (publisher) {
      // The client has no such packet id, which does no harm; but it knows what an acknowledgement looks like.
      client.onPacket(PacketType.PUBACK << 4, bytes, start, end);
      if (!client.connected) return;
      if (publisher._acknowledged(type, end - start > 2 ? bytes[start + 2] : Reason.OK)) {
        this._idleMs = 0;
        return;
      }
    }
    client.onPacket(header, bytes, start, end);
  }

  /** Whose message a packet acknowledges. */
  private _publisherOf(
    type: PacketType,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): StreamingPublisher | undefined {
    const acknowledges = type === PacketType.PUBACK || type === PacketType.PUBREC || type === PacketType.PUBCOMP;
    return acknowledges && end - start >= 2 ? this._publishers[LAST_PACKET_ID - readUint16(bytes, start)] : undefined;
  }

  private _onConnack(header: number, bytes: Uint8Array, start: number, end: number): void {
    const client = this._client;
    const publishers = this._publishers;
    const accepted = !client.connected && bytes[start + 1] === 0;
    const kept = (bytes[start] & 1) !== 0;
    // Before `onConnect`, which may begin a message.
    for (let index = 0; accepted && !kept && index < publishers.length; index++) publishers[index]._forget();
    client.onPacket(header, bytes, start, end);
    for (let index = 0; client.connected && index < publishers.length; index++) publishers[index]._resume();
  }

  /** @internal */
  onLargePublish(
    header: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    payloadLength: number,
    clipped: boolean,
  ): void {
    this._pieces.onLargePublish(header, bytes, start, end, payloadLength, clipped);
  }

  /** @internal */
  onLargePayload(bytes: Uint8Array, start: number, end: number, missing: number): void {
    // An acknowledgement may be behind it.
    if (!this._line.owner) this._idleMs = 0;
    this._pieces.onLargePayload(bytes, start, end, missing);
  }

  /** @internal */
  onMalformed(reason: Reason): void {
    this._client.onMalformed(reason);
  }
}
