import { itWith } from "../../support/require.ts";

/** `test` for tests that need `what`: without it they are skipped by name, or fail where nothing may be skipped. */
export function testWith(
  what: string,
  present: boolean,
): (title: string, body: () => void | Promise<void>, timeoutMs?: number) => void {
  const requirement = { name: what, missing: present ? undefined : `${what} is missing` };
  return (title, body, timeoutMs) => itWith(requirement, title, body, timeoutMs);
}
