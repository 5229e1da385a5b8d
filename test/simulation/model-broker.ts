import { PacketType, topicMatches } from "../../src/packet/index.ts";
import { toHex, utf8 } from "../packet/model.ts";
import { seededRandom } from "../support/random.ts";
import type { Link, VirtualClock, VirtualNetwork } from "../support/virtual-platform.ts";
import { type Connect, encode, type Level, type Packet, type Publish, Reader } from "./wire.ts";

/** How a broker behaves, within what the specification allows it. */
export interface BrokerSettings {
  level: Level;
  /** Answers take up to this. */
  answerMs: number;
  /** How many messages with QoS 1 or 2 it sends before it waits for acknowledgements. */
  window: number;
  /** What MQTT 5's CONNACK says; none of it goes to a client of 3.1.1. */
  connack: Record<string, number | boolean>;
  /** Whether it says topics by alias, as far as the client lets it. */
  aliases: boolean;
  /** Which part of the messages with QoS 1 or 2 it rejects, in MQTT 5. */
  rejects: number;
}

/** A message on its way to a client. */
interface Outgoing {
  topic: string;
  payload: string;
  qos: number;
  packetId: number;
  /** Sent on some connection. */
  sent: boolean;
  /** The connection that it, or its PUBREL, was sent on last. */
  on: Connection | undefined;
  /** With QoS 2: the client has it, and PUBREL takes its place. */
  released: boolean;
}

const AT_ITS_BEST: BrokerSettings = { level: 4, answerMs: 0, window: 20, connack: {}, aliases: false, rejects: 0 };

interface Session {
  /** Tells sessions of one client apart. */
  number: number;
  clientId: string;
  /** Ends with the connection. */
  clean: boolean;
  /** How long it lasts without one. */
  expiryMs: number;
  /** How often it lost its connection. */
  detachments: number;
  connection: Connection | undefined;
  filters: Map<string, number>;
  outgoing: Outgoing[];
  lastId: number;
  /** Packet ids of messages with QoS 2 that came and whose PUBREL has not. */
  unreleased: Set<number>;
}

/** Where the broker's books are kept. */
export interface BrokerLedger {
  /** A message of a client is delivered onward. */
  arrived?(topic: string, payload: string, qos: number, session: number): unknown;
  /** A message is due to a client's session. */
  due?(payload: string, qos: number, session: number): void;
  sessionEnded?(session: number): void;
}

/**
 * A broker that keeps the specification's books: sessions, take-over, the three QoS in both directions, keep-alive. It
 * assumes a client that the auditor finds nothing wrong with.
 */
export class ModelBroker {
  readonly clock: VirtualClock;
  readonly settings: BrokerSettings;
  readonly ledger: BrokerLedger;
  readonly sessions = new Map<string, Session>();
  readonly connections = new Set<Connection>();
  /** Called for each new connection, before anything happens on it. */
  onLink: (link: Link) => void = () => undefined;
  /** CONNECT is refused with this; 0 for not. */
  refusal = 0;
  /** Whether it refuses each filter that is to be subscribed to. */
  forbids = false;
  readonly random: () => number;
  private readonly _network: VirtualNetwork;
  private _sessionCount = 0;

  constructor(network: VirtualNetwork, settings = AT_ITS_BEST, ledger: BrokerLedger = {}, random = seededRandom(1)) {
    this._network = network;
    this.clock = network.clock;
    this.settings = settings;
    this.ledger = ledger;
    this.random = random;
    this.listen();
  }

  get links(): Link[] {
    return [...this.connections].map(({ link }) => link);
  }

  listen(): void {
    this._network.onConnection = (link) => {
      this.connections.add(new Connection(this, link));
      this.onLink(link);
    };
  }

  stopListening(): void {
    this._network.onConnection = undefined;
  }

  /** It is gone, and back after `downMs`: with what it knew of sessions that outlive connections, or without. */
  restart(keepSessions: boolean, downMs: number): void {
    this.stopListening();
    for (const connection of [...this.connections]) connection.end();
    if (!keepSessions) for (const session of [...this.sessions.values()]) this._discard(session);
    this.clock.after(downMs, () => this.listen());
  }

