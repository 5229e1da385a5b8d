// The MQTT Client class pattern of ECMA-419 (25), on Mote's codec: `embedded:network/mqtt/client`.

import Time from "time";
import Timer from "timer";
import {
  checkAcknowledgement,
  encodeAcknowledgement,
  type AcknowledgementType,
} from "../../src/packet/acknowledgement.ts";
import { type BarePacketType, encodeBarePacket } from "../../src/packet/bare.ts";
import { readUint16, writeField, writeUint16 } from "../../src/packet/bytes.ts";
import { ConnackView, decodeConnack } from "../../src/packet/connack.ts";
import { type ConnectFields, connectSize, encodeConnect } from "../../src/packet/connect.ts";
import { MAX_REMAINING_LENGTH, packetSize, PacketType, writeFixedHeader } from "../../src/packet/fixed-header.ts";
import { Framer, type PacketListener } from "../../src/packet/framer.ts";
import { decodePublish, publishHeader, PublishView } from "../../src/packet/publish.ts";
import { Reason } from "../../src/packet/reason.ts";
import { decodeSuback, SubackView } from "../../src/packet/suback.ts";
import { encodeSubscribe } from "../../src/packet/subscribe.ts";
import { encodeUnsubscribe } from "../../src/packet/unsubscribe.ts";
import { connectFields, encodeTopicFilter, encodeTopicName, inRange } from "../../src/client/options.ts";
import type { TransportListener } from "../../src/platform.ts";
import { utf8Text } from "../../src/utf8-text.ts";
import type { Route } from "./ecma419.ts";
import { ModdableTransport } from "./transport.ts";

/** What is read in one piece at most: a longer message is announced in fragments. Its topic has to fit, too. */
const RECEIVE_BYTES = 1_024;
/** Room for acknowledgements and pings that the connection does not take yet; when it is full nothing more is read. */
const CONTROL_BYTES = 128;
const ACKNOWLEDGEMENT_ROOM = 8;
/** What a packet takes besides topic and payload, at most: what `write` and `onWritable` tell leaves room for it. */
const OVERHEAD = 8;
const TICK_MS = 500;
/** How long CONNACK, and PINGRESP, may take. */
const ANSWER_MS = 30_000;
/** A clock that jumps further was set: that ends no connection. */
const LONGEST_STEP_MS = 5_000;

type Data = ArrayBuffer | ArrayBufferView;

/** The second argument of `onReadable`; the last three are there on a message's first fragment only. */
export interface ReadableOptions {
  more: boolean;
  topic?: string;
  QoS?: number;
  byteLength?: number;
}

export interface ControlMessage {
  operation: number;
  id?: number;
  /** SUBACK's return codes. */
  payload?: number[];
  /** CONNACK's. */
  returnCode?: number;
  sessionPresent?: boolean;
}

export interface MQTTClientOptions extends Route {
  host: string;
  port?: number;
  id?: string;
  user?: string;
  password?: string | Data;
  /** Milliseconds. */
  keepAlive?: number;
  clean?: boolean;
  will?: { topic: string; message: string | Data; QoS?: number; retain?: boolean | number };
  format?: "buffer";
  target?: unknown;
  onReadable?(this: MQTTClient, count: number, options: ReadableOptions): void;
  onWritable?(this: MQTTClient, count: number): void;
  onControl?(this: MQTTClient, operation: number, message: ControlMessage): void;
  /** The connection failed; `error.reason` is one of Mote's `Reason`. `onClose` follows. */
  onError?(this: MQTTClient, error: Error): void;
  /** The connection ended without `close`. */
  onClose?(this: MQTTClient): void;
}

export interface WriteOptions {
  operation?: number;
  id?: number;
  topic?: string;
  QoS?: number;
  retain?: boolean | number;
  duplicate?: boolean;
  byteLength?: number;
  items?: readonly { topic: string; QoS?: number }[];
}

enum State {
  CONNECTING,
  CONNECTED,
  /** DISCONNECT is sent: that the broker closes the connection is no error. */
  LEAVING,
  CLOSED,
}

export default class MQTTClient {
  static readonly CONNECT = 1;
  static readonly CONNACK = 2;
  static readonly PUBLISH = 3;
  static readonly PUBACK = 4;
  static readonly PUBREC = 5;
  static readonly PUBREL = 6;
  static readonly PUBCOMP = 7;
  static readonly SUBSCRIBE = 8;
  static readonly SUBACK = 9;
  static readonly UNSUBSCRIBE = 10;
  static readonly UNSUBACK = 11;
  static readonly PINGREQ = 12;
  static readonly PINGRESP = 13;
  static readonly DISCONNECT = 14;

