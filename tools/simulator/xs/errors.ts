import { ExitCode, UserError } from "../../cli/errors.ts";

/** What is missing: a system that XS runs on, a C compiler, the sources of XS, or a compiler that gets through them. */
export type MissingPiece = "system" | "compiler" | "sources" | "build";

/** The XS engine cannot be had on this computer as it is. The engine of Node can: a caller may fall back to it. */
export class XsUnavailableError extends UserError {
  readonly missing: MissingPiece;

  constructor(missing: MissingPiece, message: string, options?: ErrorOptions) {
    super(message, ExitCode.UNAVAILABLE, options);
    this.name = "XsUnavailableError";
    this.missing = missing;
  }
}
