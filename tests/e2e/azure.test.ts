import { expect, setDefaultTimeout, test } from "bun:test";
import type { AksCluster } from "#lib/azure/fleet/types.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { fleet as whole } from "#tests/fixtures/fleets/default/fleet.ts";
import { isChanging, openCloudSandbox, type Run } from "#tests/support/cloud-sandbox.ts";
import { endedAs, well } from "#tests/support/story.ts";

setDefaultTimeout(240_000);

const clusters = whole.clusters.filter((cluster): cluster is AksCluster => cluster.provider === "azure");
const zones = whole.zones.filter(({ provider }) => provider === "azure");
const accounts = whole.accounts.filter(({ provider }) => provider === "azure");
const fleet: Fleet = { ...whole, zones, accounts, clusters };
const k01 = "azure/azure-01/k01.k8s.az.mylabs.dev";

interface AzureStatus {
  readonly clusters: readonly unknown[];
  readonly resources: readonly string[];
}

function changesIn({ results }: Run): readonly string[] {
  return Object.values(results)
    .filter(({ outcome }) => outcome !== "unchanged")
    .map(({ id, outcome, changes }) => `${id} ${outcome} ${JSON.stringify(changes)}`);
}

/** Each step goes on from the one before: tests of their own would run in any order. */
test("the Azure part of the default fleet lives: made, unchanged, proved, changed, deleted", async () => {
  const azure = await openCloudSandbox();
  const left = async (): Promise<AzureStatus> =>
    (JSON.parse(await azure.sandbox("status")) as { readonly azure: AzureStatus }).azure;
  try {
    const nothing = await well(azure.run("plan", [], { fleet }));
    expect(nothing.results[`${k01}/cluster`]?.outcome).toBe("to make");
    expect((await azure.run("status", [], { fleet })).exitCode).toBe(1);
    const gone = await well(azure.run("delete-aks-all", ["--yes"], { fleet }));
    expect(gone.results[`${k01}/cluster`]?.note).toBe("already gone");
    expect((await azure.calls()).filter(isChanging)).toEqual([]);

    const made = await well(azure.run("create-aks-all", [], { fleet }));
    for (const { name, account } of clusters) {
      const prefix = `azure/${account}/${name}`;
      expect(made.results[`${prefix}/applications`]?.health?.summary).toBe("5 healthy");
      expect(made.results[`${prefix}/delegation`]?.outcome).toBe("made");
    }

    await well(azure.run("status", [], { fleet }));
    await azure.calls();
    const again = await well(azure.run("create-aks-all", [], { fleet }));
    expect(changesIn(again)).toEqual([]);
    expect((await azure.calls()).filter(isChanging)).toEqual([]);

    const proved = await azure.run("dns/verify", [], { fleet });
    const edges = proved.stdout.split("\n").filter((line) => line !== "");
    expect(edges.map((line) => (JSON.parse(line) as { readonly state: string }).state)).toEqual(
      Array.from({ length: 6 }, () => "ok"),
    );

    const changed: Fleet = {
      ...fleet,
      clusters: clusters.map((cluster) =>
        cluster.name.startsWith("k01") ? { ...cluster, publicAccessCidrs: ["198.51.100.0/24"] } : cluster,
      ),
    };
    await azure.calls();
    const planned = await azure.run("plan", [], { fleet: changed });
    expect(planned.results[`${k01}/cluster`]?.changes).toEqual([
      {
        field: "apiServerAccessProfile.authorizedIPRanges",
        from: ["203.0.113.0/24"],
        to: ["198.51.100.0/24"],
        effect: "in-place",
      },
    ]);
    expect((await azure.calls()).filter(isChanging)).toEqual([]);
    const updated = await well(azure.run("create-aks-all", [], { fleet: changed }));
    expect(endedAs(updated, "updated")).toEqual([`${k01}/cluster`]);

    // What clusters live by isn't taken away before them.
    const refused = await azure.run("delete/azure-mgmt", ["--yes"], { fleet });
    expect(refused.exitCode).toBe(1);
    expect(refused.results["azure/azure-mgmt/delegation/k8s.az.mylabs.dev"]?.error?.code).toBe("StillNeeded");
    expect(endedAs(refused, "removed")).toEqual([]);
    await well(azure.run("status", [], { fleet: changed }));

    await well(azure.run("delete-aks-all", ["--yes"], { fleet }));
    expect((await left()).clusters).toEqual([]);
    await well(azure.run("delete/azure-tenant", ["--yes"], { fleet }));
    await well(azure.run("delete/azure-mgmt", ["--yes"], { fleet }));
    expect((await left()).resources).toEqual([]);
  } finally {
    await azure.close();
  }
});
