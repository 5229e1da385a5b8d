/** Resolves at Ctrl-C (SIGINT) or SIGTERM. A second one ends the process at once. */
export function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    const interrupt = (signal: NodeJS.Signals): void => {
      process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
      process.once(signal, () => process.exit(signal === "SIGINT" ? 130 : 143));
      resolve();
    };
    process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  });
}
