// The normative statements of MQTT 3.1.1 and 5 (OASIS), by their identifiers; the words are ours.

import { readFileSync } from "node:fs";

export const VERSIONS = ["3.1.1", "5"] as const;
export type Version = (typeof VERSIONS)[number];

export interface Statement {
  /** What stands behind "MQTT-" in the specification: "3.3.1-2". */
  id: string;
  /** Whom it asks something of. */
  binds: "client" | "server" | "both";
  /** In short, what it asks. */
  says: string;
}

export const statements = Object.fromEntries(
  VERSIONS.map((version) => {
    const file = new URL(`statements-${version}.json`, import.meta.url);
    return [version, JSON.parse(readFileSync(file, "utf8")) as Statement[]];
  }),
) as Record<Version, Statement[]>;
