import { expect, test } from "vitest";
import { bytecodeOfModule } from "../../../tools/moddable/bytecode.ts";
import { compileModules } from "../../../tools/moddable/modules.ts";
import { describeWith } from "../../support/require.ts";
import { xs } from "../../tools/simulator/engine.ts";

/**
 * By the SDK's compiler, which makes 19 bytes more of it than the host's, Moddable's own client is 8,339:
 * examples/io/tcp/mqttclient of SDK 8.2.3. `npm run bench:xs` prints all three.
 */
const LIMIT = 8_320;

describeWith(xs, "the published module mote-mqtt/lean", () => {
  test("is less bytecode than Moddable's client, which neither reconnects nor queues nor retransmits", async () => {
    const lean = (await compileModules()).find(({ specifier }) => specifier === "mote-mqtt/lean")!;
    expect(await bytecodeOfModule(lean)).toBeLessThan(LIMIT);
  });
});
