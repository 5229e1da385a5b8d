// Which tests cover which statements: those that name them in their titles. [MQTT-3.3.1-2] is a statement of MQTT 5
// where the path has "v5", else one of 3.1.1; [MQTT5-3.3.1-2] is one of MQTT 5 anywhere, for what both versions share.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import type { Version } from "./statements.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Covering {
  version: Version;
  id: string;
  /** From the repository's root on. */
  file: string;
  /** The titles of the suites and the test, without the statements. */
  title: string;
}

const STATEMENT = /\s*\[MQTT(5?)-([\d.]+-\d+)\]/g;

/** The statements named in a text of this file. */
export function statementsIn(text: string, file: string): { version: Version; id: string }[] {
  const inV5 = /\bv5\b/.test(file);
  return [...text.matchAll(STATEMENT)].map(([, five, id]) => ({ version: five || inV5 ? "5" : "3.1.1", id }));
}

export function sourceFiles(folder: string): string[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(folder, file))
    .sort();
}

/** Every naming of a statement in a test's title. */
export function coveringTests(): Covering[] {
  return sourceFiles("test").flatMap((file) => new TestFile(file).covering);
}

class TestFile {
  readonly covering: Covering[] = [];
  private readonly _file: string;
  private readonly _source: ts.SourceFile;

  constructor(file: string) {
    this._file = file;
    this._source = ts.createSourceFile(file, readFileSync(join(ROOT, file), "utf8"), ts.ScriptTarget.Latest);
    this._visit(this._source, []);
  }

  private _visit(node: ts.Node, path: readonly string[]): void {
    if (ts.isCallExpression(node)) {
      const text = titleOf(node);
      if (text !== undefined) {
        this._add(text, [...path, text]);
        if (ts.isCallExpression(node.expression)) this._visitRows(node.expression.arguments[0], text, path);
        path = [...path, text];
      }
    }
    ts.forEachChild(node, (child) => this._visit(child, path));
  }

  private _add(text: string, path: readonly string[]): void {
    const title = path
      .join(" › ")
      .replace(STATEMENT, "")
      .replace(/[\s,:]+(?= ›|$)/g, "");
    for (const statement of statementsIn(text, this._file))
      this.covering.push({ ...statement, file: this._file, title });
  }

  /** Statements in the rows that `each` makes tests of: they are part of the titles. */
  private _visitRows(table: ts.Expression | undefined, title: string, path: readonly string[]): void {
    const rows = table && this._resolve(table);
    const data = rows && dataFile(rows);
    if (data && title.includes("[$clause]")) return this._addData(join(dirname(this._file), data), path);
    if (!rows || !ts.isArrayLiteralExpression(rows)) return;
    for (const row of rows.elements) {
      const [first] = (ts.isArrayLiteralExpression(row) ? [...row.elements] : [row]).map(textOf);
      if (first) this._add(first, [...path, title.replace(/%\w|\$\w+/, () => first)]);
    }
  }

  /** The malformed packets of a data file, by the clause that they break, as far as a client can receive them. */
  private _addData(file: string, path: readonly string[]): void {
    const cases = JSON.parse(readFileSync(join(ROOT, file), "utf8")) as MalformedCase[];
    const clauses = new Map<string, string[]>();
    for (const { clause, direction, name } of cases) {
      if (direction !== "to-server") clauses.set(clause, [...(clauses.get(clause) ?? []), name]);
    }
    for (const [clause, names] of clauses) {
      this._add(`[${clause}]`, [
        ...path,
        names.length === 1 ? names[0] : `${names.length} packets such as ${names[0]}`,
      ]);
    }
  }

  /** What a name in this file stands for. */
  private _resolve(expression: ts.Expression): ts.Expression | undefined {
    if (ts.isAsExpression(expression) || ts.isSatisfiesExpression(expression))
      return this._resolve(expression.expression);
    if (!ts.isIdentifier(expression)) return expression;
    let found: ts.Expression | undefined;
    const search = (node: ts.Node): void => {
      if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.name.text === expression.text) {
        found ??= node.initializer;
      }
      ts.forEachChild(node, search);
    };
    search(this._source);
    return found && this._resolve(found);
  }
}

interface MalformedCase {
  name: string;
  direction: string;
  clause: string;
}

/** The title of a suite or a test: a text before a function, whatever is called with them. */
function titleOf({ arguments: given }: ts.CallExpression): string | undefined {
  const body = given.findIndex((one) => ts.isArrowFunction(one) || ts.isFunctionExpression(one));
  return body > 0 ? textOf(given[body - 1]) : undefined;
}

/** The text of a literal, or of a template as far as it is known. */
function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join("");
}

/** The data file that an expression reads. */
function dataFile(node: ts.Node): string | undefined {
  if (ts.isStringLiteral(node)) return node.text.endsWith(".json") ? node.text : undefined;
  return ts.forEachChild(node, dataFile);
}
