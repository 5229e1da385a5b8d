import { ExitCode, UserError } from "../../cli/errors.ts";
import { PortClosedError } from "../port/port.ts";

export const BOOT_RECIPE =
  "Hold the BOOT button (IO0), tap RESET (EN), release BOOT, and run the same command again with --before none.";

/** Why no loader answered, from what the chip said meanwhile. */
export function describeSilence(path: string, text: string): UserError {
  return new UserError(`${whatWasHeard(path, text)} ${BOOT_RECIPE}`, ExitCode.UNAVAILABLE);
}

function whatWasHeard(path: string, text: string): string {
  const boot = /boot:(0x[0-9a-f]+)/i.exec(text);
  if (boot && /waiting for download/.test(text.slice(boot.index)))
    return `The chip at ${path} is in its boot loader but does not hear us: check the wire to its RX pin.`;
  if (boot) return `Wrong boot mode (${boot[1]}): the chip at ${path} started its program instead of its boot loader.`;
  if (text.length === 0) return `Nothing answers at ${path}: is it the right port, and does the cable carry data?`;
  const printable = text.replace(/[^\x20-\x7e\r\n]/g, "").length / text.length;
  return printable > 0.9
    ? `The chip at ${path} runs its program and did not enter its boot loader.`
    : `What comes from ${path} is not an ESP32's boot loader (${text.length} bytes of noise): check the port and wiring.`;
}

/** Turns a failure in the middle of work into a sentence; an error that is one already stays as it is. */
export function describeFailure(error: unknown, path: string, doing: string, advice: string): Error {
  if (error instanceof UserError) return error;
  const cause = { cause: error };
  if (error instanceof PortClosedError)
    return new UserError(`${path} went away while ${doing}. ${advice}`, ExitCode.UNAVAILABLE, cause);
  const said = error instanceof Error ? error.message.replace(/\s+/g, " ") : String(error);
  return new UserError(`The board failed while ${doing}: ${said}. ${advice}`, ExitCode.UNAVAILABLE, cause);
}
