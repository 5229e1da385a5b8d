// The acceptance suite for the lean client: each program in a process of its own, which can be killed.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { afterAll } from "vitest";
import { acceptance } from "../acceptance/suite.ts";
import type { Device } from "../acceptance/device.ts";

const folder = mkdtempSync(join(tmpdir(), "mote-lean-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What an engine does with an exception that nobody caught. */
const UNCAUGHT = `process.on("uncaughtException", (error) => console.log("Uncaught " + error));`;

/** The program with the lean client on Node.js. */
function withLeanClient(source: string): string {
  return (
    UNCAUGHT +
    source
      .replace(`{ Client, Published } from "mote-mqtt"`, `{ Client } from "./src/lean/index.ts"`)
      .replace(
        `import { platform } from "mote-mqtt/espruino"`,
        `import { Published } from "./src/index.ts"; import { platform } from "./test/lean/narrow-platform.ts"`,
      )
      // It publishes whole arrays alone.
      .replace(/\.publish\(([\w.]+), ([\w.]+), ([\w.]+)\);/, ".publish($1.slice($2, $3));")
  );
}

class Program implements Device {
  readonly lines: string[] = [];
  onLine: ((line: string) => void) | undefined;
  private readonly _child: ChildProcess;

  constructor(file: string) {
    this._child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "inherit"] });
    createInterface(this._child.stdout!).on("line", (line) => {
      this.lines.push(line);
      this.onLine?.(line);
    });
  }

  async kill(): Promise<void> {
    if (this._child.exitCode !== null || this._child.signalCode !== null) return;
    const exit = once(this._child, "exit");
    this._child.kill("SIGKILL");
    await exit;
  }
}

let count = 0;
acceptance("Node.js, the lean one", async (source) => {
  const outfile = join(folder, `${count++}.mjs`);
  await build({
    stdin: { contents: withLeanClient(source), resolveDir: process.cwd() },
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    logLevel: "silent",
  });
  return new Program(outfile);
});
