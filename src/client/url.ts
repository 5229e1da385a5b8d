import type { Endpoint } from "../platform.ts";
import { inRange } from "./options.ts";

/** Reads "scheme://host:port/path". */
export function parseUrl(url: string): Endpoint {
  // Wherever it is: a password may have a slash, and must not come into a message of an error.
  if (/@/.test(url)) throw new TypeError("url must not contain credentials: use username and password");
  // The colons of an IPv6 address are in brackets.
  const part = /^(.+?):\/\/(?:\[(.+?)\]|([^:/]+))(:[^/]*)?([^]*)/.exec(url);
  if (!part) throw new TypeError(`url must be like mqtt://host:1883, not "${url}"`);
  const port = part[4] ? +part[4].slice(1) : part[1] === "mqtts" ? 8883 : 1883;
  return {
    scheme: part[1],
    hostname: part[2] || part[3],
    port: inRange("port of url", port, 0, 1, 65_535),
    path: part[5],
  };
}
