import { afterEach } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { ClientOptions } from "../../src/client/options.ts";
import { Client as LeanClient, type ClientOptions as LeanOptions } from "../../src/lean/index.ts";
import { PacketType, type Reason } from "../../src/packet/index.ts";
import type { Packet } from "../packet/model.ts";
import { type PacketCodec, PacketLink } from "./packet-link.ts";
import { type VirtualPlatform, virtualPlatform } from "./virtual-platform.ts";

/** What a world asks of its client: the full one has it, and the lean one. */
type AnyClient = Pick<LeanClient, "connect" | "disconnect" | "onConnect" | "onDisconnect">;

/**
 * A client on a virtual platform, and a broker that does nothing but what the test says. `events` are the client's, in
 * order.
 */
export abstract class World<C extends AnyClient, P> {
  readonly platform: VirtualPlatform;
  readonly client: C;
  readonly links: PacketLink<P>[] = [];
  readonly events: (Reason | boolean)[] = [];

  constructor(create: (platform: VirtualPlatform) => C, codec?: PacketCodec<P>, seed = 1) {
    this.platform = virtualPlatform(seed);
    this.platform.network.onConnection = (link) => this.links.push(new PacketLink(link, codec));
    this.client = create(this.platform);
    this.client.onConnect = (sessionPresent) => this.events.push(sessionPresent);
    this.client.onDisconnect = (reason) => this.events.push(reason);
    worlds.push(this.client);
  }

  protected abstract connack(sessionPresent: boolean, code: number): P;

  get clock(): VirtualPlatform["clock"] {
    return this.platform.clock;
  }

  /** The newest connection. */
  get link(): PacketLink<P> {
    return this.links[this.links.length - 1];
  }

  /** Connects; CONNECT has arrived at the broker. */
  open(): PacketLink<P> {
    this.client.connect();
    this.clock.settle();
    return this.link;
  }

  /** Connects, and the broker accepts. CONNECT is taken from the link. */
  connect(sessionPresent = false): PacketLink<P> {
    this.open();
    return this.accept(sessionPresent);
  }

  /** The broker answers CONNECT. */
  accept(sessionPresent = false, code = 0): PacketLink<P> {
    this.link.take();
    this.link.send(this.connack(sessionPresent, code));
    this.clock.settle();
    return this.link;
  }

  /** Waits for the client's next attempt to connect, and accepts it. */
  reconnect(sessionPresent = false): PacketLink<P> {
    this.nextAttempt();
    return this.accept(sessionPresent);
  }

  nextAttempt(): PacketLink<P> {
    const before = this.links.length;
    this.clock.advanceUntil(() => this.links.length > before, 600_000, this.tickMs);
    return this.link;
  }

  tickMs = 250;

  /** The broker sends packets, and all that follows at once happens. */
  send(...packets: P[]): void {
    this.link.send(...packets);
    this.clock.settle();
  }

  /** The connection ends. */
  cut(reason?: Reason): void {
    this.link.link.close(reason);
    this.clock.settle();
  }

  /** What the client has sent since the last call. */
  take(): P[] {
    this.clock.settle();
    return this.link.take();
  }
}

/** A client of MQTT 3.1.1, whichever. */
abstract class World311<C extends AnyClient> extends World<C, Packet> {
  protected override connack(sessionPresent: boolean, returnCode: number): Packet {
    return { type: PacketType.CONNACK, sessionPresent, returnCode };
  }
}

const NAMED = { url: "mqtt://broker", clientId: "sensor" };

export class ScriptedWorld extends World311<Client> {
  constructor(options: Partial<ClientOptions> = {}, seed = 1) {
    super((platform) => new Client(platform, { ...NAMED, ...options }), undefined, seed);
  }
}

/** The same with the client of `mote-mqtt/lean`. */
export class LeanWorld extends World311<LeanClient> {
  constructor(options: Partial<LeanOptions> = {}, seed = 1) {
    super((platform) => new LeanClient(platform, { ...NAMED, ...options }), undefined, seed);
  }
}

export type WorldClass = typeof ScriptedWorld;

/** For what both clients promise. That the lean one has the face of the other, test/lean/types.test.ts holds. */
export const CLIENTS: [name: string, World: WorldClass][] = [
  ["the full client", ScriptedWorld],
  ["the lean client", LeanWorld as unknown as WorldClass],
];

const worlds: AnyClient[] = [];
// Nothing goes on after a test that its client was still part of.
afterEach(() => {
  for (const client of worlds.splice(0)) {
    client.onDisconnect = undefined;
    client.disconnect();
  }
});
