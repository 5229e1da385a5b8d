// Makes a bare clone ready: installs the packages of the lock file when node_modules is missing or stale, then builds
// dist/ when it is missing or older than a source. Runs before `npm start` and `npm test`, so it uses Node alone.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const installOnly = process.argv.includes("--install-only");

const [major] = process.versions.node.split(".").map(Number);
if (major < 20) {
  console.error(
    `Mote needs Node 20 or newer; this is ${process.version}. Install a newer one from https://nodejs.org.`,
  );
  process.exit(1);
}

bringUpToDate("node_modules/.mote-installed", [join(root, "package-lock.json")], "Installing packages", () => {
  // npm is reached through the file that runs this script, so that Windows needs no shell.
  const npm = process.env.npm_execpath;
  const [command, ...args] = npm ? [process.execPath, npm] : ["npm"];
  execFileSync(command, [...args, "ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel", "error"], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
});
if (!installOnly) {
  const sources = ["package-lock.json", "tsconfig.json", "tsconfig.build.json", "src", "platforms", "tools"];
  bringUpToDate(
    "dist/.mote-built",
    sources.flatMap((name) => filesBelow(join(root, name))),
    "Building",
    () => {
      execFileSync(process.execPath, [join(root, "tools/build.mjs")], {
        cwd: root,
        stdio: ["ignore", "inherit", "inherit"],
      });
    },
  );
}

/** Runs `work` unless `stamp` says that it was done for `inputs` as they are. */
function bringUpToDate(stamp, inputs, title, work) {
  const path = join(root, stamp);
  const hash = createHash("sha256");
  for (const input of inputs)
    hash.update(input.slice(root.length)).update("\0").update(readFileSync(input)).update("\0");
  const state = hash.digest("hex");
  if (existsSync(path) && readFileSync(path, "utf8") === state) return;
  const started = Date.now();
  console.error(`${title} …`);
  try {
    work();
  } catch (error) {
    console.error(`${title} failed: ${error.message.split("\n")[0]}`);
    process.exit(1);
  }
  writeFileSync(path, state);
  console.error(`${title}: done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

function filesBelow(path) {
  try {
    return readdirSync(path, { withFileTypes: true })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((entry) => filesBelow(join(path, entry.name)));
  } catch (error) {
    if (error.code === "ENOTDIR") return [path];
    throw error;
  }
}
