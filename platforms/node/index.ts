// Node.js: TCP and TLS through net and tls. `mote-mqtt/node`.

import type { ConnectionOptions } from "node:tls";
import type { Clock, Platform, Text } from "../../src/platform.ts";
import { NodeTransport } from "./transport.ts";

export { fileStore, type FileStoreOptions } from "./file-store.ts";

export interface NodePlatformOptions {
  /**
   * For mqtts: what `tls.connect` takes, such as `ca`, `cert`, `key`, `servername`, `ALPNProtocols`. The broker's
   * certificate is verified unless `rejectUnauthorized` is false.
   */
  tls?: ConnectionOptions;
  /** Gets the error behind a connection that failed or broke, for a log: Node's own words say more than a reason. */
  onError?: (error: Error) => void;
}

/** Makes a platform for Node.js with options of its own. */
export function createPlatform(options: NodePlatformOptions = {}): Platform {
  return { clock, text, random: Math.random, createTransport: () => new NodeTransport(options) };
}

const clock: Clock = {
  // Whole ones: a fraction would be a number on the heap at each tick, and lost at each.
  now: () => Math.floor(performance.now()),
  startTicking: (intervalMs, callback) => setInterval(callback, intervalMs),
  stopTicking: (ticking) => clearInterval(ticking as NodeJS.Timeout),
};

const encoder = new TextEncoder();

const text: Text = {
  encode(text, into, at, limit) {
    const { read, written } = encoder.encodeInto(text, into.subarray(at, limit));
    return read === text.length ? at + written : -1;
  },
  decode(bytes, start, end) {
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");
  },
};

/** Node.js, with the certificate authorities that it trusts. */
export const platform: Platform = createPlatform();
