// `timer`

import { device } from "./device.ts";

export default class Timer {
  static set(callback: () => void, delayMs?: number): unknown {
    return device.timers.start(callback, delayMs ?? 0, false);
  }

  static repeat(callback: () => void, intervalMs: number): unknown {
    return device.timers.start(callback, intervalMs, true);
  }

  static clear(timer: unknown): void {
    device.timers.stop(timer);
  }
}
