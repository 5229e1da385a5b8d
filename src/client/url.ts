import type { Endpoint } from "../platform.ts";
import { inRange } from "./options.ts";

/** Reads "scheme://host:port/path". */
export function parseUrl(url: string): Endpoint {
  url = `${url}`; // there may be none
  // Wherever it is: a password may have a slash, and must not come into a message of an error.
  if (url.indexOf("@") >= 0) throw new TypeError("url must not contain credentials: use username and password");
  // Not by a regular expression: XS keeps 1 KB of memory for it.
  const parts = url.split("/");
  const scheme = parts[0].slice(0, -1);
  const authority = parts[2] ?? "";
  // The colons of an IPv6 address are in brackets; the port's is after them.
  const bracket = authority.indexOf("]");
  const colon = authority.indexOf(":", bracket + 1);
  const hostname = bracket > 0 ? authority.slice(1, bracket) : colon < 0 ? authority : authority.slice(0, colon);
  if (!scheme || parts[0] !== `${scheme}:` || parts[1] || !hostname) {
    throw new TypeError(`url must be like mqtt://host:1883, not "${url}"`);
  }
  const port = colon < 0 ? (scheme === "mqtts" ? 8883 : 1883) : +authority.slice(colon + 1);
  return {
    scheme,
    hostname,
    port: inRange("port of url", port, 0, 1, 65_535),
    path: url.slice(scheme.length + 3 + authority.length),
  };
}
