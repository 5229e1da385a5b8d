import { Reason } from "../packet/reason.ts";

enum Limit {
  /** A connection that ends sooner than this after CONNACK did not last. */
  SHORT_LIFE_MS = 10_000,
  /** So many connections that did not last, one after the other, are no accident. */
  SHORT_LIVES = 3,
}

/**
 * When to connect again: exponential back-off with full jitter, so that a thousand devices that lost one broker do not
 * return as one. Two clients with one client identifier throw each other off the broker for ever [MQTT-3.1.4-2]; that is
 * told from other losses by connections that the broker ends shortly after CONNACK, again and again.
 */
export class Reconnect {
  private readonly _minimum: number;
  private readonly _maximum: number;
  private _attempts = 0;
  private _shortLives = 0;

  constructor(minimumMs: number, maximumMs: number) {
    this._minimum = minimumMs;
    this._maximum = maximumMs;
  }

  /**
   * A connection ended, or failed to come up.
   *
   * @param upMs how long it was up after CONNACK; -1 when it never was.
   * @returns the reason, which may now be that of a take-over.
   */
  lost(reason: Reason, upMs: number): Reason {
    const byBroker = reason === Reason.CLOSED_BY_BROKER || reason === Reason.CONNECTION_LOST;
    if (upMs >= Limit.SHORT_LIFE_MS) this._attempts = 0;
    // Once the other client has become slow, the lives of this one are longer: the last one counts all the same.
    const short = upMs < Limit.SHORT_LIFE_MS || this._shortLives === Limit.SHORT_LIVES - 1;
    if (upMs >= this._maximum) this._shortLives = 0;
    else if (byBroker && upMs >= 0 && short) this._shortLives++;
    return byBroker && upMs >= 0 && this._shortLives >= Limit.SHORT_LIVES ? Reason.TAKEN_OVER : reason;
  }

  /** The application begins anew. */
  reset(): void {
    this._attempts = this._shortLives = 0;
  }

  /** How many ms to wait before the next attempt; `random` is from 0 up to 1. */
  delay(reason: Reason, random: number): number {
    const maximum = this._maximum;
    // Slow enough that the other client notices a connection that lasts.
    if (reason === Reason.TAKEN_OVER) return (maximum * (1 + random)) / 2;
    let ceiling = this._minimum;
    for (let count = this._attempts; count > 0 && ceiling < maximum; count--) ceiling *= 2;
    if (ceiling < maximum) this._attempts++;
    return Math.min(ceiling, maximum) * random;
  }
}
