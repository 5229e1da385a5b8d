// Feeds the codec and the client with mutations of real traffic, led by coverage:
//
//   npm run fuzz -- [--minutes N | --runs N] [--target NAME] [--seed N]
//   npm run fuzz -- --target NAME --input HEX
//
// Time and runs are for each target. Prints progress, and each input that does not hold with the command that replays it.
// Exit code 1 when there is any; 2 when the arguments are wrong.

import { build } from "esbuild";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";

const NAMES = [4, 5]
  .flatMap((level) => [`codec-${level}-down`, `codec-${level}-up`, `client-${level}`, `client-${level}-streaming`])
  .concat("client-4-lean");
/** An input takes milliseconds; one that takes this long hangs. */
const LONGEST_INPUT_MS = 30_000;
const PROGRESS_MS = 30_000;
const MOST_FAILURES = 5;

const options = readArguments();
const folder = mkdtempSync(join(tmpdir(), "mote-fuzz-"));
const script = join(folder, "fuzz.cjs");
await bundle();
let failed = false;
for (const target of options.targets) await fuzz(target);
rmSync(folder, { recursive: true });
process.exitCode = failed ? 1 : 0;

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: "string" },
        runs: { type: "string" },
        target: { type: "string" },
        seed: { type: "string", default: "1" },
        input: { type: "string" },
      },
    });
    const { target, input } = values;
    if (target !== undefined && !NAMES.includes(target)) {
      throw new Error(`--target must be one of ${NAMES.join(", ")}, not "${target}"`);
    }
    if (input !== undefined && (target === undefined || !/^([0-9a-f]{2})*$/i.test(input))) {
      throw new Error("--input must be bytes in hexadecimal, and needs a --target");
    }
    const number = (name, absent) => {
      const value = Number(values[name] ?? absent);
      if (!(value > 0)) throw new Error(`--${name} must be a number above 0, not "${values[name]}"`);
      return value;
    };
    const minutes = number("minutes", values.runs === undefined ? 1 : Infinity);
    return { targets: target ? [target] : NAMES, minutes, runs: number("runs", Infinity), seed: number("seed"), input };
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

/** Threads do not know TypeScript. */
async function bundle() {
  const result = await build({
    entryPoints: [fileURLToPath(new URL("fuzz-thread.ts", import.meta.url))],
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    target: "node20",
  });
  writeFileSync(script, result.outputFiles[0].text);
}

/** Feeds one target, in a thread that can be stopped when it hangs. */
function fuzz(target) {
  const { seed, runs, minutes, input } = options;
  const startedAt = performance.now();
  let last = { input: "", at: performance.now() };
  let progress = "";
  let failures = 0;
  const worker = new Worker(script, {
    workerData: {
      target,
      seed,
      runs,
      until: Date.now() + minutes * 60_000,
      input,
      url: pathToFileURL(script).href,
      source: readFileSync(script, "utf8"),
    },
  });
  const say = () => console.log(`${target}: ${progress}, ${failures} failed`);
  const fail = (text) => {
    console.log(`${text}\n`);
    failures++;
    failed = true;
    if (failures >= MOST_FAILURES) void worker.terminate();
  };
  const printing = setInterval(say, PROGRESS_MS);
  const watching = setInterval(() => {
    if (performance.now() - last.at < LONGEST_INPUT_MS) return;
    fail(`it hangs\nreplay: npm run fuzz -- --target ${target} --input ${last.input}`);
    void worker.terminate();
  }, 1_000);
  worker.on("message", (message) => {
    if (message.input !== undefined) last = { input: message.input, at: performance.now() };
    if (message.failure) fail(message.failure);
    if (message.done) {
      const perSecond = Math.round(message.done / ((performance.now() - startedAt) / 1_000));
      progress = `${message.done} mutations, ${perSecond} a second, ${message.pool} inputs reach ${message.reached} parts (${message.began} at the beginning)`;
    }
  });
  worker.on("error", (error) => fail(error.stack));
  return new Promise((resolve) => {
    worker.on("exit", () => {
      clearInterval(printing);
      clearInterval(watching);
      if (input === undefined) say();
      else console.log(failures ? "it does not hold" : "it holds");
      resolve();
    });
  });
}
