import { type AcknowledgementType, PacketType } from "../../src/packet/index.ts";
import type { Reason } from "../../src/packet/index.ts";
import type { Endpoint, Platform, Transport, TransportListener } from "../../src/platform.ts";
import type { VirtualPlatform } from "../support/virtual-platform.ts";
import type { Invariant } from "./violation.ts";
import { type Connack, type Level, type Packet, type Publish, Reader, text } from "./wire.ts";

/** A message with QoS 1 or 2 that was sent and whose acknowledgement the client does not have. */
interface Sent {
  packetId: number;
  content: string;
  payload: string;
  /** The connection that PUBLISH went through last. */
  connection: number;
  /** Its PUBREC has come; the number orders them. 0 when not. */
  received: number;
  /** The chunk in which `received` was set. */
  receivedIn: number;
  /** The client closed the connection within the chunk that said so: it may not know how far the message got. */
  doubtful: boolean;
}

/** What the auditor has to know of the client. */
export interface Audited {
  level: Level;
  /** Seconds. */
  keepAlive: number;
  maximumInFlight: number;
  /** How many publishers stream: each has a packet id, from 65,535 down, and its application sends again. */
  streams: number;
  /** Whether mqtt-packet reads each packet too. */
  readTwice: boolean;
  /** Whether DUP tells what the transport was offered, and not only what it took whole. */
  marksOffered: boolean;
}

/**
 * Sits between the client and its transport, where it sees what the client knows and when, and holds it to the rules
 * that bind a client. Its books outlive connections, as the session does.
 */
export class Auditor {
  /** Gets what is wrong. */
  onViolation: (invariant: Invariant, detail: string) => void = () => undefined;
  /** Gets each line of the journal, when there is one to be kept. */
  journal: ((line: () => string) => void) | undefined;
  /** PUBREL was sent for this payload, in hexadecimal: from here on the message is the broker's. */
  onReleased: (payload: string) => void = () => undefined;
  /** Power was cut while the client was handed this payload of a message with QoS 2: it may be lost. */
  onCutShort: (payload: string) => void = () => undefined;
  /** Whether a message with this payload comes from the client's store, and may have been sent before. */
  isRestored: (payload: string) => boolean = () => false;
  /** Whether the application is in the midst of a message that it streams. */
  isStreaming: () => boolean = () => false;
  /** Counts how often the client lost power: what an earlier one still has under way is of no interest. */
  life = 0;
  /** Packets, both directions. */
  packets = 0;

  private readonly _client: Audited;
  private readonly _now: () => number;
  private _connection = 0;
  private _chunk = 0;
  private _up = new Reader(4, true);
  private _down = new Reader(4, false);
  private _sent: Sent[] = [];
  /** Payloads of messages that the transport was offered in this session. */
  private _offered = new Set<string>();
  /** The same, before the chunk that the client is reading. */
  private _before: Sent[] = [];
  private _reading = false;
  /** Payloads of messages with QoS 2 in that chunk. */
  private _handed: string[] = [];
  private _receivedCount = 0;

  // Of the present connection
  private _connectSent = false;
  private _connack: Connack | undefined;
  private _disconnected = false;
  private _resend: Sent[] = [];
  private _resendReleases: Sent[] = [];
  /** The same of streamed messages, in no order. */
  private _streamedReleases = new Set<Sent>();
  /** Packet ids to be answered with each type, in order. */
  private _answers = new Map<AcknowledgementType, number[]>();
  private _requests = new Set<number>();
  /** Packet ids that count against receive maximum. */
  private _quota = new Set<number>();
  private _aliases = new Map<number, string>();
  private _lastSentAt = 0;
  private _blocked = false;
  /** The transport has taken a part of what it was offered. */
  private _isMidway = false;

  constructor(client: Audited, now: () => number) {
    this._client = client;
    this._now = now;
  }

  /** Whether the books are empty: everything sent is acknowledged, everything received answered. */
  get settled(): boolean {
    return this._sent.every(({ doubtful }) => doubtful) && this._requests.size === 0 && this.unanswered === 0;
  }

