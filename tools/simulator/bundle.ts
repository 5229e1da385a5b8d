import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { build, type OnResolveResult, type Plugin } from "esbuild";
import { explained } from "../build/failure.ts";
import { minifyForXs } from "../build/xs.ts";
import { UserError } from "../cli/errors.ts";
import { packageRoot, sourceOfPart } from "../cli/package.ts";
import { boardModules } from "./boards.ts";

/** A device's program, ready to run on any of the simulator's engines. */
export interface Program {
  /** A script whose only free name is `host`. */
  code: string;
  /** Bytes of the script, minified. */
  bytes: number;
}

/**
 * Bundles a sensor's program for the simulator. Whatever platform it imports, it gets the simulator's: the file that is
 * flashed is the file that is simulated.
 *
 * @throws UserError with the place of the first mistake.
 */
export async function bundle(file: string): Promise<Program> {
  const entry = resolve(file);
  if (!existsSync(entry)) throw new UserError(`There is no program ${file}: name the TypeScript or JavaScript file.`);
  return explained(`${file} cannot be bundled`, async () => {
    const imported = new Set(["mote-mqtt/simulator"]);
    const before = imported.size;
    const program = await bundleWith(entry, imported);
    // Only now it is known what parts are to be preloaded.
    return imported.size === before ? program : bundleWith(entry, imported);
  });
}

/**
 * Evaluates the parts of Mote that are `imported` first, as a device has them preloaded in flash, and tells the host where
 * the application's program begins: from there on what it takes is counted. Adds to `imported` what the program imports.
 */
async function bundleWith(entry: string, imported: Set<string>): Promise<Program> {
  const order = [...imported, "mote:preloaded", "mote:program"];
  const { outputFiles } = await build({
    stdin: {
      contents: order.map((path) => `import "${path}";`).join("\n"),
      resolveDir: dirname(entry),
      sourcefile: "simulator",
    },
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
    legalComments: "none",
    logLevel: "silent",
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
    inject: [join(packageRoot, "platforms/simulator/globals.ts")],
    plugins: [resolveMote(entry, imported), boardModules(entry)],
  });
  const { code } = await minifyForXs(outputFiles[0]!.text);
  return { code, bytes: Buffer.byteLength(code) };
}

const PLATFORMS = ["simulator", "moddable", "espruino", "node", "browser"];

/** Leads `mote-mqtt` and its platforms to the sources that this version of the simulator comes with; notes its parts. */
function resolveMote(program: string, imported: Set<string>): Plugin {
  // Without `sideEffects` an import for the order's sake would be dropped. Unused functions are, all the same.
  const source = (path: string): OnResolveResult => ({ path: resolve(packageRoot, path), sideEffects: true });
  return {
    name: "mote",
    setup(build) {
      build.onResolve({ filter: /^mote:/ }, ({ path }) =>
        path === "mote:program" ? source(program) : { path, namespace: "mote" },
      );
      build.onLoad({ filter: /^mote:preloaded$/, namespace: "mote" }, () => ({ contents: "host.preloaded();" }));
      build.onResolve({ filter: /^mote-mqtt(\/|$)/ }, ({ path }) => {
        const part = path.slice("mote-mqtt/".length);
        if (PLATFORMS.includes(part)) return source("platforms/simulator/index.ts");
        if (part.startsWith("moddable/")) {
          return { errors: [{ text: `${path} is for a device: it cannot be simulated` }] };
        }
        const file = sourceOfPart(part);
        if (file === undefined) return { errors: [{ text: `mote-mqtt has no part "${part}"` }] };
        imported.add(path);
        return source(file);
      });
    },
  };
}
