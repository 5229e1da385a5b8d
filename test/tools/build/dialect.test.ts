import { describe, expect, test } from "vitest";
import { checkDialect } from "../../../tools/build/dialect.ts";

const REFUSED: [code: string, message: RegExp][] = [
  ["a: for (;;) break a;", /labels/],
  ["f(...list)", /spread/],
  ["function f(...rest) {}", /rest parameters/],
  ["function f(a = 1) {}", /default parameters/],
  ["const { a } = b;", /destructuring/],
  ["const [a] = b;", /destructuring/],
  ["function* f() {}", /generators/],
  ["async function f() {}", /async/],
  ["const f = async () => {};", /async/],
  ["class A { async m() {} }", /async/],
  ["class A { of() {} }", /name of this method for a keyword/],
  ["class A { delete = 1; }", /name of this field for a keyword/],
  ["a ** 2", /\*\*/],
  ["a?.b", /\?\./],
  ["a ??= 1", /\?\?=/],
  ["class A { #a = 1; }", /#/],
  ["class A { static {} }", /static blocks/],
  ["class A { a; }", /without a value/],
  ["class A { [a]() {} }", /computed keys/],
  ["({ [a]: 1 })", /computed keys/],
  ["function F() { return new.target; }", /new\.target/],
  ["switch (a) { default: b(); case 1: c(); }", /default/],
  ["list.length = 0;", /length of an array/],
  ["1n", /BigInt/],
  ["/a(?=b)/", /regular expressions/],
  ["/(?:ab)+/", /regular expressions/],
  ["/ab?/", /regular expressions/],
  ["/a{2}/", /regular expressions/],
  ["/a/u", /regular expressions/],
  ["new Map()", /no Map/],
  ["new TextEncoder()", /no TextEncoder/],
  ["typeof Symbol", /no Symbol/],
  ["Math.imul(1, 2)", /no such function/],
  ["Object.freeze(a)", /no such function/],
  ["Array.from(a)", /no such function/],
  ["bytes.copyWithin(0, 1)", /no such function/],
  ["const a = { f }; function f() {}", /hoist/],
  ["f(); function f() {}", /hoist/],
  ["function g() { f(); function f() {} }", /hoist/],
  ["for (let i = 0; i < 3; i++) list.push(() => i);", /loop/],
  ["while (a()) { const b = c(); on(function () { return b; }); }", /loop/],
  ["for (const a of list) list.push(() => a);", /loop/],
];

const ALLOWED = [
  "function g() { return f(); } function f() {}",
  "function f() {} const a = { f }; f();",
  "class A { constructor() { this.length = 0; this.a = 1; } get b() { return `${this.a ?? 2}`; } static c() {} d = 1; }",
  "for (let i = 0; i < 3; i++) list[i] = (a) => a + 1;",
  "function Map() {} new Map();",
  "a.Map; ({ Map: 1, Symbol() {} });",
  "switch (a) { case 1: b(); break; default: c(); }",
  "/[?{1}]\\?\\/a+b*/.test(a);",
  "message.length = size; /[\\0+#]/.test(a); E.toString(a); try { a() } catch { b() }",
];

describe("The check of a bundle for Espruino", () => {
  for (const [code, message] of REFUSED) {
    test(`refuses ${code}`, () => {
      const faults = checkDialect(code);
      expect(faults).not.toEqual([]);
      expect(faults[0]!.message).toMatch(message);
    });
  }
  for (const code of ALLOWED) {
    test(`allows ${code}`, () => expect(checkDialect(code)).toEqual([]));
  }

  test("shows the place, and faults in the order of the script", () => {
    const faults = checkDialect("good();\nconst { a } = b;\nnew Map();");
    expect(faults.map(({ excerpt }) => excerpt)).toEqual(["{ a } = b;", "Map();"]);
  });
});