  /** Whether the client is being handed a chunk. */
  get isReading(): boolean {
    return this._reading;
  }

  get unanswered(): number {
    return [...this._answers.values()].reduce((sum, ids) => sum + ids.length, 0);
  }

  /** The client lost power, and has no session to go on with. */
  forget(): void {
    this._sent = [];
    this._offered.clear();
  }

  /** Whether what is sent with this packet id is streamed. */
  private _isStreamed({ packetId }: Sent): boolean {
    return packetId > 65_535 - this._client.streams;
  }

  /** The client lost power: what it made of the chunk that it was reading, it may not know. */
  powerCut(): void {
    this._note(() => "power cut");
    this.life++;
    this._connack = undefined;
    this._requests.clear();
    this._answers.clear();
    this._sent = this._sent.filter((sent) => !this._isStreamed(sent));
    this._before = this._before.filter((sent) => !this._isStreamed(sent));
    if (!this._reading) return;
    this._doubt(this._before);
    this._handed.forEach((payload) => this.onCutShort(payload));
  }

  // The connection

  opened(): void {
    const { level, readTwice } = this._client;
    this._note(() => "connection opened");
    this._connection++;
    this._up = new Reader(level, true, readTwice);
    this._up.onPacket = (packet, size) => this._outgoing(packet, size);
    this._up.onMalformed = (why) => this._violated("strict reading", `the client sent ${why}`);
    this._down = new Reader(level, false);
    this._down.onPacket = (packet) => this._incoming(packet);
    this._down.onMalformed = (why) => fail(`it sent ${why}`);
    this._connectSent = this._disconnected = this._blocked = this._isMidway = false;
    this._connack = undefined;
    this._resend = [];
    this._resendReleases = [];
    this._answers = new Map();
    this._requests = new Set();
    this._quota = new Set();
    this._aliases = new Map();
  }

  ended(how: string): void {
    this._note(() => `connection ${how}`);
    this.checkKeepAlive();
    this._connack = undefined;
    this._requests.clear();
    this._answers.clear();
  }

  /** Of bytes offered to the transport, it took these. */
  wrote(bytes: Uint8Array, start: number, end: number, offered: number): void {
    this.checkKeepAlive();
    const blocked = end < offered;
    if (this._blocked && !blocked) this._lastSentAt = this._now();
    this._blocked = blocked;
    if (this._client.marksOffered && !this._isMidway) this._offer(bytes, start, offered);
    if (end > start) this._isMidway = blocked;
    this._up.push(bytes, start, end);
  }

  /** Notes what message the transport is offered: all of it, whatever part is taken. */
  private _offer(bytes: Uint8Array, start: number, end: number): void {
    const reader = new Reader(this._client.level, true);
    reader.onPacket = (packet) => {
      if (packet.type === PacketType.PUBLISH && packet.qos) this._offered.add(packet.payload);
    };
    reader.push(bytes, start, end);
  }

  /** The client is given these bytes by `handOn`, within which it may close the connection. */
  read(bytes: Uint8Array, start: number, end: number, handOn: () => void): void {
    const connection = this._connection;
    this._before = this._sent.slice();
    this._handed = [];
    this._reading = true;
    this._chunk++;
    this._down.push(bytes, start, end);
    try {
      handOn();
    } finally {
      this._reading = false;
      if (this._connack === undefined && connection === this._connection) this._doubt(this._before);
    }
  }

  /** Whether the client read all of the last chunk, nobody knows. */
  private _doubt(before: Sent[]): void {
    for (const sent of before) {
      if (!this._sent.includes(sent) || sent.receivedIn === this._chunk) sent.doubtful = true;
    }
    // But for those whose packet id was used anew.
    const kept = before.filter((one) => !this._sent.some((sent) => sent !== one && sent.packetId === one.packetId));
    this._sent = [...kept, ...this._sent.filter((sent) => !before.includes(sent))];
  }

