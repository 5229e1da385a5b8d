import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { platform } from "../../platforms/node/index.ts";
import { checkUtf8, Reason } from "../../src/packet/index.ts";
import type { Text } from "../../src/platform.ts";
import { utf8Text } from "../../src/utf8-text.ts";
import { utf8 } from "../packet/model.ts";

const character = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)), // lone surrogates too
  fc.constantFrom("\0", "\x7f", "\x80", "\u07ff", "\u0800", "\uffff", "\u{10000}", "\u{10ffff}", "\ud800", "\udfff"),
);
const anyText = fc.array(character, { maxLength: 150 }).map((all) => all.join(""));

describe.each<[string, Text]>([
  ["utf8Text", utf8Text],
  ["text of platforms/node", platform.text],
])("%s", (_name, text) => {
  it("encodes as TextEncoder does, and says so when there is no room [MQTT-1.5.3-1]", () => {
    fc.assert(
      fc.property(anyText, (string) => {
        const expected = utf8(string);
        const into = new Uint8Array(expected.length + 10).fill(0x7f);
        expect(text.encode(string, into, 5, 5 + expected.length)).toBe(5 + expected.length);
        expect(into.subarray(5, 5 + expected.length)).toEqual(expected);
        expect([...into.subarray(5 + expected.length)]).toEqual(Array(5).fill(0x7f));
        for (const missing of [1, 2, 3]) {
          if (missing > expected.length) continue;
          expect(text.encode(string, into, 5, 5 + expected.length - missing)).toBe(-1);
          expect([...into.subarray(5 + expected.length)]).toEqual(Array(5).fill(0x7f));
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("decodes what is UTF-8 as TextDecoder does, a byte order mark included [MQTT-1.5.3-3], [MQTT5-1.5.4-3]", () => {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    fc.assert(
      fc.property(anyText, (string) => {
        const bytes = utf8(`x\ufeff${string}y`);
        expect(text.decode(bytes, 1, bytes.length - 1)).toBe(decoder.decode(bytes.subarray(1, -1)));
      }),
      { numRuns: 1_000 },
    );
    expect(text.decode(utf8("abc"), 1, 1)).toBe("");
  });

  it("decodes any bytes, with U+FFFD for what is not UTF-8", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const decoded = text.decode(bytes, 0, bytes.length);
        const wellFormed =
          checkUtf8(
            bytes.map((byte) => byte || 1),
            0,
            bytes.length,
          ) === Reason.OK;
        if (wellFormed) expect(Buffer.from(decoded)).toEqual(Buffer.from(bytes));
        else expect(decoded).toContain("\ufffd");
      }),
      { numRuns: 1_000 },
    );
  });
});
