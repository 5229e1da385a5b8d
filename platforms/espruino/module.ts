// `require("mote")` on Espruino: what the Storage module mote.min.js exports. The names are assigned one by one, because
// what esbuild makes of `export` does not run there.

import { Client } from "./client/client.ts";

declare const exports: Record<string, unknown>;

exports.Client = Client;