  target: unknown;
  private readonly _connection: Connection;

  constructor(options: MQTTClientOptions) {
    if (options.target !== undefined) this.target = options.target;
    this.format = options.format ?? "buffer";
    this._connection = new Connection(this, options);
  }

  get format(): "buffer" {
    return "buffer";
  }

  set format(format: "buffer") {
    if (format !== "buffer") throw new RangeError(`format must be "buffer", not "${format}"`);
  }

  /**
   * Takes bytes of the current message: all that are there, at most as many as a number says, or as many as a buffer
   * holds. Returns them, or for a buffer how many there were; undefined when there are none.
   */
  read(count: number): ArrayBuffer;
  read(buffer: Data): number;
  read(): ArrayBuffer | undefined;
  read(into?: number | Data): ArrayBuffer | number | undefined {
    return this._connection.read(into);
  }

  /** Sends a packet, or a fragment of a message. Returns how many bytes may be written then. */
  write(data: Data | null, options?: WriteOptions): number {
    return this._connection.write(data, options);
  }

  /** Ends the connection, without DISCONNECT. Nothing is called afterwards. */
  close(): void {
    this._connection.close();
  }
}

/** What is behind an MQTTClient, so that the class shows the standard's names and no others. */
class Connection implements PacketListener, TransportListener {
  private readonly _client: MQTTClient;
  private readonly _options: MQTTClientOptions;
  private readonly _transport: ModdableTransport;
  private readonly _framer = new Framer(this, new Uint8Array(RECEIVE_BYTES));
  private readonly _connack = new ConnackView();
  private readonly _publish = new PublishView();
  private readonly _suback = new SubackView();
  private readonly _timer: Timer;
  private readonly _keepAliveMs: number;
  private _connect: ConnectFields | undefined;
  private _state = State.CONNECTING;

  /** What arrived and is not yet parsed. */
  private _chunk: Uint8Array | undefined;
  private _chunkAt = 0;
  private _chunkEnd = 0;
  private _resuming: Timer | undefined;
  private _parsing = false;

  /** What the application has not read of the fragment that was announced last. */
  private _unread: Uint8Array | undefined;
  private _unreadAt = 0;
  private _unreadEnd = 0;
  /** Of the message that is arriving: what follows the fragment, and whether it is one that was received before. */
  private _missing = 0;
  private _first: ReadableOptions | undefined;
  private _dropped = false;
  private _acknowledgement = 0;
  private _acknowledgedId = 0;
  /** Packet ids of messages with QoS 2 that PUBREL has not released yet (4.3.3). */
  private readonly _received: number[] = [];

  private readonly _control: Uint8Array;
  private _controlStart = 0;
  private _controlEnd = 0;
  private readonly _packet = new Uint8Array(RECEIVE_BYTES);
  /** What the application has still to write of the message that it began. */
  private _remaining = 0;
  private _lastId = 0;
  /** Packet ids that wait for an answer. */
  private readonly _awaited: number[] = [];

  private _lastTick = Time.ticks;
  private _idleMs = 0;
  /** Since PINGREQ, or CONNECT's beginning; -1 when nothing is waited for. */
  private _waitedMs = 0;

  constructor(client: MQTTClient, options: MQTTClientOptions) {
    if (!options.host) throw new TypeError("host is required");
    const will = options.will;
    const fields = connectFields(
      {
        url: "",
        clientId: options.id ?? "",
        cleanSession: options.clean ?? true,
        keepAlive: Math.ceil((options.keepAlive ?? 0) / 1_000),
        ...(options.user === undefined ? {} : { username: options.user }),
        ...(options.password === undefined ? {} : { password: textOrBytes(options.password) }),
        ...(will
          ? {
              will: {
                topic: will.topic,
                payload: textOrBytes(will.message),
                qos: inRange("will.QoS", will.QoS, 0, 0, 2) as 0 | 1 | 2,
                retain: !!will.retain,
              },
            }
          : {}),
      },
      utf8Text,
    );
    this._client = client;
    this._options = options;
    this._connect = fields;
    this._keepAliveMs = fields.keepAlive * 1_000;
    this._control = new Uint8Array(Math.max(CONTROL_BYTES, connectSize(fields)));
    this._transport = new ModdableTransport(() => options);
    this._timer = Timer.repeat(() => this._tick(), TICK_MS);
    const port = inRange("port", options.port, 1_883, 1, 65_535);
    this._transport.open({ scheme: "mqtt", hostname: options.host, port, path: "" }, this);
  }

