// docs/conformance.md: each statement, whom it binds, and the tests that cover it.

import { relative } from "node:path";
import type { Covering } from "./covering.ts";
import { type Statement, type Version, VERSIONS } from "./statements.ts";

const WHOM = { client: "client", server: "server only", both: "both" };

export function conformancePage(statements: Record<Version, Statement[]>, covering: readonly Covering[]): string {
  return [
    "# Conformance",
    "",
    "<!-- Written by `npm run conformance`. -->",
    "",
    "The normative statements of MQTT 3.1.1 and 5 (OASIS), in our words, whom each binds, and the tests that cover it.",
    "`npm test` fails when a statement that binds a client has no test, and when this page is not up to date.",
    ...VERSIONS.flatMap((version) => [
      "",
      `## MQTT ${version}`,
      "",
      summary(statements[version]),
      "",
      "| statement | binds | in short | tests |",
      "| --- | --- | --- | --- |",
      ...statements[version].map((statement) => {
        const tests = covering.filter((one) => one.version === version && one.id === statement.id);
        return `| ${statement.id} | ${WHOM[statement.binds]} | ${cell(statement.says)} | ${testsOf(tests)} |`;
      }),
    ]),
    "",
  ].join("\n");
}

function summary(statements: readonly Statement[]): string {
  const server = statements.filter(({ binds }) => binds === "server").length;
  return `${statements.length} statements: ${statements.length - server} bind a client, ${server} a server only.`;
}

function testsOf(tests: readonly Covering[]): string {
  const lines = tests.map(({ file, title }) => `[${relative("test", file)}](../${file}): ${cell(title)}`);
  return [...new Set(lines)].join("<br>");
}

function cell(text: string): string {
  return text.replace(/[|\\<>*_`#+$[\]]/g, "\\$&").replace(/\n/g, " ");
}
