import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of Mote's package.json: its sources are below it, whether this runs from them or from dist/. */
export const packageRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

export function packageVersion(): string {
  return packageJson().version;
}

/**
 * The source of a part that a program imports, below the package's root: "src/qos2.ts" for "qos2", of `mote-mqtt/qos2`, and
 * "src/index.ts" for "". Undefined when the package does not export it.
 */
export function sourceOfPart(part: string): string | undefined {
  const target = packageJson().exports[part ? `./${part}` : "."];
  return typeof target === "object" ? target.default.replace(/^\.\/dist\/(.*)\.js$/, "$1.ts") : undefined;
}

/** The optional parts of the client that a Moddable project can have: "qos2" of `mote-mqtt/qos2`, and so on. */
export function partsForModdable(): string[] {
  const exports = Object.entries(packageJson().exports);
  return exports.flatMap(([path, target]) =>
    path !== "." && typeof target === "object" && target.moddable ? path.slice(2) : [],
  );
}

interface PackageJson {
  version: string;
  exports: Record<string, string | { default: string; moddable?: string }>;
}

function packageJson(): PackageJson {
  return JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as PackageJson;
}

function findRoot(folder: string): string {
  return existsSync(join(folder, "package.json")) ? folder : findRoot(dirname(folder));
}
