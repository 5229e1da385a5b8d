// Programs as acorn has them: trees of nodes.

import { type Node, parse } from "acorn";

/** A node with its properties, as they come. */
export type Tree = Node & Record<string, unknown>;

export function parsed(code: string, sourceType: "module" | "script" = "module"): Tree {
  return parse(code, { ecmaVersion: "latest", sourceType }) as unknown as Tree;
}

/** Visits a tree from the root, with the bodies of functions or without; the root's own is visited in any case. */
export function walk(root: Tree, visit: (node: Tree, parent: Tree | undefined) => void, withinFunctions = true): void {
  const step = (node: Tree, parent: Tree | undefined): void => {
    visit(node, parent);
    if (!withinFunctions && node !== root && isFunction(node)) return;
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (child && typeof (child as Tree).type === "string") step(child as Tree, node);
      }
    }
  };
  step(root, undefined);
}

export function isFunction(node: Tree): boolean {
  return /Function/.test(node.type);
}

/** Other text for a piece of code. */
export interface Edit {
  start: number;
  end: number;
  text: string;
}

export function edited(code: string, edits: readonly Edit[]): string {
  let result = "";
  let at = 0;
  for (const { start, end, text } of [...edits].sort((one, other) => one.start - other.start)) {
    result += code.slice(at, start) + text;
    at = end;
  }
  return result + code.slice(at);
}
