import { beforeEach, describe, expect, test } from "bun:test";
import { type AksState, aksAzureId, aksCluster } from "#lib/azure/aks/cluster.ts";
import { clusterBody } from "#lib/azure/aks/cluster-body.ts";
import type { ArmResource, Json } from "#lib/azure/clients.ts";
import type { AksCluster } from "#lib/azure/fleet/types.ts";
import { type ArmMemory, armMemory, azureError, testSubscription } from "#tests/support/arm-memory.ts";
import { azureWorld, testAccount } from "#tests/support/azure-world.ts";
import { failureOf } from "#tests/support/failure.ts";

const cluster: AksCluster = {
  provider: "azure",
  name: "k01.k8s.az.mylabs.test",
  account: "az-01",
  region: "eastus2",
  kubernetes: "1.35",
  publicAccessCidrs: ["203.0.113.7/32"],
};
const tags = { project: "k8s-multicluster-gitops", fleet: "mylabs.test", cluster: cluster.name };
const id = aksAzureId(testAccount, cluster);
const versionsId = `/subscriptions/${testSubscription}/providers/Microsoft.ContainerService/locations/eastus2/kubernetesVersions`;
const kubeconfig = `apiVersion: v1
kind: Config
clusters:
- name: k01
  cluster: { server: "https://k01.hcp.eastus2.azmk8s.io:443", certificate-authority-data: "Q0E=" }
users:
- name: clusterUser
  user: { exec: { apiVersion: client.authentication.k8s.io/v1beta1, command: kubelogin, args: [get-token], env: null } }
contexts:
- name: k01
  context: { cluster: k01, user: clusterUser }
current-context: k01
`;

let memory: ArmMemory;
beforeEach(() => {
  memory = armMemory();
  memory.adds.set("managedclusters", () => ({
    properties: {
      fqdn: "k01.hcp.eastus2.azmk8s.io",
      currentKubernetesVersion: "1.35.7",
      oidcIssuerProfile: { issuerURL: "https://eastus2.oic.prod-aks.azure.com/tenant/uuid/" },
    },
  }));
  memory.actions.set("listClusterUserCredential", () => ({
    kubeconfigs: [{ name: "clusterUser", value: Buffer.from(kubeconfig).toString("base64") }],
  }));
  const official = { supportPlan: ["KubernetesOfficial", "AKSLongTermSupport"] };
  memory.add(versionsId, {
    values: [
      { version: "1.36", capabilities: official },
      { version: "1.34", capabilities: official },
      { version: "1.35", capabilities: official },
      { version: "1.37", isPreview: true, capabilities: official },
      { version: "1.31", capabilities: { supportPlan: ["AKSLongTermSupport"] } },
    ],
  });
});

const at = (change: Partial<AksCluster> = {}, flags: Parameters<typeof azureWorld>[1] = {}) => {
  const { world, outputs } = azureWorld(memory, flags);
  const made = aksCluster({
    id: "aks",
    title: "k01: AKS",
    row: { kind: "cluster", name: cluster.name, group: "azure" },
    needs: [],
    account: testAccount,
    cluster: { ...cluster, ...change },
    tags,
  });
  const observe = () => made.observe(world, outputs);
  const present = async (): Promise<AksState> => {
    const observed = await observe();
    if (observed.kind !== "present") throw new Error(observed.kind);
    return observed.state;
  };
  return {
    observe,
    present,
    ensure: () => made.ensure(world, { kind: "absent" }, outputs),
    diff: async () => made.diff(await present(), outputs).map(({ field, effect }) => [field, effect]),
    refuse: async () => await made.refuse?.(world, await present(), outputs),
    health: async () => made.health(await present()),
  };
};
/** As AKS answers: with versions in full, and fields of its own. */
const add = (change: Partial<AksCluster> = {}, properties: Json = {}): ArmResource => {
  const body = clusterBody({ ...cluster, ...change });
  const [pool] = (body.properties as { agentPoolProfiles?: readonly object[] }).agentPoolProfiles ?? [];
  const pools =
    pool === undefined ? {} : { agentPoolProfiles: [{ ...pool, currentOrchestratorVersion: "1.35.7", maxPods: 250 }] };
  return memory.add(id, { ...body, tags, properties: { ...(body.properties as Json), ...pools, ...properties } });
};
const writes = () => memory.calls.filter((call) => /^(put|remove)/.test(call));

