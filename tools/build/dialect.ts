// What Espruino cannot run, found in the script that is about to be sent there. The linter refuses most of it in Mote's own
// sources; here it is looked for in everything that ended up in the bundle, dependencies of an application included.

import { parse } from "acorn";
import { isFunction, type Tree, walk } from "./tree.ts";

export interface Fault {
  /** A sentence without its full stop. */
  message: string;
  /** The code at the place. */
  excerpt: string;
}

/** Faults that a node is by itself: its type, and a test where the type is not enough. */
const FAULTS: Record<string, [message: string, test?: (node: Tree) => boolean][]> = {
  LabeledStatement: [["Espruino has no labels"]],
  SpreadElement: [["Espruino has no spread"]],
  RestElement: [["Espruino has no rest parameters"]],
  AssignmentPattern: [["Espruino has no default parameters"]],
  ObjectPattern: [["Espruino has no destructuring"]],
  ArrayPattern: [["Espruino has no destructuring"]],
  YieldExpression: [["Espruino has no generators"]],
  AwaitExpression: [["Espruino has no async functions"]],
  ChainExpression: [["Espruino has no ?."]],
  PrivateIdentifier: [["Espruino has no private names with #"]],
  StaticBlock: [["Espruino has no static blocks"]],
  MetaProperty: [["Espruino has no new.target"]],
  ImportExpression: [["Espruino has no import()"]],
  FunctionDeclaration: [["Espruino has no async functions and no generators", isAsyncOrGenerator]],
  FunctionExpression: [["Espruino has no async functions and no generators", isAsyncOrGenerator]],
  ArrowFunctionExpression: [["Espruino has no async functions and no generators", isAsyncOrGenerator]],
  BinaryExpression: [["Espruino has no **", ({ operator }) => operator === "**"]],
  AssignmentExpression: [
    ["Espruino has no **=, ??=, ||= and &&=", ({ operator }) => /^(\*\*|\?\?|\|\||&&)=$/.test(String(operator))],
    ["Espruino cannot set the length of an array", isEmptying],
  ],
  PropertyDefinition: [
    ["Espruino has no fields without a value", ({ value }) => !value],
    ["Espruino has no computed keys", ({ computed }) => !!computed],
    ["Espruino takes the name of this field for a keyword", isKeyword],
  ],
  Property: [["Espruino has no computed keys", ({ computed }) => !!computed]],
  MethodDefinition: [
    ["Espruino has no computed keys", ({ computed }) => !!computed],
    ["Espruino takes the name of this method for a keyword", isKeyword],
  ],
  SwitchStatement: [
    [
      "Espruino runs no case after default",
      ({ cases }) => (cases as Tree[]).slice(0, -1).some((one) => one["test"] === null),
    ],
  ],
  Literal: [
    ["Espruino has no BigInt", (node) => typeof node["bigint"] === "string"],
    ["Espruino has only simple regular expressions", isDifficultExpression],
  ],
  MemberExpression: [["Espruino has no such function", isMissingMember]],
};

/** What a method of a class cannot be called. A property of an object can. */
const KEYWORDS = new Set(
  (
    "of in delete new catch finally for static class this typeof default case let const null true false debugger void " +
    "instanceof return throw super extends if else do while switch try var function break continue undefined"
  ).split(" "),
);

const MISSING_GLOBALS = new Set(
  (
    "Map Set WeakMap WeakSet WeakRef Symbol Proxy Reflect BigInt BigInt64Array BigUint64Array TextEncoder TextDecoder " +
    "queueMicrotask structuredClone URL URLSearchParams AbortController Buffer performance"
  ).split(" "),
);
const MISSING_STATICS: Record<string, RegExp> = {
  Math: /^(imul|clz32|trunc|fround|log10|log2|cbrt|hypot|sinh|cosh|tanh|expm1|log1p)$/,
  Object: /^(freeze|isFrozen|seal|getOwnPropertySymbols|is)$/,
  Array: /^(from|of)$/,
  Uint8Array: /^(from|of)$/,
};
const MISSING_METHODS = /^(copyWithin|flatMap|flat|matchAll|codePointAt|normalize|localeCompare)$/;

/** Everything in a script that Espruino cannot run, in the order of the script. */
export function checkDialect(code: string): Fault[] {
  const program = parse(code, {
    ecmaVersion: "latest",
    sourceType: "script",
    allowReturnOutsideFunction: true,
  }) as unknown as Tree;
  const places: { at: number; message: string }[] = [];
  const declared = new Set<string>();
  walk(program, (node) => {
    if (isFunction(node)) (node["params"] as Tree[]).forEach((parameter) => collectNames(parameter, declared));
    if (node.type === "VariableDeclarator" || isFunction(node) || node.type === "ClassDeclaration") {
      if (node["id"]) collectNames(node["id"] as Tree, declared);
    }
  });
  walk(program, (node) => {
    for (const [message, test] of FAULTS[node.type] ?? [])
      if (!test || test(node)) places.push({ at: node.start, message });
    if (Array.isArray(node["body"])) places.push(...usesBeforeDeclaration(node["body"] as Tree[]));
    if (/^(For|While|DoWhile)/.test(node.type)) places.push(...closuresOverLoop(node));
  });
  for (const { name, at } of references(program, true)) {
    if (MISSING_GLOBALS.has(name) && !declared.has(name)) places.push({ at, message: `Espruino has no ${name}` });
  }
  places.sort((one, other) => one.at - other.at);
  return places.map(({ at, message }) => ({ message, excerpt: code.slice(at, at + 60).split("\n")[0]! }));
}

