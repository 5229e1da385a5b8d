// What a program for Moddable imports of the board's modules, so that it runs in the simulator as it is.

import { device } from "../device.ts";

/** The module "timer". */
export const Timer = {
  set(callback: () => void, delayMs?: number, intervalMs?: number): unknown {
    if (intervalMs === undefined) return device.timers.start(callback, delayMs ?? 0, false);
    return device.timers.start(callback, delayMs ?? 0, true, intervalMs);
  },

  repeat(callback: () => void, intervalMs: number): unknown {
    return device.timers.start(callback, intervalMs, true);
  },

  clear(timer: unknown): void {
    device.timers.stop(timer);
  },
};
