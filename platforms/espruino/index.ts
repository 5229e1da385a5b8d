// Espruino on boards whose strings are bytes, the ESP32 among them. `mote-mqtt/espruino`.

import type { Platform } from "../../src/platform.ts";
import { clock } from "./clock.ts";
import { text } from "./text.ts";
import { checkTls, type TlsOptions } from "./tls.ts";
import { EspruinoTransport } from "./transport.ts";

export type { TlsOptions } from "./tls.ts";

/** A platform with certificates for `mqtts`. Throws a TypeError when `cert` is without `key`, or the other way round. */
export function createPlatform(options: { tls?: TlsOptions }): Platform {
  const tls = checkTls(options.tls);
  return { clock, text, random: Math.random, createTransport: () => new EspruinoTransport(tls) };
}

export const platform: Platform = createPlatform({});
