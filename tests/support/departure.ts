import { expect } from "bun:test";
import type { Fleet } from "#lib/fleet/types.ts";
import { errorsOf, type Story, well } from "#tests/support/story.ts";

export interface Departure {
  /** With all accounts and clusters. */
  readonly before: Fleet;
  /** Without an account that has one of the clusters. */
  readonly after: Fleet;
  /** The task that creates all clusters of the cloud. */
  readonly createAll: string;
  /** The cluster, and the account's id: `k02.k8s.az.mylabs.dev in 2222`. */
  readonly left: string;
}

/** An account leaves the fleet with a cluster in it: nobody would look for the cluster there any more. Afterwards the cluster is gone. */
export async function expectNoDeparture(story: Story, { before, after, createAll, left }: Departure): Promise<void> {
  await well(story.run(createAll, [], { fleet: before }));
  for (const task of ["plan", "status", createAll]) {
    const refused = await story.run(task, [], { fleet: after });
    expect([task, refused.exitCode]).toEqual([task, 1]);
    expect(Object.values(errorsOf(refused)).join()).toContain(
      `an account that is not in the fleet has clusters of it: ${left} (StillNeeded)`,
    );
  }
  const returned = { ...after, accounts: before.accounts };
  await well(story.run("delete-all", ["--orphans", "--yes"], { fleet: returned }));
  await well(story.run(createAll, [], { fleet: after }));
}
