import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkUtf8, Reason } from "../../src/packet/index.ts";
import { text } from "./arbitraries.ts";
import { toHex, utf8 } from "./model.ts";

/** The first sequence on which `checkUtf8` and Node's validator (simdutf) differ; U+0000 aside, which Node allows. */
function firstDifference(sequences: Iterable<Uint8Array>): string | undefined {
  for (const bytes of sequences) {
    const expected = !isUtf8(bytes) ? Reason.ILL_FORMED_UTF8 : bytes.includes(0) ? Reason.NULL_CHARACTER : Reason.OK;
    const actual = checkUtf8(bytes, 0, bytes.length);
    // With both faults either is right; the first in the text is the one that is told.
    if (actual !== expected && !(actual === Reason.NULL_CHARACTER && bytes.includes(0))) {
      return `${toHex(bytes)} is ${Reason[actual]}, not ${Reason[expected]}`;
    }
  }
  return undefined;
}

/** Every sequence of `length` bytes whose bytes are one of the given ones each; the same array every time. */
function* sequences(...choices: number[][]): Generator<Uint8Array> {
  const bytes = new Uint8Array(choices.length);
  const counters = choices.map(() => 0);
  for (;;) {
    counters.forEach((counter, index) => (bytes[index] = choices[index][counter]));
    yield bytes;
    let index = choices.length - 1;
    while (index >= 0 && ++counters[index] === choices[index].length) counters[index--] = 0;
    if (index < 0) return;
  }
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

const ALL = range(0, 255);
/** Bytes on both sides of every limit that table 3-7 of Unicode sets. */
const EDGES = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xff];

describe("checkUtf8 [MQTT-1.5.3-1], [MQTT5-1.5.4-1]", () => {
  it("agrees with Node on every sequence of one and two bytes", () => {
    expect(firstDifference(sequences(ALL))).toBeUndefined();
    expect(firstDifference(sequences(ALL, ALL))).toBeUndefined();
  });

  it("agrees with Node on sequences of three and four bytes, all leads with all edges", () => {
    expect(firstDifference(sequences(ALL, ALL, EDGES))).toBeUndefined();
    expect(firstDifference(sequences(range(0xe0, 0xff), ALL, EDGES, EDGES))).toBeUndefined();
  });

  it("agrees with Node on every character there is", () => {
    function* characters(): Generator<Uint8Array> {
      for (let code = 1; code <= 0x10ffff; code += code < 0x3000 ? 1 : 7) {
        if (code < 0xd800 || code > 0xdfff) yield utf8(String.fromCodePoint(code));
      }
    }
    expect(firstDifference(characters())).toBeUndefined();
  });

  it("agrees with Node on a text in which one byte was changed", () => {
    fc.assert(
      fc.property(text, fc.nat(), fc.nat({ max: 255 }), (value, at, byte) => {
        const bytes = utf8(value);
        if (bytes.length > 0) bytes[at % bytes.length] = byte;
        expect(firstDifference([bytes])).toBeUndefined();
      }),
      { numRuns: 3000 },
    );
  });

  it("refuses U+0000 wherever it is [MQTT-1.5.3-2], [MQTT5-1.5.4-2]", () => {
    for (const value of ["\0", "\0a", "a\0", "é\0é"]) {
      const bytes = utf8(value);
      expect(checkUtf8(bytes, 0, bytes.length), JSON.stringify(value)).toBe(Reason.NULL_CHARACTER);
    }
  });

  it("takes a byte order mark for a character like any other [MQTT-1.5.3-3], [MQTT5-1.5.4-3]", () => {
    expect(checkUtf8(Uint8Array.of(0xef, 0xbb, 0xbf), 0, 3)).toBe(Reason.OK);
  });

  it("looks at nothing outside of the range", () => {
    const bytes = Uint8Array.of(0x80, 0x41, 0xc3, 0xa9, 0x80);
    expect(checkUtf8(bytes, 1, 4)).toBe(Reason.OK);
    expect(checkUtf8(bytes, 1, 3), "a character cut by the end of the range").toBe(Reason.ILL_FORMED_UTF8);
    expect(checkUtf8(bytes, 2, 2), "nothing").toBe(Reason.OK);
  });
});
