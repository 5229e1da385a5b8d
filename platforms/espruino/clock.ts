import type { Clock } from "../../src/platform.ts";
import { call } from "./call.ts";
import type { Engine } from "./engine.ts";

declare const getTime: Engine["getTime"];
declare const setInterval: Engine["setInterval"];
declare const clearInterval: Engine["clearInterval"];

export const clock: Clock = {
  // From 2^31 on a number is a float here and costs a variable more: so it wraps, which the client bears.
  now: () => (getTime() * 1_000) | 0,
  startTicking: (intervalMs, callback) => setInterval(call, intervalMs, callback),
  stopTicking: (ticking) => clearInterval(ticking as number),
};
