import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, type BuildFailure } from "esbuild";
import { UserError } from "../cli/errors.ts";

/** Syntax that Espruino lacks and esbuild can write in another way. What neither can is an error of the build. */
const LOWERED = {
  destructuring: false,
  "default-argument": false,
  "rest-argument": false,
  "array-spread": false,
  "async-await": false,
  generator: false,
};

/** One script of an application and all it imports, small and in the JavaScript that Espruino runs. */
export async function bundleForEspruino(file: string): Promise<Uint8Array> {
  try {
    const result = await build({
      entryPoints: [file],
      bundle: true,
      write: false,
      minify: true,
      charset: "ascii", // on ESP32 a string is bytes: anything else has to be an escape
      format: "cjs",
      target: "es2015",
      supported: LOWERED,
      alias: ownModules(),
      tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
      logLevel: "silent",
    });
    return result.outputFiles[0]!.contents;
  } catch (error) {
    throw describe(file, error as BuildFailure);
  }
}

/** An application imports Mote by the package's name, also where it is not installed as a package. */
function ownModules(): Record<string, string> {
  const modules = { "mote-mqtt/espruino": "../../platforms/espruino/index", "mote-mqtt": "../../src/index" };
  const found: Record<string, string> = {};
  for (const [name, path] of Object.entries(modules)) {
    const candidates = [".ts", ".js"].map((ending) => fileURLToPath(new URL(path + ending, import.meta.url)));
    const existing = candidates.find((candidate) => existsSync(candidate));
    if (existing) found[name] = existing;
  }
  return found;
}

function describe(file: string, failure: BuildFailure): Error {
  const first = failure.errors?.[0];
  if (!first) return failure;
  const place = first.location ? `${first.location.file}:${first.location.line}: ` : "";
  return new UserError(`${file} cannot be built for Espruino: ${place}${first.text}`);
}
