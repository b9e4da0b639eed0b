import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { AksCluster } from "#lib/azure/fleet/types.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { fleet as whole } from "#tests/fixtures/fleets/default/fleet.ts";
import { aks, fleetOf, idIn, inAzure } from "#tests/support/azure-story.ts";
import { isChanging, type Run } from "#tests/support/cloud-sandbox.ts";
import { differences, endedAs, errorsOf, openCluster, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const name = "k01.k8s.az.mylabs.dev";
const k01 = `azure/azure-01/${name}`;
const kubeconfig = `azure/azure-01/kubeconfig/${name}`;
const dashed = "k01-k8s-az-mylabs-dev";
const aksOfK01 = idIn("azure-01", name, `Microsoft.ContainerService/managedClusters/${dashed}`);
const zoneOfK01 = idIn("azure-01", name, `Microsoft.Network/dnszones/${name}`);
const identityOfK01 = idIn("azure-01", name, `Microsoft.ManagedIdentity/userAssignedIdentities/${dashed}-dns`);
const nsOfK01 = idIn("azure-mgmt", "k8s-multicluster-gitops", "Microsoft.Network/dnszones/k8s.az.mylabs.dev/NS/k01");

const at = (others: Partial<AksCluster>): Fleet => fleetOf(aks(1, "azure-01", others));

/** What is not as it should be. */
function ills({ results }: Run): readonly string[] {
  const bad = Object.values(results).filter(
    ({ outcome, health }) => outcome === "absent" || health?.kind === "degraded",
  );
  return bad.map(({ id }) => id).sort();
}

test.concurrent("what is changed by hand is shown by plan and status, and repaired by create", async () => {
  await inAzure(async (azure) => {
    const fleet = at({});
    await well(azure.run("create-aks-all", [], { fleet }));
    const neighbour = await azure.neighbour();
    const cluster = await neighbour.get(aksOfK01);
    await neighbour.put(aksOfK01, {
      ...cluster,
      tags: { project: cluster?.tags?.project, fleet: cluster?.tags?.fleet, owner: "somebody" },
      properties: {
        ...cluster?.properties,
        disableLocalAccounts: false,
        apiServerAccessProfile: { authorizedIPRanges: [] },
      },
    });
    const group = await neighbour.get(idIn("azure-01", name));
    await neighbour.patch(idIn("azure-01", name), { tags: { ...group?.tags, cluster: "other", owner: "somebody" } });
    await neighbour.put(nsOfK01, { properties: { TTL: 300, NSRecords: [{ nsdname: "ns.example.org." }] } });
    const assignments = await neighbour.list(`${zoneOfK01}/providers/Microsoft.Authorization/roleAssignments`);
    for (const { id, properties } of assignments) if (properties.scope === zoneOfK01) await neighbour.remove(id);
    const [credential] = await neighbour.list(`${identityOfK01}/federatedIdentityCredentials`);
    await neighbour.put(credential?.id ?? "", {
      properties: { ...credential?.properties, subject: "system:serviceaccount:somebody:somebody" },
    });
    while ((await neighbour.get(aksOfK01))?.properties.provisioningState !== "Succeeded") await Bun.sleep(50);

    await azure.calls();
    const drift = {
      [`${k01}/group`]: ["tags.cluster"],
      // Its metadata is gone, too.
      [`${k01}/delegation`]: ["name servers", "tags.cluster", "tags.fleet", "tags.project", "tags.subscription"],
      [`${k01}/cluster`]: ["apiServerAccessProfile.authorizedIPRanges", "disableLocalAccounts", "tags.cluster"],
      [`${k01}/identity/access/zone`]: "to make",
      [`${k01}/identity/credentials`]: ["credentials"],
    };
    expect(differences(await azure.run("plan", [], { fleet }))).toEqual(drift);
    const status = await azure.run("status", [], { fleet });
    expect([status.exitCode, ills(status)]).toEqual([1, Object.keys(drift).sort()]);
    expect((await azure.calls()).filter(isChanging)).toEqual([]);

    await well(azure.run("create-aks-all", [], { fleet }));
    await well(azure.run("status", [], { fleet }));
    const again = await well(azure.run("create-aks-all", [], { fleet }));
    expect(differences(again)).toEqual({});
    // Tags of others stay.
    expect((await neighbour.get(aksOfK01))?.tags).toEqual({ ...cluster?.tags, owner: "somebody" });
    expect((await neighbour.get(idIn("azure-01", name)))?.tags).toEqual({ ...group?.tags, owner: "somebody" });
    const credentials = await neighbour.list(`${identityOfK01}/federatedIdentityCredentials`);
    expect(credentials.length).toBe(2);
  });
});

test.concurrent("a cluster is changed in place where AKS can, and is raised by one version", async () => {
  await inAzure(async (azure) => {
    const before = { kubernetes: "1.34", systemNodes: { vmSize: "Standard_D4ds_v5", count: 2 } } as const;
    await well(azure.run("create-aks-all", [], { fleet: at(before) }));
    const neighbour = await azure.neighbour();
    const { resourceUID } = (await neighbour.get(aksOfK01))?.properties ?? {};

    for (const task of ["plan", "create-aks-all"]) {
      const leap = await azure.run(task, [], { fleet: at({ ...before, kubernetes: "1.36" }) });
      expect(leap.exitCode).toBe(1);
      expect(errorsOf(leap)).toEqual({
        [`${k01}/cluster`]: [
          `${name}: AKS raises Kubernetes by one minor version at a time (UpgradeRefused)`,
          'hint: write kubernetes: "1.35" and run create, then the next one, up to "1.36"',
          "it has 1.34, the fleet says 1.36",
        ].join("\n"),
      });
    }
    const after = {
      kubernetes: "1.35",
      publicAccessCidrs: ["198.51.100.0/24", "203.0.113.0/24"],
      upgradeChannel: "patch",
      systemNodes: { vmSize: "Standard_D4ds_v5", count: 3 },
    } as const;
    const changes = [
      "agentPoolProfiles[system].count",
      "agentPoolProfiles[system].orchestratorVersion",
      "apiServerAccessProfile.authorizedIPRanges",
      "autoUpgradeProfile.upgradeChannel",
      "kubernetesVersion",
    ];
    expect(differences(await azure.run("plan", [], { fleet: at(after) }))).toEqual({ [`${k01}/cluster`]: changes });
    const updated = await well(azure.run("create-aks-all", [], { fleet: at(after) }));
    expect(endedAs(updated, "updated")).toEqual([`${k01}/cluster`]);
    const found = (await neighbour.get(aksOfK01))?.properties;
    expect(found.resourceUID).toBe(resourceUID);
    expect(found.currentKubernetesVersion).toStartWith("1.35.");
    expect(found.agentPoolProfiles[0].currentOrchestratorVersion).toStartWith("1.35.");
    expect(differences(await well(azure.run("create-aks-all", [], { fleet: at(after) })))).toEqual({});

    const lowered = await azure.run("create-aks-all", [], { fleet: at({ ...after, kubernetes: "1.34" }) });
    expect(errorsOf(lowered)[`${k01}/cluster`]).toContain("(ReplacementRequired)");
    expect(errorsOf(lowered)[`${k01}/cluster`]).toContain("kubernetesVersion");
    expect((await neighbour.get(aksOfK01))?.properties.currentKubernetesVersion).toBe(found.currentKubernetesVersion);
  });
});

const replacing: Readonly<Record<string, readonly [Partial<AksCluster>, readonly string[]]>> = {
  "VM size": [{ systemNodes: { vmSize: "Standard_D8ds_v5", count: 2 } }, ["agentPoolProfiles[system].vmSize"]],
  podCidr: [{ podCidr: "10.64.0.0/16" }, ["networkProfile.podCidr"]],
  serviceCidr: [{ serviceCidr: "172.20.0.0/16" }, ["networkProfile.dnsServiceIP", "networkProfile.serviceCidr"]],
  version: [{ kubernetes: "1.34" }, ["agentPoolProfiles[system].orchestratorVersion", "kubernetesVersion"]],
};

test.concurrent("what is fixed for the life of a cluster replaces it, once that is allowed", async () => {
  await inAzure(async (azure) => {
    await well(azure.run("create-aks-all", [], { fleet: at({}) }));
    const neighbour = await azure.neighbour();
    const uid = async (): Promise<string> => (await neighbour.get(aksOfK01))?.properties.resourceUID;
    const first = await uid();
    for (const [title, [others, changes]] of Object.entries(replacing)) {
      const planned = await azure.run("plan", [], { fleet: at(others) });
      expect([title, planned.results[`${k01}/cluster`]?.outcome, differences(planned)]).toEqual([
        title,
        "to replace",
        expect.objectContaining({ [`${k01}/cluster`]: changes }),
      ]);
      const refused = await azure.run("create-aks-all", [], { fleet: at(others) });
      expect(errorsOf(refused)[`${k01}/cluster`]).toContain("(ReplacementRequired)\nhint: run again with --allow-");
    }
    expect(await uid()).toBe(first);
    const all = { ...replacing["VM size"]?.[0], ...replacing.podCidr?.[0], ...replacing.serviceCidr?.[0] };
    const replaced = await well(azure.run("create-aks-all", ["--allow-replacement"], { fleet: at(all) }));
    expect(endedAs(replaced, "replaced")).toEqual([`${k01}/cluster`]);
    expect(await uid()).not.toBe(first);
    expect(endedAs(replaced, "updated").toSorted()).toEqual([`${k01}/identity/credentials`, kubeconfig].toSorted());
    await well(azure.run("status", [], { fleet: at(all) }));
    const credentials = await neighbour.list(`${identityOfK01}/federatedIdentityCredentials`);
    expect(credentials.length).toBe(2);
  });
});

test.concurrent("a cluster moves to another region and mode, and Argo CD and the kubeconfig follow", async () => {
  await inAzure(async (azure) => {
    const fleet = (others: Partial<AksCluster>): Fleet => ({ ...whole, ...at(others) });
    await well(azure.run("create-aks-all", [], { fleet: fleet({}) }));
    const path = join(azure.state, ".kubeconfigs", `kubeconfig_${name}.yml`);
    const before = await Bun.file(path).text();
    const neighbour = await azure.neighbour();
    const identity = await neighbour.get(identityOfK01);

    const moved = { region: "westeurope", mode: "automatic" } as const;
    const planned = await azure.run("plan", [], { fleet: fleet(moved) });
    expect(planned.results[`${k01}/cluster`]?.outcome).toBe("to replace");
    expect(planned.results[`${k01}/cluster`]?.changes.map(({ field }) => field)).toEqual(["location", "sku.name"]);
    // Where a group and an identity are kept doesn't matter.
    for (const what of ["group", "zone", "identity"]) {
      expect([what, planned.results[`${k01}/${what}`]?.outcome]).toEqual([what, "unchanged"]);
    }
    const refused = await azure.run("create-aks-all", [], { fleet: fleet(moved) });
    expect(Object.keys(errorsOf(refused))).toEqual([`${k01}/cluster`]);

    const replaced = await well(azure.run("create-aks-all", ["--allow-replacement"], { fleet: fleet(moved) }));
    expect(endedAs(replaced, "replaced")).toEqual([`${k01}/cluster`]);
    expect(replaced.results[`${k01}/applications`]?.health?.summary).toBe("5 healthy");
    expect(await neighbour.get(aksOfK01)).toMatchObject({ location: "westeurope", sku: { name: "Automatic" } });
    expect(await neighbour.get(identityOfK01)).toEqual(identity);
    expect(await Bun.file(path).text()).not.toBe(before);
    await well(azure.run("status", [], { fleet: fleet(moved) }));
    const api = await openCluster(azure, name);
    expect(await api.get("/api/v1/namespaces/argocd")).toBeDefined();
    await well(azure.run("delete-aks-all", ["--yes"], { fleet: fleet(moved) }));
    expect(await neighbour.get(idIn("azure-01", name))).toBeUndefined();
  });
});
