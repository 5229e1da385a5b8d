import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The built command: `npm test` builds it; after a change, so does `npm run build`. */
export const MOTE = fileURLToPath(new URL("../../../dist/tools/mote.js", import.meta.url));

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the built `mote` command to its end. */
export function mote(args: string[], options: { input?: string; env?: Record<string, string> } = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [MOTE, ...args], { env: { ...process.env, ...options.env } });
    const outcome: Outcome = { code: null, stdout: "", stderr: "" };
    child.stdout.on("data", (text: Buffer) => (outcome.stdout += text.toString()));
    child.stderr.on("data", (text: Buffer) => (outcome.stderr += text.toString()));
    child.stdin.end(options.input ?? "");
    child.on("close", (code) => resolve({ ...outcome, code }));
  });
}
