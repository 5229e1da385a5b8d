// A platform without time and without a network: a test advances the clock, and says what becomes of each byte.

import { Reason } from "../../src/packet/index.ts";
import type { Clock, Endpoint, Platform, Transport, TransportListener } from "../../src/platform.ts";
import { utf8Text } from "../../src/utf8-text.ts";
import { seededRandom } from "./random.ts";

interface Event {
  at: number;
  run: () => void;
}

/** Time that passes only in `advance`. Exceptions end up where an engine's uncaught ones do: with whoever turns the crank. */
export class VirtualClock implements Clock {
  /** What `now` makes of the time that has passed: a clock that was set, or that wraps. */
  shows = (passed: number): number => passed;
  /** Milliseconds since the beginning. */
  passed = 0;
  private _events: Event[] = [];

  now(): number {
    return this.shows(this.passed);
  }

  startTicking(intervalMs: number, callback: () => void): unknown {
    const ticking = { active: true };
    const tick = (): void => {
      if (!ticking.active) return;
      this.after(intervalMs, tick);
      callback();
    };
    this.after(intervalMs, tick);
    return ticking;
  }

  stopTicking(ticking: unknown): void {
    (ticking as { active: boolean }).active = false;
  }

  /** Calls `run` in `ms`; events of one moment in the order they were asked for. */
  after(ms: number, run: () => void): void {
    const event = { at: this.passed + ms, run };
    let index = this._events.length;
    while (index > 0 && this._events[index - 1].at > event.at) index--;
    this._events.splice(index, 0, event);
  }

  /** Lets time pass, and all happen that is due by then. Throws the first exception that nobody caught, afterwards. */
  advance(ms: number): void {
    const until = this.passed + ms;
    const errors: unknown[] = [];
    while (this._events.length && this._events[0].at <= until) {
      const event = this._events.shift()!;
      this.passed = event.at;
      try {
        event.run();
      } catch (error) {
        errors.push(error);
      }
    }
    this.passed = until;
    if (errors.length) throw errors[0];
  }

  /** Lets happen what is due now. */
  settle(): void {
    this.advance(0);
  }

  /** Advances in steps until `condition` holds; throws when it does not within `ms`. */
  advanceUntil(condition: () => boolean, ms = 600_000, step = 50): void {
    for (const end = this.passed + ms; !condition(); this.advance(step)) {
      if (this.passed >= end) throw new Error(`not within ${ms} ms: ${condition}`);
    }
  }
}

/** The broker's end of a connection. */
export class Link {
  readonly endpoint: Endpoint;
  /** Gets what the client wrote. */
  onBytes: (bytes: Uint8Array) => void = () => undefined;
  /** The connection is over, whoever ended it. */
  onEnd: () => void = () => undefined;
  /** The client has closed the connection. */
  closedByClient = false;
  /** How many bytes the client's transport still takes. */
  room = Infinity;
  /** How many bytes it takes with one write at most. */
  writeLimit = Infinity;
  /** Bytes arrive at the client in chunks of at most this. */
  chunkSize: () => number = () => Infinity;
  /** Half-open: what either end sends gets lost, and nobody is told. */
  dead = false;
  latencyMs = 0;
  private _open = true;
  private readonly _clock: VirtualClock;
  private readonly _listener: TransportListener;
  /** Whether this is still the connection that the transport has open. */
  private readonly _isCurrent: () => boolean;

  constructor(clock: VirtualClock, endpoint: Endpoint, listener: TransportListener, isCurrent: () => boolean) {
    this._clock = clock;
    this.endpoint = endpoint;
    this._listener = listener;
    this._isCurrent = isCurrent;
  }

  get open(): boolean {
    return this._open;
  }

