import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { XsUnavailableError } from "./errors.ts";

/**
 * Where this user's builds are kept: `MOTE_CACHE`, or mote-mqtt in the place that the XDG specification names.
 *
 * @throws XsUnavailableError when there is no such folder, and none can be made.
 */
export function cacheDirectory(): string {
  const directory =
    process.env["MOTE_CACHE"] || join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "mote-mqtt");
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    const why = (error as Error).message;
    const message = `There is no place for the compiled XS engine (${why}): name a folder in MOTE_CACHE that you may write to.`;
    throw new XsUnavailableError("cache", message, { cause: error });
  }
  return directory;
}
