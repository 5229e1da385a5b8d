import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";
import { packageRoot } from "../../tools/cli/package.ts";

// A clone in small: npm and the compiler only note that they were called.
let clone: string;
beforeEach(async () => {
  clone = await mkdtemp(join(tmpdir(), "mote-setup-"));
  for (const folder of ["tools", "src", "platforms"]) await mkdir(join(clone, folder));
  await copyFile(join(packageRoot, "tools/setup.mjs"), join(clone, "tools/setup.mjs"));
  for (const name of ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json", "src/a.ts"]) {
    await writeFile(join(clone, name), "{}");
  }
  await write("npm.mjs", stub("npm", "node_modules"));
  await write("tools/build.mjs", stub("build", "dist"));
});
afterEach(() => rm(clone, { recursive: true }));

const write = (name: string, content: string): Promise<void> => writeFile(join(clone, name), content);

function stub(name: string, makes: string): string {
  return `import { appendFileSync, mkdirSync } from "node:fs";
    appendFileSync(${JSON.stringify(join(clone, "log"))}, ["${name}", ...process.argv.slice(2)].join(" ") + "\\n");
    mkdirSync(${JSON.stringify(join(clone, makes))}, { recursive: true });`;
}

/** Sets up; returns what was called for it. */
async function setUp(...args: string[]): Promise<string[]> {
  await write("log", "");
  const env = { ...process.env, npm_execpath: join(clone, "npm.mjs") };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(clone, "tools/setup.mjs"), ...args], {
    env,
  });
  const called = (await readFile(join(clone, "log"), "utf8")).split("\n").slice(0, -1);
  expect(stdout).toBe("");
  if (called.length === 0) expect(stderr).toBe("");
  return called.map((line) => line.split(" ").slice(0, 2).join(" "));
}

it("sets up a bare clone once, and again only what is stale", async () => {
  expect(await setUp()).toEqual(["npm ci", "build"]);
  expect(await setUp()).toEqual([]);
  await write("src/a.ts", "changed");
  expect(await setUp("--install-only")).toEqual([]);
  expect(await setUp()).toEqual(["build"]);
  await write("src/new.ts", "new");
  expect(await setUp()).toEqual(["build"]);
  await rm(join(clone, "src/new.ts"));
  expect(await setUp()).toEqual(["build"]);
  await write("package-lock.json", "changed");
  expect(await setUp()).toEqual(["npm ci", "build"]);
  await rm(join(clone, "dist"), { recursive: true });
  expect(await setUp()).toEqual(["build"]);
  await rm(join(clone, "node_modules"), { recursive: true });
  expect(await setUp("--install-only")).toEqual(["npm ci"]);
  expect(await setUp()).toEqual([]);
});

it("says what failed, and tries it again the next time", async () => {
  const good = stub("build", "dist");
  await write("tools/build.mjs", "process.exit(1);");
  await expect(setUp()).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^Building failed: /m) as string,
  });
  await write("tools/build.mjs", good);
  expect(await setUp()).toEqual(["build"]);
  expect(await setUp()).toEqual([]);
});
