import { expect } from "bun:test";
import type { Fleet } from "#lib/fleet/types.ts";
import type { Change } from "#lib/graph/resource.ts";
import { fleet as whole } from "#tests/fixtures/fleets/default/fleet.ts";
import { type CloudSandbox, isChanging, openCloudSandbox, type Run } from "#tests/support/cloud-sandbox.ts";
import { endedAs, well } from "#tests/support/story.ts";

/** The part of the default fleet in one cloud. */
export interface DefaultFleetOptions {
  /** `aws` */
  readonly provider: string;
  /** Of its tasks: `eks`. */
  readonly product: string;
  /** k01's resource that is changed: `aws/aws-01/k01.k8s.aws.mylabs.dev/stack`. */
  readonly changing: string;
  /** Properties of k01, and what they change. */
  readonly changed: object;
  readonly changes: readonly Change[];
  /** Of `status --allow-absent` before anything is made. @default 0 */
  readonly emptyExitCode?: 0 | 1;
  /** Applications of a cluster. */
  readonly healthy: number;
  /** Tasks that clusters stand in the way of, with the resource that says so. */
  readonly refused: readonly { readonly task: string; readonly args?: readonly string[]; readonly resource: string }[];
  /** Those that delete what accounts share, in order. */
  readonly accountTasks: readonly string[];
  /** What is left in the cloud as its part of the sandbox's status shows it. */
  // biome-ignore lint/suspicious/noExplicitAny: each cloud has fields of its own
  left(status: any): readonly unknown[];
  /** That many are left when clusters are deleted. */
  readonly leftOfAccounts?: number;
  /** What comes after all is deleted. */
  afterwards?(cloud: CloudSandbox, fleet: Fleet): Promise<void>;
}

export function changesIn({ results }: Run): readonly string[] {
  return Object.values(results)
    .filter(({ outcome }) => outcome !== "unchanged")
    .map(({ id, outcome, changes }) => `${id} ${outcome} ${JSON.stringify(changes)}`);
}

/** Made, unchanged, proved, changed, deleted: each step goes on from the one before. */
export async function liveDefaultFleet(options: DefaultFleetOptions): Promise<void> {
  const {
    provider,
    product,
    changing,
    changed,
    changes,
    healthy,
    refused,
    accountTasks,
    left,
    emptyExitCode = 0,
  } = options;
  const clusters = whole.clusters.filter((cluster) => cluster.provider === provider);
  const fleet: Fleet = {
    ...whole,
    zones: whole.zones.filter((zone) => zone.provider === provider),
    accounts: whole.accounts.filter((account) => account.provider === provider),
    clusters,
  };
  const cloud = await openCloudSandbox();
  const create = `create-${product}-all`;
  const remove = `delete-${product}-all`;
  const status = async () => JSON.parse(await cloud.sandbox("status"))[provider];
  const writes = async () => (await cloud.calls()).filter(isChanging);
  try {
    // Nobody has been given anything.
    const nothing = await well(cloud.run("plan", [], { fleet }));
    expect(nothing.results[changing]?.outcome).toBe("to make");
    expect((await cloud.run("status", [], { fleet })).exitCode).toBe(1);
    const empty = await cloud.run("status", ["--allow-absent"], { fleet });
    expect([empty.exitCode, empty.results[changing]?.outcome]).toEqual([emptyExitCode, "absent"]);
    const gone = await well(cloud.run(remove, ["--yes"], { fleet }));
    expect(gone.results[changing]?.note).toBe("already gone");
    expect(await writes()).toEqual([]);

    const made = await well(cloud.run(create, [], { fleet }));
    expect(clusters.length).toBe(4);
    for (const cluster of clusters) {
      const prefix = `${provider}/${"account" in cluster ? cluster.account : ""}/${cluster.name}`;
      expect(made.results[`${prefix}/applications`]?.health?.summary).toBe(`${healthy} healthy`);
      const ended = Object.values(made.results).filter(({ id }) => id.startsWith(`${prefix}/`));
      expect([cluster.name, ...ended.filter(({ outcome }) => outcome !== "made")]).toEqual([cluster.name]);
    }

    await well(cloud.run("status", [], { fleet }));
    await cloud.calls();
    const again = await well(cloud.run(create, [], { fleet }));
    expect(changesIn(again)).toEqual([]);
    expect(await writes()).toEqual([]);

    const proved = await cloud.run("dns/verify", [], { fleet });
    const edges = proved.stdout.split("\n").filter((line) => line !== "");
    expect(edges.map((line) => (JSON.parse(line) as { readonly state: string }).state)).toEqual(Array(6).fill("ok"));

    const [first, ...others] = clusters;
    const after = { ...fleet, clusters: [{ ...first, ...changed }, ...others] } as Fleet;
    await cloud.calls();
    const planned = await cloud.run("plan", [], { fleet: after });
    expect(planned.results[changing]?.changes).toEqual(changes);
    expect(await writes()).toEqual([]);
    const updated = await well(cloud.run(create, [], { fleet: after }));
    expect(endedAs(updated, "updated")).toEqual([changing]);

    // What clusters live by isn't taken away before them.
    for (const { task, args = [], resource } of refused) {
      const run = await cloud.run(task, [...args, "--yes"], { fleet });
      expect(run.exitCode).toBe(1);
      expect(run.results[resource]?.error?.code).toBe("StillNeeded");
      expect(endedAs(run, "removed")).toEqual([]);
    }
    await well(cloud.run("status", [], { fleet: after }));

    await well(cloud.run(remove, ["--yes"], { fleet }));
    const { clusters: standing, ...rest } = await status();
    expect(standing).toEqual([]);
    if (options.leftOfAccounts !== undefined) expect(left(rest).length).toBe(options.leftOfAccounts);
    for (const task of accountTasks) await well(cloud.run(task, ["--yes"], { fleet }));
    expect(left(await status())).toEqual([]);
    await options.afterwards?.(cloud, fleet);
  } finally {
    await cloud.close();
  }
}
