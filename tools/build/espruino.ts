import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { build, type BuildOptions, type Plugin } from "esbuild";
import { UserError } from "../cli/errors.ts";
import { packageRoot, sourceOfPart } from "../cli/package.ts";
import { checkDialect } from "./dialect.ts";
import { explained } from "./failure.ts";

/** The settings whose output Espruino runs. */
const SETTINGS = {
  bundle: true,
  write: false,
  charset: "utf8", // a string is bytes there: text passes through as the UTF-8 that the program is written in
  target: "es2015",
  // Syntax that Espruino lacks and esbuild can write in another way. What neither can is an error of the build.
  supported: {
    destructuring: false,
    "default-argument": false,
    "rest-argument": false,
    "array-spread": false,
    "async-await": false,
    generator: false,
    "nullish-coalescing": true, // which it has
  },
  tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
  legalComments: "none",
  logLevel: "silent",
} satisfies BuildOptions;

/**
 * Names to shorten in Mote: those with a leading `_`, and those that only its own modules see. Each name of more than four
 * characters costs a variable, and each use of it a few bytes of flash.
 */
const MANGLED =
  /^_|^(packetStart|packetEnd|payloadStart|payloadEnd|codesStart|codesEnd|returnCode|onPacket|onMalformed|onLargePublish|onLargePayload|writePayload|writeRequest|acknowledge|awaited|dispatch|rethrow|subscribed|unsubscribed)$/;

/** The platforms: whichever a program imports, here it gets that of Espruino. */
const PLATFORMS = ["espruino", "moddable", "node", "simulator"];

/** What is part of any client. */
const ANYWAY = ["describe"];

/** What of Mote runs faster in native functions there: the originals of platforms/espruino/native. */
const NATIVE = ["src/packet/bytes.ts", "src/packet/topic.ts", "src/packet/utf8.ts", "src/session/crc32.ts"];

/** What `require` is called between the two steps of a build. */
const REQUIRE = "moteRequire";

/**
 * One script of an application and all it imports, small and in the JavaScript that Espruino runs.
 *
 * @throws UserError with the place of the first mistake.
 */
export async function bundleForEspruino(file: string): Promise<Uint8Array> {
  const entry = resolve(file);
  if (!existsSync(entry)) throw new UserError(`There is no program ${file}: name the TypeScript or JavaScript file.`);
  const parts = await partsOf(entry, file);
  // An optional part builds upon the portable client.
  const mote = await (parts.length > 0 ? bundleCore(parts) : bundleCompact());
  return bundle(entry, file, [boardModules, moteAsModule(mote)]);
}

/** The module mote.min.js for Storage: `require("mote")` from any program. */
export function bundleEspruinoModule(): Promise<Uint8Array> {
  return bundle(join(packageRoot, "platforms/espruino/module.ts"), "Mote", [boardModules], MANGLED);
}

async function bundle(entry: string, name: string, plugins: Plugin[], mangleProps?: RegExp): Promise<Uint8Array> {
  const { outputFiles } = await explained(`${name} cannot be built for Espruino`, () =>
    build({
      ...SETTINGS,
      entryPoints: [entry],
      plugins,
      define: { [REQUIRE]: "require", RangeError: "TypeError" }, // there is but the one
      format: "cjs",
      minify: true,
      ...(mangleProps && { mangleProps }),
    }),
  );
  const { contents, text } = outputFiles[0]!;
  const [fault] = checkDialect(text);
  if (fault) throw new UserError(`${name} cannot run on Espruino: ${fault.message}, near: ${fault.excerpt}`);
  return contents;
}

/** The optional parts of Mote that a program imports, by the names of package.json's exports. */
async function partsOf(entry: string, name: string): Promise<string[]> {
  const parts = new Set<string>();
  const collect: Plugin = {
    name: "parts",
    setup(build) {
      build.onResolve({ filter: /^mote-mqtt(\/|$)/ }, ({ path }) => {
        const part = path.slice("mote-mqtt/".length);
        if (part && !PLATFORMS.includes(part) && !ANYWAY.includes(part)) parts.add(part);
        return { path, external: true };
      });
    },
  };
  await explained(`${name} cannot be built for Espruino`, () =>
    build({ ...SETTINGS, entryPoints: [entry], plugins: [collect, boardModules], format: "cjs" }),
  );
  return [...parts];
}

/** Mote's client for Espruino in one module. */
function bundleCompact(): Promise<string> {
  return bundleMote(`export * from "./platforms/espruino/client/index.ts";`, []);
}

/** Mote's portable client in one module, with its optional parts. */
function bundleCore(parts: string[]): Promise<string> {
  const sources = parts.map((part) => {
    if (part === "v5") throw new UserError("mote-mqtt/v5 does not run on Espruino yet: use mote-mqtt, for MQTT 3.1.1.");
    if (part === "lean") {
      throw new UserError("mote-mqtt/lean is for Moddable: use mote-mqtt, which is a client of Espruino's own there.");
    }
    const source = sourceOfPart(part);
    if (!source) throw new UserError(`Mote has no mote-mqtt/${part}: its documentation names its parts.`);
    return source;
  });
  const files = ["src/index.ts", "platforms/espruino/index.ts", ...sources];
  return bundleMote(files.map((file) => `export * from "./${file}";`).join("\n"), [nativeModules()]);
}

/**
 * Mote in one module whose private names are short. An application is not treated so: a name of its own may be one that it
 * sends.
 */
async function bundleMote(contents: string, plugins: Plugin[]): Promise<string> {
  const { outputFiles } = await explained("Mote cannot be built for Espruino", () =>
    build({
      ...SETTINGS,
      stdin: { contents, resolveDir: packageRoot, loader: "ts" },
      plugins,
      // In an ES module esbuild would put a function of its own in the place of `require`.
      define: { require: REQUIRE },
      format: "esm",
      minifySyntax: true,
      mangleProps: MANGLED,
    }),
  );
  return outputFiles[0]!.text;
}

/** Leads an application's `mote-mqtt` and any of its platforms to that module. */
function moteAsModule(contents: string): Plugin {
  return {
    name: "mote",
    setup(build) {
      build.onResolve({ filter: /^mote-mqtt(\/|$)/ }, () => ({ path: "mote", namespace: "mote", sideEffects: false }));
      build.onLoad({ filter: /^mote$/, namespace: "mote" }, () => ({ contents, loader: "js" }));
    },
  };
}

/** `import` is for what is bundled; a `require("Wifi")` is left to the board, which has modules in its firmware and Storage. */
const boardModules: Plugin = {
  name: "board",
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === "require-call" ? { path, external: true } : undefined,
    );
  },
};

/** Puts the modules of platforms/espruino/native in the places of those of src. */
function nativeModules(): Plugin {
  const folder = join(packageRoot, "platforms/espruino/native");
  return {
    name: "native",
    setup(build) {
      build.onResolve({ filter: /\.ts$/ }, ({ path, resolveDir, importer }) => {
        const original = resolve(resolveDir, path);
        if (!NATIVE.some((file) => join(packageRoot, file) === original)) return undefined;
        // They themselves may build upon the originals.
        return dirname(importer) === folder ? undefined : { path: join(folder, basename(path)) };
      });
    },
  };
}
