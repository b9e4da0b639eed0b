import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { findResource } from "#sandbox/azure/arm/store.ts";
import { aksOperations } from "#sandbox/azure/kinds/aks/limits.ts";
import { type JsonObject, listAt, objectAt, stringAt, valueAt } from "#sandbox/json.ts";
import { AksWorld, clusterId, standard, subscription } from "#tests/sandbox/azure/aks/world.ts";

let world: AksWorld;
beforeEach(() => {
  world = new AksWorld();
});
afterEach(() => world.close());

const put = (body: JsonObject, id = clusterId()) => world.request("PUT", id, body);
const properties = async (): Promise<JsonObject> =>
  objectAt((await world.request("GET", clusterId())).body, "properties");
const code = ({ body }: { readonly body: JsonObject }) => body.code;

describe("a cluster", () => {
  test("refuses everything while an operation runs, in the form of AKS", async () => {
    await put(standard());
    const busy = { status: 409, body: { code: "OperationNotAllowed", details: null, subcode: "" } };
    const refused = await put(standard());
    expect(refused).toMatchObject(busy);
    expect(refused.body.message).toStartWith(
      "Operation is not allowed because there's an in progress create managed cluster operation (operation ID: ",
    );
    expect(await world.request("DELETE", clusterId())).toMatchObject(busy);
    const pool = { properties: { count: 1, vmSize: "Standard_D2s_v3" } };
    expect(await world.request("PUT", `${clusterId()}/agentPools/more`, pool)).toMatchObject(busy);
    expect(code(await world.request("POST", `${clusterId()}/listClusterUserCredential`))).toBe("BadRequest");
    expect(await world.settled()).toBe("Succeeded");
  });

  test("takes its node resource group and its pools with it", async () => {
    await world.make(standard());
    const group = `/subscriptions/${subscription}/resourceGroups/MC_k01-rg_k01_westeurope`;
    expect(findResource(world.cloud, group)).toMatchObject({
      location: "westeurope",
      tags: { "aks-managed-cluster-name": "k01" },
    });
    expect((await world.request("DELETE", clusterId())).status).toBe(202);
    expect(world.state()).toBe("Deleting");
    await world.settled();
    expect((await world.request("GET", clusterId())).status).toBe(404);
    expect(findResource(world.cloud, group)).toBeUndefined();
    expect(world.stored(`${clusterId()}/agentPools/systempool`)).toBeUndefined();
    expect((await world.request("DELETE", clusterId())).status).toBe(204);
  });

  test("keeps what a second request leaves out, and gets what it changes", async () => {
    const before = objectAt(
      await world.make(standard({}, { apiServerAccessProfile: { authorizedIPRanges: ["203.0.113.0/24"] } })),
      "properties",
    );
    const { status, body } = await put({
      location: "West Europe",
      properties: { autoUpgradeProfile: { upgradeChannel: "stable" } },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      sku: { name: "Base", tier: "Standard" },
      properties: { provisioningState: "Updating" },
    });
    await world.settled();
    const after = await properties();
    for (const kept of [
      "fqdn",
      "oidcIssuerProfile",
      "apiServerAccessProfile",
      "aadProfile",
      "agentPoolProfiles",
      "networkProfile",
    ]) {
      expect(after[kept]).toEqual(before[kept]);
    }
    expect(after.autoUpgradeProfile).toEqual({ nodeOSUpgradeChannel: "NodeImage", upgradeChannel: "stable" });
  });

  test("that is Automatic has no pools, and all that goes without saying there", async () => {
    const cluster = await world.make({
      location: "westeurope",
      sku: { name: "Automatic", tier: "Standard" },
      properties: {},
    });
    expect(cluster.properties).toMatchObject({
      agentPoolProfiles: [],
      hostedSystemProfile: { enabled: true },
      nodeProvisioningProfile: { mode: "Auto" },
      disableLocalAccounts: true,
      aadProfile: { managed: true, enableAzureRBAC: true },
      oidcIssuerProfile: { enabled: true },
      securityProfile: { workloadIdentity: { enabled: true } },
    });
  });

  test("that failed says so, and is repaired by another PUT", async () => {
    const fail = () =>
      aksOperations(world.cloud)["fail-provisioning"]({
        subscription,
        code: "CreateVMSSAgentPoolFailed",
        message: "no machines",
      });
    fail();
    await put(standard());
    expect(await world.settled()).toBe("Failed");
    expect(await properties()).toMatchObject({
      status: { provisioningError: { code: "CreateVMSSAgentPoolFailed", message: "no machines" } },
      agentPoolProfiles: [{ provisioningState: "Failed" }],
    });
    expect((await world.request("POST", `${clusterId()}/listClusterUserCredential`)).status).toBe(200);
    expect((await put(standard())).status).toBe(200);
    expect(await world.settled()).toBe("Succeeded");
    expect((await properties()).status).toBeUndefined();
    expect((await world.kubeconfig("listClusterUserCredential")).server).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    fail();
    await put(standard());
    expect(await world.settled()).toBe("Failed");
    expect((await world.request("DELETE", clusterId())).status).toBe(202);
  });
});