  /** The clock was set: so much of the time that passes, the client may not know of. */
  clockSet(hiddenMs: number): void {
    this._lastSentAt += hiddenMs;
  }

  checkKeepAlive(): void {
    const keepAlive = this._connack?.properties.serverKeepAlive ?? this._client.keepAlive;
    // In the midst of a message there is no place for a ping.
    if (this.isStreaming()) this._lastSentAt = this._now();
    const gap = this._now() - this._lastSentAt;
    if (!this._connack || this._blocked || !keepAlive || gap <= (keepAlive as number) * 1_000) return;
    this._violated("keep alive", `nothing was sent for ${gap} ms; keep alive is ${keepAlive} s`);
    this._lastSentAt = this._now();
  }

  // From the client

  private _outgoing(packet: Packet, size: number): void {
    this.packets++;
    this._note(() => `-> ${text(packet)}`);
    this._lastSentAt = this._now();
    if (this._disconnected) this._violated("disconnect last", text(packet));
    if ((packet.type === PacketType.CONNECT) === this._connectSent) this._violated("connect first", text(packet));
    this._connectSent = true;
    this._checkSize(size);
    if (!this._connack && ![PacketType.CONNECT, PacketType.AUTH, PacketType.DISCONNECT].includes(packet.type)) {
      return this._violated("connack awaited", text(packet));
    }
    switch (packet.type) {
      case PacketType.PUBLISH:
        return this._publish(packet);
      case PacketType.PUBREL:
        return this._release(packet.packetId);
      case PacketType.PUBACK:
      case PacketType.PUBREC:
      case PacketType.PUBCOMP:
        return this._answered(packet.type, packet.packetId);
      case PacketType.SUBSCRIBE:
      case PacketType.UNSUBSCRIBE:
        if (this._requests.has(packet.packetId) || this._sent.some((one) => isSurely(one, packet.packetId))) {
          this._violated("identifiers", `${text(packet)}: packet identifier ${packet.packetId} is in use`);
        }
        this._requests.add(packet.packetId);
        return;
      case PacketType.DISCONNECT:
        this._disconnected = true;
    }
  }

  private _checkSize(size: number): void {
    const maximum = this._connack?.properties.maximumPacketSize as number | undefined;
    if (maximum !== undefined && size > maximum) this._violated("packet size", `${size} bytes of ${maximum} at most`);
  }

  private _publish(packet: Publish): void {
    const topic = this._topic(packet);
    if (packet.qos === 0) return;
    const { packetId, dup, payload } = packet;
    const properties = { ...packet.properties };
    delete properties.topicAlias; // a way to say the topic
    const content = `${topic} ${packet.qos} ${packet.retain} ${JSON.stringify(properties)} ${payload}`;
    const known = this._sent.find((one) => one.packetId === packetId);
    if (known && known.connection < this._connection && known.content === content && dup) return this._resent(known);
    if (known && !known.doubtful) {
      const again = known.content === content;
      if (again && known.connection === this._connection)
        this._violated("resent in order", `${text(packet)}: sent twice on one connection [MQTT-4.4.0-1]`);
      else if (again) this._violated("dup", `${text(packet)}: sent again without DUP`);
      else
        this._violated("identifiers", `${text(packet)}: packet identifier ${packetId} is in use for ${known.content}`);
      this._forgetOne(known);
    } else if (known) this._forgetOne(known);
    if (this._requests.has(packetId)) this._violated("identifiers", `${text(packet)}: a request has this identifier`);
    if (dup && !this.isRestored(payload) && !this._offered.has(payload))
      this._violated("dup", `${text(packet)}: DUP on what was not sent before in this session`);
    const left = this._resend.find((one) => !one.doubtful);
    // The application says when a streamed message goes.
    if (left && packetId <= 65_535 - this._client.streams)
      this._violated("resent in order", `${text(packet)} before identifier ${left.packetId} was sent again`);
    const connection = this._connection;
    this._sent.push({ packetId, content, payload, connection, received: 0, receivedIn: 0, doubtful: false });
    this._count(packetId);
  }

