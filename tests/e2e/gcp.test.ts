import { expect, setDefaultTimeout, test } from "bun:test";
import type { Fleet } from "#lib/fleet/types.ts";
import type { GkeCluster } from "#lib/gcp/fleet/types.ts";
import { fleet as whole } from "#tests/fixtures/fleets/default/fleet.ts";
import { isChanging, openCloudSandbox, type Run } from "#tests/support/cloud-sandbox.ts";
import { endedAs, well } from "#tests/support/story.ts";

setDefaultTimeout(240_000);

const clusters = whole.clusters.filter((cluster): cluster is GkeCluster => cluster.provider === "gcp");
const zones = whole.zones.filter(({ provider }) => provider === "gcp");
const accounts = whole.accounts.filter(({ provider }) => provider === "gcp");
const fleet: Fleet = { ...whole, zones, accounts, clusters };
const k01 = "gcp/gcp-01/k01.k8s.gcp.mylabs.dev";

interface GcpStatus {
  readonly clusters: readonly unknown[];
  readonly zones: readonly string[];
}

function changesIn({ results }: Run): readonly string[] {
  return Object.values(results)
    .filter(({ outcome }) => outcome !== "unchanged")
    .map(({ id, outcome, changes }) => `${id} ${outcome} ${JSON.stringify(changes)}`);
}

/** Each step goes on from the one before: tests of their own would run in any order. */
test("the GCP part of the default fleet lives: made, unchanged, proved, changed, deleted, made again", async () => {
  const gcp = await openCloudSandbox();
  const left = async (): Promise<GcpStatus> =>
    (JSON.parse(await gcp.sandbox("status")) as { readonly gcp: GcpStatus }).gcp;
  try {
    // APIs are off, and nobody has been given anything.
    const nothing = await well(gcp.run("plan", [], { fleet }));
    expect(nothing.results[`${k01}/cluster`]?.outcome).toBe("to make");
    expect((await gcp.run("status", [], { fleet })).exitCode).toBe(1);
    const gone = await well(gcp.run("delete-gke-all", ["--yes"], { fleet }));
    expect(gone.results[`${k01}/cluster`]?.note).toBe("already gone");
    expect((await gcp.calls()).filter(isChanging)).toEqual([]);

    const made = await well(gcp.run("create-gke-all", [], { fleet }));
    for (const { name, account } of clusters) {
      const prefix = `gcp/${account}/${name}`;
      expect(made.results[`${prefix}/applications`]?.health?.summary).toBe("5 healthy");
      const ended = Object.values(made.results).filter(({ id }) => id.startsWith(`${prefix}/`));
      expect([name, ...ended.filter(({ outcome }) => outcome !== "made").map(({ id }) => id)]).toEqual([name]);
    }

    await well(gcp.run("status", [], { fleet }));
    await gcp.calls();
    const again = await well(gcp.run("create-gke-all", [], { fleet }));
    expect(changesIn(again)).toEqual([]);
    expect((await gcp.calls()).filter(isChanging)).toEqual([]);

    const proved = await gcp.run("dns/verify", [], { fleet });
    const edges = proved.stdout.split("\n").filter((line) => line !== "");
    expect(edges.map((line) => (JSON.parse(line) as { readonly state: string }).state)).toEqual(
      Array.from({ length: 6 }, () => "ok"),
    );

    const changed: Fleet = {
      ...fleet,
      clusters: clusters.map((cluster) =>
        cluster.name.startsWith("k01") ? { ...cluster, releaseChannel: "rapid" } : cluster,
      ),
    };
    await gcp.calls();
    const planned = await gcp.run("plan", [], { fleet: changed });
    expect(planned.results[`${k01}/cluster`]?.changes).toEqual([
      { field: "releaseChannel.channel", from: "REGULAR", to: "RAPID", effect: "in-place" },
    ]);
    expect((await gcp.calls()).filter(isChanging)).toEqual([]);
    const updated = await well(gcp.run("create-gke-all", [], { fleet: changed }));
    expect(endedAs(updated, "updated")).toEqual([`${k01}/cluster`]);

    // What clusters live by isn't taken away before them.
    for (const [task, id] of [
      ["delete/gcp-mgmt", "gcp/gcp-mgmt/delegation/k8s.gcp.mylabs.dev"],
      ["delete/gcp-tenant", "gcp/gcp-01/clusters/access"],
    ] as const) {
      const refused = await gcp.run(task, ["--yes"], { fleet });
      expect(refused.exitCode).toBe(1);
      expect(refused.results[id]?.error?.code).toBe("StillNeeded");
      expect(endedAs(refused, "removed")).toEqual([]);
    }
    await well(gcp.run("status", [], { fleet: changed }));

    await well(gcp.run("delete-gke-all", ["--yes"], { fleet }));
    expect((await left()).clusters).toEqual([]);
    await well(gcp.run("delete/gcp-tenant", ["--yes"], { fleet }));
    await well(gcp.run("delete/gcp-mgmt", ["--yes"], { fleet }));
    expect((await left()).zones).toEqual([]);

    // Roles, pool and provider are still there, deleted, and keep their names for days.
    const restored = await well(gcp.run("create/gcp-mgmt", [], { fleet }));
    expect(restored.results["gcp/gcp-mgmt/pool"]?.outcome).toBe("made");
    await well(gcp.run("create/gcp-tenant", [], { fleet }));
    await gcp.calls();
    await well(gcp.run("create/gcp-tenant", [], { fleet }));
    expect((await gcp.calls()).filter(isChanging)).toEqual([]);
  } finally {
    await gcp.close();
  }
});