describe("a version of Kubernetes", () => {
  test("goes up one minor version at a time, node pools after their cluster", async () => {
    await world.make(standard({}, { kubernetesVersion: "1.34" }));
    const upgrade = (version: string) => put(standard({}, { kubernetesVersion: version, agentPoolProfiles: [] }));
    expect((await upgrade("1.36")).body).toMatchObject({
      code: "OperationNotAllowed",
      message:
        "Upgrading Kubernetes version 1.34.10 to 1.36.3 is not allowed. Available upgrades: [1.35.7]. Please see https://aka.ms/aks-supported-k8s-ver for version details.",
    });
    const pool = (version: string) =>
      world.request("PUT", `${clusterId()}/agentPools/systempool`, { properties: { orchestratorVersion: version } });
    expect(code(await pool("1.35"))).toBe("NodePoolMcVersionIncompatible");
    expect((await upgrade("1.35")).status).toBe(200);
    expect(await properties()).toMatchObject({ kubernetesVersion: "1.35", currentKubernetesVersion: "1.34.10" });
    await world.settled();
    expect(await properties()).toMatchObject({
      currentKubernetesVersion: "1.35.7",
      agentPoolProfiles: [{ orchestratorVersion: "1.34", currentOrchestratorVersion: "1.34.10" }],
    });
    expect((await pool("1.35.7")).status).toBe(200);
    expect(code(await upgrade("1.35"))).toBe("OperationNotAllowed");
    await world.settled(`${clusterId()}/agentPools/systempool`);
    expect(await properties()).toMatchObject({ agentPoolProfiles: [{ currentOrchestratorVersion: "1.35.7" }] });
    expect(code(await upgrade("1.34"))).toBe("OperationNotAllowed");
  });

  test.each([
    ["1.20", "which is not supported in this region"],
    ["1.35.6", "which is not supported in this region"],
    ["1.33", "on version 1.33.13, which is only available for Long-Term Support (LTS)"],
  ])("%s is not offered", async (version, why) => {
    const { status, body } = await put(standard({}, { kubernetesVersion: version }));
    expect([status, body.code]).toEqual([400, "K8sVersionNotSupported"]);
    expect(body.message).toContain(why);
  });
});

describe("a new cluster is refused", () => {
  const pools = (pool: JsonObject) => ({
    agentPoolProfiles: [{ name: "p", mode: "System", vmSize: "Standard_D2s_v3", ...pool }],
  });
  test.each<[string, string, JsonObject]>([
    ["without a system pool", "MustDefineAtLeastOneSystemPool", { agentPoolProfiles: [] }],
    ["with a user pool alone", "MustDefineAtLeastOneSystemPool", pools({ mode: "User" })],
    ["with a pool of a long name", "InvalidParameter", pools({ name: "abcdefghijklm" })],
    ["with an empty system pool", "InvalidParameter", pools({ count: 0 })],
    ["with an unknown size", "BadRequest", pools({ vmSize: "Large" })],
    ["without a DNS prefix", "InvalidParameter", { dnsPrefix: "" }],
    [
      "with a name server outside of its services",
      "DnsServiceIpOutOfServiceCidr",
      { networkProfile: { serviceCidr: "10.9.0.0/16" } },
    ],
    ["with the node resource group of another", "InvalidParameter", { nodeResourceGroup: "k01-rg" }],
    ["with workload identity and no issuer", "InvalidParameter", { oidcIssuerProfile: { enabled: false } }],
    ["with a field that AKS does not have", "InvalidRequestContent", { enableRbac: true, speed: 1 }],
  ])("%s: %s", async (_, expected, change) => {
    const { status, body } = await put(standard({}, change));
    expect([status, stringAt(body, "code") || stringAt(body, "error", "code")]).toEqual([400, expected]);
    expect(world.stored()).toBeUndefined();
  });

  test("beyond the quota of its subscription, also when pools grow", async () => {
    aksOperations(world.cloud)["vcpu-quota"]({ subscription, region: "westeurope", cores: "10" });
    const pool = (count: number) => pools({ vmSize: "Standard_D4ds_v5", count });
    const { body } = await put(standard({}, pool(3)));
    expect(body.code).toBe("ErrCode_InsufficientVCPUQuota");
    expect(body.message).toStartWith(
      "Insufficient vcpu quota requested 12, remaining 10 for family standardDDSv5Family for region westeurope.",
    );
    await world.make(standard({}, pool(2)));
    expect(stringAt((await put(standard({}, pool(3)))).body, "message")).toContain("requested 4, remaining 2 for");
    expect((await put(standard({}, pool(1)))).status).toBe(200);
  });
});

