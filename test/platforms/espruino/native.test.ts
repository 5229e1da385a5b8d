// The modules that stand in for some of src/packet on Espruino give the same answers as those.

import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import * as nativeBytes from "../../../platforms/espruino/native/bytes.ts";
import * as nativeTopic from "../../../platforms/espruino/native/topic.ts";
import * as nativeUtf8 from "../../../platforms/espruino/native/utf8.ts";
import * as bytes from "../../../src/packet/bytes.ts";
import * as topic from "../../../src/packet/topic.ts";
import * as utf8 from "../../../src/packet/utf8.ts";

beforeAll(() => {
  // What of the engine they use, as far as Node's classes allow.
  Object.assign(globalThis, { E: { toString: (array: Uint8Array) => Buffer.from(array).toString("latin1") } });
  const set = Uint8Array.prototype.set;
  Uint8Array.prototype.set = function (from: ArrayLike<number> | string, at?: number) {
    set.call(this, typeof from === "string" ? Buffer.from(from, "latin1") : from, at);
  };
  return () => {
    Uint8Array.prototype.set = set;
  };
});

test("each has all that the original exports", () => {
  expect(Object.keys(nativeBytes)).toEqual(expect.arrayContaining(Object.keys(bytes)));
  expect(Object.keys(nativeTopic).sort()).toEqual(Object.keys(topic).sort());
  expect(Object.keys(nativeUtf8).sort()).toEqual(Object.keys(utf8).sort());
});

/** Texts that are near to topics and filters, and now and then anything. */
const text = fc.oneof(
  fc
    .string({ unit: fc.constantFrom("a", "b", "/", "+", "#", "$", "é", "\0"), maxLength: 8 })
    .map((s) => Buffer.from(s)),
  fc.uint8Array({ maxLength: 8 }).map((array) => Buffer.from(array)),
);
const surrounded = fc.tuple(text, fc.nat(3), fc.nat(3)).map(([value, before, after]) => {
  const array = new Uint8Array(before + value.length + after).fill(0x2b);
  array.set(value, before);
  return { array, start: before, end: before + value.length };
});
const level = fc.constantFrom("a", "b", "", "$x");
const name = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 4 }), fc.boolean())
  .map(([levels, hash]) => (hash ? [...levels, "#"] : levels).join("/"));

describe("on any bytes", () => {
  test("UTF-8 is checked alike", () => {
    fc.assert(
      fc.property(surrounded, ({ array, start, end }) => {
        expect(nativeUtf8.checkUtf8(array, start, end)).toBe(utf8.checkUtf8(array, start, end));
      }),
    );
  });

  test("topic names and filters are refused alike, if not for the same one of several reasons", () => {
    fc.assert(
      fc.property(surrounded, ({ array, start, end }) => {
        expect(nativeTopic.checkTopicName(array, start, end) === 0).toBe(topic.checkTopicName(array, start, end) === 0);
        expect(nativeTopic.checkTopicFilter(array, start, end)).toBe(topic.checkTopicFilter(array, start, end));
      }),
    );
  });

  test("filters match alike", () => {
    fc.assert(
      fc.property(filter, name, (wanted, given) => {
        const one = Buffer.from(wanted);
        const other = Buffer.from(given);
        if (topic.checkTopicFilter(one, 0, one.length) || topic.checkTopicName(other, 0, other.length)) return;
        expect(nativeTopic.topicMatches(one, 0, one.length, other, 0, other.length)).toBe(
          topic.topicMatches(one, 0, one.length, other, 0, other.length),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  test("bytes are copied alike", () => {
    fc.assert(
      fc.property(surrounded, fc.nat(3), ({ array, start, end }, at) => {
        const one = new Uint8Array(32);
        const other = new Uint8Array(32);
        nativeBytes.copyBytes(one, at, array, start, end);
        bytes.copyBytes(other, at, array, start, end);
        expect(one).toEqual(other);
      }),
    );
  });
});
