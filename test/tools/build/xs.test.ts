import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { minifyForXs } from "../../../tools/build/xs.ts";

async function minified(contents: string, format: "esm" | "iife" = "esm"): Promise<string> {
  const { outputFiles } = await build({ stdin: { contents, loader: "ts" }, bundle: true, write: false, format });
  return (await minifyForXs(outputFiles[0]!.text)).code.trim();
}

describe("a bundle for XS", () => {
  it("keeps its statements", async () => {
    const source = `export function f(a) { if (a) { g(); return 1; } g(); return 2; }`;
    expect(await minified(source)).toBe(`function n(r){if(r){g();return 1}g();return 2}export{n as f};`);
  });

  it.each(["esm", "iife"] as const)("has numbers in the places of their names: %s", async (format) => {
    const source = `
      const A = 35, B = -1;
      const C = 1 << 4;
      const D = C + A * 2 + 1;
      const E = ~C;
      g({ A }, (B) => B, B, C, D, E, 60 * 1000);
    `;
    const inPlace = `g({A:35},A=>A,-1,16,87,-17,6e4)`;
    expect(await minified(source, format)).toBe(format === "esm" ? `${inPlace};` : `(()=>{${inPlace}})();`);
  });

  it("keeps a variable that changes, in whatever way, and one that is exported", async () => {
    const source = `
      let a = 1, b = 2, c = 3, d = 4, e = 5;
      export const f = 6;
      export function next() { a++; b += 1; [c] = g(); for (d of g()); for (e in g()); return a + b + c + d + e + f; }
    `;
    const code = await minified(source);
    for (const value of [1, 2, 3, 4, 5, 6]) expect(code).toMatch(new RegExp(`\\w=${value}[,;]`));
  });

  it("has names that are not strings: an enum's, an object's numbers", async () => {
    const code = await minified(
      `export enum Colour { RED, "light blue" }\nexport const table = { [3]: 1, ["x y"]: 2 };`,
    );
    expect(code).toContain(`.RED=0]="RED"`);
    expect(code).toContain(`["light blue"]=1]="light blue"`);
    expect(code).toMatch(/\{3:1,\["x y"\]:2\}/);
  });
});