  close(): void {
    if (this._state === State.CLOSED) return;
    this._state = State.CLOSED;
    this._transport.close();
    this._framer.reset();
    Timer.clear(this._timer);
    Timer.clear(this._resuming);
    this._chunk = this._unread = this._resuming = undefined;
    this._chunkAt = this._chunkEnd = this._unreadAt = this._unreadEnd = 0;
  }

  /** The connection is of no use any more, or has ended. */
  onClose(reason: Reason): void {
    if (this._state === State.CLOSED) return;
    const failed = this._state !== State.LEAVING;
    const { onError, onClose } = this._options;
    this.close();
    if (failed) {
      const error = Object.assign(new Error(`The MQTT connection failed: Reason ${reason} of mote-mqtt.`), { reason });
      onError?.call(this._client, error);
    }
    onClose?.call(this._client);
  }

  private _tick(): void {
    const now = Time.ticks;
    const passed = Math.min(Math.max((now - this._lastTick) | 0, 0), LONGEST_STEP_MS);
    this._lastTick = now;
    // No packet can go between the fragments of another, and no answer is seen while the application does not read.
    if (this._remaining > 0 || this._transport.paused) return;
    this._idleMs += passed;
    if (this._waitedMs >= 0) {
      this._waitedMs += passed;
      if (this._waitedMs < ANSWER_MS) return;
      this.onClose(this._state === State.CONNECTING ? Reason.CONNECT_TIMEOUT : Reason.PING_TIMEOUT);
    } else if (this._keepAliveMs && this._idleMs + 2 * TICK_MS >= this._keepAliveMs) {
      this._waitedMs = 0;
      if (!this._controlRoom()) return; // what waits there is sent instead
      this._controlEnd = encodeBarePacket(this._control, this._controlEnd, PacketType.PINGREQ);
      this._flush();
    }
  }

  // Output

  onOpen(): void {
    this._controlEnd = encodeConnect(this._control, 0, this._connect!);
    this._connect = undefined; // with its password
    this._flush();
  }

  onWritable(): void {
    this._flush();
    this._tellWritable();
    this._resume();
  }

  private _tellWritable(): void {
    const count = this._writable();
    if (count > 0) this._options.onWritable?.call(this._client, count);
  }

  private _writable(): number {
    if (this._state !== State.CONNECTED) return 0;
    const writable = this._room();
    return this._remaining > 0 ? writable : Math.max(0, writable - OVERHEAD);
  }

  /** What the application may write. Acknowledgements go before its packets, but not between the fragments of one. */
  private _room(): number {
    return this._controlEnd > 0 && this._remaining === 0 ? 0 : this._transport.writable;
  }

  /** Acknowledgements and pings, as far as the connection takes them. */
  private _flush(): void {
    if (this._remaining > 0 || this._controlEnd === 0) return;
    this._controlStart += this._transport.write(this._control, this._controlStart, this._controlEnd);
    this._idleMs = 0;
    if (this._controlStart === this._controlEnd) this._controlStart = this._controlEnd = 0;
  }

  private _controlRoom(): boolean {
    return this._controlEnd + ACKNOWLEDGEMENT_ROOM <= this._control.length;
  }

  private _acknowledge(type: AcknowledgementType, id: number): void {
    this._controlEnd = encodeAcknowledgement(this._control, this._controlEnd, type, id);
    this._flush();
  }

  write(data: Data | null, options?: WriteOptions): number {
    if (this._state !== State.CONNECTED) throw new Error("write needs a connection: wait for CONNACK");
    if (this._remaining > 0) this._writeFragment(data, options);
    else this._writePacket(data, options ?? {});
    this._idleMs = 0;
    return this._writable();
  }

  private _writeFragment(data: Data | null, options?: WriteOptions): void {
    const bytes = toBytes(data);
    if (options) throw new Error("a fragment after the first takes no options");
    if (bytes.length > this._remaining) throw new RangeError(`only ${this._remaining} bytes of the message are left`);
    this._send(bytes, bytes.length);
    this._remaining -= bytes.length;
    if (this._remaining === 0) this._flush();
  }

