import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { promisify } from "node:util";
import { ExitCode, UserError } from "../../cli/errors.ts";

const DECODE_TIMEOUT_MS = 10_000;

/** The code addresses in a line of an ESP32's panic message; none for any other line. */
export function addressesIn(line: string): string[] {
  // Xtensa: "Backtrace: 0x400d1234:0x3ffb2000 …", pairs of program counter and stack pointer.
  const backtrace = /^Backtrace:\s*((?:0x[0-9a-f]{8}:0x[0-9a-f]{8}\s*)+)/i.exec(line);
  if (backtrace)
    return backtrace[1]!
      .trim()
      .split(/\s+/)
      .map((pair) => pair.split(":")[0]!);
  // RISC-V prints registers: where it stopped and where that was called from.
  const registers = /\bMEPC\s*:\s*(0x[0-9a-f]{8})\s+RA\s*:\s*(0x[0-9a-f]{8})/i.exec(line);
  if (registers) return [registers[1]!, registers[2]!];
  return [];
}

export interface PanicDecoder {
  elf: string;
  /** addr2line of the toolchain that built the ELF. */
  addr2line: string;
}

/** Fails early: a panic is a bad time to learn that the tool is missing. */
export async function checkDecoder({ elf, addr2line }: PanicDecoder): Promise<void> {
  await access(elf).catch(() => {
    throw new UserError(`There is no file ${elf}. The ELF is what the build made beside the .bin.`);
  });
  await promisify(execFile)(addr2line, ["--version"]).catch((error: Error) => {
    throw new UserError(
      `${addr2line} does not run (${error.message.split("\n")[0]}). Name your toolchain's with --addr2line, such as xtensa-esp32-elf-addr2line.`,
      ExitCode.UNAVAILABLE,
    );
  });
}

/** One line for each address: function, file and line. */
export async function decodeAddresses(addresses: string[], { elf, addr2line }: PanicDecoder): Promise<string> {
  const { stdout } = await promisify(execFile)(addr2line, ["-pfiaC", "-e", elf, ...addresses], {
    timeout: DECODE_TIMEOUT_MS,
  });
  return stdout.trimEnd();
}
