import { decodePublish, PublishView } from "../../../src/packet/publish.ts";
import { PacketType } from "../../../src/packet/fixed-header.ts";
import { Reason } from "../../../src/packet/reason.ts";
import { utf8Text } from "../../../src/utf8-text.ts";
import { type Data, type ReadableOptions, toBytes } from "./options.ts";
import { remove, type Writer } from "./writer.ts";

/** Tells of `count` bytes to read. */
type OnReadable = (count: number, options: ReadableOptions) => void;

/** The messages that arrive: announced in fragments, read by the application, then acknowledged. */
export class Reader {
  private readonly _writer: Writer;
  private readonly _onReadable: OnReadable | undefined;
  private readonly _publish = new PublishView();
  private _closed = false;

  /** What the application has not read of the fragment that was announced last. */
  private _unread: Uint8Array | undefined;
  private _unreadAt = 0;
  private _unreadEnd = 0;

  /** Of the message that is arriving: what follows the fragment, and whether it is one that was received before. */
  private _missing = 0;
  private _first: ReadableOptions | undefined;
  private _dropped = false;
  private _acknowledgement: PacketType.PUBACK | PacketType.PUBREC = PacketType.PUBACK;
  private _acknowledgedId = 0;
  /** Packet ids of messages with QoS 2 that PUBREL has not released yet (4.3.3). */
  private readonly _received: number[] = [];

  constructor(writer: Writer, onReadable: OnReadable | undefined) {
    this._writer = writer;
    this._onReadable = onReadable;
  }

  /** How many bytes the application has still to read before anything can follow. */
  get unread(): number {
    return this._unreadEnd - this._unreadAt;
  }

  close(): void {
    this._closed = true;
    this._unread = undefined;
    this._unreadAt = this._unreadEnd = 0;
  }

  /** A PUBLISH that is there as a whole. */
  message(header: number, bytes: Uint8Array, start: number, end: number): Reason {
    const reason = this.begin(header, bytes, start, end, 0, false);
    if (!reason) this.fragment(bytes, this._publish.payloadStart, end, 0);
    return reason;
  }

  /**
   * A message begins. `following` is how many bytes of payload come after `end`; `clipped`, that its topic is not there as
   * a whole: nobody can be told what it is about.
   */
  begin(header: number, bytes: Uint8Array, start: number, end: number, following: number, clipped: boolean): Reason {
    const view = this._publish;
    const reason = decodePublish(header, bytes, start, end, view);
    if (reason) return reason;
    const { qos: QoS, packetId } = view;
    this._acknowledgedId = packetId;
    this._acknowledgement = QoS === 2 ? PacketType.PUBREC : PacketType.PUBACK;
    this._dropped = clipped || (QoS === 2 && this._received.indexOf(packetId) >= 0);
    if (QoS === 2 && this._received.indexOf(packetId) < 0) this._received.push(packetId);
    const topic = utf8Text.decode(bytes, view.topicStart, view.topicEnd);
    this._first = { more: false, topic, QoS, byteLength: end - view.payloadStart + following };
    return Reason.OK;
  }

  /** The next bytes of the message, after which `missing` are to come. */
  fragment(bytes: Uint8Array, start: number, end: number, missing: number): void {
    this._missing = missing;
    if (this._onReadable && !this._dropped) {
      const options = this._first ?? { more: false };
      options.more = missing > 0;
      this._unread = bytes;
      this._unreadAt = start;
      this._unreadEnd = end;
      this._onReadable(end - start, options);
    }
    this._first = undefined;
    if (this._unreadAt === this._unreadEnd) this.finish();
  }

  /** As the class's `read`. */
  read(into?: number | Data): ArrayBuffer | number | undefined {
    const available = this.unread;
    const buffer = typeof into === "object" ? toBytes(into) : undefined;
    const wanted = buffer ? buffer.length : ((into as number | undefined) ?? available);
    const count = Math.min(available, wanted);
    if (!(count > 0)) return undefined;
    const at = this._unreadAt;
    const bytes = this._unread!;
    this._unreadAt = at + count;
    if (!buffer) return bytes.slice(at, at + count).buffer as ArrayBuffer;
    for (let index = 0; index < count; index++) buffer[index] = bytes[at + index]!;
    return count;
  }

  /** The fragment is read. When the message is, too, it is acknowledged. */
  finish(): void {
    const id = this._acknowledgedId;
    if (this._missing > 0 || id === 0 || this._closed) return;
    this._acknowledgedId = 0;
    this._writer.acknowledge(this._acknowledgement, id);
  }

  /** PUBREL: the packet id may be used for another message. */
  release(id: number): void {
    remove(this._received, id);
  }
}
