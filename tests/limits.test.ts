import { describe, expect, test } from "bun:test";
import { limitsOf } from "#lib/commands/limits.ts";
import { fleetGraph } from "#lib/fleet-graph.ts";
import { type AnyResource, laneOf } from "#lib/graph/resource.ts";
import { runGraph } from "#lib/graph/scheduler.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { openFleet } from "#tests/support/fleet.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

const opened = await openFleet(fleet);
const graph = fleetGraph(fleet, opened, { gitops: {} });
const clusterOf = ({ row: owner }: AnyResource): string => `${owner.group}: ${owner.name}`;
const isHeavy = ({ lane }: AnyResource): boolean => lane === "cluster";

/** Runs the graph of the default fleet; `msOf` is how long each resource takes. */
async function schedule(jobs: number | undefined, msOf: (resource: AnyResource) => number) {
  const { of } = await limitsOf(opened, jobs);
  const clock = virtualClock();
  const begun = new Map<string, number>();
  const running = new Set<AnyResource>();
  const peak = { local: 0, aws: 0 };
  await runGraph(
    {
      nodes: graph.resources,
      after: ({ needs }) => needs,
      lane: laneOf,
      limit: of,
      signal: new AbortController().signal,
    },
    async (resource) => {
      begun.set(resource.id, clock.now());
      running.add(resource);
      for (const group of ["local", "aws"] as const) {
        const heavy = [...running].filter((one) => isHeavy(one) && one.row.group === group);
        peak[group] = Math.max(peak[group], new Set(heavy.map(clusterOf)).size);
      }
      await clock.sleep(msOf(resource));
      running.delete(resource);
    },
  );
  return { begun, peak };
}

describe("places", () => {
  test("of this computer are never waited for by a cloud", async () => {
    // The local clusters begin first, and end when everything else has ended.
    const { begun } = await schedule(1, ({ row: owner, lane }) => {
      if (owner.group !== "local") return 10;
      return lane === "cluster" ? 1_000_000 : 1;
    });
    const last = Math.max(
      ...graph.resources.map(({ id, row: owner }) => (owner.group === "aws" ? (begun.get(id) ?? 0) : 0)),
    );
    expect(last).toBeLessThan(1_000);
  });

  test.each([1, 2])("are %i in each cloud and on this computer with --jobs %i", async (jobs) => {
    const { peak } = await schedule(jobs, () => 10);
    expect(peak).toEqual({ local: jobs, aws: jobs });
  });

  test("are enough for every cluster of a cloud otherwise", async () => {
    const { peak } = await schedule(undefined, () => 10);
    expect(peak.aws).toBe(4);
    const { of } = await limitsOf(opened, undefined);
    const limits = graph.resources.filter(isHeavy).map((one) => `${one.row.group} ${of(one)}`);
    expect(new Set(limits)).toEqual(new Set(["aws 32", "local 8"]));
  });
});
