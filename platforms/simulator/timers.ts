import type { Host } from "./host.ts";

interface Timer {
  callback: () => void;
  due: number;
  /** Negative for a timer that fires once. */
  interval: number;
  active: boolean;
}

/** `setInterval` and its kin on the host's one alarm. Running them makes nothing. */
export class Timers {
  private readonly _host: Host;
  private readonly _timers: Timer[] = [];

  constructor(host: Host) {
    this._host = host;
  }

  /** Calls `callback` after `delayMs`, and from then on every `intervalMs`, if it is to be repeated. */
  start(callback: () => void, delayMs: number, repeat: boolean, intervalMs?: number): unknown {
    const timers = this._timers;
    const due = this._host.now() + Math.max(1, delayMs);
    const interval = repeat ? Math.max(1, intervalMs ?? delayMs) : -1;
    const timer = { callback, due, interval, active: true };
    let free = 0;
    while (free < timers.length && timers[free].active) free++;
    timers[free] = timer;
    this._schedule();
    return timer;
  }

  stop(timer: unknown): void {
    if (timer) (timer as Timer).active = false;
  }

  /** Calls what is due, the earliest first. */
  run(): void {
    const now = this._host.now();
    for (let timer = this._earliest(); timer && timer.due <= now; timer = this._earliest()) {
      if (timer.interval < 0) timer.active = false;
      // What a late alarm missed is not made up for.
      else timer.due = Math.max(timer.due + timer.interval, now + 1);
      timer.callback();
    }
    this._schedule();
  }

  private _schedule(): void {
    const timer = this._earliest();
    if (timer) this._host.wakeAt(timer.due);
  }

  private _earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    for (let index = 0; index < this._timers.length; index++) {
      const timer = this._timers[index];
      if (timer.active && !(earliest && earliest.due <= timer.due)) earliest = timer;
    }
    return earliest;
  }
}
