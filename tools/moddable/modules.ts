import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { build, type Plugin } from "esbuild";
import { edited, type Edit, isFunction, parsed, type Tree } from "../build/tree.ts";
import { minifyForXs } from "../build/xs.ts";
import { packageRoot, partsForModdable, sourceOfPart } from "../cli/package.ts";

/** A module of a Moddable project: the specifier it imports, the file below dist/moddable/, and the source. */
interface Module {
  specifier: string;
  file: string;
  source: string;
}

const CORE: Module = { specifier: "mote-mqtt", file: "mote-mqtt.js", source: "src/index.ts" };

/**
 * Parts that import nothing of Mote. The last is a client of its own; the others are no part of any module else: the core, too,
 * has them from there, so that a project with the lean client has them without the core.
 */
const ALONE = ["utf8-text", "describe", "lean"];

const PLATFORM: Module[] = [
  { specifier: "mote-mqtt/moddable", file: "moddable.js", source: "platforms/moddable/index.ts" },
  {
    specifier: "mote-mqtt/moddable/flash-store",
    file: "moddable-flash-store.js",
    source: "platforms/moddable/flash-store.ts",
  },
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
];

const moduleOfPart = (part: string): Module => ({
  specifier: `mote-mqtt/${part}`,
  file: `${part}.js`,
  source: sourceOfPart(part)!,
});

/** What extends the client: `mote-mqtt/qos2` and the like. */
const extensions = (): Module[] =>
  partsForModdable()
    .filter((part) => !ALONE.includes(part))
    .map(moduleOfPart);

export interface CompiledModule {
  specifier: string;
  file: string;
  code: string;
}

/**
 * Compiles the modules for XS, as they are published and as they are tested. The names of private members become short,
 * and the same in all modules: each distinct name of a program takes memory on a device.
 */
export async function compileModules(): Promise<CompiledModule[]> {
  const core = await bundle(CORE.source);
  const extended = await Promise.all(
    extensions().map(async (module) => ({
      ...module,
      ...(await bundle(module.source, [sharedWith(core, module.source)])),
    })),
  );
  const others = await Promise.all(
    [...PLATFORM, ...ALONE.map(moduleOfPart)].map(async (module) => ({ ...module, ...(await bundle(module.source)) })),
  );
  const needed = classesNeeded(
    core,
    extended.map(({ code }) => code),
  );

  const compiled: CompiledModule[] = [];
  let mangleCache: Record<string, string | false> = {};
  for (const { specifier, file, code } of [
    { ...CORE, ...(await bundle(CORE.source, [], needed)) },
    ...others,
    ...extended,
  ]) {
    const result = await minifyForXs(frozen(constant(code)), { mangleProps: /^_/, mangleCache });
    mangleCache = result.mangleCache!;
    compiled.push({ specifier, file, code: result.code });
  }
  return compiled;
}

interface Bundle {
  code: string;
  /** The sources that went into it. */
  files: ReadonlySet<string>;
  exports: ReadonlySet<string>;
}

/** Bundles a module, which also exports `classes`: the file of each by its name. */
async function bundle(
  source: string,
  plugins: Plugin[] = [],
  classes: ReadonlyMap<string, string> = new Map(),
): Promise<Bundle> {
  const also = [...classes].map(([name, file]) => `export { ${name} } from ${JSON.stringify(file)};`);
  const { outputFiles, metafile } = await build({
    ...(also.length === 0
      ? { entryPoints: [source] }
      : { stdin: { contents: [`export * from "./${source}";`, ...also].join("\n"), resolveDir: packageRoot } }),
    absWorkingDir: packageRoot,
    outdir: ".",
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    target: "es2022",
    external: ["mote-mqtt", "timer", "time", "net", "preference", "embedded:*"],
    legalComments: "none",
    logLevel: "silent",
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
    plugins: [alone(source), ...plugins],
  });
  const files = Object.keys(metafile.inputs).filter((file) => file.endsWith(".ts"));
  return {
    code: outputFiles[0]!.text,
    files: new Set(files.map((file) => join(packageRoot, file))),
    exports: new Set(Object.values(metafile.outputs)[0]!.exports),
  };
}

/** Leads to the modules of those that are alone. */
function alone(self: string): Plugin {
  const specifiers = new Map(
    ALONE.map(moduleOfPart)
      .filter(({ source }) => source !== self)
      .map(({ source, specifier }) => [join(packageRoot, source), specifier]),
  );
  return {
    name: "alone",
    setup(build) {
      build.onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
        const specifier = specifiers.get(resolve(resolveDir, path));
        return specifier === undefined ? undefined : { path: specifier, external: true, sideEffects: false };
      });
    },
  };
}

