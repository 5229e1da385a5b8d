import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cacheDirectory } from "./cache.ts";
import { XsUnavailableError } from "./errors.ts";
import { XS_PACKAGE, unpackSources } from "./sources.ts";

/** The compiled program that runs a device's script on XS. */
export interface XsHost {
  path: string;
  /** 32 has slots of 16 bytes, as an ESP32 has; 64 has slots of 32. */
  bits: 32 | 64;
}

export interface BuildOptions {
  /** Where builds are kept; see `cacheDirectory`. */
  cache?: string;
  /** Compiles for this computer's own word size even where 32 bits work. Default: whether `MOTE_XS_NATIVE` is 1. */
  native?: boolean;
  /** Told of each file that has been compiled. Not called when the host has been built before. */
  onProgress?: (done: number, total: number) => void;
}

const HOST_DIRECTORY = fileURLToPath(new URL("./host/", import.meta.url));

/** The engine as it is built for a device: no debugger; `mxProfile` is for its hooks (host/platform.c has them). */
const DEFINITIONS = [
  "-DINCLUDE_XSPLATFORM",
  '-DXSPLATFORM="platform.h"',
  "-DmxParse=1",
  "-DmxRun=1",
  "-DmxBoundsCheck=1",
  "-DmxProfile=1",
  "-DmxMinusZero=1",
  "-DmxStringNormalize=1",
  "-DmxRegExpUnicodePropertyEscapes=1",
];
const COMPILE_FLAGS = ["-O2", "-fno-common", "-w", ...DEFINITIONS];
const LINK_FLAGS = ["-lm", "-lpthread"];

/** 32 bits on an x86, with the floating-point unit that rounds as JavaScript does; elsewhere the probe fails. */
const NARROW_FLAGS = ["-m32", "-msse2", "-mfpmath=sse"];

const NATIVE_BITS = ["arm", "ia32", "mipsel"].includes(process.arch) ? 32 : 64;

/** Ours (platform.c) instead of the engine's. */
const REPLACED = new Set(["xsProfile.c"]);

/** A build that has written nothing for this long goes on no more. */
const LOCK_STALE_MS = 120_000;
const LOCK_POLL_MS = 200;

const run = promisify(execFile);

interface Compiler {
  command: string;
  args: string[];
  version: string;
}

/**
 * Returns the host, compiled at the first use: some 15 s of one processor. Processes that want it at the same time wait
 * for the one that builds it.
 *
 * @throws XsUnavailableError when it cannot be built here; the message says what to install.
 */
export async function buildHost(options: BuildOptions = {}): Promise<XsHost> {
  if (process.platform !== "linux" && process.platform !== "darwin") {
    throw new XsUnavailableError(
      "system",
      `The XS engine runs on Linux and macOS, not on ${process.platform}: use --engine node.`,
    );
  }
  const cache = options.cache ?? cacheDirectory();
  const native = options.native ?? process.env["MOTE_XS_NATIVE"] === "1";
  await mkdir(cache, { recursive: true });
  const compiler = await findCompiler();

  // A host of 32 bits that has been built is proof enough that it can be, and saves the probe.
  const narrow = hostFor(cache, compiler, NARROW_FLAGS, 32);
  if (!native && existsSync(narrow.path)) return narrow;
  const wide = hostFor(cache, compiler, [], NATIVE_BITS);
  const probed = !native && (await probe(cache, compiler, NARROW_FLAGS)) === undefined;
  const [host, flags] = probed ? [narrow, NARROW_FLAGS] : [wide, []];
  if (existsSync(host.path)) return host;

  const problem = await probe(cache, compiler, flags);
  if (problem !== undefined) {
    throw new XsUnavailableError(
      "compiler",
      `The C compiler ${compiler.command} cannot make a program (${problem}): install what it lacks ` +
        `(${installHint()}), or use --engine node.`,
    );
  }
  await makeOnce(host.path, (directory) => compile(cache, directory, compiler, flags, options));
  return host;
}

