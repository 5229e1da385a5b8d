// The thread of fuzz.mjs: feeds a target with mutations, and keeps those that reach what none has before.

import { parentPort, workerData } from "node:worker_threads";
import { seededRandom } from "../support/random.ts";
import { inputs } from "./corpus.ts";
import { Coverage } from "./coverage.ts";
import { mutate } from "./mutate.ts";
import { describeInput, TARGETS } from "./targets.ts";

interface Work {
  target: string;
  seed: number;
  runs: number;
  /** When to stop, in milliseconds as `Date.now` counts them. */
  until: number;
  /** An input to be fed with alone, in hexadecimal. */
  input: string | undefined;
  /** The script's own place and text. */
  url: string;
  source: string;
}

/** Inputs whose coverage is looked at together: that costs as much as some inputs do. */
const BATCH = 64;

const { target: name, seed, runs, until, input, url, source } = workerData as Work;
const target = TARGETS.find((one) => one.name === name)!;
const coverage = new Coverage(url, source);
const pool = inputs(target.level, target.toServer);
const random = seededRandom(seed);
let done = 0;

const tell = (message: object): void => parentPort!.postMessage(message);

/** Feeds them all; those that do not hold are told. */
function feed(batch: readonly Uint8Array[]): void {
  for (const one of batch) {
    tell({ input: Buffer.from(one).toString("hex") }); // so that the main thread knows in which it hangs
    try {
      target.run(one);
    } catch (error) {
      tell({ failure: describeInput(target, one, error as Error) });
    }
  }
}

/** Takes into the pool what reaches something new: by halves, until it is one that does. */
function keepNew(batch: readonly Uint8Array[]): void {
  const isOne = batch.length === 1;
  if (coverage.newIn(() => feed(batch), isOne).length === 0) return;
  if (isOne) pool.push(batch[0]);
  else for (const half of [batch.slice(0, batch.length >> 1), batch.slice(batch.length >> 1)]) keepNew(half);
}

if (input !== undefined) {
  feed([Uint8Array.from(Buffer.from(input, "hex"))]);
} else {
  coverage.newIn(() => feed(pool), true);
  const began = coverage.reached.size;
  while (done < runs && Date.now() < until) {
    const batch = Array.from({ length: Math.min(BATCH, runs - done) }, () => mutate(pool, random));
    keepNew(batch);
    done += batch.length;
    tell({ done, pool: pool.length, began, reached: coverage.reached.size });
  }
}
tell({ finished: true });
