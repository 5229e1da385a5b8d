// `require("mote")` on Espruino: what the Storage module mote.min.js exports. The names are assigned one by one, because
// what esbuild makes of `export` does not run there.

import { Client } from "../../src/client/client.ts";
import { readDecimal } from "../../src/client/decimal.ts";
import { platform } from "./index.ts";

declare const exports: Record<string, unknown>;

exports.Client = Client;
exports.platform = platform;
exports.readDecimal = readDecimal;
