import { expect, test } from "bun:test";
import type { Fleet } from "#lib/fleet/types.ts";
import { isChanging, type Run } from "#tests/support/cloud-sandbox.ts";
import { endedAs, errorsOf, type Story, well } from "#tests/support/story.ts";

/** Clusters that the fleet names no longer, or elsewhere: the same stories in each cloud. */
export interface OrphanCloud<S extends Story> {
  /** Of its tasks: `eks`. */
  readonly product: string;
  tell(story: (cloud: S) => Promise<void>): Promise<void>;
  nameOf(number: number): string;
  /** Resources that identify a cluster, as the last parts of their ids. @default all of a cluster */
  readonly parts?: readonly string[];
  /** All that there is of clusters, sorted: `k01 gcp-01 us-east1`. */
  standing(cloud: S): Promise<readonly string[]>;
}

export interface OrphanCase {
  readonly before: Fleet;
  readonly after: Fleet;
  /** Whom it is about. */
  readonly number: number;
  /** What `plan` tells of it, as `told`. */
  readonly plan: Readonly<Record<string, string>>;
  /** What stands once all clusters were created, without permission to replace anything. */
  readonly created: readonly string[];
  /** Of that run; 1 for a replacement. @default 0 */
  readonly exitCode?: 0 | 1;
  /** The task that puts it right, and what stands then. */
  readonly task: readonly [string, ...string[]];
  readonly left: readonly string[];
}

export const orphansDeleted = ["delete-all", "--orphans", "--yes"] as const;

/** How what identifies a cluster ended, where it isn't "unchanged" or "healthy", with what changes. */
export function told<S extends Story>(
  { nameOf, parts }: OrphanCloud<S>,
  { results }: Run,
  number: number,
): Readonly<Record<string, string>> {
  const noted = Object.values(results).filter(
    ({ id, outcome }) =>
      id.includes(`/${nameOf(number)}/`) &&
      (parts === undefined || parts.includes(partOf(id))) &&
      outcome !== "unchanged" &&
      outcome !== "healthy",
  );
  return Object.fromEntries(
    noted.map(({ id, outcome, changes }) => {
      const moved = changes.flatMap(({ field, from, to }) => (field === "" ? [] : [`${field} ${from} > ${to}`]));
      return [partOf(id), [outcome, ...moved].join(": ")];
    }),
  );
}

function partOf(id: string): string {
  return id.split("/").at(-1) ?? "";
}

export function nothingIsForgotten<S extends Story>(
  cloud: OrphanCloud<S>,
  cases: Readonly<Record<string, OrphanCase>>,
): void {
  const { product, standing } = cloud;
  const create = `create-${product}-all`;
  for (const [title, { before, after, number, plan, created, exitCode = 0, task, left }] of Object.entries(cases)) {
    test.concurrent(`nothing is forgotten of a cluster that was ${title}`, async () => {
      await cloud.tell(async (story) => {
        await well(story.run(create, [], { fleet: before }));
        const planned = await story.run("plan", [], { fleet: after });
        expect(told(cloud, planned, number)).toEqual(plan);
        expect((await story.run("status", [], { fleet: after })).exitCode).toBe(1);
        await story.calls();
        const ran = await story.run(create, [], { fleet: after });
        expect(ran.exitCode).toBe(exitCode);
        if (exitCode === 1) {
          expect(Object.values(errorsOf(ran)).join("\n")).toContain("--allow-replacement");
          const ofClusters = (await story.calls()).filter(({ service }) => /clusters/i.test(service));
          expect(ofClusters.filter(isChanging)).toEqual([]);
        }
        expect(await standing(story)).toEqual([...created].sort());

        const tried = await well(story.run(task[0], [...task.slice(1), "--dry-run"], { fleet: after }));
        expect(endedAs(tried, "failed")).toEqual([]);
        expect(await standing(story)).toEqual([...created].sort());
        await well(story.run(task[0], task.slice(1), { fleet: after }));
        expect(await standing(story)).toEqual([...left].sort());
        const status = await story.run("status", ["--allow-absent"], { fleet: after });
        expect([status.exitCode, endedAs(status, "orphan"), endedAs(status, "degraded")]).toEqual([0, [], []]);
      });
    });
  }
}

export interface Move {
  readonly before: Fleet;
  readonly after: Fleet;
  /** What a command prints when it deletes the cluster in its old place. */
  readonly deleting: string;
  /** The call that does so: slow, so that the kill comes before its end. */
  readonly call: string;
  /** What stands at the end. */
  readonly left: readonly string[];
}

export function interruptedMove<S extends Story>(
  cloud: OrphanCloud<S>,
  { before, after, deleting, call, left }: Move,
): void {
  const create = `create-${cloud.product}-all`;
  test.concurrent("a move that was interrupted goes on where it was", async () => {
    await cloud.tell(async (story) => {
      await well(story.run(create, [], { fleet: before }));
      await story.fault(call, "slow:3000");
      const started = story.start(create, ["--allow-replacement"], { fleet: after });
      await started.printed(deleting);
      started.kill("SIGKILL");
      await started.ended;
      expect((await story.run(create, [], { fleet: after })).exitCode).toBe(1);
      await well(story.run(create, ["--allow-replacement"], { fleet: after }));
      expect(await cloud.standing(story)).toEqual([...left].sort());
    });
  });
}

/** @param left all that stands of the fleet */
export function anotherDomain<S extends Story>(cloud: OrphanCloud<S>, fleet: Fleet, left: readonly string[]): void {
  test.concurrent("another domain is another fleet, which takes nothing of this one", async () => {
    await cloud.tell(async (story) => {
      await well(story.run(`create-${cloud.product}-all`, [], { fleet }));
      const renamed = JSON.parse(JSON.stringify(fleet).replaceAll("mylabs.dev", "other.dev")) as Fleet;
      for (const task of ["plan", `create-${cloud.product}-all`]) {
        const refused = await story.run(task, [], { fleet: renamed });
        // The old fleet is named.
        const named = Object.values(errorsOf(refused)).join().includes("fleet mylabs.dev");
        expect([refused.exitCode, named]).toEqual([1, true]);
      }
      await well(story.run("delete-all", ["--yes"], { fleet: renamed }));
      const none = await story.run("delete-all", orphansDeleted.slice(1), { fleet: { ...renamed, clusters: [] } });
      expect(none.exitCode).toBe(2);
      expect(await cloud.standing(story)).toEqual([...left].sort());
    });
  });
}

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
