import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, test } from "vitest";
import { bundleForEspruino } from "../../../tools/build/espruino.ts";
import { acceptance } from "../../acceptance/suite.ts";
import { Binary } from "./binary.ts";
import { Sandbox } from "./sandbox.ts";

const folder = mkdtempSync(join(tmpdir(), "mote-espruino-"));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
async function bundled(source: string): Promise<Uint8Array> {
  const file = join(folder, `${count++}.ts`);
  writeFileSync(file, source);
  return bundleForEspruino(file);
}

acceptance("Espruino's dialect and habits, in a sandbox", async (source) => new Sandbox(await bundled(source)));

// A program that has an optional part gets the portable client.
acceptance("the same, with the portable client", async (source) => {
  return new Sandbox(await bundled(`import "mote-mqtt/qos2"; ${source}`));
});

const executable = process.env["ESPRUINO"];
if (executable) {
  acceptance(`the Espruino at ${executable}`, async (source) => {
    const program = join(folder, `${count}.js`);
    writeFileSync(program, await bundled(source));
    return new Binary(resolve(executable), program, folder);
  });
} else {
  test.skip("The client on a real Espruino: set ESPRUINO to a binary built for Linux");
}
