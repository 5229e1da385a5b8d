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

/** Resolves at Ctrl-C or SIGTERM. */
export function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => void onInterrupt(resolve));
}
