import { StatusLine } from "../../cli/terminal.ts";
import type { Engine } from "../device.ts";
import { buildHost } from "./build.ts";
import { XsUnavailableError } from "./errors.ts";

/**
 * The engine to use when `wanted` is asked for. XS is compiled at the first use, with progress on stderr; without what
 * that takes, a line says what is missing, and Node serves.
 */
export async function engineOrNode(wanted: Engine): Promise<Engine> {
  if (wanted === "node") return "node";
  const progress = new StatusLine();
  let compiling = false;
  try {
    const host = await buildHost({
      onProgress: (done, total) => {
        if (!compiling) progress.done("Compiling the XS engine; this happens once.");
        compiling = true;
        progress.update(`Compiling the XS engine: ${done} of ${total} files`);
      },
    });
    progress.done(compiling ? "Compiled the XS engine." : undefined);
    if (host.bits === 64) {
      progress.done("XS has slots of 32 bytes here; with gcc-multilib installed it has 16, as on an ESP32.");
    }
    return "xs";
  } catch (error) {
    if (!(error instanceof XsUnavailableError)) throw error;
    progress.done(`${error.message} Until then Node serves in place of XS.`);
    return "node";
  }
}
