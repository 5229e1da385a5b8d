// `time`

import type { Host } from "../../../platforms/simulator/host.ts";

declare const host: Host;

export default class Time {
  static get ticks(): number {
    return host.now() | 0;
  }
}
