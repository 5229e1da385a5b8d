// The `mote` command, as it is installed: dist/tools/mote.js in a process of its own.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { packageRoot } from "../../../tools/cli/package.ts";
import { Journal } from "../../support/journal.ts";

/** Builds dist/ unless it is up to date; `npm test` has done so before. */
export async function build(): Promise<void> {
  await promisify(execFile)(process.execPath, [join(packageRoot, "tools/setup.mjs")]);
}

const running = new Set<ChildProcess>();

/** Ends the commands that a test started and that still run. */
export async function endAll(): Promise<void> {
  await Promise.all([...running].map((child) => (child.kill("SIGKILL"), once(child, "exit"))));
}

export class Mote {
  /** Lines of stdout and of stderr. */
  readonly output = new Journal<string>();
  readonly errors = new Journal<string>();
  private readonly _child: ChildProcess;
  private readonly _closed: Promise<unknown>;

  constructor(args: string[], env: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, [join(packageRoot, "dist/tools/mote.js"), ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, ...env },
    });
    this._child = child;
    running.add(child);
    child.once("exit", () => running.delete(child));
    createInterface(child.stdout).on("line", (line) => this.output.add(line));
    createInterface(child.stderr).on("line", (line) => this.errors.add(line));
    this._closed = once(child, "close");
  }

  /** Reads no more of what it prints, as `head` does once it has its lines. */
  closeOutput(): void {
    this._child.stdout!.destroy();
  }

  signal(signal: NodeJS.Signals): void {
    this._child.kill(signal);
  }

  /** Waits for a line of stdout that matches; returns the match. */
  async line(pattern: RegExp): Promise<RegExpMatchArray> {
    await this.output.until((lines) => lines.some((line) => pattern.test(line)));
    return this.output.items.find((line) => pattern.test(line))!.match(pattern)!;
  }

  /** Waits for the end; returns all that was said. */
  async end(): Promise<{ code: number | null; output: string; errors: string }> {
    await this._closed;
    return {
      code: this._child.exitCode,
      output: this.output.items.join("\n"),
      errors: this.errors.items.join("\n"),
    };
  }
}

export function mote(...args: string[]): Mote {
  return new Mote(args);
}
