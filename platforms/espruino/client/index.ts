// What `mote-mqtt` is in a program that is built for Espruino without an optional part.

import type { Platform } from "../../../src/platform.ts";
import { checkTls, type TlsOptions } from "../tls.ts";

export { Client } from "./client.ts";
export { Published } from "../../../src/client/publisher.ts";
export { readDecimal, writeDecimal } from "../../../src/client/decimal.ts";
export { Reason } from "../../../src/packet/reason.ts";
export { describe } from "../../../src/describe.ts";

/** What `require("tls")` gets besides host and port: all else this client asks the engine itself. */
export function createPlatform(options: { tls?: TlsOptions }): Platform {
  return checkTls(options.tls) as Platform;
}

export const platform = {} as Platform;