  private _resent(known: Sent): void {
    if (known.received && !known.doubtful) {
      this._violated("pubrel", `PUBLISH ${known.packetId} again, although PUBREC has come`);
    }
    this._resend = this._after(this._resend, known);
    this._resendReleases = this._resendReleases.filter((one) => one !== known);
    known.connection = this._connection;
    known.doubtful = false;
    known.received = 0;
    this._count(known.packetId);
  }

  /** What is still to be sent again after `sent`, which must be the next but for those in doubt. */
  private _after(list: Sent[], sent: Sent): Sent[] {
    const at = list.indexOf(sent);
    const skipped = list.slice(0, Math.max(0, at)).find((one) => !one.doubtful);
    if (skipped) {
      this._violated("resent in order", `identifier ${sent.packetId} before ${skipped.packetId}, which is older`);
    }
    return list.slice(at + 1);
  }

  /** A PUBLISH is under way on this connection. */
  private _count(packetId: number): void {
    this._quota.add(packetId);
    const { maximumInFlight, streams } = this._client;
    const receiveMaximum = (this._connack?.properties.receiveMaximum as number | undefined) ?? 65_535;
    const maximum = Math.min(maximumInFlight + streams, receiveMaximum);
    const known = this._sent.filter((sent) => !sent.doubtful && !this._isStreamed(sent)).length;
    if (this._quota.size > maximum || known > maximumInFlight) {
      this._violated("window", `${this._quota.size} of ${maximum} at most are under way, ${known} are unacknowledged`);
    }
  }

  private _release(packetId: number): void {
    const sent = this._sent.find((one) => one.packetId === packetId);
    if (!sent?.received) return this._violated("pubrel", `PUBREL ${packetId} without PUBREC`);
    if (this._streamedReleases.delete(sent)) {
      // Of which the client knows more than the application.
    } else if (this._resendReleases.includes(sent)) {
      this._resendReleases = this._after(this._resendReleases, sent);
      this._resend = this._resend.filter((one) => one !== sent);
    } else {
      this._answered(PacketType.PUBREL, packetId);
    }
    sent.doubtful = false;
    this.onReleased(sent.payload);
  }

  private _answered(type: AcknowledgementType, packetId: number): void {
    const due = this._answers.get(type) ?? [];
    const next = due.shift();
    if (next === packetId) return;
    const expected = next === undefined ? "none is due" : `${next} is due`;
    this._violated("answers", `${PacketType[type]} ${packetId}: ${expected}`);
  }

  private _topic({ topic, properties }: Publish): string {
    const alias = properties.topicAlias as number | undefined;
    if (alias === undefined) return topic;
    const maximum = (this._connack?.properties.topicAliasMaximum as number | undefined) ?? 0;
    if (alias > maximum) this._violated("alias", `topic alias ${alias}; the broker's maximum is ${maximum}`);
    if (topic) this._aliases.set(alias, topic);
    const known = this._aliases.get(alias);
    if (known === undefined) this._violated("alias", `topic alias ${alias} is not known on this connection`);
    return known ?? "";
  }

  // To the client

  private _incoming(packet: Packet): void {
    this.packets++;
    this._note(() => `<- ${text(packet)}`);
    switch (packet.type) {
      case PacketType.CONNACK:
        if (packet.reasonCode === 0) this._accepted(packet);
        return;
      case PacketType.PUBLISH:
        if (packet.qos === 2) this._handed.push(packet.payload);
        if (packet.qos) this._due(packet.qos === 1 ? PacketType.PUBACK : PacketType.PUBREC, packet.packetId);
        return;
      case PacketType.PUBREL:
        return this._due(PacketType.PUBCOMP, packet.packetId);
      case PacketType.PUBREC:
        return this._received(packet.packetId, packet.reasonCode);
      case PacketType.PUBACK:
      case PacketType.PUBCOMP:
        return this._done(packet.packetId);
      case PacketType.SUBACK:
      case PacketType.UNSUBACK:
        this._requests.delete(packet.packetId);
    }
  }

