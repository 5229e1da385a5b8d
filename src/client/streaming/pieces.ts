import type { PacketListener } from "../../packet/framer.ts";
import type { Reason } from "../../packet/reason.ts";
import type { Client } from "../client.ts";
import type { Message } from "../message.ts";
import { type MessageHandler, State, type Subscription } from "../subscriptions.ts";

/**
 * A part of a message's payload, as it arrived. There is one, which every handler gets in turn: it and its bytes are only
 * lent until the handler returns.
 */
export class Piece<Of extends Message = Message> {
  /** The message but for its payload: its topic, QoS, `retain`, `dup`, with MQTT 5 its properties. */
  message: Of;
  /** Where in the payload the piece begins; 0 is the first of a message, whatever came before. */
  offset = 0;
  /** Bytes of the whole payload. The last piece ends here. */
  total = 0;
  /** The piece is at bytes `start` up to, not including, `end`. */
  bytes: Uint8Array;
  start = 0;
  end = 0;

  /** @internal */
  constructor(message: Of) {
    this.message = message;
    this.bytes = message.bytes;
  }

  /** Whether the payload ends with this piece. */
  get last(): boolean {
    return this.offset + this.end - this.start === this.total;
  }

  /** @internal */
  _set(bytes: Uint8Array, start: number, end: number, offset: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.offset = offset;
  }
}

/** Gets a message's pieces in order, the first with offset 0. A message that fits into the receive buffer is one piece. */
export type PieceHandler<Of extends Message = Message> = (piece: Piece<Of>) => void;

/** The rest of a message does not come: its connection has ended, for `reason`. */
export type InterruptionHandler = (reason: Reason) => void;

/** A handler of pieces, and the handler of messages that stands for it among the subscriptions. */
class Receiver {
  /** The subscription that wants the message that is arriving. */
  subscription: Subscription | undefined;
  readonly handler: MessageHandler;
  readonly onPiece: PieceHandler;
  readonly onInterrupted: InterruptionHandler | undefined;

  constructor(handler: MessageHandler, onPiece: PieceHandler, onInterrupted: InterruptionHandler | undefined) {
    this.handler = handler;
    this.onPiece = onPiece;
    this.onInterrupted = onInterrupted;
  }

  /** Whether it gets the message that is arriving: also a handler may end its subscription. */
  get isWanted(): boolean {
    return this.subscription !== undefined && this.subscription._state < State.CANCELLED;
  }
}

/**
 * Hands the pieces of messages larger than the receive buffer to those who want them. What nobody wants goes on to the
 * client, which skips it.
 */
export class Pieces {
  private readonly _client: Client;
  private readonly _piece: Piece;
  private readonly _receivers: Receiver[] = [];
  /** Whether a message is arriving that somebody wants. */
  private _receiving = false;
  private _offset = 0;

  constructor(client: Client) {
    this._client = client;
    this._piece = new Piece(client._message);
  }

  /** A handler of messages that hands each on in pieces: a small one whole, a large one as it arrives. */
  handler(onPiece: PieceHandler, onInterrupted: InterruptionHandler | undefined): MessageHandler {
    const handler = (message: Message): void => {
      const piece = this._piece;
      piece.total = message.length;
      piece._set(message.bytes, message.start, message.end, 0);
      onPiece(piece);
    };
    this._receivers.push(new Receiver(handler, onPiece, onInterrupted));
    return handler;
  }

  /** Such a message begins. */
  onLargePublish(
    header: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    payloadLength: number,
    clipped: boolean,
  ): void {
    const client = this._client;
    const listener: PacketListener = client;
    // A topic that is cut could match what the whole one does not.
    if (clipped || !client.connected) return listener.onLargePublish(header, bytes, start, end, payloadLength, clipped);
    const reason = client._takePublish(header, bytes, start, end);
    if (reason) return client._lose(reason);
    const message = client._message;
    message.length = payloadLength;
    if (client._isNew && !this._begin(message)) client._guard.call(client.onSkipped, message);
    if (payloadLength === 0) this.onLargePayload(bytes, end, end, 0);
  }

  /** And goes on. */
  onLargePayload(bytes: Uint8Array, start: number, end: number, missing: number): void {
    if (this._receiving && (missing > 0 || this._remember())) {
      this._piece._set(bytes, start, end, this._offset);
      this._offset += end - start;
      this._hand();
      if (missing === 0) this._finish();
    }
    this._client.onLargePayload(bytes, start, end, missing);
  }

  /** Finds out who wants the message. Returns whether anybody does. */
  private _begin(message: Message): boolean {
    const client = this._client;
    const subscriptions = client._subscriptions;
    const table = subscriptions._table;
    for (let index = 0; index < table.length; index++) {
      const subscription = table[index];
      if (subscription._state >= State.CANCELLED || !subscriptions._matches(subscription.filter, message)) continue;
      for (let at = 0; at < this._receivers.length; at++) {
        const receiver = this._receivers[at];
        if (receiver.handler !== subscription._handler) continue;
        receiver.subscription = subscription;
        this._receiving = true;
      }
    }
    if (!this._receiving) return false;
    // What is interrupted comes again, and is not a message that was delivered.
    if (message.qos === 2) client._exactlyOnce!.cancel(client._publishView.packetId);
    this._piece.total = message.length;
    this._offset = 0;
    return true;
  }

  /**
   * The message is here to its end: with QoS 2 it is not taken again. Returns false when a store has no room for that: then
   * it gets no answer, and the connection ends.
   */
  private _remember(): boolean {
    const client = this._client;
    if (client._message.qos < 2 || client._exactlyOnce!.receive(client._publishView)) return true;
    client._answerId = 0;
    return false;
  }
  private _hand(): void {
    for (let at = 0; at < this._receivers.length; at++) {
      const receiver = this._receivers[at];
      if (receiver.isWanted) this._client._guard.call(receiver.onPiece, this._piece);
    }
  }

  private _finish(): void {
    this._receiving = false;
    for (let at = 0; at < this._receivers.length; at++) this._receivers[at].subscription = undefined;
  }

  /** The connection has ended. */
  interrupted(reason: Reason): void {
    if (!this._receiving) return;
    this._receiving = false;
    for (let at = 0; at < this._receivers.length; at++) {
      const receiver = this._receivers[at];
      const wanted = receiver.isWanted;
      receiver.subscription = undefined;
      if (wanted) this._client._guard.call(receiver.onInterrupted, reason);
    }
  }
}
