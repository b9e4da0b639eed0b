import { expect, test } from "bun:test";
import type { FleetEvent, Outcome } from "#lib/events.ts";
import { createTally } from "#lib/tally.ts";

function exitCodeOf(outcome: Outcome, settings?: { readonly requirePresent: boolean }): number {
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
