import { transform, type TransformOptions, type TransformResult } from "esbuild";
import { edited, type Edit, parsed, type Tree, walk } from "./tree.ts";

/**
 * Makes a bundle of esbuild's small for XS: an ES module, or a script that is one function called at once; not minified yet. What
 * counts there is bytecode, not the length of the source. Short names serve that, and numbers in the places of their names, which as
 * variables would take a slot each. Shorter syntax does not: statements that esbuild turns into expressions have values that XS keeps
 * and drops again.
 */
export async function minifyForXs(
  code: string,
  options: Pick<TransformOptions, "mangleProps" | "mangleCache"> = {},
): Promise<TransformResult> {
  const { rest, numbers } = withoutNumbers(code);
  const inPlace = await transform(rest, { define: numbers });
  return transform(simplified(inPlace.code), {
    ...(!isScript(code) && { format: "esm" }),
    target: "es2022",
    minifyWhitespace: true,
    minifyIdentifiers: true,
    legalComments: "none",
    ...options,
  });
}

/** Whether esbuild wrote a script, `(() => { … })()`, and not a module. */
function isScript(code: string): boolean {
  return /^("use strict";\n)?\(\(\) => \{\n/.test(code);
}

function treeOf(code: string): Tree {
  return parsed(code, isScript(code) ? "script" : "module");
}

/** Takes the declarations of constant numbers out; returns these by name. */
function withoutNumbers(code: string): { rest: string; numbers: Record<string, string> } {
  const program = treeOf(code);
  const remain = remainingNames(program);
  const values = new Map<string, number>();
  const declarations: Edit[] = [];
  for (const statement of isScript(code) ? statementsOfScript(program) : (program["body"] as Tree[])) {
    if (statement.type !== "VariableDeclaration") continue;
    const [{ id, init }, ...others] = statement["declarations"] as [{ id: Tree; init: Tree | null }];
    const value = init ? evaluated(init, values) : undefined;
    if (others.length > 0 || id.type !== "Identifier" || remain.has(id["name"]) || value === undefined) continue;
    values.set(id["name"] as string, value);
    declarations.push({ ...statement, text: "" });
  }
  const numbers = Object.fromEntries([...values].map(([name, value]) => [name, String(value)]));
  return { rest: edited(code, declarations), numbers };
}

function statementsOfScript(program: Tree): Tree[] {
  const call = (program["body"] as Tree[]).at(-1)!["expression"] as Tree;
  return ((call["callee"] as Tree)["body"] as Tree)["body"] as Tree[];
}

/** The names that are assigned to, in whatever scope, and those that are exported. */
function remainingNames(program: Tree): Set<unknown> {
  const names = new Set<unknown>();
  const add = (tree: unknown): void => walk(tree as Tree, (node) => names.add(node["name"]));
  walk(program, (node) => {
    if (/^(AssignmentExpression|ForInStatement|ForOfStatement)$/.test(node.type)) add(node["left"]);
    if (node.type === "UpdateExpression") add(node["argument"]);
    if (node.type === "ExportSpecifier") add(node["local"]);
  });
  return names;
}

/** What of esbuild's shorter syntax is less bytecode, too: sums of numbers, and names that are not strings. */
function simplified(code: string): string {
  const edits: Edit[] = [];
  walk(treeOf(code), (node) => {
    const value = /^(Unary|Binary)Expression$/.test(node.type) ? evaluated(node) : undefined;
    const within = edits.at(-1);
    if (value !== undefined && !Object.is(value, -0) && !(within && node.start < within.end)) {
      edits.push({ ...node, text: value < 0 ? `(${value})` : String(value) });
    }
    const key = (node["key"] ?? node["property"]) as Tree | undefined;
    if (!node["computed"] || key?.type !== "Literal") return;
    const start = code.lastIndexOf("[", key.start);
    const end = code.indexOf("]", key.end) + 1;
    const isName = /^[A-Za-z_$][\w$]*$/.test(String(key["value"]));
    if (node.type === "MemberExpression" && isName && !node["optional"])
      edits.push({ start, end, text: `.${String(key["value"])}` });
    if (node.type === "Property" && typeof key["value"] === "number")
      edits.push({ start, end, text: String(key["raw"]) });
  });
  return edited(code, edits);
}

/** The number that an expression is, given those of some names; undefined when it is none or not the same at all times. */
function evaluated(node: Tree, values: ReadonlyMap<unknown, number> = new Map()): number | undefined {
  if (node.type === "Literal") return typeof node["value"] === "number" ? node["value"] : undefined;
  if (node.type === "Identifier") return values.get(node["name"]);
  if (node.type === "UnaryExpression") {
    const value = evaluated(node["argument"] as Tree, values);
    return value === undefined ? undefined : UNARY[node["operator"] as string]?.(value);
  }
  if (node.type !== "BinaryExpression") return undefined;
  const left = evaluated(node["left"] as Tree, values);
  const right = evaluated(node["right"] as Tree, values);
  return left === undefined || right === undefined ? undefined : BINARY[node["operator"] as string]?.(left, right);
}

const UNARY: Record<string, (value: number) => number> = { "-": (value) => -value, "~": (value) => ~value };

const BINARY: Record<string, (left: number, right: number) => number> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "|": (left, right) => left | right,
  "&": (left, right) => left & right,
  "<<": (left, right) => left << right,
  ">>": (left, right) => left >> right,
};