/**
 * Lets a part that extends the client use what the core has, where it would have got copies: classes, and the functions
 * that the core exports. Constants it gets, for the bundler puts their values in place; but what the part exports of the
 * core's constants is the core's.
 */
function sharedWith(core: Bundle, part: string): Plugin {
  const shared = (file: string, importer: string): string[] => {
    const { classes, functions, constants } = exportsOf(file);
    const public_ = importer === join(packageRoot, part) ? [...functions, ...constants] : functions;
    return [...classes, ...public_.filter((name) => core.exports.has(name))];
  };
  return {
    name: "shared with the core",
    setup(build) {
      build.onResolve({ filter: /^mote-mqtt$/ }, ({ path }) => ({ path, external: true, sideEffects: false }));
      build.onResolve({ filter: /^\./ }, ({ path, resolveDir, importer, namespace }) => {
        const file = resolve(resolveDir, path);
        if (namespace !== "file" || !core.files.has(file) || shared(file, importer).length === 0) return undefined;
        // One and the same file is another module to the part itself than to those that it is made of.
        const suffix = importer === join(packageRoot, part) ? "?exported" : "";
        return { path: file, suffix, namespace: "core", sideEffects: false, pluginData: shared(file, importer) };
      });
      build.onLoad({ filter: /.*/, namespace: "core" }, ({ path, pluginData }) => {
        const fromCore = pluginData as string[];
        const { classes, functions, constants } = exportsOf(path);
        const others = [...classes, ...functions, ...constants].filter((name) => !fromCore.includes(name));
        const contents = [
          `export { ${fromCore.join(", ")} } from "mote-mqtt";`,
          `export { ${others.join(", ")} } from ${JSON.stringify(path)};`,
        ].join("\n");
        return { contents, loader: "ts", resolveDir: dirname(path) };
      });
    },
  };
}

/** The core's classes that modules import beyond what it exports, and the file of each. */
function classesNeeded(core: Bundle, modules: string[]): Map<string, string> {
  const imported = modules.flatMap((code) => [...code.matchAll(/^import \{([^}]*)\} from "mote-mqtt";$/gm)]);
  const names = new Set(imported.flatMap(([, list]) => list!.split(",").map((name) => name.trim().split(" as ")[0]!)));
  const needed = new Map<string, string>();
  for (const file of core.files) {
    for (const name of exportsOf(file).classes) if (names.has(name) && !core.exports.has(name)) needed.set(name, file);
  }
  return needed;
}

/** The names of the values that a source exports. */
function exportsOf(file: string): { classes: string[]; functions: string[]; constants: string[] } {
  const source = readFileSync(file, "utf8");
  const names = (pattern: RegExp): string[] => [...source.matchAll(pattern)].map(([, name]) => name!);
  const handedOn = names(/^export \{ ([^}]*) \} from/gm)
    .flatMap((list) => list.split(/, */))
    .filter((name) => !name.startsWith("type "));
  return {
    classes: names(/^export (?:abstract )?class (\w+)/gm),
    functions: names(/^export function (\w+)/gm),
    // What is handed on from another file is made there, and most often is constant.
    constants: [...names(/^export (?:const enum|const|let|enum) (\w+)/gm), ...handedOn],
  };
}

/**
 * The bundler turns each constant of a module into a variable, and XS keeps a slot in memory for each variable of a
 * preloaded module. They are made constants again; were one assigned to, the compilation that follows would refuse it.
 */
function constant(code: string): string {
  return code.replace(/^var (?=\w+ = )/gm, "const ").replace(/^\}\)\(\w+ \|\| \{\}\);$/gm, "})({});"); // an enum begins with nothing, not with itself
}

/** Freezes the tables of a module: XS preloads modules into flash, and what is not frozen there takes memory, too. */
function frozen(code: string): string {
  const edits: Edit[] = [];
  for (const statement of parsed(code)["body"] as Tree[]) {
    if (statement.type !== "VariableDeclaration") continue;
    for (const { init } of statement["declarations"] as { init: Tree }[]) {
      const isEnum = init.type === "CallExpression" && isFunction(init["callee"] as Tree);
      if (!isEnum && !/^(Object|Array)Expression$/.test(init.type)) continue;
      edits.push({ ...init, text: `Object.freeze(${code.slice(init.start, init.end)})` });
    }
  }
  return edited(code, edits);
}
