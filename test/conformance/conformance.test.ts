// Every normative statement that binds a client is covered by a test that names it in its title.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { coveringTests, ROOT, sourceFiles, statementsIn } from "./covering.ts";
import { conformancePage } from "./page.ts";
import { statements, VERSIONS } from "./statements.ts";

const covering = coveringTests();
const name = ({ version, id }: { version: string; id: string }): string => `MQTT ${version}: ${id}`;
const all = new Set(VERSIONS.flatMap((version) => statements[version].map(({ id }) => name({ version, id }))));

describe.each(VERSIONS)("the statements of MQTT %s", (version) => {
  const list = statements[version];

  it("are all there, each once, in the order of the specification", () => {
    expect(list).toHaveLength(version === "5" ? 251 : 144);
    const places = list.map(({ id }) =>
      id
        .split(/[.-]/)
        .map((number) => number.padStart(3, "0"))
        .join(),
    );
    expect(places).toEqual([...new Set(places)].sort());
  });

  it("that bind a client have a test that names them", () => {
    const covered = new Set(covering.map(name));
    const bare = list.filter((one) => one.binds !== "server");
    expect(
      bare.filter(({ id }) => !covered.has(name({ version, id }))).map(({ id, says }) => `${id}: ${says}`),
    ).toEqual([]);
  });
});

describe("a statement", () => {
  it("that a test's title names exists", () => {
    expect(covering.filter((one) => !all.has(name(one))).map((one) => `${name(one)} in ${one.file}`)).toEqual([]);
  });

  it("that the code cites exists", () => {
    const unknown = ["src", "platforms", "tools", "test"].flatMap(sourceFiles).flatMap((file) => {
      const cited = statementsIn(readFileSync(join(ROOT, file), "utf8"), file);
      return cited.filter((one) => !all.has(name(one))).map((one) => `${name(one)} in ${file}`);
    });
    expect(unknown).toEqual([]);
  });
});

it("docs/conformance.md is what `npm run conformance` writes", async () => {
  await expect(conformancePage(statements, covering)).toMatchFileSnapshot("../../docs/conformance.md");
});
