// The simulation can fail: each client here is broken in one way, and each invariant notices at least one of them.

import { DUP } from "../../src/packet/constants.ts";
import { describe, expect, it } from "vitest";
import { publishQos } from "../../src/packet/publish.ts";
import { PacketType, Reason } from "../../src/packet/index.ts";
import type { PayloadSource } from "../../src/session/outbox.ts";
import { isFailure, trySeed } from "./replay.ts";
import { INVARIANTS, type Invariant } from "./violation.ts";

const MOST_SEEDS = 400;
const CONNECTING = 2;
const CONNECTED = 3;
const PUBACK = 0x40;
const DISCONNECT = 0xe0;

/** What mutants reach for inside of a client. */
interface Inner {
  _phase: number;
  _remainingMs: number;
  _written: number;
  _busy: boolean;
  log: Uint8Array[] | undefined;
  _outbox: {
    bytes: Uint8Array;
    queued: number;
    inFlight: number;
    _window: number;
    _flight: Int32Array;
    _tail: number;
    _next: number;
    _head: number;
    _entries: number;
    append(header: number, topic: Uint8Array, payload: PayloadSource): boolean;
    resume(sessionPresent: boolean): void;
    sentEntry(packetId: number): number;
    packetAt(at: number): number;
    _requeue(at: number, state: number, sessionPresent: boolean): void;
    // Of MQTT 5
    _known: boolean[] | undefined;
    _quota: number | undefined;
    _prepare?(at: number, packet: number, qos: number): Reason;
  };
  _subscriptions: {
    _firstPacketId: number;
    dispatch(message: unknown): number;
    resume(sessionPresent: boolean, all: boolean): void;
  };
  _exactlyOnce:
    | {
        receive(message: unknown): boolean;
        handle(type: PacketType, bytes: Uint8Array, start: number, ...rest: unknown[]): number;
      }
    | undefined;
  onOpen(): void;
  onData(bytes: Uint8Array, start: number, end: number): void;
  disconnect(): void;
  _publish(header: number, topic: Uint8Array, payload: PayloadSource): number;
  _acknowledge(type: number, packetId: number): number;
  _keepAlive(passed: number): void;
  _lose(reason: number): void;
  _flush(): void;
  _sendDisconnect(): void;
  // Of MQTT 5
  _refused?(reason: Reason, entry: number): void;
}

interface Mutant<Client> {
  name: string;
  caughtAs: Invariant;
  mutate(client: Client): void;
}

type Replacement<Method> = Method extends (...args: infer Args) => infer Result
  ? (original: (...args: Args) => Result, ...args: Args) => Result
  : never;

/** Replaces a method by one that is given the original. */
function wrap<Owner extends object, Name extends keyof Owner>(
  object: Owner,
  name: Name,
  replacement: Replacement<Owner[Name]>,
): void {
  const original = (object[name] as (...args: unknown[]) => unknown).bind(object);
  const replaced = replacement as (...args: unknown[]) => unknown;
  object[name] = ((...args: unknown[]) => replaced(original, ...args)) as Owner[Name];
}

