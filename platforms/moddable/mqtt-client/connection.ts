import Time from "time";
import Timer from "timer";
import { checkAcknowledgement, type AcknowledgementType } from "../../../src/packet/acknowledgement.ts";
import { readUint16 } from "../../../src/packet/bytes.ts";
import { ConnackView, decodeConnack } from "../../../src/packet/connack.ts";
import type { ConnectFields } from "../../../src/packet/connect.ts";
import { PacketType } from "../../../src/packet/fixed-header.ts";
import { Framer, type PacketListener } from "../../../src/packet/framer.ts";
import { Reason } from "../../../src/packet/reason.ts";
import { decodeSuback, SubackView } from "../../../src/packet/suback.ts";
import { inRange } from "../../../src/client/options.ts";
import type { TransportListener } from "../../../src/platform.ts";
import { ModdableTransport } from "../transport.ts";
import type MQTTClient from "./index.ts";
import { type ControlMessage, type Data, fieldsOf, type MQTTClientOptions, type WriteOptions } from "./options.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

/** What is read in one piece at most: a longer message is announced in fragments. Its topic has to fit, too. */
const RECEIVE_BYTES = 1_024;
const TICK_MS = 500;
/** How long CONNACK, and PINGRESP, may take. */
const ANSWER_MS = 30_000;
/** A clock that jumps further was set: that ends no connection. */
const LONGEST_STEP_MS = 5_000;

enum State {
  CONNECTING,
  CONNECTED,
  /** DISCONNECT is sent: that the broker closes the connection is no error. */
  LEAVING,
  CLOSED,
}

/** What is behind an MQTTClient: the connection's life, and the way of each packet that arrives. */
export class Connection implements PacketListener, TransportListener {
  private readonly _client: MQTTClient;
  private readonly _options: MQTTClientOptions;
  private readonly _transport: ModdableTransport;
  private readonly _framer = new Framer(this, new Uint8Array(RECEIVE_BYTES));
  private readonly _connack = new ConnackView();
  private readonly _suback = new SubackView();
  private readonly _writer: Writer;
  private readonly _reader: Reader;
  private readonly _timer: Timer;
  private readonly _keepAliveMs: number;
  private _connect: ConnectFields | undefined;
  private _state = State.CONNECTING;

  /** What arrived and is not yet parsed. */
  private _chunk: Uint8Array | undefined;
  private _chunkAt = 0;
  private _chunkEnd = 0;
  private _parsing = false;
  private _resuming: Timer | undefined;

  private _lastTick = Time.ticks;
  /** Since PINGREQ, or CONNECT's beginning; -1 when nothing is waited for. */
  private _waitedMs = 0;

  constructor(client: MQTTClient, options: MQTTClientOptions) {
    if (!options.host) throw new TypeError("host is required");
    const fields = fieldsOf(options);
    this._client = client;
    this._options = options;
    this._connect = fields;
    this._keepAliveMs = fields.keepAlive * 1_000;
    this._transport = new ModdableTransport(() => options);
    this._writer = new Writer(this._transport, fields);
    const onReadable = options.onReadable;
    this._reader = new Reader(
      this._writer,
      onReadable && ((count, message) => onReadable.call(this._client, count, message)),
    );
    this._timer = Timer.repeat(() => this._tick(), TICK_MS);
    const port = inRange("port", options.port, 1_883, 1, 65_535);
    this._transport.open({ scheme: "mqtt", hostname: options.host, port, path: "" }, this);
  }

  onOpen(): void {
    const fields = this._connect!;
    this._connect = undefined; // with its password
    this._writer.connect(fields);
  }

  close(): void {
    if (this._state === State.CLOSED) return;
    this._state = State.CLOSED;
    this._transport.close();
    this._framer.reset();
    this._reader.close();
    Timer.clear(this._timer);
    Timer.clear(this._resuming);
    this._chunk = this._resuming = undefined;
    this._chunkAt = this._chunkEnd = 0;
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
    const writer = this._writer;
    // No packet can go between the fragments of another, and no answer is seen while the application does not read.
    if (writer.fragmenting || this._transport.paused) return;
    writer.idleMs += passed;
    if (this._waitedMs >= 0) {
      this._waitedMs += passed;
      if (this._waitedMs < ANSWER_MS) return;
      this.onClose(this._state === State.CONNECTING ? Reason.CONNECT_TIMEOUT : Reason.PING_TIMEOUT);
    } else if (this._keepAliveMs && writer.idleMs + 2 * TICK_MS >= this._keepAliveMs) {
      this._waitedMs = 0;
      writer.ping();
    }
  }

  // Output

  onWritable(): void {
    this._writer.flush();
    this._tellWritable();
    this._resume();
  }

  private _tellWritable(): void {
    const count = this._writable();
    if (count > 0) this._options.onWritable?.call(this._client, count);
  }

  private _writable(): number {
    return this._state === State.CONNECTED ? this._writer.writable : 0;
  }

  write(data: Data | null, options?: WriteOptions): number {
    if (this._state !== State.CONNECTED) throw new Error("write needs a connection: wait for CONNACK");
    if (this._writer.fragmenting) {
      this._writer.writeFragment(data, options);
    } else {
      const operation = options?.operation ?? PacketType.PUBLISH;
      this._writer.writePacket(operation, data, options ?? {});
      if (operation === PacketType.DISCONNECT) this._state = State.LEAVING;
    }
    return this._writable();
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
    return (this._framer.paused = this._reader.unread > 0 || !this._writer.hasRoom);
  }

  private _resume(): void {
    if (this._parsing || this._state === State.CLOSED || !this._transport.paused || this._waits()) return;
    this._parse();
    if (!this._transport.paused && this._state === State.CONNECTED) this._transport.resume();
  }

  read(into?: number | Data): ArrayBuffer | number | undefined {
    const reader = this._reader;
    const result = reader.read(into);
    if (result !== undefined && reader.unread === 0 && !this._parsing) {
      reader.finish();
      // Not from within read: onReadable would be called in the midst of the application's own work.
      this._resuming ??= Timer.set(() => {
        this._resuming = undefined;
        this._resume();
      });
    }
    return result;
  }

  onMalformed(reason: Reason): void {
    this.onClose(reason);
  }

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
    reason = reason || this._reader.begin(header, bytes, start, end, payloadLength, clipped);
    if (reason) return this.onClose(reason);
    if (payloadLength === 0) this._reader.fragment(bytes, end, end, 0);
  }

  onLargePayload(bytes: Uint8Array, start: number, end: number, missing: number): void {
    this._reader.fragment(bytes, start, end, missing);
    if (this._state !== State.CLOSED) this._waits();
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
        return this._reader.message(header, bytes, start, end);
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
      this._writer.acknowledge(PacketType.PUBREL, id);
    } else if (type === PacketType.PUBREL) {
      this._reader.release(id);
      this._writer.acknowledge(PacketType.PUBCOMP, id);
    } else {
      this._writer.answered(id);
    }
    this._tell({ operation: type, id });
    return Reason.OK;
  }

  private _handleSuback(bytes: Uint8Array, start: number, end: number): Reason {
    const view = this._suback;
    const reason = decodeSuback(bytes, start, end, view);
    if (reason) return reason;
    this._writer.answered(view.packetId);
    const payload = Array.from(bytes.slice(view.codesStart, view.codesEnd));
    this._tell({ operation: PacketType.SUBACK, id: view.packetId, payload });
    return Reason.OK;
  }
}
