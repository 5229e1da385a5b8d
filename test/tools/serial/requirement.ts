import { test } from "vitest";

/** The test where what it needs is there; else one that says what is missing, and fails where nothing may be skipped. */
export function testWith(what: string, present: boolean): typeof test | typeof test.skip {
  if (present) return test;
  if (process.env["MOTE_REQUIRE_ALL"] === "1")
    return ((name: string) =>
      test(name, () => {
        throw new Error(`${what} is missing, and MOTE_REQUIRE_ALL=1 allows no skipping.`);
      })) as unknown as typeof test;
  console.warn(`skipped for want of ${what}:`);
  return test.skip;
}