const MUTANTS: Mutant<Inner>[] = [
  {
    name: "does not set DUP on what it sends again",
    caughtAs: "dup",
    mutate: ({ _outbox }) =>
      wrap(_outbox, "_requeue", (requeue, at, state, sessionPresent) => {
        requeue(at, state, sessionPresent);
        _outbox.bytes[_outbox.packetAt(at)] &= ~DUP;
      }),
  },
  {
    name: "sets DUP on what is new",
    caughtAs: "dup",
    mutate: ({ _outbox }) =>
      wrap(_outbox, "append", (append, header, topic, payload) =>
        append(publishQos(header) ? header | DUP : header, topic, payload),
      ),
  },
  {
    name: "sets DUP with QoS 0",
    caughtAs: "strict reading",
    mutate: ({ _outbox }) =>
      wrap(_outbox, "append", (append, header, topic, payload) => append(header | DUP, topic, payload)),
  },
  {
    name: "forgets its outbox when it reconnects",
    caughtAs: "accepted is delivered",
    mutate: ({ _outbox }) => {
      _outbox.resume = () => {
        _outbox.queued = _outbox.inFlight = _outbox._entries = 0;
        _outbox._tail = _outbox._next = _outbox._head = 0;
        _outbox._flight.fill(-1);
      };
    },
  },
  {
    name: "takes a message although there is no room",
    caughtAs: "accepted is delivered",
    mutate: (client) => wrap(client, "_publish", (publish, ...args) => publish(...args) || 1),
  },
  {
    name: "takes packet identifiers of messages for subscriptions",
    caughtAs: "identifiers",
    mutate: ({ _subscriptions }) => (_subscriptions._firstPacketId = 1),
  },
  {
    name: "sends again without a new connection",
    caughtAs: "resent in order",
    mutate: (client) =>
      wrap(client, "_keepAlive", (keepAlive, passed) => {
        if (client._written === 0) client._outbox.resume(true);
        keepAlive(passed);
      }),
  },
  {
    name: "sends PUBLISH again although PUBREC has come",
    caughtAs: "pubrel",
    mutate: ({ _exactlyOnce, _outbox }) =>
      _exactlyOnce &&
      wrap(_exactlyOnce, "handle", (handle, type, bytes, start, ...rest) => {
        const at = type === PacketType.PUBREC ? _outbox.sentEntry((bytes[start] << 8) | bytes[start + 1]) : -1;
        const before = _outbox.bytes.slice();
        const reason = handle(type, bytes, start, ...rest);
        if (at >= 0) _outbox.bytes.set(before);
        return reason;
      }),
  },
  {
    name: "answers in pairs, the second message first",
    caughtAs: "answers",
    mutate(client) {
      let held: [number, number] | undefined;
      wrap(client, "_acknowledge", (acknowledge, type, packetId) => {
        const before = held;
        held = before ? undefined : [type, packetId];
        return before ? acknowledge(type, packetId) || acknowledge(...before) : 0;
      });
    },
  },
  {
    name: "does not answer every tenth message",
    caughtAs: "answers",
    mutate(client) {
      let count = 0;
      wrap(client, "_acknowledge", (acknowledge, type, packetId) => (++count % 10 ? acknowledge(type, packetId) : 0));
    },
  },
  {
    name: "has more messages under way than it may",
    caughtAs: "window",
    mutate({ _outbox, _subscriptions }) {
      _outbox._flight = new Int32Array(1_000).fill(-1);
      _outbox._window = 1_000;
      _subscriptions._firstPacketId = 1_001;
    },
  },
  {
    name: "sends no pings",
    caughtAs: "keep alive",
    mutate: (client) => (client._keepAlive = () => undefined),
  },
  {
    name: "does not wait for CONNACK",
    caughtAs: "connack awaited",
    mutate: (client) =>
      wrap(client, "onOpen", (open) => {
        open();
        client._phase = CONNECTED;
        client._flush();
        client._phase = CONNECTING;
      }),
  },
  {
    name: "sends CONNECT twice",
    caughtAs: "connect first",
    mutate: (client) =>
      wrap(client, "onOpen", (open) => {
        open();
        open();
      }),
  },
  {
    name: "sends DISCONNECT twice",
    caughtAs: "disconnect last",
    mutate: (client) =>
      wrap(client, "_sendDisconnect", (send) => {
        send();
        send();
      }),
  },
  {
    name: "sends each message with QoS 2 twice",
    caughtAs: "exactly once",
    mutate: (client) =>
      wrap(client, "_publish", (publish, header, topic, payload) => {
        if (publishQos(header) === 2) publish(header, topic, payload);
        return publish(header, topic, payload);
      }),
  },
  {
    name: "delivers a message with QoS 2 again when it comes again",
    caughtAs: "exactly once",
    mutate: ({ _exactlyOnce }) => _exactlyOnce && (_exactlyOnce.receive = () => true),
  },
  {
    name: "sends each message with QoS 0 twice",
    caughtAs: "at most once",
    mutate: (client) =>
      wrap(client, "_publish", (publish, header, topic, payload) => {
        if (publishQos(header) === 0) publish(header, topic, payload);
        return publish(header, topic, payload);
      }),
  },
  {
    name: "lets a message overtake the one before",
    caughtAs: "order",
    mutate(client) {
      let held: (() => number) | undefined;
      wrap(client, "_publish", (publish, header, topic, payload) => {
        const room = new Uint8Array(10_000);
        const end = payload.writePayload(room, 0, room.length);
        const copy: PayloadSource = {
          writePayload(into, at, limit) {
            if (at + end > limit) return -1;
            into.set(room.subarray(0, end), at);
            return at + end;
          },
        };
        const before = held;
        held = before ? undefined : () => publish(header, topic, copy);
        if (!before) return 1;
        return Math.min(publish(header, topic, copy), before());
      });
    },
  },
  {
    name: "spoils the last byte",
    caughtAs: "content",
    mutate: ({ _outbox }) =>
      wrap(_outbox, "append", (append, header, topic, payload) => {
        const done = append(header, topic, payload);
        if (done) _outbox.bytes[_outbox._head - 1] ^= 1;
        return done;
      }),
  },
  {
    name: "does not call the handler for every fifth message",
    caughtAs: "kept is received",
    mutate({ _subscriptions }) {
      let count = 0;
      wrap(_subscriptions, "dispatch", (dispatch, message) => (++count % 5 ? dispatch(message) : 1));
    },
  },
  {
    name: "does not subscribe again when the broker has lost the session",
    caughtAs: "subscriptions",
    mutate: ({ _subscriptions }) => wrap(_subscriptions, "resume", (resume) => resume(true, false)),
  },
  {
    name: "does not subscribe again when the CONNACK of the new session got lost",
    caughtAs: "subscriptions",
    mutate: ({ _subscriptions }) =>
      wrap(_subscriptions, "resume", (resume, sessionPresent) => resume(sessionPresent, false)),
  },
  {
    name: "throws when it loses a connection",
    caughtAs: "nothing thrown",
    mutate: (client) =>
      wrap(client, "_lose", (lose, reason) => {
        lose(reason);
        throw new Error(`lost: ${reason}`);
      }),
  },
  {
    name: "keeps a copy of what it receives",
    caughtAs: "fixed memory",
    mutate: (client) =>
      wrap(client, "onData", (take, bytes, start, end) => {
        (client.log ??= []).push(bytes.slice(start, end));
        take(bytes, start, end);
      }),
  },
  {
    name: "never reconnects",
    caughtAs: "recovery",
    mutate: (client) =>
      wrap(client, "_lose", (lose, reason) => {
        lose(reason);
        client._remainingMs = Infinity;
      }),
  },
  {
    name: "does not know the broker's receive maximum",
    caughtAs: "window",
    mutate: ({ _outbox }) =>
      wrap(_outbox, "resume", (resume, sessionPresent) => {
        resume(sessionPresent);
        if (_outbox._quota !== undefined) _outbox._quota = Infinity;
      }),
  },
  {
    name: "does not know the broker's maximum packet size",
    caughtAs: "packet size",
    mutate: ({ _outbox }) =>
      _outbox._prepare &&
      wrap(_outbox as Required<typeof _outbox>, "_prepare", (prepare, at, packet, qos) => {
        const reason = prepare(at, packet, qos);
        return reason === Reason.PACKET_TOO_LARGE_V5 ? Reason.OK : reason;
      }),
  },
  {
    name: "takes topic aliases along to the next connection",
    caughtAs: "alias",
    mutate: ({ _outbox }) =>
      wrap(_outbox, "resume", (resume, sessionPresent) => {
        const known = _outbox._known?.slice();
        resume(sessionPresent);
        known?.forEach((one, index) => (_outbox._known![index] = one));
      }),
  },
  {
    name: "does not tell what the broker rejects",
    caughtAs: "accepted is delivered",
    mutate: (client) => client._refused && (client._refused = () => undefined),
  },
];

