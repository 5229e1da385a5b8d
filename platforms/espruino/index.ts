// Espruino on boards whose strings are bytes, the ESP32 among them. `mote-mqtt/espruino`.

import type { Platform } from "../../src/platform.ts";
import { clock } from "./clock.ts";
import { text } from "./text.ts";
import { EspruinoTransport } from "./transport.ts";

export const platform: Platform = {
  clock,
  text,
  random: Math.random,
  createTransport: () => new EspruinoTransport(),
};
