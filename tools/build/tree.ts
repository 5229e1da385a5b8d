// Programs as acorn has them: trees of nodes.

import type { Node } from "acorn";

/** A node with its properties, as they come. */
export type Tree = Node & Record<string, unknown>;

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
