import { MAX_REMAINING_LENGTH } from "../../../src/packet/constants.ts";
import { encodeAcknowledgement, type AcknowledgementType } from "../../../src/packet/acknowledgement.ts";
import { type BarePacketType, encodeBarePacket } from "../../../src/packet/bare.ts";
import { writeField, writeUint16 } from "../../../src/packet/bytes.ts";
import { type ConnectFields, connectSize, encodeConnect } from "../../../src/packet/connect.ts";
import { packetSize, PacketType, writeFixedHeader } from "../../../src/packet/fixed-header.ts";
import { publishHeader } from "../../../src/packet/publish.ts";
import { encodeSubscribe } from "../../../src/packet/subscribe.ts";
import { encodeUnsubscribe } from "../../../src/packet/unsubscribe.ts";
import { checkTopicFilter, checkTopicName } from "../../../src/packet/topic.ts";
import { encodeText, inRange } from "../../../src/client/options.ts";
import { utf8Text } from "../../../src/utf8-text.ts";
import type { ModdableTransport } from "../transport.ts";
import { type Data, toBytes, type WriteOptions } from "./options.ts";

/** Room for acknowledgements and pings that the connection does not take yet; when it is full nothing more is read. */
const CONTROL_BYTES = 128;
const ACKNOWLEDGEMENT_ROOM = 8;
/** A longer packet is made in a buffer of its own. */
const PACKET_BYTES = 1_024;
/** What a packet takes besides topic and payload, at most: what `write` and `onWritable` tell leaves room for it. */
const OVERHEAD = 8;

/** What goes out: the application's packets, each whole or not at all, and the client's own before them. */
export class Writer {
  /** Since something was sent. */
  idleMs = 0;
  private readonly _transport: ModdableTransport;
  private readonly _control: Uint8Array;
  private _controlStart = 0;
  private _controlEnd = 0;
  private readonly _packet = new Uint8Array(PACKET_BYTES);
  /** What the application has still to write of the message that it began. */
  private _remaining = 0;
  private _lastId = 0;
  /** Packet ids that wait for an answer. */
  private readonly _awaited: number[] = [];

  constructor(transport: ModdableTransport, connect: ConnectFields) {
    this._transport = transport;
    this._control = new Uint8Array(Math.max(CONTROL_BYTES, connectSize(connect)));
  }

  /** Whether a message is begun and not finished: no packet can go between its fragments. */
  get fragmenting(): boolean {
    return this._remaining > 0;
  }

  /** Whether there is room for an acknowledgement or a ping. */
  get hasRoom(): boolean {
    return this._controlEnd + ACKNOWLEDGEMENT_ROOM <= this._control.length;
  }

  /** How many bytes of a message the application may write. */
  get writable(): number {
    const writable = this._room();
    return this._remaining > 0 ? writable : Math.max(0, writable - OVERHEAD);
  }

  /** Acknowledgements go before the application's packets, but not between the fragments of one. */
  private _room(): number {
    return this._controlEnd > 0 && this._remaining === 0 ? 0 : this._transport.writable;
  }

  // The client's own packets

  connect(fields: ConnectFields): void {
    this._controlEnd = encodeConnect(this._control, 0, fields);
    this.flush();
  }

  acknowledge(type: AcknowledgementType, id: number): void {
    this._controlEnd = encodeAcknowledgement(this._control, this._controlEnd, type, id);
    this.flush();
  }

  ping(): void {
    if (!this.hasRoom) return; // what waits there is sent instead
    this._controlEnd = encodeBarePacket(this._control, this._controlEnd, PacketType.PINGREQ);
    this.flush();
  }

  /** Sends them, as far as the connection takes them. */
  flush(): void {
    if (this._remaining > 0 || this._controlEnd === 0) return;
    this._controlStart += this._transport.write(this._control, this._controlStart, this._controlEnd);
    this.idleMs = 0;
    if (this._controlStart === this._controlEnd) this._controlStart = this._controlEnd = 0;
  }

  // The application's

  /** Sends the next fragment of the message that was begun. */
  writeFragment(data: Data | null, options?: WriteOptions): void {
    const bytes = toBytes(data);
    if (options) throw new Error("a fragment after the first takes no options");
    if (bytes.length > this._remaining) throw new RangeError(`only ${this._remaining} bytes of the message are left`);
    this._send(bytes, bytes.length);
    this._remaining -= bytes.length;
    if (this._remaining === 0) this.flush();
  }

