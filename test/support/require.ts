// Tests that need something which not every machine has. Without it they are skipped, by name and with the reason; with
// MOTE_REQUIRE_ALL=1, as in CI, they fail instead, so that nothing is skipped unnoticed.

import { execFileSync } from "node:child_process";
import { describe, it } from "vitest";

export interface Requirement {
  /** What is needed, such as "mosquitto". */
  name: string;
  /** Why it is not to be had; undefined when it is. */
  missing: string | undefined;
}

/** Whether skipping is forbidden. */
export const requireAll = process.env.MOTE_REQUIRE_ALL === "1";

/** A program that is found on the path, or where Debian puts daemons. */
export function program(name: string, advice: string): Requirement & { path: string } {
  const path = findProgram(name);
  return { name, path: path ?? name, missing: path ? undefined : `${name} is not installed (${advice})` };
}

function findProgram(name: string): string | undefined {
  const PATH = `${process.env.PATH ?? ""}:/usr/sbin:/usr/local/sbin`;
  try {
    return execFileSync("/bin/sh", ["-c", `command -v ${name}`], { encoding: "utf8", env: { PATH } }).trim();
  } catch {
    return undefined;
  }
}

/** `describe` for tests that need something. */
export function describeWith(requirement: Requirement, title: string, body: () => void): void {
  const { missing } = requirement;
  if (!missing) describe(title, body);
  else if (requireAll) describe(title, () => it(`has ${requirement.name}`, () => fail(missing)));
  else {
    console.warn(`SKIPPED: ${title}: ${missing}`);
    describe.skip(`${title} [skipped: ${missing}]`, body);
  }
}

/** `it` for one test that needs something. */
export function itWith(
  requirement: Requirement,
  title: string,
  body: () => void | Promise<void>,
  timeoutMs?: number,
): void {
  const { missing } = requirement;
  if (!missing) it(title, body, timeoutMs);
  else if (requireAll) it(title, () => fail(missing));
  else {
    console.warn(`SKIPPED: ${title}: ${missing}`);
    it.skip(`${title} [skipped: ${missing}]`, body);
  }
}

/** The `it` for several tests of a file that need something. */
export function itIfThere({ name, missing }: Requirement): typeof it {
  if (!missing) return it;
  if (requireAll) fail(missing);
  console.warn(`SKIPPED: what needs ${name}: ${missing}`);
  return it.skip as typeof it;
}

function fail(missing: string): void {
  throw new Error(`${missing}, and MOTE_REQUIRE_ALL=1 forbids to skip`);
}
