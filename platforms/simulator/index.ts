// A simulated device: what a sensor's program imports inside the simulator, on XS and on Node alike, as
// `mote-mqtt/simulator`. It needs the global `host` that the simulator provides and nothing else does.

import type { Platform } from "../../src/platform.ts";
import { utf8Text } from "../../src/utf8-text.ts";
import { device } from "./device.ts";
import type { Host } from "./host.ts";
import { SimulatorTransport } from "./transport.ts";

declare const host: Host;

export const platform: Platform = {
  clock: {
    now: () => host.now(),
    startTicking: (intervalMs, callback) => device.timers.start(callback, intervalMs, true),
    stopTicking: (ticking) => device.timers.stop(ticking),
  },
  text: utf8Text,
  random: () => host.random(),
  createTransport: () => new SimulatorTransport(host, device.connections),
};

/** The device's settings: what a board would read from its flash. */
export const settings: Readonly<Record<string, unknown>> = JSON.parse(host.settings || "{}");

/** Has `callback` called when somebody asks the device for figures; it answers with `report`. */
export function onReport(callback: () => void): void {
  device.report = callback;
}

/** Tells a figure by name. */
export function report(name: string, value: number): void {
  host.report(name, value);
}