  /** Delivers to whoever subscribed. */
  publish(topic: string, payload: string, qos: number): void {
    const name = utf8(topic);
    for (const session of this.sessions.values()) {
      const granted = [...session.filters]
        .filter(([filter]) => topicMatches(utf8(filter), 0, utf8(filter).length, name, 0, name.length))
        .map(([, qos]) => qos);
      if (granted.length) this._enqueue(session, topic, payload, Math.min(qos, Math.max(...granted)));
    }
  }

  private _enqueue(session: Session, topic: string, payload: string, qos: number): void {
    if (qos === 0 && !session.connection) return;
    this.ledger.due?.(payload, qos, session.number);
    if (qos === 0) return session.connection!.publish({ topic, payload, qos, packetId: 0 }, false);
    do session.lastId = (session.lastId % 65_535) + 1;
    while (session.outgoing.some(({ packetId }) => packetId === session.lastId));
    session.outgoing.push({
      topic,
      payload,
      qos,
      packetId: session.lastId,
      sent: false,
      on: undefined,
      released: false,
    });
    this.deliver(session);
  }

  /** Sends what the window has room for: on a new connection, again what was sent and not acknowledged [MQTT-4.4.0-1]. */
  deliver(session: Session): void {
    const { connection } = session;
    if (!connection) return;
    let underWay = 0;
    for (const one of session.outgoing) {
      if (one.on !== connection) {
        if (one.released) connection.release(one.packetId);
        else if (underWay < connection.window) connection.publish(one, one.sent);
        else continue;
        one.sent = true;
        one.on = connection;
      }
      underWay++;
    }
  }

  /** Gives a client its session: the one it had, or a new one. Returns whether it had one. */
  attach(connection: Connection, { clientId, cleanStart, properties }: Connect): boolean {
    const old = this.sessions.get(clientId);
    old?.connection?.end(0x8e); // the other connection is taken over [MQTT-3.1.4-2]
    const kept = cleanStart ? undefined : this.sessions.get(clientId);
    if (!kept && old) this._discard(old);
    const session = kept ?? this._begin(clientId);
    const expiry = (properties.sessionExpiryInterval ?? 0) as number;
    session.clean = this.settings.level === 4 ? cleanStart : expiry === 0;
    session.expiryMs = this.settings.level === 4 || expiry === 0xffff_ffff ? Infinity : expiry * 1_000;
    connection.session = session;
    session.connection = connection;
    return kept !== undefined;
  }

  private _begin(clientId: string): Session {
    const session: Session = {
      number: ++this._sessionCount,
      clientId,
      clean: true,
      expiryMs: Infinity,
      detachments: 0,
      connection: undefined,
      filters: new Map(),
      outgoing: [],
      lastId: Math.floor(this.random() * 65_535),
      unreleased: new Set(),
    };
    this.sessions.set(clientId, session);
    return session;
  }

  /** The connection is over. */
  detach(connection: Connection): void {
    this.connections.delete(connection);
    const { session } = connection;
    if (session?.connection !== connection) return;
    session.connection = undefined;
    if (session.clean) return this._discard(session);
    if (session.expiryMs === Infinity) return;
    const detachment = ++session.detachments;
    this.clock.after(session.expiryMs, () => {
      if (!session.connection && session.detachments === detachment) this._discard(session);
    });
  }

  private _discard(session: Session): void {
    if (this.sessions.get(session.clientId) !== session) return;
    this.sessions.delete(session.clientId);
    this.ledger.sessionEnded?.(session.number);
  }
}

/** The broker's end of a connection. */
class Connection {
  readonly link: Link;
  session: Session | undefined;
  window: number;
  private readonly _broker: ModelBroker;
  private readonly _reader: Reader;
  private _ended = false;
  /** When the last answer that is under way leaves. */
  private _answerAt = 0;
  private _keepAliveMs = 0;
  /** A packet that takes long counts all the while, as mosquitto does it. */
  private _lastBytesAt = 0;
  private _aliasesUp = new Map<number, string>();
  private _aliasesDown = new Map<string, number>();
  private _aliasMaximum = 0;

