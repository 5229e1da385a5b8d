import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext, Script } from "node:vm";
import { afterAll, describe, expect, test } from "vitest";
import { bundleEspruinoModule, bundleForEspruino } from "../../../tools/build/espruino.ts";
import { packageRoot } from "../../../tools/cli/package.ts";

const folder = mkdtempSync(join(tmpdir(), "mote-build-"));
afterAll(() => rmSync(folder, { recursive: true }));

function bundle(source: string): Promise<string> {
  const file = join(folder, "program.ts");
  writeFileSync(file, source);
  return bundleForEspruino(file).then((bytes) => Buffer.from(bytes).toString("utf8"));
}

describe("A bundle for Espruino", () => {
  test("is a script that holds Mote with its private names mangled, and the application's as they are", async () => {
    const code = await bundle(
      `import { Client } from "mote-mqtt";
       import { platform } from "mote-mqtt/espruino";
       new Client(platform, { url: "mqtt://broker", clientId: JSON.stringify({ _mine: 1 }) }).connect();`,
    );
    expect(code).not.toMatch(/\b_(transport|outbox|flush|phase)\b/);
    expect(code).toContain("_mine");
    expect(code).toContain("keepAlive");
    expect(() => new Script(code)).not.toThrow();
  });

  test("holds the client for Espruino, or with an optional part the portable one", async () => {
    const program = (part: string): string => `
      import { Client } from "mote-mqtt";
      import { platform } from "mote-mqtt/espruino";
      ${part}
      new Client(platform, { url: "mqtt://broker" }).connect();`;
    expect((await bundle(program(""))).length).toBeLessThan(8_500);
    expect((await bundle(program(`import "mote-mqtt/qos2";`))).length).toBeGreaterThan(15_000);
    await expect(bundle(program(`import "mote-mqtt/qos3";`))).rejects.toThrow(/Mote has no mote-mqtt\/qos3/);
    await expect(bundle(program(`import "mote-mqtt/v5";`))).rejects.toThrow(/v5 does not run on Espruino yet/);
    await expect(bundle(program(`import "mote-mqtt/lean";`))).rejects.toThrow(/lean is for Moddable: use mote-mqtt/);
    const described = `import { describe } from "mote-mqtt/describe"; console.log(describe(64));`;
    expect((await bundle(program(described))).length).toBeLessThan(12_500);
  });

  test("leaves require to the board, and text in UTF-8", async () => {
    const code = await bundle(`declare function require(name: string): any; require("Wifi").say("\\u00b0C");`);
    expect(code).toContain(`require("Wifi").say("°C")`);
  });

  test("carries nothing of Mote that is not used", async () => {
    const code = await bundle(`import { readDecimal } from "mote-mqtt"; print(readDecimal);`);
    expect(code.length).toBeLessThan(1_000);
  });

  test("is refused, with the place, when the engine cannot run it", async () => {
    await expect(bundle("print(new Map());")).rejects.toThrow(
      /program\.ts cannot run on Espruino: Espruino has no Map, near: Map\)/,
    );
    await expect(bundle("const x = ;")).rejects.toThrow(/program\.ts cannot be built for Espruino: .*program\.ts:1: /);
    await expect(bundleForEspruino("missing.ts")).rejects.toThrow(/There is no program missing\.ts/);
  });

  test("is what the example becomes", async () => {
    const bytes = await bundleForEspruino(join(packageRoot, "platforms/espruino/example/sensor.ts"));
    expect(bytes.length).toBeLessThan(15_000);
  });
});

describe("The module for Espruino's Storage", () => {
  test("exports the client, and is small", async () => {
    const exports: Record<string, unknown> = {};
    const bytes = await bundleEspruinoModule();
    new Script(Buffer.from(bytes).toString("latin1")).runInContext(createContext({ exports }));
    expect(Object.keys(exports)).toEqual(["Client"]);
    expect(bytes.length).toBeLessThan(8_400);
  });
});
