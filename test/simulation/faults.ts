import { PacketType, Reason } from "../../src/packet/index.ts";
import { virtualPlatform, type VirtualNetwork } from "../support/virtual-platform.ts";
import type { ModelBroker } from "./model-broker.ts";
import { encode, type Level } from "./wire.ts";

/** What faults act on. */
export interface Faulty {
  readonly level: Level;
  readonly network: VirtualNetwork;
  readonly broker: ModelBroker;
  readonly clientId: string;
  readonly cleanSession: boolean;
  /** A whole number from 0 up to, not including, `count`. */
  below(count: number): number;
  /** Calls `heal` after `ms`, or once faults stop, if that is sooner. */
  heal(ms: number, heal: () => void): void;
  /** The next connection breaks once so many bytes of it have arrived at the client. */
  cutNext(bytes: number): void;
  /** Sets the device's clock forward, or back. */
  setClock(byMs: number): void;
  disconnect(): void;
  connect(): void;
  /** Power is cut, after so many steps of the store: 0 for at once. */
  cutPower(steps: number): void;
}

const DAY_MS = 86_400_000;

/** What may go wrong. Each heals by itself, or is healed when faults stop. */
export const FAULTS = {
  /** The connection breaks at once. */
  reset: ({ broker }) => broker.links.forEach((link) => link.close(Reason.CONNECTION_LOST)),
  /** The broker ends it. */
  close: ({ broker }) => broker.connections.forEach((connection) => connection.end(0x8b)),
  /** It breaks at some byte on the way to the broker. */
  cutUp: ({ broker, below }) => broker.links.forEach((link) => (link.upBudget = 1 + below(150))),
  /** It breaks at some byte on the way to the client. */
  cutDown: ({ broker, below }) => broker.links.forEach((link) => (link.downBudget = 1 + below(150))),
  /** The next connection breaks within CONNACK, or behind it: the broker has a session that the client may not know of. */
  cutConnack: (world) => world.cutNext(1 + world.below(5)),
  /** Everything gets lost, and nobody is told. */
  halfOpen: ({ broker }) => broker.links.forEach((link) => (link.dead = true)),
  /** Nothing arrives for a while, then all of it. */
  stall: ({ broker, below }) => broker.links.forEach((link) => link.stall(below(12_000))),
  /** The transport takes no more than a few bytes, for a while. */
  blocked: ({ broker, below, heal }) =>
    broker.links.forEach((link) => {
      link.room = below(60);
      heal(below(10_000), () => link.grant(Infinity));
    }),
  /** The transport takes a few bytes at a time. */
  trickle: ({ broker, below }) =>
    broker.links.forEach((link) => {
      link.room = Math.min(link.room, below(60));
      link.grant(link.room + below(60));
    }),
  /** The network is cut: connections stall, and attempts are not answered. */
  partition({ network, broker, below, heal }) {
    const ms = below(15_000);
    broker.links.forEach((link) => link.stall(ms));
    network.silent = true;
    heal(ms, () => (network.silent = false));
  },
  /** Nobody listens for a while. */
  refused({ broker, below, heal }) {
    broker.stopListening();
    heal(below(8_000), () => broker.listen());
  },
  /** The broker answers CONNECT with a refusal, for a while. */
  unavailable({ level, broker, below, heal }) {
    broker.refusal = level === 5 ? 0x88 : 3;
    heal(below(8_000), () => (broker.refusal = 0));
  },
  /** The broker allows no subscription for a while; then somebody lets it, and restarts it. */
  forbidden({ broker, below, heal }) {
    broker.forbids = true;
    heal(below(8_000), () => {
      broker.forbids = false;
      broker.restart(true, below(2_000));
    });
  },
  /** The broker is restarted, and has kept its sessions. */
  restart: ({ broker, below }) => broker.restart(true, below(5_000)),
  /** The broker is restarted, and has lost its sessions. */
  amnesia: ({ broker, below }) => broker.restart(false, below(5_000)),
  /** Another client takes over, holds on for a while, and acknowledges nothing. */
  takeOver: (world) => intrude(world),
  disconnect: (world) => world.disconnect(),
  connect: (world) => world.connect(),
  /** The device's clock is set, by a day at most. */
  setClock: (world) => world.setClock(world.below(2 * DAY_MS) - DAY_MS),
  /** The device loses power, and starts again. */
  reboot: (world) => world.cutPower(0),
  /** It does in the midst of what its store does. */
  tornWrite: (world) => world.cutPower(1 + world.below(300)),
} satisfies Record<string, (world: Faulty) => void>;

export type FaultName = keyof typeof FAULTS;

function intrude({ level, network, broker, clientId, cleanSession, below, heal }: Faulty): void {
  const transport = virtualPlatform(1, network).createTransport();
  const onOpen = (): void => {
    // A session that it began would be present to the client, which knows nothing of it: so it takes over only what is
    // there, and nothing can happen before its CONNECT arrives.
    broker.links[broker.links.length - 1].latencyMs = 0;
    const lasts = broker.sessions.get(clientId)?.clean === false;
    const cleanStart = cleanSession || !lasts || below(3) === 0;
    const properties: Record<string, number> = level === 5 && !cleanStart ? { sessionExpiryInterval: 0xffffffff } : {};
    const connect = encode(level, { type: PacketType.CONNECT, clientId, cleanStart, keepAlive: 0, properties });
    transport.write(connect, 0, connect.length);
  };
  const ignore = (): void => undefined;
  const endpoint = { scheme: "mqtt", hostname: "broker", port: 1883, path: "" };
  transport.open(endpoint, { onOpen, onData: ignore, onWritable: ignore, onClose: () => transport.close() });
  heal(below(6_000), () => transport.close());
}