  private _accepted(connack: Connack): void {
    this._connack = connack;
    this._lastSentAt = this._now();
    if (!connack.sessionPresent) {
      this._sent = this._before = [];
      this._offered.clear();
    }
    const [own, streamed] = [false, true].map((is) => this._sent.filter((one) => this._isStreamed(one) === is));
    this._resend = own.filter((one) => !one.received || one.doubtful);
    this._resendReleases = own.filter((one) => one.received).sort((a, b) => a.received - b.received);
    this._streamedReleases = new Set(streamed.filter((one) => one.received));
  }

  private _due(type: AcknowledgementType, packetId: number): void {
    const due = this._answers.get(type);
    if (due) due.push(packetId);
    else this._answers.set(type, [packetId]);
  }

  private _received(packetId: number, reasonCode: number): void {
    const sent = this._sent.find((one) => one.packetId === packetId);
    if (!sent) return fail(`PUBREC ${packetId} is for nothing that was sent`);
    if (reasonCode >= 0x80) return this._done(packetId);
    if (!sent.received) {
      sent.received = ++this._receivedCount;
      sent.receivedIn = this._chunk;
    }
    this._due(PacketType.PUBREL, packetId);
  }

  private _done(packetId: number): void {
    const sent = this._sent.find((one) => one.packetId === packetId);
    if (!sent) return fail(`it acknowledged ${packetId}, which was not sent`);
    this._forgetOne(sent);
  }

  private _forgetOne(sent: Sent): void {
    this._sent = this._sent.filter((one) => one !== sent);
    this._quota.delete(sent.packetId);
  }

  private _violated(invariant: Invariant, detail: string): void {
    this._note(() => `!! ${invariant}: ${detail}`);
    this.onViolation(invariant, detail);
  }

  private _note(line: () => string): void {
    this.journal?.(line);
  }
}

function isSurely(sent: Sent, packetId: number): boolean {
  return sent.packetId === packetId && !sent.doubtful;
}

function fail(what: string): never {
  throw new Error(`the model broker is wrong: ${what}`);
}

/** The platform, with the auditor on the line of whatever client it is for. */
export function auditedPlatform(platform: VirtualPlatform, auditor: Auditor): Platform {
  const { clock, text: platformText, random } = platform;
  const createTransport = (): Transport => new AuditedTransport(platform.createTransport(), auditor);
  return { clock, text: platformText, random, createTransport };
}

/** @see auditedPlatform */
export class AuditedTransport implements Transport {
  private readonly _transport: Transport;
  private readonly _auditor: Auditor;
  private readonly _life: number;
  private _isOpen = false;

  constructor(transport: Transport, auditor: Auditor) {
    this._transport = transport;
    this._auditor = auditor;
    this._life = auditor.life;
  }

  open(endpoint: Endpoint, listener: TransportListener): void {
    const auditor = this._auditor;
    this._transport.open(endpoint, {
      onOpen: () => {
        if (!this._isAlive) return;
        this._isOpen = true;
        auditor.opened();
        listener.onOpen();
      },
      onData: (bytes, start, end) => {
        if (this._isAlive) auditor.read(bytes, start, end, () => listener.onData(bytes, start, end));
      },
      onWritable: () => listener.onWritable(),
      onClose: (reason: Reason) => {
        this._end("broken");
        listener.onClose(reason);
      },
    });
  }

  write(bytes: Uint8Array, start: number, end: number): number {
    const taken = this._transport.write(bytes, start, end);
    this._auditor.wrote(bytes, start, start + taken, end);
    return taken;
  }

  close(): void {
    this._end("closed by the client");
    this._transport.close();
  }

  private _end(how: string): void {
    if (this._isOpen && this._isAlive) this._auditor.ended(how);
    this._isOpen = false;
  }

  private get _isAlive(): boolean {
    return this._auditor.life === this._life;
  }
}
