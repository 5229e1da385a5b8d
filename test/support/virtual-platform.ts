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
  /** Gets what nobody caught, instead of whoever calls `advance`. */
  onUncaught: ((error: unknown) => void) | undefined;
  private _events: Event[] = [];
  /** Where the next event is: to take each off the list would cost as much as the list is long. */
  private _first = 0;

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
    while (index > this._first && this._events[index - 1].at > event.at) index--;
    this._events.splice(index, 0, event);
  }

  /** Lets time pass, and all happen that is due by then. Throws the first exception that nobody caught, afterwards. */
  advance(ms: number): void {
    const until = this.passed + ms;
    const errors: unknown[] = [];
    while (this._first < this._events.length && this._events[this._first].at <= until) {
      const event = this._events[this._first++];
      if (this._first * 2 > this._events.length) {
        this._events.splice(0, this._first);
        this._first = 0;
      }
      this.passed = event.at;
      try {
        event.run();
      } catch (error) {
        if (this.onUncaught) this.onUncaught(error);
        else errors.push(error);
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
  /** May change at any time: nothing overtakes what was sent before it. */
  latencyMs = 0;
  /** The connection breaks once so many bytes more have arrived at the broker; what follows them is lost. */
  upBudget = Infinity;
  /** The same for bytes on their way to the client. */
  downBudget = Infinity;
  private _open = true;
  /** Some byte did not arrive: nor does anything after it, until both ends are told. */
  private _upBroken = false;
  private _downBroken = false;
  /** When the last of what is under way arrives, in either direction. */
  private _upAt = 0;
  private _downAt = 0;
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
    if (this._downBroken) return;
    this._downBroken = bytes.length >= this.downBudget;
    if (this._downBroken) bytes = bytes.subarray(0, this.downBudget);
    this.downBudget -= bytes.length;
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
    if (this._downBroken) this.close(Reason.CONNECTION_LOST);
  }

  /** Nothing arrives, in either direction, for so long: then all of it does. */
  stall(ms: number): void {
    this._upAt = this._downAt = Math.max(this._upAt, this._downAt, this._clock.passed + ms);
  }

  /** Ends the connection from the network's or the broker's side, after what was delivered. */
  close(reason = Reason.CLOSED_BY_BROKER): void {
    if (this.dead) return;
    this._after(this._nextDown(), () => {
      if (!this._open) return;
      const current = this._isCurrent();
      this._end();
      if (current) this._listener.onClose(reason);
    });
  }

  /** Lets the client's transport take so many bytes more, and tells it. */
  grant(room: number): void {
    this.room = room;
    if (room > 0) this._writable();
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
    if (taken > 0 && !this.dead) this._after(this._nextUp(), () => this._arrive(copy));
    if (taken < end - start && this.room > 0) this._writable();
    return taken;
  }

  /** @internal */
  _closed(): void {
    this.closedByClient = true;
    if (!this.dead) this._after(this._nextUp(), () => this._end());
  }

  private _arrive(bytes: Uint8Array): void {
    if (!this._open || this._upBroken) return;
    this._upBroken = bytes.length >= this.upBudget;
    if (this._upBroken) bytes = bytes.subarray(0, this.upBudget);
    this.upBudget -= bytes.length;
    this.onBytes(bytes);
    if (this._upBroken) this.close(Reason.CONNECTION_LOST);
  }

  private _end(): void {
    if (!this._open) return;
    this._open = false;
    this.onEnd();
  }

  private _later(run: () => void): void {
    this._after(this._nextDown(), () => {
      if (this._open && this._isCurrent()) run();
    });
  }

  /** The room is the transport's own, so that no latency lies between. */
  private _writable(): void {
    this._clock.after(0, () => {
      if (this._open && this._isCurrent()) this._listener.onWritable();
    });
  }

  private _nextUp(): number {
    return (this._upAt = Math.max(this._upAt, this._clock.passed + this.latencyMs));
  }

  private _nextDown(): number {
    return (this._downAt = Math.max(this._downAt, this._clock.passed + this.latencyMs));
  }

  private _after(at: number, run: () => void): void {
    this._clock.after(at - this._clock.passed, run);
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
