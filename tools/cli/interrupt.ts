/**
 * Calls `callback` at the first Ctrl-C (SIGINT) or SIGTERM; a second one ends the process at once.
 *
 * @returns what stops listening.
 */
export function onInterrupt(callback: () => void): () => void {
  const exit = (signal: NodeJS.Signals): never => process.exit(signal === "SIGINT" ? 130 : 143);
  const interrupt = (): void => {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    process.on("SIGINT", exit).on("SIGTERM", exit);
    callback();
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  return () => {
    for (const listener of [interrupt, exit]) process.off("SIGINT", listener).off("SIGTERM", listener);
  };
}

/**
 * Resolves at Ctrl-C or SIGTERM, once nobody reads what is printed (`mote broker | head`), or after `ms`, if given. It does not
 * keep the process running.
 */
export function untilInterrupted(ms?: number): Promise<void> {
  return new Promise((resolve) => {
    onInterrupt(resolve);
    onOutputClosed(resolve);
    if (ms !== undefined) setTimeout(resolve, ms).unref();
  });
}

/** Calls `callback` once nobody reads what is printed, and at once when that is so already. */
export function onOutputClosed(callback: () => void): void {
  if (process.stdout.errored) callback();
  else process.stdout.once("error", callback);
}

/** Lets a command whose output nobody reads any more come to its end: without this, Node ends it with a stack trace. */
export function surviveClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
}