  private _writePacket(data: Data | null, options: WriteOptions): void {
    const operation = options.operation ?? PacketType.PUBLISH;
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
        if (operation === PacketType.DISCONNECT) this._state = State.LEAVING;
        return;
    }
    throw new RangeError(`operation ${operation} is not one that a client writes`);
  }

  private _writePublish(data: Uint8Array, options: WriteOptions): void {
    const qos = inRange("QoS", options.QoS, 0, 0, 2);
    const topic = encodeTopicName(utf8Text, "topic", options.topic ?? "");
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
      filter: encodeTopicFilter(utf8Text, topic),
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

  /** The packets of the application go out whole or not at all. */
  private _send(bytes: Uint8Array, size: number): void {
    const writable = this._room();
    if (size > writable) throw new RangeError(`${size} bytes cannot be written now: ${writable} can`);
    this._transport.write(bytes, 0, size);
  }

  // Input

  onData(bytes: Uint8Array, start: number, end: number): void {
    if (this._waitedMs > 0 && this._state === State.CONNECTED) this._waitedMs = 0; // PINGRESP comes behind it
    this._chunk = bytes;
    this._chunkAt = start;
    this._chunkEnd = end;
    this._parse();
  }

  /** Goes on with what has arrived until the application has to read first. */
  private _parse(): void {
    this._parsing = true;
    while (this._chunkAt < this._chunkEnd && !this._waits()) {
      const at = this._framer.push(this._chunk!, this._chunkAt, this._chunkEnd);
      if (this._chunkAt < this._chunkEnd) this._chunkAt = at; // unless it was closed meanwhile
    }
    this._parsing = false;
    if (this._state !== State.CLOSED) this._transport.paused = this._waits();
  }

  /** Whether what follows has to wait: for the application to read, or for room for acknowledgements. */
  private _waits(): boolean {
    return (this._framer.paused = this._unreadAt < this._unreadEnd || !this._controlRoom());
  }

  private _resume(): void {
    if (this._parsing || this._state === State.CLOSED || !this._transport.paused || this._waits()) return;
    this._parse();
    if (!this._transport.paused && this._state === State.CONNECTED) this._transport.resume();
  }

  onMalformed(reason: Reason): void {
    this.onClose(reason);
  }

  onPacket(header: number, bytes: Uint8Array, start: number, end: number): void {
    const reason = this._handle(header, bytes, start, end);
    if (reason) this.onClose(reason);
    else if (this._state !== State.CLOSED) this._waits();
  }

  private _handle(header: number, bytes: Uint8Array, start: number, end: number): Reason {
    const type = header >> 4;
    if ((type === PacketType.CONNACK) !== (this._state === State.CONNECTING)) return Reason.UNEXPECTED_PACKET;
    switch (type) {
      case PacketType.CONNACK:
        return this._handleConnack(bytes, start, end);
      case PacketType.PUBLISH:
        return this._begin(header, bytes, start, end, 0) || this._fragment(bytes, this._publish.payloadStart, end, 0);
      case PacketType.PUBACK:
      case PacketType.PUBREC:
      case PacketType.PUBREL:
      case PacketType.PUBCOMP:
      case PacketType.UNSUBACK:
        return this._handleAcknowledgement(type, bytes, start, end);
      case PacketType.SUBACK:
        return this._handleSuback(bytes, start, end);
      case PacketType.PINGRESP:
        this._waitedMs = -1;
        this._tell({ operation: type });
        return Reason.OK;
    }
    return Reason.UNEXPECTED_PACKET;
  }

  private _tell(message: ControlMessage): void {
    this._options.onControl?.call(this._client, message.operation, message);
  }

  private _handleConnack(bytes: Uint8Array, start: number, end: number): Reason {
    const view = this._connack;
    const reason = decodeConnack(bytes, start, end, view);
    if (reason) return reason;
    const { returnCode, sessionPresent } = view;
    if (returnCode === 0) this._state = State.CONNECTED;
    this._waitedMs = -1;
    this._tell({ operation: PacketType.CONNACK, returnCode, sessionPresent });
    if (this._state === State.CONNECTED) this._tellWritable();
    return returnCode;
  }

  private _handleAcknowledgement(type: AcknowledgementType, bytes: Uint8Array, start: number, end: number): Reason {
    const reason = checkAcknowledgement(bytes, start, end);
    if (reason) return reason;
    const id = readUint16(bytes, start);
    if (type === PacketType.PUBREC) {
      this._acknowledge(PacketType.PUBREL, id);
    } else if (type === PacketType.PUBREL) {
      remove(this._received, id);
      this._acknowledge(PacketType.PUBCOMP, id);
    } else {
      remove(this._awaited, id);
    }
    this._tell({ operation: type, id });
    return Reason.OK;
  }

  private _handleSuback(bytes: Uint8Array, start: number, end: number): Reason {
    const view = this._suback;
    const reason = decodeSuback(bytes, start, end, view);
    if (reason) return reason;
    remove(this._awaited, view.packetId);
    const payload = Array.from(bytes.slice(view.codesStart, view.codesEnd));
    this._tell({ operation: PacketType.SUBACK, id: view.packetId, payload });
    return Reason.OK;
  }

  // Messages

  /** A message longer than the buffer: `bytes` has its variable header alone. */
  onLargePublish(
    header: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    payloadLength: number,
    clipped: boolean,
  ): void {
    let reason = this._state === State.CONNECTING ? Reason.UNEXPECTED_PACKET : Reason.OK;
    reason = reason || this._begin(header, bytes, start, end, payloadLength);
    if (reason) return this.onClose(reason);
    if (clipped) this._dropped = true; // nobody can be told what it is about
    if (payloadLength === 0) this._fragment(bytes, end, end, 0);
  }

  onLargePayload(bytes: Uint8Array, start: number, end: number, missing: number): void {
    this._fragment(bytes, start, end, missing);
    if (this._state !== State.CLOSED) this._waits();
  }

  /** A message begins. `following` is how many bytes of payload come after `end`. */
  private _begin(header: number, bytes: Uint8Array, start: number, end: number, following: number): Reason {
    const view = this._publish;
    const reason = decodePublish(header, bytes, start, end, view);
    if (reason) return reason;
    const { qos: QoS, packetId } = view;
    this._acknowledgedId = packetId;
    this._acknowledgement = QoS === 2 ? PacketType.PUBREC : PacketType.PUBACK;
    this._dropped = QoS === 2 && this._received.indexOf(packetId) >= 0;
    if (QoS === 2 && !this._dropped) this._received.push(packetId);
    const topic = utf8Text.decode(bytes, view.topicStart, view.topicEnd);
    this._first = { more: false, topic, QoS, byteLength: end - view.payloadStart + following };
    return Reason.OK;
  }

  /** The next bytes of the message, after which `missing` are to come. */
  private _fragment(bytes: Uint8Array, start: number, end: number, missing: number): Reason {
    const onReadable = this._dropped ? undefined : this._options.onReadable;
    this._missing = missing;
    if (onReadable) {
      const options = this._first ?? { more: false };
      options.more = missing > 0;
      this._unread = bytes;
      this._unreadAt = start;
      this._unreadEnd = end;
      onReadable.call(this._client, end - start, options);
    }
    this._first = undefined;
    if (this._unreadAt === this._unreadEnd) this._finish();
    return Reason.OK;
  }

  /** The fragment is read. When the message is, too, it is acknowledged. */
  private _finish(): void {
    const id = this._acknowledgedId;
    if (this._missing > 0 || id === 0 || this._state === State.CLOSED) return;
    this._acknowledgedId = 0;
    this._acknowledge(this._acknowledgement, id);
  }

  read(into?: number | Data): ArrayBuffer | number | undefined {
    const available = this._unreadEnd - this._unreadAt;
    const buffer = typeof into === "object" ? toBytes(into) : undefined;
    const wanted = buffer ? buffer.length : ((into as number | undefined) ?? available);
    const count = Math.min(available, wanted);
    if (!(count > 0)) return undefined;
    const at = this._unreadAt;
    const bytes = this._unread!;
    this._unreadAt = at + count;
    let result: ArrayBuffer | number = count;
    if (buffer) for (let index = 0; index < count; index++) buffer[index] = bytes[at + index]!;
    else result = bytes.slice(at, at + count).buffer as ArrayBuffer;
    if (count === available && !this._parsing) {
      this._finish();
      // Not from within read: onReadable would be called in the midst of the application's own work.
      this._resuming ??= Timer.set(() => {
        this._resuming = undefined;
        this._resume();
      });
    }
    return result;
  }
}

function toBytes(data: Data | null): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (data === null || data === undefined) return new Uint8Array(0);
  if (!ArrayBuffer.isView(data)) return new Uint8Array(data);
  if ((data as Partial<Uint16Array>).BYTES_PER_ELEMENT! > 1) throw new TypeError("a buffer must be of bytes");
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function textOrBytes(value: string | Data): string | Uint8Array {
  return typeof value === "string" ? value : toBytes(value);
}

function checkId(id: number): number {
  return inRange("id", id, 0, 1, 65_535);
}

function remove(ids: number[], id: number): void {
  const index = ids.indexOf(id);
  if (index >= 0) ids.splice(index, 1);
}
