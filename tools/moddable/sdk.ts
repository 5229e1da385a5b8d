import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { ExitCode, UserError } from "../cli/errors.ts";
import { packageRoot } from "../cli/package.ts";

const run = promisify(execFile);

/** Moddable's SDK, with its tools for this computer built. */
export interface Sdk {
  path: string;
  tools: string;
  version: string;
}

/** What `findSdk` says when there is none. */
export const NEEDS =
  "Set MODDABLE to the folder of Moddable's SDK, with its tools built (make in build/makefiles/lin), on Linux " +
  "with gcc, make, pkg-config and the development files of GLib.";

/** The SDK that MODDABLE names. @throws UserError when there is none, or its tools are not built. */
export async function findSdk(): Promise<Sdk> {
  const path = process.env["MODDABLE"];
  if (!path || process.platform !== "linux") throw new UserError(NEEDS, ExitCode.UNAVAILABLE);
  const tools = ["release", "debug"].map((goal) => join(path, "build/bin/lin", goal));
  const built = tools.find((folder) => existsSync(join(folder, "mcconfig")));
  if (!built) throw new UserError(`${path} has no mcconfig below build/bin/lin: ${NEEDS}`, ExitCode.UNAVAILABLE);
  const version = await readFile(join(path, "tools/VERSION"), "utf8").catch(() => "of unknown version");
  return { path, tools: built, version: version.trim() };
}

/**
 * Builds a project for Linux with the SDK's own tools, without starting it, below the folder that has its manifest.
 *
 * @param config goes before the manifest's own.
 * @param tool `["mcpack", "mcconfig"]` for a project that has a package.json in the place of a manifest.
 * @returns the path of the program, for `buildHeadless`'s, and what the tools printed.
 */
export async function buildProject(
  sdk: Sdk,
  folder: string,
  config: Record<string, string | number> = {},
  tool: Tool = ["mcconfig"],
): Promise<{ program: string; output: string }> {
  const values = Object.entries(config).map(([name, value]) => `${name}=${value}`);
  const { path, output } = await make(sdk, [...tool, "-m", "-p", "lin"], folder, values, "mc.so");
  return { program: path, output };
}

/** Builds a mod, as `buildProject` does a project. Returns the path of its archive. */
export async function buildMod(sdk: Sdk, folder: string, platform: "lin" | "esp32" = "lin"): Promise<string> {
  const archive = platform === "lin" ? "mc.xsa" : "mod.xsa";
  return (await make(sdk, ["mcrun", "-m", "-p", platform], folder, [], archive)).path;
}

/**
 * Does all of a build for ESP32 that JavaScript has a part in: the makefile out of the manifests, the bytecode of each
 * module, and their link, which runs what is preloaded and strips what is not needed. What follows is C, and needs
 * ESP-IDF; up to there the makefile is told that ESP-IDF is where it is not.
 *
 * @returns what the tools printed.
 */
export async function linkForEsp32(sdk: Sdk, folder: string, tool: Tool = ["mcconfig"]): Promise<string> {
  const { path: makefile } = await make(sdk, [...tool, "-p", "esp32"], folder, [], "makefile", "esp32");
  const linked = join(dirname(makefile), "mc.xs.c");
  const withoutIdf = [`IDF_PATH=${folder}`, "IDF_VERSION=none", "SDKCONFIG_H="];
  const { stdout, stderr } = await sdkRun(sdk, "make", ["-f", makefile, ...withoutIdf, linked], folder);
  return stdout + stderr;
}

/** The SDK's program that is started, and what goes before its options. */
type Tool = readonly string[];

async function make(
  sdk: Sdk,
  [tool, ...options]: Tool,
  folder: string,
  values: string[],
  wanted: string,
  below = "made",
): Promise<{ path: string; output: string }> {
  const made = join(folder, below);
  await mkdir(made, { recursive: true });
  const { stdout, stderr } = await sdkRun(sdk, tool!, [...options, "-t", "build", "-o", made, ...values], folder);
  const path = find(made, wanted);
  if (!path) throw new Error(`${tool} left no ${wanted}:\n${stdout}${stderr}`);
  return { path, output: stdout + stderr };
}

/** How large the SDK's compiler makes a module, in bytes. */
export interface CompiledSize {
  /** Of its instructions alone, which is what a device has of it in flash. */
  code: number;
  /** Of the file: also the names that it uses, which the linker makes one table of with those of all modules. */
  file: number;
  /** Of the file in a debug build (`mcconfig -d`): also a number for each line, and the file's name. */
  debug: number;
}

/** Compiles a module as `mcconfig -m` has it compiled (`xsc -c -e`), and as `mcconfig -d -m` has (`xsc -c -e -d`). */
export async function compiledSize(sdk: Sdk, source: string): Promise<CompiledSize> {
  const folder = await mkdtemp(join(tmpdir(), "mote-xsc-"));
  try {
    const compile = async (...options: string[]): Promise<Buffer> => {
      await sdkRun(sdk, "xsc", [source, "-c", "-e", ...options, "-o", folder, "-r", "module"], folder);
      return readFile(join(folder, "module.xsb"));
    };
    const release = await compile();
    return { code: atomSize(release, "CODE"), file: release.length, debug: (await compile("-d")).length };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The size of an atom of a compiled module: each begins with its size and its name, and the first holds all others. */
function atomSize(compiled: Buffer, name: string): number {
  for (let at = 8; at < compiled.length; at += compiled.readUInt32BE(at)) {
    if (compiled.toString("latin1", at + 4, at + 8) === name) return compiled.readUInt32BE(at);
  }
  throw new Error(`A compiled module has no atom ${name}`);
}

/** Compiles the program that runs projects without a screen. Returns its path, below `output`. */
export async function buildHeadless(sdk: Sdk, output: string): Promise<string> {
  const path = join(output, "headless");
  const { stdout } = await run("pkg-config", ["--cflags", "--libs", "glib-2.0"]);
  const include = `-I${join(sdk.path, "build/simulators/modules")}`;
  const source = join(packageRoot, "tools/moddable/headless.c");
  await run("gcc", [
    "-Wall",
    "-Wextra",
    "-DmxLinux=1",
    include,
    source,
    "-o",
    path,
    ...stdout.trim().split(/\s+/),
    "-ldl",
  ]);
  return path;
}

function sdkRun(sdk: Sdk, tool: string, args: string[], cwd: string): Promise<{ stdout: string; stderr: string }> {
  const env = { ...process.env, MODDABLE: sdk.path, PATH: [sdk.tools, process.env["PATH"]].join(delimiter) };
  return run(tool, args, { cwd, env, maxBuffer: 64 * 1024 * 1024 });
}

function find(folder: string, name: string): string | undefined {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.name === name) return join(entry.parentPath, entry.name);
  }
  return undefined;
}
