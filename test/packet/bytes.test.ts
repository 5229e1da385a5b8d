import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copyBytes, readUint16, writeUint16 } from "../../src/packet/index.ts";
import { fieldEnd, writeField } from "../../src/packet/bytes.ts";

describe("16-bit integers", () => {
  it("are big-endian (1.5.2), every one of them", () => {
    const bytes = Uint8Array.of(0xee, 0xee, 0xee, 0xee);
    const view = new DataView(bytes.buffer);
    let wrong = 0;
    for (let value = 0; value <= 65_535; value++) {
      writeUint16(bytes, 1, value);
      if (view.getUint16(1) !== value || readUint16(bytes, 1) !== value) wrong++;
    }
    expect(wrong, "values written or read wrongly").toBe(0);
    expect([bytes[0], bytes[3]], "the bytes around").toEqual([0xee, 0xee]);
  });
});

describe("copyBytes", () => {
  it("copies any part of an array, and the whole one, to any place and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(), fc.nat(), fc.nat({ max: 5 }), (from, a, b, at) => {
        const [start, end] = [a % (from.length + 1), b % (from.length + 1)].sort((x, y) => x - y);
        const expected = new Uint8Array(50).fill(0xee);
        expected.set(from.subarray(start, end), at);
        const into = new Uint8Array(50).fill(0xee);
        copyBytes(into, at, from, start, end);
        expect(into).toEqual(expected);

        const whole = new Uint8Array(50).fill(0xee);
        copyBytes(whole, at, from, 0, from.length);
        expect(whole.subarray(at, at + from.length)).toEqual(from);
        expect(whole.subarray(at + from.length).every((byte) => byte === 0xee)).toBe(true);
      }),
    );
  });
});

describe("length-prefixed fields (1.5.3)", () => {
  it("are written with two bytes of length, from 0 to 65,535 bytes", () => {
    for (const length of [0, 1, 255, 256, 65_535]) {
      const into = new Uint8Array(length + 5);
      expect(writeField(into, 1, new Uint8Array(length).fill(7))).toBe(length + 3);
      expect(readUint16(into, 1)).toBe(length);
      expect(fieldEnd(into, 1, into.length)).toBe(length + 3);
    }
  });

  it("end within what they are in, or are none", () => {
    const bytes = Uint8Array.of(0, 3, 1, 2, 3);
    expect(fieldEnd(bytes, 0, 5)).toBe(5);
    for (let end = 0; end < 5; end++) expect(fieldEnd(bytes, 0, end), `when the packet ends at ${end}`).toBe(0);
  });
});
