import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../tools/cli/package.ts";
import { BASE, BUNDLES, measure, table, withTable } from "./bundles.ts";

/** The most that the client for QoS 0 and 1 may take. No optional part is a reason to raise it. */
const BASE_LIMIT = 17_960;

/** All that this client is made of. */
const BASE_MODULES = [
  ...["client", "decimal", "guard", "message", "options", "publisher", "reconnect", "subscriptions", "url"].map(
    (name) => `src/client/${name}.ts`,
  ),
  ...["acknowledgement", "bytes", "connack", "connect", "fixed-header", "framer", "publish", "request"].map(
    (name) => `src/packet/${name}.ts`,
  ),
  ...["short-packet", "topic", "utf8"].map((name) => `src/packet/${name}.ts`),
  "src/session/outbox.ts",
];

/** What several parts are made with, and none is. */
const HELPERS = ["src/client/ticks.ts", "src/session/define.ts"];

describe("bundles", () => {
  it("of the client for QoS 0 and 1 have nothing of an optional part", async () => {
    const { modules, bytes } = await measure(BASE);
    expect(modules).toEqual(BASE_MODULES);
    expect(bytes).toBeLessThanOrEqual(BASE_LIMIT);
  });

  it("with one optional part have nothing of another", async () => {
    const base = await measure(BASE);
    const parts = await Promise.all(BUNDLES.filter(({ on }) => on === BASE).map(measure));
    const common = [...base.modules, ...HELPERS];
    const owned = parts.slice(0, -1).map(({ modules }) => modules.filter((name) => !common.includes(name)));
    for (const modules of owned) expect(modules.length).toBeGreaterThan(0);
    expect(new Set(owned.flat()).size).toBe(owned.flat().length);
  });

  it("of 3.1.1 have nothing of MQTT 5", async () => {
    for (const bundle of BUNDLES.filter((one) => one === BASE || one.on === BASE)) {
      expect((await measure(bundle)).modules.filter((name) => name.includes("v5"))).toEqual([]);
    }
  });

  it("are as large as the README says: `npm run sizes` writes it", async () => {
    const readme = join(packageRoot, "README.md");
    await expect(withTable(readFileSync(readme, "utf8"), await table())).toMatchFileSnapshot(readme);
  });
});
