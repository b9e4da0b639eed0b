import { expect, setDefaultTimeout, test } from "bun:test";
import { type AzureStory, aks, fleetOf, idIn, inAzure, subscriptions } from "#tests/support/azure-story.ts";
import { isChanging } from "#tests/support/cloud-sandbox.ts";
import {
  type CrashCloud,
  interrupted,
  killedAtAnyMoment,
  outcomesOf,
  twoAtOnce,
} from "#tests/support/crash-stories.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const k01 = "azure/azure-01/k01.k8s.az.mylabs.dev";
const aksOfK01 = idIn(
  "azure-01",
  "k01.k8s.az.mylabs.dev",
  "Microsoft.ContainerService/managedClusters/k01-k8s-az-mylabs-dev",
);

/** What of a cluster is in its account, as the last parts of ids, sorted; twice the same are two of them. */
async function thingsIn(azure: AzureStory): Promise<readonly string[]> {
  const { resources } = JSON.parse(await azure.sandbox("status")).azure as { readonly resources: readonly string[] };
  return (
    resources
      .filter((id) => id.includes(subscriptions["azure-01"]))
      .map((id) => id.split("/").slice(3).join("/"))
      .filter((id) => !/\/(NS|SOA)\/@$/.test(id))
      // Names that follow from what Azure has chosen: principals and issuers.
      .map((id) => id.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$|(?<=-)[0-9a-f]{8}$/, "…"))
      .sort()
  );
}

const create = "managedClusters:write";
const azure: CrashCloud<AzureStory> = {
  name: "AZURE",
  product: "aks",
  tell: inAzure,
  fleet: (clusters) => fleetOf(aks(1), ...(clusters === 1 ? [] : [aks(2)])),
  thingsIn,
  rounds: {
    create: { times: 12, calls: (random) => 10 + random(70) },
    delete: { times: 8, calls: (random) => 40 + random(60) },
  },
  creates: create,
};

killedAtAnyMoment(azure);

interrupted(azure, {
  cluster: `${k01}/cluster`,
  create,
  begun: { create: "Azure: Creating", delete: "Azure: Deleting" },
  goesOn: { create: "Azure goes on with it", delete: "Azure goes on deleting it" },
  joins: { create: "Azure is at work on it: Creating", delete: "Deleting" },
  clustersIn: async (story) => JSON.parse(await story.sandbox("status")).azure.clusters,
});

twoAtOnce(
  azure,
  "create/aks/k02-k8s-az-mylabs-dev",
  ["cluster", "zone", "group", "delegation"].map((part) => `${k01}/${part}`),
  async (story) => expect(outcomesOf(await story.calls(), create)).toEqual([undefined, undefined]),
);

test.concurrent("somebody else's operation on a cluster is waited for, then what is missing is changed", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1));
    await well(azure.run("create-aks-all", [], { fleet }));
    const neighbour = await azure.neighbour();
    await azure.sandbox("up", "--speed", "0.2");
    const found = await neighbour.get(aksOfK01);
    await neighbour.put(aksOfK01, { ...found, tags: { ...found?.tags, owner: "somebody" } });
    await azure.calls();
    const changed = fleetOf(aks(1, "azure-01", { publicAccessCidrs: ["198.51.100.0/24"] }));
    const run = azure.start("create-aks-all", [], { fleet: changed });
    await run.printed("Azure is at work on it: Updating");
    expect((await azure.calls()).filter(isChanging)).toEqual([]);
    await azure.sandbox("up", "--speed", "20");
    const joined = await well(run.ended);
    expect(joined.results[`${k01}/cluster`]?.changes.map(({ field }) => field)).toEqual([
      "apiServerAccessProfile.authorizedIPRanges",
    ]);
    const after = await neighbour.get(aksOfK01);
    expect([after?.tags?.owner, after?.properties.apiServerAccessProfile.authorizedIPRanges]).toEqual([
      "somebody",
      ["198.51.100.0/24"],
    ]);
  });
});

test.concurrent("a cluster whose creation failed is shown, and repaired by writing it again", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1));
    await azure.openFor(fleet);
    await azure.daemon.operate("azure", "fail-provisioning", {
      subscription: subscriptions["azure-01"],
      code: "AllocationFailed",
      message: "no capacity for the VM size in this region",
    });
    const failed = await azure.run("create-aks-all", [], { fleet });
    expect(failed.exitCode).toBe(1);
    expect(Object.keys(errorsOf(failed))).toEqual([`${k01}/cluster`]);
    expect(errorsOf(failed)[`${k01}/cluster`]).toContain("no capacity for the VM size in this region");
    const status = await azure.run("status", [], { fleet });
    expect(status.results[`${k01}/cluster`]).toMatchObject({
      outcome: "degraded",
      health: { summary: expect.stringContaining("no capacity for the VM size in this region") },
    });
    await azure.calls();
    const planned = await azure.run("plan", [], { fleet });
    expect(planned.results[`${k01}/cluster`]?.changes).toEqual([
      { field: "provisioningState", from: "Failed", to: "Succeeded", effect: "in-place" },
    ]);
    const repaired = await well(azure.run("create-aks-all", [], { fleet }));
    expect(endedAs(repaired, "updated")).toContain(`${k01}/cluster`);
    const changes = (await azure.calls()).filter(isChanging);
    expect(changes.filter(({ action }) => action === "delete")).toEqual([]);
    expect(changes.filter(({ service }) => service === "managedClusters").length).toBe(1);
    await well(azure.run("status", [], { fleet }));
  });
});
