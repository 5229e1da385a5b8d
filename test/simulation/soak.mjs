// Runs many seeds of the simulation, in as many threads as there are cores:
//
//   npm run simulate:soak -- --seeds 100000 [--from N] [--threads N] [--lean] [--json]
//
// `--lean` runs the client of mote-mqtt/lean. Prints progress, and each failure in full. One seed alone prints its whole
// journal. Exit code 1 when any fails; 2 when the arguments are wrong.

import { build } from "esbuild";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";

/** Seeds that a thread gets at a time. */
const BATCH = 100;
/** A seed takes milliseconds, one with long messages over a link that takes single bytes half a minute; one that takes this long hangs. */
const LONGEST_SEED_MS = 120_000;
const PROGRESS_MS = 5_000;
const MOST_FAILURES = 20;

const options = readArguments();
const code = await bundle();
const startedAt = performance.now();
const failures = [];
const totals = {};
let next = options.from;
let done = 0;

const progress = options.json ? undefined : setInterval(() => process.stderr.write(`${summary()}\n`), PROGRESS_MS);
await Promise.all(Array.from({ length: options.threads }, runThread));
clearInterval(progress);

const seconds = (performance.now() - startedAt) / 1_000;
if (options.json) {
  console.log(JSON.stringify({ from: options.from, seeds: done, seconds, failures, totals }));
} else {
  console.log(summary());
  console.log(Object.entries(totals).map(([name, value]) => `${name} ${value}`).join(", ")); // prettier-ignore
}
process.exitCode = failures.length ? 1 : 0;

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: "string", default: "1000" },
        from: { type: "string", default: "1" },
        threads: { type: "string", default: String(availableParallelism()) },
        lean: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
    });
    const number = (name, least) => {
      const value = Number(values[name]);
      if (!Number.isInteger(value) || value < least) {
        throw new Error(`--${name} must be a whole number from ${least}, not "${values[name]}"`);
      }
      return value;
    };
    const seeds = number("seeds", 1);
    const threads = Math.min(number("threads", 1), Math.ceil(seeds / BATCH));
    return { seeds, from: number("from", 0), threads, lean: values.lean, json: values.json };
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

/** The simulation as one script: threads do not know TypeScript. */
async function bundle() {
  const result = await build({
    entryPoints: [fileURLToPath(new URL("soak-thread.ts", import.meta.url))],
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    target: "node20",
  });
  return result.outputFiles[0].text;
}

/** Runs batches in one thread until there are no more; a thread that hangs in a seed is replaced. */
async function runThread() {
  while (next < options.from + options.seeds && failures.length < MOST_FAILURES) await new Promise(runBatches);
}

function runBatches(resolve) {
  const worker = new Worker(code, { eval: true });
  let seed = -1;
  let watchdog;
  const end = () => {
    clearTimeout(watchdog);
    void worker.terminate().then(resolve);
  };
  const hung = () => {
    done++;
    const text = `seed ${seed} takes more than ${LONGEST_SEED_MS} ms: it hangs`;
    fail({ seed, invariant: "recovery", text });
    end();
  };
  const give = () => {
    const last = options.from + options.seeds;
    if (next >= last || failures.length >= MOST_FAILURES) return end();
    const count = Math.min(BATCH, last - next);
    worker.postMessage({ from: next, count, lean: options.lean, wholeJournal: options.seeds === 1 });
    next += count;
  };
  worker.on("message", (message) => {
    clearTimeout(watchdog);
    if (message.seed !== undefined) {
      seed = message.seed;
      watchdog = setTimeout(hung, LONGEST_SEED_MS);
      return;
    }
    if (message.failure) fail(message.failure);
    if (message.totals) add(message.totals);
    if (message.done) {
      done += message.done;
      give();
    }
  });
  worker.on("error", (error) => {
    done++;
    fail({ seed, invariant: "nothing thrown", text: `seed ${seed}: ${error.stack}` });
    end();
  });
  give();
}

function fail(failure) {
  failures.push(failure);
  if (!options.json) console.log(`${failure.text}\n`);
}

function add(more) {
  for (const [name, value] of Object.entries(more)) {
    totals[name] = name.startsWith("longest") ? Math.max(totals[name] ?? 0, value) : (totals[name] ?? 0) + value;
  }
}

function summary() {
  const perSecond = Math.round(done / ((performance.now() - startedAt) / 1_000));
  return `${done} of ${options.seeds} seeds from ${options.from}, ${failures.length} failed, ${perSecond} a second`;
}
