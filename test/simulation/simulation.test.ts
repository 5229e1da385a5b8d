// The real client on a network that does its worst, repeated by its seed. What a seed means is in scenario.ts.

import { describe, expect, it } from "vitest";
import type { Outcome } from "./run.ts";
import { describeFailure, isFailure, trySeed } from "./replay.ts";
import { FAULTS } from "./faults.ts";
import { scenarioOf } from "./scenario.ts";

const SEEDS = 2_500;
const PER_TEST = 250;

const outcomes: Outcome[] = [];

/** Runs seeds `from` up to, not including, `to`; throws the first failure. */
function runSeeds(from: number, to: number): void {
  for (let seed = from; seed < to; seed++) {
    const result = trySeed(seed);
    if (isFailure(result)) throw new Error(describeFailure(result));
    outcomes.push(result);
  }
}

describe("the simulation", () => {
  const starts = Array.from({ length: SEEDS / PER_TEST }, (_, index) => 1 + index * PER_TEST);
  it.each(starts)(
    `finds nothing wrong in ${PER_TEST} seeds from %i`,
    (from) => runSeeds(from, from + PER_TEST),
    120_000,
  );

  it("was bad enough to prove something", () => {
    const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((total, one) => total + of(one), 0);
    expect(sum(({ accepted }) => accepted)).toBeGreaterThan(20 * SEEDS);
    expect(sum(({ dueDown }) => dueDown)).toBeGreaterThan(10 * SEEDS);
    expect(sum(({ connections }) => connections)).toBeGreaterThan(2 * SEEDS);
    expect(sum(({ streamed }) => streamed)).toBeGreaterThan(SEEDS);
    expect(sum(({ inPieces }) => inPieces)).toBeGreaterThan(SEEDS / 4);
    // Something was sent twice, so what broke off was in the midst of it.
    expect(sum(({ repeated }) => repeated)).toBeGreaterThan(SEEDS / 4);
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
    for (let seed = 1; seed <= 20; seed++) expect(trySeed(seed)).toEqual(trySeed(seed));
  });
});
