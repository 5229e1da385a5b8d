// What `mote-mqtt` is in a program that is built for Espruino without an optional part.

export { Client } from "./client.ts";
export { Published } from "../../../src/client/publisher.ts";
export { readDecimal, writeDecimal } from "../../../src/client/decimal.ts";
export { Reason } from "../../../src/packet/reason.ts";
export { describe } from "../../../src/describe.ts";

/** Has nothing: this client calls the engine itself. */
export const platform = {};
