import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
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
 * @returns the path of the program, for `buildHeadless`'s, and what the tools printed.
 */
export async function buildProject(
  sdk: Sdk,
  folder: string,
  config: Record<string, string | number> = {},
): Promise<{ program: string; output: string }> {
  const values = Object.entries(config).map(([name, value]) => `${name}=${value}`);
  const { path, output } = await make(sdk, "mcconfig", folder, values, "mc.so");
  return { program: path, output };
}

/** Builds a mod, as `buildProject` does a project. Returns the path of its archive. */
export async function buildMod(sdk: Sdk, folder: string): Promise<string> {
  return (await make(sdk, "mcrun", folder, [], "mc.xsa")).path;
}

async function make(
  sdk: Sdk,
  tool: string,
  folder: string,
  values: string[],
  wanted: string,
): Promise<{ path: string; output: string }> {
  const made = join(folder, "made");
  await mkdir(made, { recursive: true });
  const { stdout, stderr } = await sdkRun(sdk, tool, ["-m", "-p", "lin", "-t", "build", "-o", made, ...values], folder);
  const path = find(made, wanted);
  if (!path) throw new Error(`${tool} left no ${wanted}:\n${stdout}${stderr}`);
  return { path, output: stdout + stderr };
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
