import { type Outcome, run, type RunOptions } from "./run.ts";
import { type Scenario, scenarioOf } from "./scenario.ts";
import { INVARIANTS, type Invariant, Violation } from "./violation.ts";

/** A seed in which an invariant does not hold. */
export interface Failure {
  seed: number;
  invariant: Invariant;
  detail: string;
  scenario: Scenario;
  /** The packets and faults, up to the end of the run. */
  journal: string[];
}

export interface TryOptions extends RunOptions {
  /** Run the client of `mote-mqtt/lean`. */
  lean?: boolean;
}

/** Runs a seed. What fails is run again, and its journal kept this time. */
export function trySeed(seed: number, options: TryOptions = {}): Outcome | Failure {
  const scenario = scenarioOf(seed, options.lean);
  const violation = violationOf(scenario, options);
  if (!(violation instanceof Violation)) return violation;
  const journal: string[] = [];
  const again = violationOf(scenario, { ...options, journal: (line) => journal.push(line) });
  const { invariant, message } = violation;
  if (!(again instanceof Violation) || again.message !== message) {
    throw new Error(`seed ${seed} did not do the same twice: the simulation is not deterministic`);
  }
  return { seed, invariant, detail: message, scenario, journal };
}

export function isFailure(result: Outcome | Failure): result is Failure {
  return "invariant" in result;
}

function violationOf(scenario: Scenario, options: RunOptions): Outcome | Violation {
  try {
    return run(scenario, options);
  } catch (error) {
    if (error instanceof Violation) return error;
    throw error;
  }
}

/** The failure in words, with the last `lines` of its journal. */
export function describeFailure({ seed, invariant, detail, scenario, journal }: Failure, lines = 40): string {
  const left = journal.length - lines;
  return [
    `seed ${seed}: ${INVARIANTS[invariant]}: does not hold`,
    `  ${detail}`,
    `scenario: ${JSON.stringify(scenario, (_, value: unknown) => (value === Infinity ? "Infinity" : value))}`,
    ...(left > 0 ? [`… ${left} lines before`] : []),
    ...journal.slice(-lines),
    `replay: npm run simulate:soak -- ${scenario.lean ? "--lean " : ""}--from ${seed} --seeds 1`,
  ].join("\n");
}