/** Where the host is kept: a name that changes with everything that goes into it. */
function hostFor(cache: string, compiler: Compiler, flags: string[], bits: 32 | 64): XsHost {
  const hash = createHash("sha256");
  const inputs = [XS_PACKAGE.integrity, compiler.command, ...compiler.args, compiler.version, process.arch];
  for (const input of [...inputs, ...COMPILE_FLAGS, ...LINK_FLAGS, ...flags]) hash.update(input).update("\0");
  for (const name of readdirSync(HOST_DIRECTORY).sort()) {
    const content = readFileSync(join(HOST_DIRECTORY, name));
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  return { path: join(cache, `mote-xs-${bits}-${hash.digest("hex").slice(0, 16)}`), bits };
}

/** The user's compiler: `CC` if set, else the first that answers. */
async function findCompiler(): Promise<Compiler> {
  const chosen = process.env["CC"]?.trim();
  for (const candidate of chosen ? [chosen] : ["cc", "gcc", "clang"]) {
    const [command, ...args] = candidate.split(/\s+/) as [string, ...string[]];
    try {
      const { stdout } = await run(command, [...args, "--version"]);
      return { command, args, version: stdout.split("\n", 1)[0]! };
    } catch {
      // Try the next one.
    }
  }
  const missing = chosen ? `CC names "${chosen}", which does not run` : "none of cc, gcc and clang is on the path";
  throw new XsUnavailableError(
    "compiler",
    `The XS engine is compiled at its first use and there is no C compiler (${missing}): install one ` +
      `(${installHint()}), or use --engine node.`,
  );
}

function installHint(): string {
  return process.platform === "darwin" ? "xcode-select --install" : "Debian and Ubuntu: apt install gcc libc6-dev";
}

/** Compiles, links and runs the least program; says what went wrong, or nothing. */
async function probe(cache: string, compiler: Compiler, flags: string[]): Promise<string | undefined> {
  const directory = await mkdtemp(join(cache, "probe-"));
  try {
    const source = join(directory, "probe.c");
    const program = join(directory, "probe");
    await writeFile(
      source,
      '#include <math.h>\n#include <pthread.h>\n#include <stdio.h>\nint main(void) { return puts("") < 0; }\n',
    );
    await run(compiler.command, [...compiler.args, ...flags, source, "-o", program, ...LINK_FLAGS]);
    await run(program, [], { timeout: 10_000 });
    return undefined;
  } catch (error) {
    return firstComplaint(error);
  } finally {
    await remove(directory);
  }
}

/** Compiles everything in `directory`; returns the program. */
async function compile(
  cache: string,
  directory: string,
  compiler: Compiler,
  flags: string[],
  options: BuildOptions,
): Promise<string> {
  await unpackSources(cache, directory);
  const xs = join(directory, "xs");
  const include = [HOST_DIRECTORY, join(xs, "includes"), join(xs, "platforms"), join(xs, "sources")];
  const sources = [
    ...cFiles(HOST_DIRECTORY),
    ...cFiles(join(xs, "sources")).filter((path) => !REPLACED.has(basename(path))),
    ...cFiles(join(directory, "modules/data/text/decoder")),
    ...cFiles(join(directory, "modules/data/text/encoder")),
  ].sort((a, b) => statSync(b).size - statSync(a).size); // the longest first, so that all processors end together
  const objects = sources.map((_, index) => join(directory, `${index}.o`));
  const common = [...compiler.args, ...flags, ...COMPILE_FLAGS, ...include.map((path) => `-I${path}`)];

  const total = sources.length + 1;
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    while (next < sources.length) {
      const index = next++;
      await run(compiler.command, [...common, "-c", sources[index]!, "-o", objects[index]!]);
      options.onProgress?.(++done, total);
    }
  };
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, work));
    const program = join(directory, "mote-xs");
    await run(compiler.command, [...compiler.args, ...flags, ...objects, "-o", program, ...LINK_FLAGS]);
    options.onProgress?.(++done, total);
    return program;
  } catch (error) {
    next = sources.length; // the other workers stop after what they are at
    throw new XsUnavailableError(
      "build",
      `The XS engine does not compile with ${compiler.command} (${compiler.version}): ${firstComplaint(error)}. ` +
        `Set CC to another compiler, or use --engine node.`,
      { cause: error },
    );
  }
}

function cFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".c"))
    .map((name) => join(directory, name));
}

/** The line of a compiler's output that says what is wrong. */
function firstComplaint(error: unknown): string {
  const { stderr = "", message } = error as { stderr?: string; message: string };
  const lines = stderr.split("\n").filter((line) => line.trim());
  return (lines.find((line) => /error|cannot|not found/i.test(line)) ?? lines[0] ?? message.split("\n", 1)[0]!).trim();
}

/**
 * Lets one process at a time do `work` in a folder of its own, and moves the file that it returns to `target`: that is
 * there whole or not at all. The folder is the lock as well, because making one either succeeds or fails. One whose owner
 * has gone, or has written nothing into it for long, is taken away.
 */
async function makeOnce(target: string, work: (directory: string) => Promise<string>): Promise<void> {
  const directory = `${target}.building`;
  const ownerFile = join(directory, "owner");
  while (!existsSync(target)) {
    try {
      await mkdir(directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (await isAbandoned(directory, ownerFile)) await remove(directory);
      else await sleep(LOCK_POLL_MS);
      continue;
    }
    try {
      await writeFile(ownerFile, String(process.pid));
      await rename(await work(directory), target);
    } catch (error) {
      // Where two saw the same lock abandoned, one may have taken away the other's new one: that one begins again.
      if ((await readFile(ownerFile, "utf8").catch(() => "")) === String(process.pid)) throw error;
      continue;
    } finally {
      await remove(directory);
    }
  }
}

async function isAbandoned(directory: string, ownerFile: string): Promise<boolean> {
  const folder = await stat(directory).catch(() => undefined);
  if (!folder) return false; // it has just gone
  if (Date.now() - folder.mtimeMs > LOCK_STALE_MS) return true;
  const owner = Number(await readFile(ownerFile, "utf8").catch(() => "0"));
  if (!owner) return false; // it has just come
  try {
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

async function remove(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
}
