import { PacketType, topicMatches } from "../../src/packet/index.ts";
import { type Connect, type Publish, utf8 } from "../packet/model.ts";
import { PacketLink, payloadOf, publish } from "./packet-link.ts";
import type { Link, VirtualNetwork } from "./virtual-platform.ts";

interface Outgoing {
  topic: string;
  payload: string;
  qos: number;
  packetId: number;
  /** Sent on some connection. */
  sent: boolean;
  /** With QoS 2: the client has it, and PUBREL takes its place. */
  released: boolean;
}

interface Session {
  clean: boolean;
  link: PacketLink | undefined;
  filters: Map<string, number>;
  outgoing: Outgoing[];
  lastId: number;
  /** Messages with QoS 1 that came in this session, by packet id, until a PUBACK is on its way. */
  seen: Map<number, string>;
  /** Messages with QoS 2 that came and whose PUBREL has not. */
  unreleased: Map<number, string>;
}

/**
 * A broker for all three QoS on a virtual network, with sessions and take-over (3.1.4), that checks what clients must do:
 * packet ids, DUP, one CONNECT. What it finds wrong, it throws.
 */
export class VirtualBroker {
  /** Payloads in the order they came; with QoS 2, each once a session. */
  readonly received: string[] = [];
  readonly receivedExactly: string[] = [];
  readonly sessions = new Map<string, Session>();
  /** How long it takes to acknowledge. */
  delay: () => number = () => 0;
  /** Called for each new connection, before anything happens on it. */
  onLink: (link: Link) => void = () => undefined;
  readonly links = new Set<Link>();
  private readonly _network: VirtualNetwork;

  constructor(network: VirtualNetwork) {
    this._network = network;
    this.listen();
  }

  listen(): void {
    this._network.onConnection = (link) => this._accept(link);
  }

  /** It is gone with all that it knew; connections are reset. */
  crash(): void {
    this.sessions.clear();
    for (const link of this.links) link.close();
    this.links.clear();
  }

  /** Delivers to whoever subscribed; with QoS 1, also later. */
  publish(topic: string, payload: string): void {
    for (const session of this.sessions.values()) {
      const name = utf8(topic);
      const matches = [...session.filters].some(([filter]) =>
        topicMatches(utf8(filter), 0, utf8(filter).length, name, 0, name.length),
      );
      if (!matches) continue;
      session.lastId = (session.lastId % 65_535) + 1;
      const qos = Math.max(...session.filters.values());
      session.outgoing.push({ topic, payload, qos, packetId: session.lastId, sent: false, released: false });
      this._deliver(session);
    }
  }

  private _accept(link: Link): void {
    this.links.add(link);
    this.onLink(link);
    const packets = new PacketLink(link);
    let session: Session | undefined;
    link.onEnd = () => {
      this.links.delete(link);
      if (session?.link === packets) session.link = undefined;
    };
    packets.onPacket = (packet) => {
      packets.take();
      if (!session) {
        if (packet.type !== PacketType.CONNECT) throw new Error("the first packet is not CONNECT [MQTT-3.1.0-1]");
        session = this._connect(packets, packet);
        return;
      }
      // Nothing counts any more on a connection that another one took over.
      if (session.link !== packets || this.sessions.size === 0) return;
      switch (packet.type) {
        case PacketType.PUBLISH:
          return this._receive(session, packets, packet);
        case PacketType.PUBACK:
        case PacketType.PUBCOMP:
          session.outgoing = session.outgoing.filter(({ packetId, sent }) => !(sent && packetId === packet.packetId));
          return this._deliver(session);
        case PacketType.PUBREC:
          for (const one of session.outgoing) if (one.packetId === packet.packetId) one.released = true;
          return packets.send({ type: PacketType.PUBREL, packetId: packet.packetId });
        case PacketType.PUBREL:
          session.unreleased.delete(packet.packetId);
          return packets.send({ type: PacketType.PUBCOMP, packetId: packet.packetId });
        case PacketType.SUBSCRIBE:
          for (const { filter, qos } of packet.entries) session.filters.set(filter, qos);
          packets.send({
            type: PacketType.SUBACK,
            packetId: packet.packetId,
            codes: packet.entries.map(({ qos }) => qos),
          });
          return;
        case PacketType.UNSUBSCRIBE:
          for (const filter of packet.filters) session.filters.delete(filter);
          return packets.send({ type: PacketType.UNSUBACK, packetId: packet.packetId });
        case PacketType.PINGREQ:
          return packets.send({ type: PacketType.PINGRESP });
        case PacketType.DISCONNECT:
          return link.close();
        default:
          throw new Error(`the client sent ${PacketType[packet.type]}`);
      }
    };
  }

