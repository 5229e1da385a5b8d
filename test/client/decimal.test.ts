import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readDecimal, writeDecimal } from "../../src/client/decimal.ts";
import { utf8 } from "../packet/model.ts";

function write(value: number, decimals: number, limit = 400): string {
  const into = new Uint8Array(410).fill(0x7f);
  const end = writeDecimal(into, 3, 3 + limit, value, decimals);
  if (end < 0) return "no room";
  expect([...into.subarray(0, 3), ...into.subarray(end, end + 5)].every((byte) => byte === 0x7f)).toBe(true);
  return Buffer.from(into.subarray(3, end)).toString("latin1");
}

const read = (text: string): number => readDecimal(utf8(`7${text}7`), 1, 1 + text.length);
const value = fc.oneof(
  fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  fc.double(),
  fc.integer(),
  fc.integer({ min: -99_999, max: 99_999 }).map((number) => number / 100),
);
const decimals = fc.integer({ min: 0, max: 9 });

/** Whether the next decimal is a 5, or so close that the way of rounding decides. */
function isTie(number: number, digits: number): boolean {
  const scaled = Math.abs(number) * 10 ** digits;
  return Math.abs(scaled - Math.floor(scaled) - 0.5) <= scaled * 2 ** -50;
}

describe("writeDecimal", () => {
  it("writes what toFixed does, but for ties, which go away from zero, and minus zero", () => {
    fc.assert(
      fc.property(value, decimals, (number, digits) => {
        fc.pre(!isTie(number, digits));
        expect(write(number, digits)).toBe(number.toFixed(digits).replace(/^-(0(\.0*)?)$/, "$1"));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    [0.5, 0, "1"],
    [-0.5, 0, "-1"],
    [2.5, 0, "3"],
    [0.125, 2, "0.13"],
    [21.45, 1, "21.5"],
    [-0, 2, "0.00"],
    [-0.004, 2, "0.00"],
    [9.995, 1, "10.0"],
    [999_999.9999, 2, "1000000.00"],
    [9_007_199_254_740_991, 0, "9007199254740991"],
    [9_007_199_254_740_993, 0, "9007199254740992"],
    [1e21, 0, "1e+21"],
    [NaN, 3, "NaN"],
    [-Infinity, 0, "-Infinity"],
  ])("writes %d with %i decimals as %s", (number, digits, text) => {
    expect(write(number, digits)).toBe(text);
  });

  it("writes nothing that would reach beyond its limit", () => {
    fc.assert(
      fc.property(value, decimals, (number, digits) => {
        const text = write(number, digits);
        expect(write(number, digits, text.length)).toBe(text);
        expect(write(number, digits, text.length - 1)).toBe("no room");
      }),
    );
  });
});

describe("readDecimal", () => {
  it("reads what writeDecimal wrote, to the last bit of a number of up to 15 digits", () => {
    fc.assert(
      fc.property(fc.integer({ min: -(10 ** 15) + 1, max: 10 ** 15 - 1 }), decimals, (digits, scale) => {
        const text = write(digits / 10 ** scale, scale);
        expect(read(text)).toBe(Number(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it("takes the same texts as Number, of those that it takes at all", () => {
    const character = fc.constantFrom(..."0123456789.-");
    fc.assert(
      fc.property(fc.array(character, { maxLength: 8 }), (characters) => {
        const text = characters.join("");
        expect(read(text)).toBe(/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : NaN);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each(["", "-", ".", "1.", ".5", "+1", " 1", "1 ", "1e3", "0x1", "--1", "1.2.3", "Infinity", "ü"])(
    "reads %j as NaN",
    (text) => {
      expect(readDecimal(utf8(text), 0, utf8(text).length)).toBeNaN();
    },
  );
});