  /** Sends bytes to the client. They are wiped once it has seen them: they were only lent. */
  deliver(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && !this.dead;) {
      const chunk = bytes.slice(at, at + Math.max(1, this.chunkSize()));
      at += chunk.length;
      this._later(() => {
        // Not at the beginning of its array: a client has no right to count on that.
        const lent = new Uint8Array(chunk.length + 7).fill(0xee);
        lent.set(chunk, 3);
        try {
          this._listener.onData(lent, 3, 3 + chunk.length);
        } finally {
          lent.fill(0xdd);
        }
      });
    }
  }

  /** Ends the connection from the network's or the broker's side, after what was delivered. */
  close(reason = Reason.CLOSED_BY_BROKER): void {
    if (this.dead) return;
    this._clock.after(this.latencyMs, () => {
      if (!this._open) return;
      const current = this._isCurrent();
      this._end();
      if (current) this._listener.onClose(reason);
    });
  }

  /** Lets the client's transport take so many bytes more, and tells it. */
  grant(room: number): void {
    this.room = room;
    if (room > 0) this._later(() => this._listener.onWritable());
  }

  /** An event of the client's transport as this names it, whatever it is good for. */
  event(run: (listener: TransportListener) => void): void {
    this._later(() => run(this._listener));
  }

  /** @internal */
  _write(bytes: Uint8Array, start: number, end: number): number {
    const taken = Math.min(end - start, this.room, this.writeLimit);
    this.room -= taken;
    const copy = bytes.slice(start, start + taken);
    if (taken > 0 && !this.dead) this._clock.after(this.latencyMs, () => this._open && this.onBytes(copy));
    if (taken < end - start && this.room > 0) this._later(() => this._listener.onWritable());
    return taken;
  }

  /** @internal */
  _closed(): void {
    this.closedByClient = true;
    if (!this.dead) this._clock.after(this.latencyMs, () => this._end());
  }

  private _end(): void {
    if (!this._open) return;
    this._open = false;
    this.onEnd();
  }

  private _later(run: () => void): void {
    this._clock.after(this.latencyMs, () => {
      if (this._open && this._isCurrent()) run();
    });
  }
}

/** Who listens. Without `onConnection` every connection is refused. */
export class VirtualNetwork {
  readonly clock: VirtualClock;
  onConnection: ((link: Link) => void) | undefined;
  /** How an attempt fails when nobody listens. */
  refusal = Reason.CONNECTION_REFUSED;
  /** Attempts are never answered. */
  silent = false;
  /** How many attempts there were. */
  attempts = 0;
  latencyMs = 0;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }
}

class VirtualTransport implements Transport {
  private readonly _network: VirtualNetwork;
  private _link: Link | undefined;
  /** Counts openings, so that events of earlier ones are told apart. */
  private _epoch = 0;
  private _isOpen = false;

  constructor(network: VirtualNetwork) {
    this._network = network;
  }

  open(endpoint: Endpoint, listener: TransportListener): void {
    if (endpoint.scheme !== "mqtt") throw new TypeError(`url has the scheme "${endpoint.scheme}"`);
    if (this._isOpen) throw new Error("the client opened a transport that was open");
    this._isOpen = true;
    const network = this._network;
    const epoch = ++this._epoch;
    const isCurrent = (): boolean => this._isOpen && this._epoch === epoch;
    network.attempts++;
    network.clock.after(network.latencyMs, () => {
      if (!isCurrent() || network.silent) return;
      if (!network.onConnection) {
        this._isOpen = false;
        listener.onClose(network.refusal);
        return;
      }
      const link = new Link(network.clock, endpoint, listener, isCurrent);
      link.latencyMs = network.latencyMs;
      this._link = link;
      network.onConnection(link);
      listener.onOpen();
    });
  }

  write(bytes: Uint8Array, start: number, end: number): number {
    if (!this._isOpen || !this._link?.open) return 0;
    if (start >= end) throw new Error("the client wrote nothing");
    return this._link._write(bytes, start, end);
  }

  close(): void {
    if (this._isOpen && this._link?.open) this._link._closed();
    this._link = undefined;
    this._isOpen = false;
  }
}

export interface VirtualPlatform extends Platform {
  readonly clock: VirtualClock;
  readonly network: VirtualNetwork;
}

/** A platform on a network of its own, or on that of another. */
export function virtualPlatform(seed = 1, network = new VirtualNetwork(new VirtualClock())): VirtualPlatform {
  const { clock } = network;
  const random = seededRandom(seed);
  return { clock, network, text: utf8Text, random, createTransport: () => new VirtualTransport(network) };
}
