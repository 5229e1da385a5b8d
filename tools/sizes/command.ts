// Writes the table of bundle sizes into the README, and prints it: npm run sizes

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../cli/package.ts";
import { table, withTable } from "./sizes.ts";

const README = join(packageRoot, "README.md");
const sizes = await table();
writeFileSync(README, withTable(readFileSync(README, "utf8"), sizes));
console.log(sizes);
