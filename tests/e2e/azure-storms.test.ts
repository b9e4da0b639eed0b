import { expect, setDefaultTimeout, test } from "bun:test";
import { type AzureStory, aks, fleetOf, inAzure, subscriptions } from "#tests/support/azure-story.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const k01 = "azure/azure-01/k01.k8s.az.mylabs.dev";
const github = {
  repository: "example/fleet",
  repositoryId: "123456",
  ownerId: "7890",
  claims: ["ref:refs/heads/main"],
};

/** How many there are of each type in the subscriptions. */
async function counts(azure: AzureStory): Promise<Readonly<Record<string, number>>> {
  const { resources } = JSON.parse(await azure.sandbox("status")).azure as { readonly resources: readonly string[] };
  const types = resources.map((id) => id.split("/").at(-2)?.toLowerCase() ?? "");
  return Object.fromEntries(
    Map.groupBy(types, (type) => type)
      .entries()
      .map(([type, all]) => [type, all.length]),
  );
}

const made = {
  resourcegroups: 3,
  dnszones: 3,
  soa: 3,
  // Of three zones, and two delegations.
  ns: 5,
  userassignedidentities: 2,
  federatedidentitycredentials: 4,
  roledefinitions: 2,
  roleassignments: 6,
  managedclusters: 1,
  agentpools: 1,
};

const making = [
  "metadata:endpoints",
  "entra:discovery",
  "entra:token",
  "subscription:read",
  "resourceGroups:read",
  "resourceGroups:write",
  "dnsZones:read",
  "dnsZones:write",
  "dnsZones:list",
  "recordSets:write",
  "userAssignedIdentities:write",
  "federatedIdentityCredentials:list",
  "federatedIdentityCredentials:write",
  "roleDefinitions:write",
  "roleAssignments:write",
  "managedClusters:write",
  "managedClusters:listClusterUserCredential",
];
const removing = [
  "resourceGroups:delete",
  "dnsZones:delete",
  "recordSets:delete",
  "userAssignedIdentities:delete",
  "roleAssignments:delete",
  "managedClusters:delete",
];

test.concurrent.each(["lost", "cut", "fail:InternalServerError"])(
  "answers that are %s once cost nothing but time, and make nothing twice",
  async (effect) => {
    await inAzure(async (azure) => {
      const fleet = { ...fleetOf(aks(1)), github };
      await azure.openFor(fleet);
      for (const target of making) await azure.fault(target, effect);
      await well(azure.run("create-aks-all", [], { fleet }));
      const failed = (await azure.calls()).filter(
        ({ error }) => error === "no answer" || error === "InternalServerError" || error === "AADSTS90033",
      );
      expect(failed.map(({ service, action }) => `${service}:${action}`).sort()).toEqual(making.toSorted());
      expect(await counts(azure)).toEqual(made);
      await azure.clearFaults();
      await well(azure.run("status", [], { fleet }));

      for (const target of removing) await azure.fault(target, effect);
      await well(azure.run("delete-aks-all", ["--yes"], { fleet }));
      await azure.clearFaults();
      expect(await counts(azure)).toMatchObject({ resourcegroups: 1, dnszones: 2, ns: 3, userassignedidentities: 1 });
    });
  },
);

test.concurrent("calls that are throttled again and again are repeated until all is there", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1));
    await azure.openFor(fleet);
    for (let nth = 8; nth < 200; nth += 8) await azure.fault("*:*", "throttle", { nth });
    await well(azure.run("create-aks-all", [], { fleet }));
    const calls = await azure.calls();
    expect(calls.filter(({ error }) => error === "TooManyRequests").length).toBeWithin(5, 25);
    expect(calls.length).toBeLessThan(200);
  });
});

test.concurrent("a quota that is used up is named, and the same command goes on once there is room", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1));
    await azure.openFor(fleet);
    const quota = (cores: string) =>
      azure.daemon.operate("azure", "vcpu-quota", {
        subscription: subscriptions["azure-01"],
        region: "eastus2",
        cores,
      });
    await quota("4");
    const full = await azure.run("create-aks-all", [], { fleet });
    expect(full.exitCode).toBe(1);
    const { [`${k01}/cluster`]: error = "", ...others } = errorsOf(full);
    expect(others).toEqual({});
    expect(error).toContain("a quota of the subscription is used up: Insufficient vcpu quota requested 8, remaining 4");
    expect(error).toContain("(QuotaExceeded)\nhint: ");
    await quota("8");
    const finished = await well(azure.run("create-aks-all", [], { fleet }));
    expect(endedAs(finished, "made")).toContain(`${k01}/cluster`);
  });
});
