import { expect, test } from "bun:test";
import type { FleetEvent, Outcome } from "#lib/graph/events.ts";
import { createTally } from "#lib/view/tally.ts";

function exitCodeOf(outcome: Outcome, settings?: Parameters<typeof createTally>[1]): number {
  const tally = createTally([], settings);
  const finished: FleetEvent = {
    kind: "finished",
    id: "one",
    at: "2026-11-26T00:00:00.000Z",
    outcome,
    durationMs: 1,
    changes: [],
  };
  tally.receive(finished);
  return tally.exitCode();
}

test("an absent cluster fails a run that requires its presence", () => {
  expect(exitCodeOf("absent", { requirePresent: true })).toBe(1);
  expect(exitCodeOf("healthy", { requirePresent: true })).toBe(0);
  expect(exitCodeOf("absent")).toBe(0);
});

test("a plan tells by its exit code whether anything would change, when it is asked to", () => {
  expect(exitCodeOf("unchanged", { tellChanges: true })).toBe(0);
  for (const outcome of ["to make", "to update", "to replace", "to remove"] as const) {
    expect(exitCodeOf(outcome, { tellChanges: true })).toBe(2);
    expect(exitCodeOf(outcome)).toBe(0);
  }
  expect(exitCodeOf("failed", { tellChanges: true })).toBe(1);
});

test("commands that resources ask for are kept in one order, also those of resources that were there", () => {
  const tally = createTally([]);
  for (const outcome of ["unchanged", "made"] as const) {
    const health = { kind: "healthy", summary: "", next: `hand over ${outcome}` } as const;
    tally.receive({ kind: "finished", id: outcome, at: "", outcome, durationMs: 1, changes: [], health });
  }
  expect(tally.next(true)).toEqual(["hand over made"]);
  expect(tally.next(false)).toEqual(["hand over made", "hand over unchanged"]);
});
