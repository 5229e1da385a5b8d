import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeNvs, encodeNvs, type NvsEntry } from "../../../../tools/serial/provision/nvs.ts";

/** A partition of 0x6000 bytes that Espressif's own generator (esp-idf-nvs-partition-gen) made of `GENERATED`. */
const ESPRESSIF = gunzipSync(readFileSync(new URL("../data/nvs-espressif.bin.gz", import.meta.url)));
const GENERATED: NvsEntry[] = [
  { namespace: "mote", key: "wifiSsid", value: { type: "string", text: "greenhouse" } },
  { namespace: "mote", key: "wifiPassword", value: { type: "string", text: "correct horse" } },
  { namespace: "mote", key: "port", value: { type: "i32", number: 8883n } },
  { namespace: "mote", key: "tls", value: { type: "u8", number: 1n } },
  { namespace: "other", key: "count", value: { type: "u32", number: 4_000_000_000n } },
  { namespace: "other", key: "big", value: { type: "u64", number: 18_000_000_000_000_000_000n } },
  { namespace: "other", key: "neg", value: { type: "i16", number: -5n } },
  {
    namespace: "other",
    key: "note",
    value: { type: "string", text: "a text that is longer than thirty-two bytes, so that it spans" },
  },
  { namespace: "other", key: "certificate", value: { type: "blob", bytes: new Uint8Array(9000).fill(0x78) } },
  { namespace: "other", key: "after", value: { type: "u8", number: 7n } },
];

test("writes what Espressif's generator writes, byte for byte", () => {
  expect(Buffer.from(encodeNvs(GENERATED, 0x6000)).equals(ESPRESSIF)).toBe(true);
});

test("reads what Espressif's generator wrote", () => {
  expect(decodeNvs(ESPRESSIF)).toEqual(GENERATED);
});

test("erased flash holds no entries", () => {
  expect(decodeNvs(new Uint8Array(0x6000).fill(0xff))).toEqual([]);
});

test("whatever is written is read back", () => {
  const value = fc.oneof(
    fc.record({
      type: fc.constant("string" as const),
      text: fc.string({ maxLength: 900 }).map((s) => s.replaceAll("\0", "")),
    }),
    fc.record({ type: fc.constant("i32" as const), number: fc.bigInt({ min: -(2n ** 31n), max: 2n ** 31n - 1n }) }),
    fc.record({ type: fc.constant("blob" as const), bytes: fc.uint8Array({ maxLength: 6000 }) }),
  );
  const entry = fc.record({
    namespace: fc.constantFrom("mote", "other", "a"),
    key: fc.stringMatching(/^[a-zA-Z0-9_.]{1,15}$/),
    value,
  });
  const entries = fc.uniqueArray(entry, { maxLength: 12, selector: (e) => `${e.namespace}\0${e.key}` });
  fc.assert(
    fc.property(entries, (written) => {
      expect(decodeNvs(encodeNvs(written, 0x20000))).toEqual(written);
    }),
  );
});

test("a value written again replaces the older one", () => {
  const [first] = GENERATED;
  const later: NvsEntry = { ...first!, value: { type: "string", text: "other network" } };
  expect(decodeNvs(encodeNvs([first!, later], 0x3000))).toEqual([later]);
});

test.each([
  ["a page header", 5],
  ["an entry", 64 + 9],
  ["a text", 64 + 64 + 3],
])("a bit changed in %s is found", (_, at) => {
  const image = Uint8Array.from(ESPRESSIF);
  image[at]! ^= 0x04;
  expect(() => decodeNvs(image)).toThrow(/damaged or encrypted/);
});

test.each<[string, NvsEntry[], number, RegExp]>([
  ["a partition of two pages", [], 0x2000, /at least three pages/],
  [
    "a long name",
    [{ namespace: "mote", key: "sixteen_letters_", value: { type: "u8", number: 0n } }],
    0x3000,
    /1 to 15/,
  ],
  [
    "a number too large",
    [{ namespace: "mote", key: "k", value: { type: "u8", number: 256n } }],
    0x3000,
    /does not fit/,
  ],
  [
    "a long text",
    [{ namespace: "m", key: "k", value: { type: "string", text: "x".repeat(4000) } }],
    0x3000,
    /at most 3999/,
  ],
  [
    "too much",
    [{ namespace: "m", key: "k", value: { type: "blob", bytes: new Uint8Array(9000) } }],
    0x3000,
    /do not fit/,
  ],
])("%s is refused", (_, entries, size, message) => {
  expect(() => encodeNvs(entries, size)).toThrow(message);
});
