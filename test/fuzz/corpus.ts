// What the fuzzer begins from: recorded traffic (record.test.ts says how), all malformed packets that the tests of the
// codec have, and the inputs of faults that it found.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Level } from "../simulation/wire.ts";

/** What a client and a broker said to each other: bytes in hexadecimal, an entry for each connection. */
export interface Traffic {
  broker: string;
  level: Level;
  up: string[];
  down: string[];
}

/** An input of a fault that was found: it must not come back. */
export interface Regression {
  name: string;
  target: string;
  bytes: string;
}

interface MalformedCase {
  name: string;
  bytes: string;
}

const FOLDER = resolve("test"); // everything is run from the package's folder
export const TRAFFIC_FILE = `${FOLDER}/fuzz/corpus/traffic.json`;

const read = <Type>(path: string): Type => JSON.parse(readFileSync(path, "utf8")) as Type;

const traffic = read<Traffic[]>(TRAFFIC_FILE);
export const regressions = read<Regression[]>(`${FOLDER}/fuzz/corpus/regressions.json`);
const malformed = {
  4: read<MalformedCase[]>(`${FOLDER}/packet/malformed.json`),
  5: read<MalformedCase[]>(`${FOLDER}/packet/v5/malformed-v5.json`),
};

export function trafficOf(broker: string, level: Level): Traffic {
  return traffic.find((one) => one.broker === broker && one.level === level)!;
}

/** All inputs for one version of MQTT and one direction: the recorded connections first. */
export function inputs(level: Level, toServer: boolean): Uint8Array[] {
  const connections = traffic.filter((one) => one.level === level).flatMap(({ up, down }) => (toServer ? up : down));
  const all = [...connections, ...malformed[level].map(({ bytes }) => bytes)];
  return all.map((hex) => Uint8Array.from(Buffer.from(hex, "hex")));
}
