import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { buildHost } from "../../../../tools/simulator/xs/build.ts";
import { cacheDirectory } from "../../../../tools/simulator/xs/cache.ts";
import { XS_PACKAGE } from "../../../../tools/simulator/xs/sources.ts";
import { itIfThere } from "../../../support/require.ts";
import { hostOrReason } from "./device.ts";

const built = await hostOrReason();
const only = itIfThere({ name: "the XS engine", missing: "reason" in built ? built.reason : undefined });
const onPosix = process.platform === "win32" ? test.skip : test;

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "mote-cache-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true, force: true });
});

describe("the XS host", () => {
  describe("with a compiler that only pretends", () => {
    const pretend = async (): Promise<void> => {
      const compiler = join(cache, "pretending-cc");
      // It logs what it is called for, and makes every output a program that succeeds.
      const script = `#!/bin/sh
case "$*" in *--version*) echo "pretending 1.0"; exit;; *" -c "*) echo compile >> "${cache}/log";; esac
while [ "$1" != "-o" ]; do shift; done
printf '#!/bin/sh\\nexit 0\\n' > "$2"; chmod +x "$2"
`;
      await writeFile(compiler, script, { mode: 0o755 });
      await copyFile(join(cacheDirectory(), XS_PACKAGE.file), join(cache, XS_PACKAGE.file)).catch(() => undefined);
      vi.stubEnv("CC", compiler);
    };
    const compiled = async (): Promise<number> =>
      (await readFile(join(cache, "log"), "utf8")).trim().split("\n").length;
    const left = async (): Promise<string[]> =>
      (await readdir(cache)).filter((name) => !["log", "pretending-cc", XS_PACKAGE.file].includes(name));

    onPosix("is built once by those who want it at the same time", async () => {
      await pretend();
      const progress: number[][] = [];
      const build = (): ReturnType<typeof buildHost> =>
        buildHost({ cache, onProgress: (done, total) => void progress.push([done, total]) });
      const hosts = await Promise.all([build(), build(), build()]);
      expect(new Set(hosts.map(({ path }) => path)).size).toBe(1);
      const total = progress[0]![1]!;
      expect(progress).toEqual(Array.from({ length: total }, (_, i) => [i + 1, total]));
      expect(await compiled()).toBe(total - 1); // the last is the link
      expect(await build()).toEqual(hosts[0]);
      expect(await compiled()).toBe(total - 1);
      expect(await left()).toEqual([basename(hosts[0]!.path)]);
    });

    onPosix("is built though an earlier build was cut off", async () => {
      await pretend();
      const { path } = await buildHost({ cache });
      await rm(path);
      await mkdir(`${path}.building`);
      await writeFile(join(`${path}.building`, "owner"), "999999999"); // no such process
      await buildHost({ cache });
      await rm(path);
      await mkdir(`${path}.building`);
      await utimes(`${path}.building`, 0, 0);
      await buildHost({ cache });
      expect(await left()).toEqual([basename(path)]);
    });
  });

  test("needs a C compiler, and says so", async () => {
    vi.stubEnv("CC", "no-such-compiler --with-flag");
    await expect(buildHost({ cache })).rejects.toMatchObject({
      name: "XsUnavailableError",
      missing: "compiler",
      message: expect.stringMatching(
        /^The XS engine is compiled .*CC names "no-such-compiler --with-flag".* install one .*\.$/,
      ),
    });
    vi.stubEnv("CC", "");
    vi.stubEnv("PATH", cache);
    await expect(buildHost({ cache })).rejects.toThrow("none of cc, gcc and clang is on the path");
  });

  only("needs a C compiler that works, and says so", async () => {
    vi.stubEnv("CC", "cc -include /nowhere/missing.h");
    await expect(buildHost({ cache })).rejects.toMatchObject({
      missing: "compiler",
      message: expect.stringMatching(/cannot make a program \(.*missing\.h.*\): install what it lacks/),
    });
    expect(await readdir(cache)).toEqual([]);
  });
});
