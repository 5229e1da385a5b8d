// A thread of soak.mjs: runs the seeds that it is told, and tells what came of them.

import { parentPort } from "node:worker_threads";
import { describeFailure, isFailure, trySeed } from "./replay.ts";
import { run } from "./run.ts";
import { scenarioOf } from "./scenario.ts";

interface Batch {
  from: number;
  count: number;
  /** Run the client of `mote-mqtt/lean`. */
  lean: boolean;
  /** Print everything that happens. */
  wholeJournal: boolean;
}

/** A seed is announced, for the watchdog, this often. */
const ANNOUNCE_EVERY = 10;

parentPort!.on("message", ({ from, count, lean, wholeJournal }: Batch) => {
  const totals = {
    packets: 0,
    accepted: 0,
    due: 0,
    repeated: 0,
    connections: 0,
    streamed: 0,
    inPieces: 0,
    virtualSeconds: 0,
    longestRecoveryMs: 0,
  };
  for (let seed = from; seed < from + count; seed++) {
    if ((seed - from) % ANNOUNCE_EVERY === 0) parentPort!.postMessage({ seed });
    if (wholeJournal) printJournal(seed, lean);
    const result = trySeed(seed, { lean });
    if (isFailure(result)) {
      const { invariant } = result;
      parentPort!.postMessage({ failure: { seed, invariant, text: describeFailure(result, wholeJournal ? 0 : 40) } });
      continue;
    }
    totals.packets += result.packets;
    totals.accepted += result.accepted;
    totals.due += result.dueDown;
    totals.repeated += result.repeated;
    totals.connections += result.connections;
    totals.streamed += result.streamed;
    totals.inPieces += result.inPieces;
    totals.virtualSeconds += Math.round(result.virtualMs / 1_000);
    totals.longestRecoveryMs = Math.max(totals.longestRecoveryMs, result.recoveryMs);
  }
  parentPort!.postMessage({ done: count, totals });
});

function printJournal(seed: number, lean: boolean): void {
  try {
    run(scenarioOf(seed, lean), { journal: (line) => console.log(line) });
  } catch {
    // It is run again, and told then.
  }
}