test.each<[string, JsonObject, JsonObject]>([
  ["dnsPrefix", {}, { dnsPrefix: "other" }],
  ["networkProfile.podCidr", {}, { networkProfile: { podCidr: "10.240.0.0/16" } }],
  ["networkProfile.serviceCidr", {}, { networkProfile: { serviceCidr: "10.0.0.0/20" } }],
  ["vmSize", {}, { agentPoolProfiles: [{ name: "systempool", vmSize: "Standard_D8ds_v5" }] }],
])("%s can't be changed", async (property, changes, change) => {
  await world.make(standard());
  const { status, body } = await put(standard(changes, change));
  expect(status).toBe(400);
  expect(body).toMatchObject({
    code: "PropertyChangeNotAllowed",
    message: `Changing property 'properties.${property}' is not allowed.`,
    target: `properties.${property}`,
  });
});

test("a cluster can't move", async () => {
  await world.make(standard());
  expect(await put(standard({ location: "northeurope" }))).toMatchObject({
    status: 409,
    body: { code: "InvalidResourceLocation" },
  });
});

describe("a node pool", () => {
  const more = `${clusterId()}/agentPools/more`;

  test("comes and goes by itself, and is in the profiles of its cluster", async () => {
    await world.make(standard());
    const { status, body } = await world.request("PUT", more, { properties: { count: 1, vmSize: "Standard_D2s_v3" } });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      name: "more",
      properties: { mode: "User", provisioningState: "Creating", orchestratorVersion: "1.35" },
    });
    expect(code(await put(standard()))).toBe("OperationNotAllowed");
    await world.settled(more);
    const names = async () => listAt(await properties(), "agentPoolProfiles").map((pool) => stringAt(pool, "name"));
    expect(await names()).toEqual(["systempool", "more"]);
    expect(listAt((await world.request("GET", `${clusterId()}/agentPools`)).body, "value")).toHaveLength(2);
    expect((await world.request("DELETE", more)).status).toBe(202);
    await world.settled(more);
    expect(await names()).toEqual(["systempool"]);
  });

  test("that is the last of the system stays", async () => {
    await world.make(standard());
    expect(code(await world.request("DELETE", `${clusterId()}/agentPools/systempool`))).toBe(
      "MustDefineAtLeastOneSystemPool",
    );
  });
});

test("operations end as if nothing had happened when the sandbox is ended in their middle", async () => {
  await world.make(standard({}, { kubernetesVersion: "1.34" }));
  const { server, ca } = await world.kubeconfig("listClusterUserCredential");
  await put(standard({ location: "westeurope" }, { dnsPrefix: "k02" }), clusterId("k02"));
  await put(standard({}, { kubernetesVersion: "1.35" }));
  await world.leave();
  world = new AksWorld(world.folder);
  expect([world.state(), world.state(clusterId("k02"))]).toEqual(["Updating", "Creating"]);
  await world.resume();
  const early = await fetch(`${server}/version`, {
    headers: { authorization: `Bearer ${await world.token()}` },
    tls: { ca },
  });
  expect(early.status).toBe(200);
  expect([await world.settled(), await world.settled(clusterId("k02"))]).toEqual(["Succeeded", "Succeeded"]);
  expect(valueAt(await properties(), "currentKubernetesVersion")).toBe("1.35.7");
  await world.request("DELETE", clusterId());
  await world.leave();
  world = new AksWorld(world.folder);
  await world.resume();
  expect(await world.settled()).toBe("");
});
