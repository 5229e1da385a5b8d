// The real client on a network that does its worst, repeated by its seed. What a seed means is in scenario.ts.

import { describe, expect, it } from "vitest";
import type { Outcome } from "./run.ts";
import { describeFailure, isFailure, trySeed } from "./replay.ts";
import { FAULTS } from "./faults.ts";
import { scenarioOf } from "./scenario.ts";

const SEEDS = 2_500;
const LEAN_SEEDS = 1_000;
const PER_TEST = 250;

const outcomes: Outcome[] = [];
const leanOutcomes: Outcome[] = [];

/** Runs so many seeds from `from`; throws the first failure. */
function runSeeds(from: number, lean: boolean): Outcome[] {
  return Array.from({ length: PER_TEST }, (_, index) => {
    const result = trySeed(from + index, { lean });
    if (isFailure(result)) throw new Error(describeFailure(result));
    return result;
  });
}

function sum(outcomes: Outcome[], of: (outcome: Outcome) => number): number {
  return outcomes.reduce((total, one) => total + of(one), 0);
}

const startsOf = (seeds: number): number[] =>
  Array.from({ length: seeds / PER_TEST }, (_, index) => 1 + index * PER_TEST);

describe("the simulation", () => {
  it.each(startsOf(SEEDS))(
    `finds nothing wrong in ${PER_TEST} seeds from %i`,
    (from) => void outcomes.push(...runSeeds(from, false)),
    120_000,
  );

  it.each(startsOf(LEAN_SEEDS))(
    `finds nothing wrong in ${PER_TEST} seeds of the lean client from %i`,
    (from) => void leanOutcomes.push(...runSeeds(from, true)),
    120_000,
  );

  it("was bad enough to prove something", () => {
    for (const [seeds, all] of [
      [SEEDS, outcomes],
      [LEAN_SEEDS, leanOutcomes],
    ] as const) {
      expect(sum(all, ({ accepted }) => accepted)).toBeGreaterThan(20 * seeds);
      expect(sum(all, ({ dueDown }) => dueDown)).toBeGreaterThan(10 * seeds);
      expect(sum(all, ({ connections }) => connections)).toBeGreaterThan(2 * seeds);
      // Something was sent twice, so what broke off was in the midst of it.
      expect(sum(all, ({ repeated }) => repeated)).toBeGreaterThan(seeds / 4);
    }
    expect(sum(outcomes, ({ streamed }) => streamed)).toBeGreaterThan(SEEDS);
    expect(sum(outcomes, ({ inPieces }) => inPieces)).toBeGreaterThan(SEEDS / 4);
  });

  it("has each fault in many of its seeds, and none in some", () => {
    const scenarios = Array.from({ length: SEEDS }, (_, seed) => scenarioOf(seed));
    for (const name of Object.keys(FAULTS)) {
      const count = scenarios.filter(({ faults }) => name in faults).length;
      expect(count, name).toBeGreaterThan(SEEDS / 20);
      expect(count, name).toBeLessThan(SEEDS / 2);
    }
  });

  it("does the same again with the same seed", () => {
    for (const lean of [false, true]) {
      for (let seed = 1; seed <= 20; seed++) expect(trySeed(seed, { lean })).toEqual(trySeed(seed, { lean }));
    }
  });
});
