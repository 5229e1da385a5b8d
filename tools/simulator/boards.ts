import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "esbuild";
import { UserError } from "../cli/errors.ts";
import { packageRoot } from "../cli/package.ts";

/** The modules of a board's firmware that a simulated device has, by the name that a program imports. */
const STAND_INS: Record<string, string> = {
  timer: `export { Timer as default } from "./moddable.ts";`,
  Storage: `import { Storage } from "./espruino.ts"; module.exports = Storage;`,
  Wifi: `import { Wifi } from "./espruino.ts"; module.exports = Wifi;`,
};

/** What of a Moddable project's manifest.json a program finds at run time. */
interface Manifest {
  config?: Record<string, unknown>;
  modules?: Record<string, unknown>;
}

/**
 * Gives a program what its board has besides Mote: modules of the firmware, and for Moddable the modules and the `config` of
 * the manifest.json beside it. The device's settings go before that `config`.
 */
export function boardModules(program: string): Plugin {
  const folder = dirname(program);
  const { config, modules } = readManifest(folder);
  return {
    name: "boards",
    setup(build) {
      build.onResolve({ filter: /^(mc\/config|[\w-]+)$/ }, ({ path, pluginData }) => {
        if (path === "mc/config" || Object.hasOwn(STAND_INS, path)) return { path, namespace: "board" };
        const own = modules?.[path];
        if (typeof own !== "string" || !own.startsWith(".") || pluginData === boardModules) return undefined;
        return build.resolve(own, { kind: "import-statement", resolveDir: folder, pluginData: boardModules });
      });
      build.onLoad({ filter: /.*/, namespace: "board" }, ({ path }) => ({
        contents:
          path === "mc/config"
            ? `import { settings } from "../index.ts"; export default Object.assign(${JSON.stringify(config ?? {})}, settings);`
            : STAND_INS[path],
        resolveDir: join(packageRoot, "platforms/simulator/boards"),
        loader: "ts",
      }));
    },
  };
}

function readManifest(folder: string): Manifest {
  const path = join(folder, "manifest.json");
  if (!existsSync(path)) return {};
  try {
    return (JSON.parse(readFileSync(path, "utf8")) ?? {}) as Manifest;
  } catch (error) {
    throw new UserError(`${path} is no JSON: ${(error as Error).message}.`, undefined, { cause: error });
  }
}
