import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import { minifyForXs } from "../build/xs.ts";
import { packageRoot } from "../cli/package.ts";
import { compileModules } from "./modules.ts";

const SHIM: Record<string, string> = {
  timer: "timer.ts",
  time: "time.ts",
  net: "net.ts",
  preference: "preference.ts",
  "embedded:io/socket/tcp": "tcp.ts",
  "embedded:io/socket/tcp/tls": "tls.ts",
  "embedded:io/socket/udp": "udp.ts",
  "embedded:network/dns/resolver/udp": "resolver.ts",
};

/**
 * Bundles a program for the XS host with the modules that are published, and with a shim of ECMA-419 in the place of an
 * SDK's classes. Everything that a device would have preloaded is frozen before the program runs: to write to it throws,
 * as it does in flash.
 *
 * @param source the program: a module. What it imports of Mote counts as preloaded.
 */
export async function bundleForShim(source: string): Promise<string> {
  const modules = new Map((await compileModules()).map(({ specifier, code }) => [specifier, code]));
  const specifiers = [...modules.keys()].filter((specifier) => source.includes(`"${specifier}"`));
  const freeze = [
    ...specifiers.map((specifier, index) => `import * as module${index} from "${specifier}";`),
    FREEZE,
    ...specifiers.map((_, index) => `for (const name of Object.keys(module${index})) freeze(module${index}[name]);`),
    "host.preloaded();",
  ].join("\n");
  const plugin: Plugin = {
    name: "shim",
    setup(build) {
      build.onResolve({ filter: /.*/ }, ({ path }) => {
        const shim = SHIM[path];
        if (shim) return { path: join(packageRoot, "tools/moddable/shim", shim), sideEffects: true };
        if (modules.has(path) || path.startsWith("shim:")) return { path, namespace: "shim", sideEffects: true };
        return undefined;
      });
      build.onLoad({ filter: /.*/, namespace: "shim" }, ({ path }) => ({
        contents: path === "shim:freeze" ? freeze : path === "shim:program" ? source : modules.get(path)!,
        resolveDir: packageRoot,
      }));
    },
  };
  const { outputFiles } = await build({
    stdin: { contents: 'import "shim:freeze";\nimport "shim:program";', resolveDir: packageRoot },
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
    banner: { js: '"use strict";' }, // as modules are
    legalComments: "none",
    logLevel: "silent",
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
    plugins: [plugin],
  });
  return (await minifyForXs(outputFiles[0]!.text)).code;
}

/** Freezes a value and all that can be reached from it; a typed array cannot be, and so throws. */
const FREEZE = `
function freeze(value) {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return;
  const already = Object.isFrozen(value);
  Object.freeze(value);
  if (already && frozen.has(value)) return;
  frozen.add(value);
  for (const key of Reflect.ownKeys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key);
    freeze(property.value), freeze(property.get), freeze(property.set);
  }
}
const frozen = new Set([Object.prototype, Function.prototype, Error.prototype]);
`;
