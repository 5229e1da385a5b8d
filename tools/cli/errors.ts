/** What the `mote` command exits with. Documented in the README; scripts rely on it. */
export const ExitCode = {
  OK: 0,
  /** The work was done and its result is bad: messages lost, a check failed. */
  FAILED: 1,
  /** An argument, option or file that cannot be used. */
  USAGE: 2,
  /** Something outside is missing or refuses: a broker, port, board, permission. */
  UNAVAILABLE: 3,
  /** A fault of Mote's own. */
  INTERNAL: 70,
  /** Stopped by Ctrl-C. */
  INTERRUPTED: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** An error to show as it is: a sentence that says what happened, with which value, and what to do. */
export class UserError extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = ExitCode.USAGE, options?: ErrorOptions) {
    super(message, options);
    this.name = "UserError";
    this.exitCode = exitCode;
  }
}
