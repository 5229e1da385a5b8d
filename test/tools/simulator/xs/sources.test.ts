import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { XS_PACKAGE, checkIntegrity, unpackSources } from "../../../../tools/simulator/xs/sources.ts";
import { readTarball } from "../../../../tools/simulator/xs/tar.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "mote-sources-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

describe("the sources of XS", () => {
  test("are refused when they are not the pinned ones", async () => {
    expect(() => checkIntegrity(Buffer.from("tampered"), "what npm fetched")).toThrow(
      /what npm fetched has the integrity sha512-/,
    );
    await writeFile(join(directory, XS_PACKAGE.file), "tampered");
    await expect(unpackSources(directory, directory)).rejects.toMatchObject({
      name: "XsUnavailableError",
      missing: "sources",
      message: expect.stringContaining(`delete it and try again`),
    });
  });

  test("need npm, and say so", async () => {
    vi.stubEnv("npm_execpath", undefined);
    vi.stubEnv("PATH", directory);
    await expect(unpackSources(directory, directory)).rejects.toThrow(
      /^npm is needed .* install npm, or use --engine node\.$/,
    );
  });

  test("need a registry that answers, and say so", async () => {
    vi.stubEnv("npm_config_registry", "http://127.0.0.1:9/");
    vi.stubEnv("npm_config_fetch_retries", "0");
    vi.stubEnv("npm_config_cache", directory);
    await expect(unpackSources(directory, directory)).rejects.toThrow(
      /^npm could not fetch the sources of XS .*ECONNREFUSED/,
    );
  });
});

describe("an archive", () => {
  const entry = (name: string, content: string, type = "0", prefix = ""): Buffer => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(content.length.toString(8).padStart(11, "0"), 124);
    header.write(type, 156);
    header.write(prefix, 345);
    return Buffer.concat([header, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)]);
  };
  const read = (...parts: Buffer[]): string[][] =>
    [...readTarball(gzipSync(Buffer.concat(parts)))].map(({ name, bytes }) => [name, Buffer.from(bytes).toString()]);

  test("yields its regular files", () => {
    const long = "x".repeat(600);
    expect(
      read(
        entry("pax", "ignored", "x"),
        entry("a.c", "one"),
        entry("empty", ""),
        entry("b", long, "\0", "dir"),
        entry("dir/", "", "5"),
        Buffer.alloc(1024),
        entry("after", "the end"),
      ),
    ).toEqual([
      ["a.c", "one"],
      ["empty", ""],
      ["dir/b", long],
    ]);
  });

  test("that breaks off is refused", () => {
    expect(() => read(entry("a.c", "x".repeat(600)).subarray(0, 1000))).toThrow("The archive breaks off in a.c.");
    expect(() => read(entry("a.c", "x").fill(0xff, 124, 136))).toThrow("breaks off");
  });
});