function isAsyncOrGenerator(node: Tree): boolean {
  return !!node["async"] || !!node["generator"];
}

/** `array.length = 0`. A class may have a length of its own. */
function isEmptying({ left, right }: Tree): boolean {
  const target = left as Tree;
  const own = (target["object"] as Tree | undefined)?.type === "ThisExpression";
  return propertyName(target) === "length" && !own && (right as Tree)["value"] === 0;
}

/** Lookaround, groups that do not capture, any quantifier but * and +; the flags that change what a pattern means. */
function isDifficultExpression({ regex }: Tree): boolean {
  if (!regex) return false;
  const { pattern, flags } = regex as { pattern: string; flags: string };
  // Without characters that are escaped, and sets, in which quantifiers are characters.
  const bare = pattern.replace(/\\[^up]/g, "").replace(/\[[^\]]*\]/g, "");
  return /\?|\{\d|\\/.test(bare) || /[uysv]/.test(flags);
}

function isKeyword({ key }: Tree): boolean {
  const { type, name } = key as { type: string; name?: string };
  return type === "Identifier" && KEYWORDS.has(String(name));
}

function isMissingMember(node: Tree): boolean {
  const name = propertyName(node);
  const object = node["object"] as Tree;
  if (name === undefined) return false;
  if (MISSING_METHODS.test(name)) return true;
  const owner = object.type === "Identifier" ? String(object["name"]) : "";
  return Object.hasOwn(MISSING_STATICS, owner) && MISSING_STATICS[owner]!.test(name);
}

/** Of `a.b`: "b". */
function propertyName(node: Tree): string | undefined {
  if (node.type !== "MemberExpression" || node["computed"]) return undefined;
  return (node["property"] as { name?: string }).name;
}

/** Functions are not hoisted: one that is used while its block runs has to be declared above. */
function usesBeforeDeclaration(statements: Tree[]): { at: number; message: string }[] {
  const below = new Set<string>();
  for (const statement of statements) if (statement.type === "FunctionDeclaration") below.add(nameOf(statement));
  const found: { at: number; message: string }[] = [];
  for (const statement of statements) {
    if (statement.type === "FunctionDeclaration") below.delete(nameOf(statement));
    else if (below.size > 0) {
      for (const { name, at } of references(statement, false)) {
        if (below.has(name))
          found.push({ at, message: "Espruino does not hoist functions: this one is declared below" });
      }
    }
  }
  return found;
}

/** `let` in a loop is one variable for all its turns, so a function that keeps it sees the last value. */
function closuresOverLoop(loop: Tree): { at: number; message: string }[] {
  const own = new Set<string>();
  walk(
    loop,
    (node) => {
      if (node.type !== "VariableDeclaration" || node["kind"] === "var") return;
      for (const declarator of node["declarations"] as Tree[]) collectNames(declarator["id"] as Tree, own);
    },
    false,
  );
  const found: { at: number; message: string }[] = [];
  walk(loop, (node) => {
    if (!isFunction(node)) return;
    const inner = new Set<string>();
    (node["params"] as Tree[]).forEach((parameter) => collectNames(parameter, inner));
    walk(node, (child) => {
      if (child.type === "VariableDeclarator") collectNames(child["id"] as Tree, inner);
    });
    if (references(node["body"] as Tree, true).some(({ name }) => own.has(name) && !inner.has(name))) {
      found.push({ at: node.start, message: "Espruino shares a loop's variables among the functions made in it" });
    }
  });
  return found;
}

/** The names that code uses, those within its functions only when they are asked for. */
function references(tree: Tree, withinFunctions: boolean): { name: string; at: number }[] {
  const found: { name: string; at: number }[] = [];
  walk(
    tree,
    (node, parent) => {
      if (node.type !== "Identifier") return;
      const isName =
        (parent?.type === "MemberExpression" && parent["property"] === node && !parent["computed"]) ||
        (parent?.type === "Property" && parent["key"] === node && parent["value"] !== node) ||
        (/^(MethodDefinition|PropertyDefinition)$/.test(parent?.type ?? "") && parent!["key"] === node) ||
        (parent?.type === "VariableDeclarator" && parent["id"] === node);
      if (!isName) found.push({ name: nameOf({ id: node } as unknown as Tree), at: node.start });
    },
    withinFunctions,
  );
  return found;
}

function collectNames(pattern: Tree, into: Set<string>): void {
  if (pattern.type === "Identifier") into.add(String(pattern["name"]));
}

function nameOf(declaration: Tree): string {
  return String((declaration["id"] as { name?: string } | null)?.name);
}
