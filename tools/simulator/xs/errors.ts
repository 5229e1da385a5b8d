import { ExitCode, UserError } from "../../cli/errors.ts";

/** What is missing: a system that XS runs on, a C compiler, the sources of XS, a compiler that gets through them, or a place. */
export type MissingPiece = "system" | "compiler" | "sources" | "build" | "cache";

/** The XS engine cannot be had on this computer as it is. The engine of Node can: a caller may fall back to it. */
export class XsUnavailableError extends UserError {
  readonly missing: MissingPiece;

  constructor(missing: MissingPiece, message: string, options?: ErrorOptions) {
    super(message, ExitCode.UNAVAILABLE, options);
    this.name = "XsUnavailableError";
    this.missing = missing;
  }
}
