import { join } from "node:path";
import { build, transform } from "esbuild";
import { packageRoot } from "../cli/package.ts";

/** The modules of a Moddable project: the specifier it imports, the file below dist/moddable/, and the source. */
export const MODULES = [
  { specifier: "mote-mqtt", file: "mote-mqtt.js", source: "platforms/moddable/core.ts" },
  { specifier: "mote-mqtt/moddable", file: "moddable.js", source: "platforms/moddable/index.ts" },
  { specifier: "mote-mqtt/moddable/tls", file: "moddable-tls.js", source: "platforms/moddable/tls.ts" },
  {
    specifier: "mote-mqtt/moddable/websocket",
    file: "moddable-websocket.js",
    source: "platforms/moddable/websocket/index.ts",
  },
  {
    specifier: "embedded:network/mqtt/client",
    file: "mqtt-client.js",
    source: "platforms/moddable/mqtt-client/index.ts",
  },
] as const;

export interface CompiledModule {
  specifier: string;
  file: string;
  code: string;
}

/**
 * Compiles the modules for XS, as they are published and as they are tested. The names of private members become short:
 * each distinct name of a program takes memory on a device.
 */
export async function compileModules(): Promise<CompiledModule[]> {
  return Promise.all(
    MODULES.map(async ({ specifier, file, source }) => {
      const { outputFiles } = await build({
        entryPoints: [join(packageRoot, source)],
        bundle: true,
        write: false,
        format: "esm",
        target: "es2022",
        external: ["mote-mqtt", "timer", "time", "net", "embedded:*"],
        legalComments: "none",
        logLevel: "silent",
        tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
      });
      const { code } = await transform(constant(outputFiles[0]!.text), {
        format: "esm",
        target: "es2022",
        minify: true,
        mangleProps: /^_/,
      });
      return { specifier, file, code };
    }),
  );
}

/**
 * The bundler turns each constant of a module into a variable, and XS keeps a slot in memory for each variable of a
 * preloaded module. They are made constants again; were one assigned to, the compilation that follows would refuse it.
 */
function constant(code: string): string {
  return code.replace(/^var (?=\w+ = )/gm, "const ").replace(/^\}\)\(\w+ \|\| \{\}\);$/gm, "})({});"); // an enum begins with nothing, not with itself
}
