import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where this user's builds are kept: `MOTE_CACHE`, or mote-mqtt in the place that the XDG specification names. */
export function cacheDirectory(): string {
  const directory =
    process.env["MOTE_CACHE"] || join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "mote-mqtt");
  mkdirSync(directory, { recursive: true });
  return directory;
}
