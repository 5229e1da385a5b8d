import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fileStore } from "../../../platforms/node/index.ts";

describe("fileStore", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "mote-store-"));
  });
  afterEach(() => {
    chmodSync(folder, 0o700);
    rmSync(folder, { recursive: true });
  });

  const into = new Uint8Array(8);

  it.each([true, false])("keeps records for whoever opens the folder next; durable: %j", (durable) => {
    const inner = join(folder, "made", "by", "itself");
    const store = fileStore(inner, { durable });
    expect(store.write(3, Uint8Array.of(9, 1, 2, 3, 9), 1, 4)).toBe(true);
    expect(store.write(3, Uint8Array.of(4, 5), 0, 2)).toBe(true);
    expect(store.write(7, Uint8Array.of(), 0, 0)).toBe(true);
    const next = fileStore(inner, { durable });
    into.fill(0xee);
    expect(next.read(3, into, 2, 8)).toBe(2);
    expect([...into]).toEqual([0xee, 0xee, 4, 5, 0xee, 0xee, 0xee, 0xee]);
    expect(next.read(7, into, 0, 8)).toBe(0);
    expect(next.read(8, into, 0, 8)).toBe(-1);
    expect(next.remove(3)).toBe(true);
    expect(next.remove(3)).toBe(true);
    expect(fileStore(inner).read(3, into, 0, 8)).toBe(-1);
    expect(readdirSync(inner)).toEqual(["7.record"]);
  });

  it("tells the length of a record for which there is no room, and reads no further", () => {
    const store = fileStore(folder, { durable: false });
    store.write(0, new Uint8Array(100).fill(1), 0, 100);
    into.fill(0xee);
    expect(store.read(0, into, 2, 4)).toBe(100);
    expect([...into]).toEqual([0xee, 0xee, 1, 1, 0xee, 0xee, 0xee, 0xee]);
  });

  it("answers false when a write or removal fails, with Node's error for a log", () => {
    const errors: string[] = [];
    const store = fileStore(folder, { onError: (error) => errors.push((error as NodeJS.ErrnoException).code!) });
    rmSync(folder, { recursive: true });
    writeFileSync(folder, "");
    expect(store.write(0, into, 0, 8)).toBe(false);
    expect(store.remove(0)).toBe(false);
    expect(store.read(0, into, 0, 8)).toBe(-1);
    expect(errors).toEqual(["ENOTDIR", "ENOTDIR", "ENOTDIR"]);
    rmSync(folder);
    expect(() => fileStore("/dev/null/x")).toThrow(/ENOTDIR/);
    fileStore(folder);
  });
});
