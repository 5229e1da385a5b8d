// Compiles src/, platforms/ and tools/ into dist/: what is published is what this makes.
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");

rmSync(dist, { recursive: true, force: true });
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
compile("tsconfig.build.json");
// Its modules are bundled below: of these, an application needs the types alone.
compile(
  "platforms/moddable",
  "--noEmit",
  "false",
  "--declaration",
  "--emitDeclarationOnly",
  "--rootDir",
  root,
  "--outDir",
  dist,
);
// What is not TypeScript but is read at run time: the sources of the XS host.
cpSync(join(root, "tools/simulator/xs"), join(dist, "tools/simulator/xs"), {
  recursive: true,
  filter: (path) => extname(path) !== ".ts",
});
chmodSync(join(dist, "tools/mote.js"), 0o755);

// What a Moddable project compiles, by manifest.json.
const { compileModules } = await import(pathToFileURL(join(dist, "tools/moddable/modules.js")).href);
mkdirSync(join(dist, "moddable"));
for (const { file, code } of await compileModules()) writeFileSync(join(dist, "moddable", file), code);

function compile(project, ...options) {
  try {
    execFileSync(process.execPath, [tsc, "-p", join(root, project), ...options], { stdio: "inherit" });
  } catch {
    process.exit(1); // tsc has said what is wrong
  }
}
