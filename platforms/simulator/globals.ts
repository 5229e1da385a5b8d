// The global functions of a device's engine, for programs inside the simulator: the bundler puts these in the place of
// the globals of the same names.

import { device } from "./device.ts";
import type { Host } from "./host.ts";

declare const host: Host;

export function setInterval(callback: () => void, delayMs: number): unknown {
  return device.timers.start(callback, delayMs, true);
}

export function setTimeout(callback: () => void, delayMs: number): unknown {
  return device.timers.start(callback, delayMs, false);
}

export function clearInterval(timer: unknown): void {
  device.timers.stop(timer);
}

export const clearTimeout = clearInterval;

function log(...values: unknown[]): void {
  host.print(values.map(String).join(" "));
}

export const console = { log, info: log, warn: log, error: log };

/** Moddable's name for nearly the same: the end of a line is its caller's. */
export function trace(...values: unknown[]): void {
  host.print(values.join("").replace(/\n$/, ""));
}