  writePacket(operation: number, data: Data | null, options: WriteOptions): void {
    switch (operation) {
      case PacketType.PUBLISH:
        return this._writePublish(toBytes(data), options);
      case PacketType.SUBSCRIBE:
      case PacketType.UNSUBSCRIBE:
        return this._writeRequest(operation, options);
      case PacketType.PUBACK:
      case PacketType.PUBREC:
      case PacketType.PUBREL:
      case PacketType.PUBCOMP:
        this._send(this._packet, encodeAcknowledgement(this._packet, 0, operation, checkId(options.id ?? 0)));
        return;
      case PacketType.PINGREQ:
      case PacketType.DISCONNECT:
        this._send(this._packet, encodeBarePacket(this._packet, 0, operation as BarePacketType));
        return;
    }
    throw new RangeError(`operation ${operation} is not one that a client writes`);
  }

  private _writePublish(data: Uint8Array, options: WriteOptions): void {
    const qos = inRange("QoS", options.QoS, 0, 0, 2);
    const topic = encodeText(utf8Text, "topic", options.topic ?? "", checkTopicName);
    const byteLength = inRange("byteLength", options.byteLength, data.length, data.length, MAX_REMAINING_LENGTH);
    const length = 2 + topic.length + (qos ? 2 : 0) + byteLength;
    const size = packetSize(length) - byteLength + data.length;
    const id = qos ? this._identify(options) : 0;
    const packet = size > this._packet.length ? new Uint8Array(size) : this._packet;
    const header = publishHeader(qos, !!options.retain, !!options.duplicate);
    let at = writeField(packet, writeFixedHeader(packet, 0, header, length), topic);
    if (qos) {
      writeUint16(packet, at, id);
      at += 2;
    }
    packet.set(data, at);
    this._send(packet, size);
    if (qos) this._await(id);
    this._remaining = byteLength - data.length;
  }

  private _writeRequest(operation: PacketType, options: WriteOptions): void {
    const items = options.items ?? [];
    if (items.length === 0) throw new TypeError("items must not be empty");
    const id = this._identify(options);
    const entries = items.map(({ topic, QoS }) => ({
      filter: encodeText(utf8Text, "filter", topic, checkTopicFilter),
      qos: inRange("QoS", QoS, 0, 0, 2),
    }));
    let size = packetSize(2);
    for (const { filter } of entries) size += 6 + filter.length;
    const packet = size > this._packet.length ? new Uint8Array(size) : this._packet;
    const filters = entries.map(({ filter }) => filter);
    const subscribes = operation === PacketType.SUBSCRIBE;
    this._send(
      packet,
      subscribes ? encodeSubscribe(packet, 0, id, entries) : encodeUnsubscribe(packet, 0, id, filters),
    );
    this._await(id);
  }

  private _send(bytes: Uint8Array, size: number): void {
    const writable = this._room();
    if (size > writable) throw new RangeError(`${size} bytes cannot be written now: ${writable} can`);
    this._transport.write(bytes, 0, size);
    this.idleMs = 0;
  }

  // Packet ids

  /** The packet id that `options` name, or the next that is free [MQTT-2.3.1-2]. */
  private _identify(options: WriteOptions): number {
    const awaited = this._awaited;
    if (options.id !== undefined) {
      if (awaited.indexOf(checkId(options.id)) >= 0 && !options.duplicate) {
        throw new RangeError(`id ${options.id} is in use: its packet is not acknowledged yet`);
      }
      return options.id;
    }
    if (awaited.length === 65_535) throw new RangeError("every packet id is in use");
    let id = this._lastId;
    do id = (id % 65_535) + 1;
    while (awaited.indexOf(id) >= 0);
    return (this._lastId = id);
  }

  private _await(id: number): void {
    if (this._awaited.indexOf(id) < 0) this._awaited.push(id);
  }

  /** The packet with this id is answered: the id is free again. */
  answered(id: number): void {
    remove(this._awaited, id);
  }
}

function checkId(id: number): number {
  return inRange("id", id, 0, 1, 65_535);
}

export function remove(ids: number[], id: number): void {
  const index = ids.indexOf(id);
  if (index >= 0) ids.splice(index, 1);
}