  private _connect(packets: PacketLink, { clientId, cleanSession }: Connect): Session {
    const old = this.sessions.get(clientId);
    old?.link?.link.close(); // [MQTT-3.1.4-2]
    const kept = old && !old.clean && !cleanSession ? old : undefined;
    const session: Session = kept ?? {
      clean: cleanSession,
      link: undefined,
      filters: new Map(),
      outgoing: [],
      lastId: 0,
      seen: new Map(),
      unreleased: new Map(),
    };
    session.link = packets;
    this.sessions.set(clientId, session);
    packets.send({ type: PacketType.CONNACK, sessionPresent: kept !== undefined, returnCode: 0 });
    if (kept) {
      for (const one of session.outgoing) {
        if (one.released) packets.send({ type: PacketType.PUBREL, packetId: one.packetId });
        else if (one.sent) packets.send(this._packet(one, true));
      }
      this._deliver(session);
    }
    return session;
  }

  private _receive(session: Session, packets: PacketLink, packet: Publish): void {
    const payload = payloadOf(packet);
    const { packetId } = packet;
    if (packet.qos === 2) return this._receiveExactly(session, packets, packet, payload);
    this.received.push(payload);
    if (packet.qos === 0) return;
    const before = session.seen.get(packetId);
    if (packet.dup && session.clean) throw new Error("DUP in a new session [MQTT-4.4.0-1]");
    if (before !== undefined && before !== payload) throw new Error(`packet id ${packetId} is in use [MQTT-2.3.1-2]`);
    if (before !== undefined && !packet.dup) throw new Error("sent again without DUP [MQTT-3.3.1-1]");
    session.seen.set(packetId, payload);
    this._network.clock.after(this.delay(), () => {
      if (session.link !== packets || !packets.link.open) return;
      // Until the acknowledgement has arrived, the client may send it again.
      if (packets.link.dead) return;
      packets.send({ type: PacketType.PUBACK, packetId });
      this._network.clock.after(packets.link.latencyMs, () => packets.link.open && session.seen.delete(packetId));
    });
  }

  private _receiveExactly(session: Session, packets: PacketLink, { packetId, dup }: Publish, payload: string): void {
    const before = session.unreleased.get(packetId);
    if (dup && session.clean) throw new Error("DUP in a new session [MQTT-4.4.0-1]");
    if (before === undefined) this.receivedExactly.push(payload);
    else if (before !== payload) throw new Error(`packet id ${packetId} is in use [MQTT-2.3.1-2]`);
    else if (!dup) throw new Error("sent again without DUP [MQTT-3.3.1-1]");
    session.unreleased.set(packetId, payload);
    this._network.clock.after(this.delay(), () => {
      if (session.link !== packets || !packets.link.open || packets.link.dead) return;
      packets.send({ type: PacketType.PUBREC, packetId });
    });
  }

  private _deliver(session: Session): void {
    if (!session.link) return;
    for (const one of session.outgoing.slice(0, 10)) {
      if (one.sent) continue;
      one.sent = true;
      session.link.send(this._packet(one, false));
    }
  }

  private _packet({ topic, payload, qos, packetId }: Outgoing, dup: boolean): Publish {
    return publish(topic, payload, { qos, packetId, dup });
  }
}