  constructor(broker: ModelBroker, link: Link) {
    this._broker = broker;
    this.link = link;
    this.window = broker.settings.window;
    const reader = new Reader(broker.settings.level, true);
    reader.onPacket = (packet) => this._take(packet);
    reader.onMalformed = () => this.end(); // the auditor has seen it too
    this._reader = reader;
    link.onBytes = (bytes) => {
      this._lastBytesAt = broker.clock.passed;
      this._reader.push(bytes);
    };
    link.onEnd = () => this._detach();
  }

  /** Ends it from this side; in MQTT 5, says why. */
  end(reasonCode?: number): void {
    if (reasonCode && this.session && this._broker.settings.level === 5) {
      this._send({ type: PacketType.DISCONNECT, reasonCode, properties: {} });
    }
    this.link.close();
    this._detach();
  }

  private _detach(): void {
    if (this._ended) return;
    this._ended = true;
    this._broker.detach(this);
  }

  release(packetId: number): void {
    this._send({ type: PacketType.PUBREL, packetId, reasonCode: 0, properties: {} });
  }

  publish(
    { topic, payload, qos, packetId }: Pick<Outgoing, "topic" | "payload" | "qos" | "packetId">,
    dup: boolean,
  ): void {
    const properties: Publish["properties"] = {};
    let said = topic;
    if (this._aliasMaximum) {
      const known = this._aliasesDown.get(topic);
      if (known) {
        properties.topicAlias = known;
        said = "";
      } else if (this._aliasesDown.size < this._aliasMaximum) {
        properties.topicAlias = this._aliasesDown.size + 1;
        this._aliasesDown.set(topic, this._aliasesDown.size + 1);
      }
    }
    const bytes = toHex(utf8(payload));
    this._send({
      type: PacketType.PUBLISH,
      topic: said,
      payload: bytes,
      qos,
      retain: false,
      dup,
      packetId,
      properties,
    });
  }

  private _send(packet: Packet): void {
    if (!this._ended) this.link.deliver(encode(this._broker.settings.level, packet));
  }

  /** Sends after what is under way, and after a while. */
  private _answer(packet: Packet): void {
    const { clock, settings, random } = this._broker;
    this._answerAt = Math.max(this._answerAt, clock.passed + Math.floor(random() * (settings.answerMs + 1)));
    clock.after(this._answerAt - clock.passed, () => this._send(packet));
  }

  private _take(packet: Packet): void {
    if (this._ended) return;
    if (!this.session) {
      if (packet.type === PacketType.CONNECT) this._connect(packet);
      return;
    }
    this._handle(packet, this.session);
  }

  private _connect(connect: Connect): void {
    const broker = this._broker;
    if (broker.refusal) {
      this._send({ type: PacketType.CONNACK, sessionPresent: false, reasonCode: broker.refusal, properties: {} });
      this.end();
      return;
    }
    const sessionPresent = broker.attach(this, connect);
    const session = this.session!;
    const properties = broker.settings.level === 5 ? broker.settings.connack : {};
    this._keepAliveMs = 1_000 * ((properties.serverKeepAlive as number | undefined) ?? connect.keepAlive);
    this._watchKeepAlive();
    this.window = Math.min(this.window, (connect.properties.receiveMaximum as number | undefined) ?? 65_535);
    if (broker.settings.aliases) this._aliasMaximum = (connect.properties.topicAliasMaximum as number | undefined) ?? 0;
    this._send({ type: PacketType.CONNACK, sessionPresent, reasonCode: 0, properties });
    broker.deliver(session);
  }

  /** Ends the connection when one and a half times keep-alive have passed without a byte [MQTT-3.1.2-24]. */
  private _watchKeepAlive(): void {
    const { clock } = this._broker;
    if (!this._keepAliveMs || this._ended) return;
    const left = this._lastBytesAt + 1.5 * this._keepAliveMs - clock.passed;
    if (left <= 0) this.end(0x8d);
    else clock.after(left, () => this._watchKeepAlive());
  }