/** What mutants reach for inside of the lean client. */
interface Lean {
  log: Uint8Array[] | undefined;
  connected: boolean;
  queued: number;
  inFlight: number;
  _connects: number;
  _lastId: number;
  _next: number;
  _tail: number;
  _due: number;
  _pingDue: number;
  disconnect(): void;
  onData(bytes: Uint8Array, start: number, end: number): void;
  _accepted(sessionPresent: boolean): void;
  _answered(id: number, code: number): void;
  _deliver(message: unknown): void;
  _find(packetId: number): number;
  _lose(reason: number): void;
  _peek(): number;
  _put(first: number, id?: number): boolean;
  _resume(sessionPresent: boolean): void;
  _send(first: number, id?: number): void;
  _tick(): void;
}

const LEAN_MUTANTS: Mutant<Lean>[] = [
  {
    name: "does not set DUP on what it sends again",
    caughtAs: "dup",
    mutate: (client) => wrap(client, "_resume", (resume) => resume(false)),
  },
  {
    name: "forgets what is in flight when it reconnects",
    caughtAs: "accepted is delivered",
    mutate: (client) =>
      wrap(client, "_resume", () => {
        client.queued = client.inFlight = client._next = client._tail = 0;
      }),
  },
  {
    name: "takes the same packet identifier for each message",
    caughtAs: "identifiers",
    mutate: (client) =>
      wrap(client, "_peek", (peek) => {
        const find = client._find.bind(client);
        client._find = () => -1;
        client._lastId = 0;
        const end = peek();
        client._find = find;
        return end;
      }),
  },
  {
    name: "sends DISCONNECT twice",
    caughtAs: "disconnect last",
    mutate: (client) =>
      wrap(client, "disconnect", (disconnect) => {
        if (client.connected) client._put(DISCONNECT);
        disconnect();
      }),
  },
  {
    name: "does not answer every tenth message",
    caughtAs: "answers",
    mutate(client) {
      let count = 0;
      wrap(client, "_send", (send, first, id) =>
        first === PUBACK && ++count % 10 === 0 ? undefined : send(first, id),
      );
    },
  },
  {
    name: "does not call the handler for every fifth message",
    caughtAs: "kept is received",
    mutate(client) {
      let count = 0;
      wrap(client, "_deliver", (deliver, message) => (++count % 5 ? deliver(message) : undefined));
    },
  },
  {
    name: "does not subscribe again when the CONNACK of the new session got lost",
    caughtAs: "subscriptions",
    mutate: (client) =>
      wrap(client, "_accepted", (accepted, sessionPresent) => {
        client._connects = 1;
        accepted(sessionPresent);
      }),
  },
  {
    name: "takes a subscription that was refused for granted",
    caughtAs: "subscriptions",
    mutate: (client) => wrap(client, "_answered", (answered, id, code) => answered(id, code & 1)),
  },
  {
    name: "sends no pings",
    caughtAs: "keep alive",
    mutate: (client) =>
      wrap(client, "_tick", (tick) => {
        client._pingDue = Infinity;
        tick();
      }),
  },
  {
    name: "throws when it loses a connection",
    caughtAs: "nothing thrown",
    mutate: (client) =>
      wrap(client, "_lose", (lose, reason) => {
        lose(reason);
        if (reason) throw new Error(`lost: ${reason}`);
      }),
  },
  {
    name: "keeps a copy of what it receives",
    caughtAs: "fixed memory",
    mutate: (client) =>
      wrap(client, "onData", (take, bytes, start, end) => {
        (client.log ??= []).push(bytes.slice(start, end));
        take(bytes, start, end);
      }),
  },
  {
    name: "never reconnects",
    caughtAs: "recovery",
    mutate: (client) =>
      wrap(client, "_lose", (lose, reason) => {
        lose(reason);
        if (reason) client._due = Infinity;
      }),
  },
];

/** The invariants that do not hold with a mutant, up to the one that is looked for. */
function caught({ caughtAs, mutate }: Mutant<never>, lean: boolean): Invariant[] {
  const found = new Set<Invariant>();
  for (let seed = 1; seed <= MOST_SEEDS && !found.has(caughtAs); seed++) {
    const result = trySeed(seed, { lean, mutate: (client) => mutate(client as never) });
    if (isFailure(result)) found.add(result.invariant);
  }
  return [...found];
}

describe("a client that", () => {
  it.each(MUTANTS)("$name is caught: $caughtAs", (mutant) => {
    expect(caught(mutant, false), `found in ${MOST_SEEDS} seeds`).toContain(mutant.caughtAs);
  });

  it("is there for each invariant", () => {
    const named = new Set(MUTANTS.map(({ caughtAs }) => caughtAs));
    expect(Object.keys(INVARIANTS).filter((name) => !named.has(name as Invariant))).toEqual([]);
  });
});

describe("a lean client that", () => {
  it.each(LEAN_MUTANTS)("$name is caught: $caughtAs", (mutant) => {
    expect(caught(mutant, true), `found in ${MOST_SEEDS} seeds`).toContain(mutant.caughtAs);
  });
});