describe("an AKS cluster", () => {
  test("is created with node auto-provisioning, Entra alone, and what workloads need for their identities", async () => {
    memory.course = ["Creating", "Succeeded"];
    const state = await at().ensure();
    expect(state).toMatchObject({
      location: "eastus2",
      sku: { name: "Base", tier: "Standard" },
      identity: { type: "SystemAssigned" },
      tags,
      properties: {
        kubernetesVersion: "1.35",
        dnsPrefix: "k01-k8s-az-mylabs-test",
        disableLocalAccounts: true,
        aadProfile: { managed: true, enableAzureRBAC: true },
        securityProfile: { workloadIdentity: { enabled: true } },
        apiServerAccessProfile: { authorizedIPRanges: ["203.0.113.7/32"] },
        autoUpgradeProfile: { upgradeChannel: "none", nodeOSUpgradeChannel: "NodeImage" },
        nodeProvisioningProfile: { mode: "Auto" },
        agentPoolProfiles: [{ name: "system", mode: "System", vmSize: "Standard_D4ds_v5", count: 2 }],
        networkProfile: {
          networkPluginMode: "overlay",
          podCidr: "10.244.0.0/16",
          serviceCidr: "10.0.0.0/16",
          dnsServiceIP: "10.0.0.10",
        },
      },
      endpoint: { server: "https://k01.hcp.eastus2.azmk8s.io:443", authority: "Q0E=" },
      issuer: "https://eastus2.oic.prod-aks.azure.com/tenant/uuid/",
    });
    expect(await at().diff()).toEqual([]);
    await at().ensure();
    expect(writes()).toEqual([`put ${id}`]);
  });

  test("of AKS Automatic leaves nodes and upgrades to AKS", () => {
    const { sku, properties } = clusterBody({ ...cluster, mode: "automatic" }) as Record<string, Json>;
    expect(sku).toEqual({ name: "Automatic", tier: "Standard" });
    expect(properties).not.toHaveProperty("agentPoolProfiles");
    expect(properties).not.toHaveProperty("nodeProvisioningProfile");
    expect(properties?.autoUpgradeProfile).toEqual({ nodeOSUpgradeChannel: "NodeImage" });
    expect(properties?.networkProfile).toEqual({
      podCidr: "10.244.0.0/16",
      serviceCidr: "10.0.0.0/16",
      dnsServiceIP: "10.0.0.10",
    });
  });

  test.each<[readonly string[], readonly string[]]>([
    [
      ["203.0.113.8/32", "203.0.113.7/32"],
      ["203.0.113.7/32", "203.0.113.8/32"],
    ],
    [[], ["0.0.0.0/32"]],
    [["203.0.113.7/32", "0.0.0.0/0"], []],
  ])("may be reached from %p", (publicAccessCidrs, ranges) => {
    const { properties } = clusterBody({ ...cluster, publicAccessCidrs }) as Record<string, Json>;
    expect(properties?.apiServerAccessProfile).toEqual({ authorizedIPRanges: ranges });
  });

  const version = "kubernetesVersion";
  const pool = "agentPoolProfiles[system]";
  test.each<[string, Partial<AksCluster>, readonly (readonly [string, string])[]]>([
    ["nothing", {}, []],
    [
      "the version",
      { kubernetes: "1.36" },
      [
        [version, "in-place"],
        [`${pool}.orchestratorVersion`, "in-place"],
      ],
    ],
    [
      "a lower version",
      { kubernetes: "1.34" },
      [
        [version, "replace"],
        [`${pool}.orchestratorVersion`, "replace"],
      ],
    ],
    [
      "the ranges of the API server",
      { publicAccessCidrs: ["203.0.113.9/32"] },
      [["apiServerAccessProfile.authorizedIPRanges", "in-place"]],
    ],
    ["the upgrade channel", { upgradeChannel: "stable" }, [["autoUpgradeProfile.upgradeChannel", "in-place"]]],
    [
      "the number of system nodes",
      { systemNodes: { vmSize: "standard_d4ds_v5", count: 3 } },
      [[`${pool}.count`, "in-place"]],
    ],
    ["their size", { systemNodes: { vmSize: "Standard_D8ds_v5", count: 2 } }, [[`${pool}.vmSize`, "replace"]]],
    ["the pods' range", { podCidr: "10.200.0.0/16" }, [["networkProfile.podCidr", "replace"]]],
    [
      "the services' range",
      { serviceCidr: "10.1.0.0/16" },
      [
        ["networkProfile.serviceCidr", "replace"],
        ["networkProfile.dnsServiceIP", "replace"],
      ],
    ],
    ["the region", { region: "westus" }, [["location", "replace"]]],
    ["the mode", { mode: "automatic" }, [["sku.name", "replace"]]],
  ])("changes %s in place, or is replaced", async (_, change, changes) => {
    add({}, { kubernetesVersion: "1.35.7" });
    expect(await at(change).diff()).toEqual(changes.map((one) => [...one]));
  });

  test("keeps the patch that it has, and what AKS chose, when something else is changed", async () => {
    add({}, { kubernetesVersion: "1.35.2", servicePrincipalProfile: { clientId: "msi" } });
    const { properties } = await at({ upgradeChannel: "patch" }).ensure();
    expect(properties).toMatchObject({
      kubernetesVersion: "1.35.2",
      servicePrincipalProfile: { clientId: "msi" },
      agentPoolProfiles: [{ name: "system", maxPods: 250 }],
      autoUpgradeProfile: { upgradeChannel: "patch" },
    });
  });

  test("that AKS itself has upgraded is no drift, if the fleet lets it", async () => {
    add({ upgradeChannel: "stable", kubernetes: "1.36" });
    expect(await at({ upgradeChannel: "stable" }).diff()).toEqual([]);
    add({ kubernetes: "1.36" });
    expect((await at().diff()).length).toBe(2);
  });

  test("is raised by one minor version at a time, to one that AKS offers", async () => {
    add({ kubernetes: "1.34" });
    const leap = await failureOf(at({ kubernetes: "1.36" }).refuse());
    expect([leap.code, leap.message]).toEqual([
      "UpgradeRefused",
      `${cluster.name}: AKS raises Kubernetes by one minor version at a time`,
    ]);
    expect((await failureOf(at({ kubernetes: "1.36" }).ensure())).code).toBe("UpgradeRefused");
    await at({ kubernetes: "1.35" }).refuse();
    add({ kubernetes: "1.36" });
    const preview = await failureOf(at({ kubernetes: "1.37" }).refuse());
    expect(preview.message).toBe(`${cluster.name}: AKS does not offer Kubernetes 1.37 in eastus2`);
    expect(preview.hint).toContain("1.34, 1.35, 1.36");
    expect(writes()).toEqual([]);
  });

  test("of a version that AKS no longer offers is not created, and an old one is left alone", async () => {
    expect((await failureOf(at({ kubernetes: "1.31" }).ensure())).code).toBe("UpgradeRefused");
    add({ kubernetes: "1.31" });
    const { ensure, refuse } = at({ kubernetes: "1.31", publicAccessCidrs: [] });
    await refuse();
    await ensure();
    expect(writes()).toEqual([`put ${id}`]);
  });

  test("is known without its API server to those who may not read its kubeconfig", async () => {
    add();
    memory.onCall = (call) => {
      if (call.startsWith("post")) throw azureError("AuthorizationFailed", "no", 403);
    };
    expect((await at().present()).endpoint).toBeUndefined();
    memory.onCall = (call) => {
      if (call.startsWith("post")) throw azureError("InternalServerError", "no", 500);
    };
    expect((await failureOf(at().observe())).code).toBe("AzureUnreachable");
  });

  test("whose creation failed has no API server, and is written again", async () => {
    memory.adds.clear();
    add({}, { provisioningState: "Failed" });
    expect((await at().present()).endpoint).toBeUndefined();
    expect(await at().diff()).toEqual([["provisioningState", "in-place"]]);
    memory.course = ["Updating", "Succeeded"];
    await at().ensure();
    expect(writes()).toEqual([`put ${id}`]);
  });

  test("shows its version, and why it is not well", async () => {
    add();
    expect(await at().health()).toEqual({
      kind: "healthy",
      summary: "k01-k8s-az-mylabs-test",
      cluster: { kubernetes: "1.35.7" },
    });
    add({}, { currentKubernetesVersion: "1.35.7", powerState: { code: "Stopped" } });
    expect(await at().health()).toMatchObject({ kind: "degraded", cluster: { kubernetes: "1.35.7" } });
  });
});