  private _handle(packet: Packet, session: Session): void {
    const { type } = packet;
    switch (type) {
      case PacketType.PUBLISH:
        return this._receive(packet, session);
      case PacketType.PUBREL:
        session.unreleased.delete(packet.packetId);
        return this._acknowledge(PacketType.PUBCOMP, packet.packetId);
      case PacketType.PUBACK:
      case PacketType.PUBCOMP:
        return this._acknowledged(packet.packetId, session);
      case PacketType.PUBREC: {
        if (packet.reasonCode >= 0x80) return this._acknowledged(packet.packetId, session);
        const one = session.outgoing.find(({ packetId }) => packetId === packet.packetId);
        if (one) one.released = true;
        return this._acknowledge(PacketType.PUBREL, packet.packetId);
      }
      case PacketType.SUBSCRIBE:
        if (this._broker.forbids) return this._forbid(packet.packetId, packet.entries, session);
        for (const { filter, qos } of packet.entries) session.filters.set(filter, qos);
        return this._answer({ ...granting(packet.packetId, packet.entries), type: PacketType.SUBACK });
      case PacketType.UNSUBSCRIBE:
        for (const filter of packet.filters) session.filters.delete(filter);
        return this._answer({
          type: PacketType.UNSUBACK,
          packetId: packet.packetId,
          codes: packet.filters.map(() => 0),
          properties: {},
        });
      case PacketType.PINGREQ:
        return this._answer({ type: PacketType.PINGRESP });
      case PacketType.DISCONNECT:
        return this.end();
    }
  }

  private _forbid(packetId: number, entries: { filter: string }[], session: Session): void {
    const code = this._broker.settings.level === 5 ? 0x87 : 0x80;
    for (const { filter } of entries) session.filters.delete(filter);
    this._answer({ type: PacketType.SUBACK, packetId, codes: entries.map(() => code), properties: {} });
  }

  private _receive(packet: Publish, session: Session): void {
    const { packetId, qos } = packet;
    const topic = this._topic(packet);
    const payload = Buffer.from(packet.payload, "hex").toString();
    const again = qos === 2 && session.unreleased.has(packetId);
    if (qos && !again && this._rejects(payload)) {
      return this._acknowledge(qos === 1 ? PacketType.PUBACK : PacketType.PUBREC, packetId, 0x97);
    }
    if (qos === 2) session.unreleased.add(packetId);
    if (!again) this._broker.ledger.arrived?.(topic, payload, qos, session.number);
    if (qos) this._acknowledge(qos === 1 ? PacketType.PUBACK : PacketType.PUBREC, packetId);
  }

  /** The same each time that a message comes: one that was taken is not rejected later. */
  private _rejects(payload: string): boolean {
    const { rejects, level } = this._broker.settings;
    return level === 5 && (payload.charCodeAt(payload.indexOf(":") - 1) % 10) / 10 < rejects;
  }

  private _topic({ topic, properties }: Publish): string {
    const alias = properties.topicAlias as number | undefined;
    if (alias === undefined) return topic;
    if (topic) this._aliasesUp.set(alias, topic);
    return this._aliasesUp.get(alias) ?? "";
  }

  private _acknowledge(
    type: PacketType.PUBACK | PacketType.PUBREC | PacketType.PUBREL | PacketType.PUBCOMP,
    packetId: number,
    reasonCode = 0,
  ): void {
    this._answer({ type, packetId, reasonCode, properties: {} });
  }

  private _acknowledged(packetId: number, session: Session): void {
    session.outgoing = session.outgoing.filter((one) => !(one.sent && one.packetId === packetId));
    this._broker.deliver(session);
  }
}

function granting(
  packetId: number,
  entries: { qos: number }[],
): { packetId: number; codes: number[]; properties: Publish["properties"] } {
  return { packetId, codes: entries.map(({ qos }) => qos), properties: {} };
}
