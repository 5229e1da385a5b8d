import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Device } from "../../acceptance/device.ts";

/** A program on a real Espruino, built for Linux. */
export class Binary implements Device {
  readonly lines: string[] = [];
  onLine: ((line: string) => void) | undefined;
  private readonly _process: ChildProcess;

  /** @param folder where Espruino keeps what is its flash memory. */
  constructor(executable: string, program: string, folder: string) {
    // Its standard input stays open: at its end Espruino fills its own queue.
    this._process = spawn(executable, [program], { cwd: folder, stdio: ["pipe", "pipe", "inherit"] });
    let rest = "";
    this._process.stdout!.setEncoding("utf8").on("data", (text: string) => {
      // The console puts its prompt, and an escape sequence that clears the line, before what is printed.
      const lines = (rest + text).replace(/\r/g, "").split("\n");
      rest = lines.pop()!;
      for (const raw of lines) {
        const line = raw.replace(/^(>|\x1b\[J|\x08 \x08)+/, "");
        this.lines.push(line);
        this.onLine?.(line);
      }
    });
  }

  async kill(): Promise<void> {
    if (this._process.exitCode !== null || this._process.signalCode !== null) return;
    this._process.kill("SIGKILL");
    await once(this._process, "close");
  }
}
