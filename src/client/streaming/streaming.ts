import { readUint16 } from "../../packet/bytes.ts";
import { PacketType } from "../../packet/fixed-header.ts";
import type { PacketListener } from "../../packet/framer.ts";
import { Reason } from "../../packet/reason.ts";
import type { Clock } from "../../platform.ts";
import { type Client, Phase } from "../client.ts";
import { encodeTopicName, inRange } from "../options.ts";
import type { MessageHandler } from "../subscriptions.ts";
import { Line, type LineListener } from "./line.ts";
import { type InterruptionHandler, type PieceHandler, Pieces } from "./pieces.ts";
import { StreamingPublisher, type StreamingPublisherOptions } from "./publisher.ts";

/** How long a client may be kept waiting. */
export interface StreamingOptions {
  /**
   * How long a message on its way out may go without a byte taken, be it for the application or the connection, before
   * the connection ends: 1 to 2^31 - 1. 10,000 by default. It can only end, for a packet cannot be broken off.
   */
  stallTimeoutMs?: number;
}

/** The first publisher's packet id; the others' are below. Those of the client's own messages and requests count from 1. */
const LAST_PACKET_ID = 65_535;

/**
 * Messages of any size, both ways, without a buffer for them: an optional part, `mote-mqtt/streaming`. Made for one
 * client, before that connects. A client without it has nothing of it: this takes places around the client (at the
 * transport, the framer and the clock) rather than have places within.
 */
export class Streaming implements PacketListener, Clock, LineListener {
  private readonly _client: Client;
  private readonly _clock: Clock;
  private readonly _line: Line;
  private readonly _pieces: Pieces;
  private readonly _publishers: StreamingPublisher[] = [];
  private readonly _stallTimeoutMs: number;
  /** How long what is under way has not got on. */
  private _idleMs = 0;

  /** Throws a RangeError that names the option when one cannot be, an Error when the client connects or has one already. */
  constructor(client: Client, options?: StreamingOptions) {
    if (client._phase !== Phase.IDLE) throw new Error("Streaming must be made before the client connects");
    if (client._framer._listener !== client) throw new Error("the client has a Streaming already");
    this._stallTimeoutMs = inRange("stallTimeoutMs", options?.stallTimeoutMs, 10_000, 1, 2_147_483_647);
    this._client = client;
    this._line = new Line(client, this);
    this._pieces = new Pieces(client);
    client._framer._listener = this;
    const platform = client._platform;
    this._clock = platform.clock;
    client._platform = {
      clock: this,
      text: platform.text,
      random: () => platform.random(),
      createTransport: () => platform.createTransport(),
    };
  }

  /** Prepares to publish to `topic`. Throws when the topic cannot be published to, or an option cannot be. */
  publisher(topic: string, options?: StreamingPublisherOptions): StreamingPublisher {
    const bytes = encodeTopicName(this._client._platform.text, "topic", topic);
    const packetId = LAST_PACKET_ID - this._publishers.length;
    const publisher = new StreamingPublisher(this._client, this._line, bytes, packetId, options ?? {});
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
  pieces(onPiece: PieceHandler, onInterrupted?: InterruptionHandler): MessageHandler {
    return this._pieces.handler(onPiece, onInterrupted);
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

  // As the client's clock

  /** @internal */
  now(): number {
    return this._clock.now();
  }

  /** @internal */
  startTicking(intervalMs: number, callback: () => void): unknown {
    return this._clock.startTicking(intervalMs, () => {
      this._tick(intervalMs);
      callback();
    });
  }

  /** @internal */
  stopTicking(ticking: unknown): void {
    this._clock.stopTicking(ticking);
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
    if (this._isAcknowledgement(type, bytes, start, end)) this._idleMs = 0;
    else this._client.onPacket(header, bytes, start, end);
  }

  /** Takes the acknowledgement of a streamed message. Returns false when it is none. */
  private _isAcknowledgement(type: PacketType, bytes: Uint8Array, start: number, end: number): boolean {
    if (type < PacketType.PUBACK || type > PacketType.PUBCOMP || end - start !== 2) return false;
    const publisher = this._publishers[LAST_PACKET_ID - readUint16(bytes, start)];
    return publisher !== undefined && this._client.connected && publisher._acknowledged(type);
  }

  private _onConnack(header: number, bytes: Uint8Array, start: number, end: number): void {
    const client = this._client;
    const publishers = this._publishers;
    const accepted = !client.connected && bytes[start + 1] === 0;
    const kept = (bytes[start] & 1) !== 0;
    // Before `onConnect`, which may begin a message.
    for (let index = 0; accepted && !kept && index < publishers.length; index++) publishers[index]._forget();
    client.onPacket(header, bytes, start, end);
    for (let index = 0; client.connected && index < publishers.length; index++) publishers[index]._resume(kept);
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
