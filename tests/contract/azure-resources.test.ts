import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { aksCluster } from "#lib/azure/aks/cluster.ts";
import type { ArmResource } from "#lib/azure/clients.ts";
import { createAzureClients } from "#lib/azure/create-clients.ts";
import { federatedCredentials, githubCredentials, workloadCredential } from "#lib/azure/federated-credentials.ts";
import type { AksCluster } from "#lib/azure/fleet/types.ts";
import { identity } from "#lib/azure/identity.ts";
import { groupOf } from "#lib/azure/names.ts";
import { builtInRoles, clustersRole, grantingCondition } from "#lib/azure/permissions.ts";
import { resourceGroup } from "#lib/azure/resource-group.ts";
import { roleAssignment, roleDefinition, roleIdOf } from "#lib/azure/role.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import { zone } from "#lib/azure/zones/zone.ts";
import { type Clock, systemClock } from "#lib/clock.ts";
import { WorkGoesOn } from "#lib/errors.ts";
import type { OutputStore } from "#lib/graph/outputs.ts";
import type { Resource } from "#lib/graph/resource.ts";
import { armMemory } from "#tests/support/arm-memory.ts";
import { type AzureSandbox, openAzureSandbox } from "#tests/support/azure-sandbox.ts";
import { testAccount as account, azureWorld, bound } from "#tests/support/azure-world.ts";
import { isChanging } from "#tests/support/cloud-sandbox.ts";
import { failureOf } from "#tests/support/failure.ts";

// The resources of lib/azure on the sandbox, by the real clients: what one of them writes, the other one must take.

setDefaultTimeout(120_000);

const cluster: AksCluster = {
  provider: "azure",
  name: "k01.k8s.az.mylabs.test",
  account: account.name,
  region: "eastus2",
  kubernetes: "1.35",
  publicAccessCidrs: ["203.0.113.7/32"],
};
const tags = { project: "k8s-multicluster-gitops", fleet: "mylabs.test", cluster: cluster.name };
const row = { kind: "cluster", name: cluster.name, group: "azure" } as const;
const common = { account, row, tags, needs: [], label: "" };
const region = cluster.region;

const group = resourceGroup({ ...common, id: "group", title: "group", name: groupOf(cluster), region, contents: [] });
const own = zone({ ...common, id: "zone", title: "zone", group: groupOf(cluster), name: cluster.name });
const aksOf = (change: Partial<AksCluster> = {}) =>
  aksCluster({ ...common, id: "aks", title: "k01: AKS", cluster: { ...cluster, ...change } });
const aks = aksOf();
const workloads = identity({
  ...common,
  id: "identity",
  title: "identity",
  group: groupOf(cluster),
  name: "dns",
  region,
});
const credentials = federatedCredentials({
  id: "credentials",
  title: "credentials",
  account,
  identity: bound(workloads),
  credentials: (outputs) => [
    workloadCredential(outputs.find(bound(aks))?.issuer ?? "/", "external-dns", "external-dns"),
    ...githubCredentials(["repo:owner/name:ref:refs/heads/main"]),
  ],
});
const role = roleDefinition({ ...common, id: "role", title: "role", permissions: clustersRole });
const assigned = roleAssignment({
  ...common,
  id: "assigned",
  title: "assigned",
  scope: (outputs) => outputs.find(bound(own))?.id,
  role: builtInRoles.dnsZoneContributor,
  principal: (outputs) => ({ objectId: outputs.of(bound(workloads)).principalId, type: "ServicePrincipal" }),
});
const custom = roleAssignment({
  ...common,
  id: "custom",
  title: "custom",
  scope: () => `/subscriptions/${account.subscriptionId}`,
  role: roleIdOf(account, clustersRole),
  principal: (outputs) => ({ objectId: outputs.of(bound(workloads)).principalId, type: "ServicePrincipal" }),
});
// In the order of their needs.
const all = [
  group,
  own,
  aks,
  workloads,
  credentials,
  role,
  assigned,
  custom,
] as unknown as readonly Resource<unknown>[];

const absent = { kind: "absent" } as const;

/** Azure has its own haste; waits of ours that are for real clouds are shortened by it. */
const haste = 20;
const clock: Clock = {
  now: () => systemClock.now() * haste,
  sleep: (ms, signal) => systemClock.sleep(ms / haste, signal),
};

let sandbox: AzureSandbox;
let world: AzureWorld;
let outputs: OutputStore;
beforeAll(async () => {
  sandbox = await openAzureSandbox();
  const stage = azureWorld(armMemory(), { skipDnsWait: true });
  outputs = stage.outputs;
  world = { ...stage.world, clock, azure: sandbox.clients };
});
afterAll(async () => await sandbox.close());
beforeEach(async () => {
  await createAll();
  sandbox.server.clearCalls();
});

async function deleteAll(): Promise<void> {
  for (const resource of all.toReversed()) {
    const observed = await resource.observe(world, outputs);
    expect(await resource.remove(world, observed, outputs)).toEqual({ kind: "removed" });
    expect([resource.id, (await resource.observe(world, outputs)).kind]).toEqual([resource.id, "absent"]);
  }
}
const changing = () => sandbox.server.calls.filter(isChanging).map(({ service, action }) => `${service}:${action}`);
async function createAll(): Promise<void> {
  for (const resource of all) outputs.set(resource, await resource.ensure(world, absent, outputs));
}

describe("the resources of lib/azure on the sandbox", () => {
  test("are created, and then have no differences and ask for no changes", async () => {
    for (const resource of all) {
      const observed = await resource.observe(world, outputs);
      if (observed.kind !== "present") throw new Error(`${resource.id} is ${observed.kind}`);
      expect([resource.id, resource.diff(observed.state, outputs)]).toEqual([resource.id, []]);
      expect(resource.health(observed.state).kind).toBe("healthy");
    }
    await createAll();
    expect(changing()).toEqual([]);
  });

  test("tell what a caller needs: name servers, issuer, address and authority", () => {
    expect(outputs.of(bound(own)).nameServers).toHaveLength(4);
    const { issuer, endpoint } = outputs.of(bound(aks));
    expect(issuer).toMatch(/\/$/);
    expect(endpoint?.server).toMatch(/^https:/);
    expect(Buffer.from(endpoint?.authority ?? "", "base64").toString()).toContain("BEGIN CERTIFICATE");
  });

  test("keep tags of others through every write", async () => {
    for (const [resource, id] of [
      [group, outputs.of(bound(group)).id],
      [workloads, outputs.of(bound(workloads)).id],
      [aks, outputs.of(bound(aks)).id],
    ] as const) {
      const arm = sandbox.clients.arm(account);
      const found = await arm.get(world, id);
      if (found === undefined) throw new Error(id);
      const { tags: before, location, properties, sku, identity: principal } = found;
      await arm.put(world, id, {
        location,
        sku,
        identity: principal,
        properties,
        tags: { ...before, team: "x", cluster: "other" },
      });
      const state = await (resource as unknown as Resource<{ readonly tags?: unknown }>).ensure(
        world,
        { kind: "absent" },
        outputs,
      );
      expect(state.tags).toEqual({ ...tags, team: "x" });
    }
  });

  test("change an AKS cluster in place, and refuse a lower version", async () => {
    const name = "k02.k8s.az.mylabs.test" as const;
    const place = resourceGroup({ ...common, id: "group", title: "group", name, region, contents: [] });
    await place.ensure(world, absent, outputs);
    await aksOf({ name }).ensure(world, absent, outputs);
    const change = { kubernetes: "1.36", publicAccessCidrs: ["203.0.113.8/32"], upgradeChannel: "patch" } as const;
    const raised = aksOf({ name, ...change, systemNodes: { vmSize: "Standard_D4ds_v5", count: 3 } });
    const before = await raised.observe(world, outputs);
    if (before.kind !== "present") throw new Error(before.kind);
    expect(raised.diff(before.state, outputs).map(({ field, effect }) => [field, effect])).toEqual([
      ["kubernetesVersion", "in-place"],
      ["apiServerAccessProfile.authorizedIPRanges", "in-place"],
      ["agentPoolProfiles[system].orchestratorVersion", "in-place"],
      ["agentPoolProfiles[system].count", "in-place"],
      ["autoUpgradeProfile.upgradeChannel", "in-place"],
    ]);
    // Another run at the same time: each of them waits for the other's operation.
    const [state] = await Promise.all([raised.ensure(world, absent, outputs), raised.ensure(world, absent, outputs)]);
    expect(raised.diff(state, outputs)).toEqual([]);
    expect(state.properties?.currentKubernetesVersion).toMatch(/^1\.36\./);
    expect((await failureOf(aksOf({ name }).ensure(world, absent, outputs))).code).toBe("ReplacementRequired");
    await aksOf({ name }).remove(world, absent, outputs);
    await place.remove(world, absent, outputs);
  });

  test("are kept from a delete by what others made in them", async () => {
    const dns = await sandbox.clients.dns(account);
    const set = { name: "below", type: "NS", ttl: 300, values: ["ns.other.test"] } as const;
    await dns.putRecordSet(world, groupOf(cluster), cluster.name, set);
    const error = await failureOf(own.remove(world, absent, outputs));
    expect([error.code, error.details]).toEqual(["ZoneNotEmpty", [`NS below.${cluster.name}`]]);
    await dns.removeRecordSet(world, groupOf(cluster), cluster.name, "below", "NS");
    const full = await failureOf(group.remove(world, absent, outputs));
    expect(full.code).toBe("StillNeeded");
  });

  test("are deleted, and leave nothing", async () => {
    await deleteAll();
    expect(sandbox.resources()).toEqual([]);
  });
});

describe("the roles that lib/azure defines", () => {
  const scope = (): string => `/subscriptions/${account.subscriptionId}`;
  const given: Resource<ArmResource, AzureWorld>[] = [];
  // A role can't be deleted while somebody has it.
  afterEach(async () => {
    for (const made of given.splice(0)) await made.remove(world, absent, outputs);
  });
  /** A minute of Azure's time, and some of ours for a loaded machine. */
  const propagationMs = 5_000;
  /** Runs of somebody with these roles on the subscription. */
  const somebodyWith = async (
    ...roles: readonly { readonly role: string; readonly condition?: string }[]
  ): Promise<() => AzureWorld> => {
    const { objectId, env } = sandbox.operate("service-principal", { name: crypto.randomUUID() }) as {
      readonly objectId: string;
      readonly env: Readonly<Record<string, string>>;
    };
    for (const one of roles) {
      const who = { scope, principal: () => ({ objectId, type: "ServicePrincipal" as const }) };
      const made = roleAssignment({ ...common, ...one, ...who, id: "given", title: "given" });
      await made.ensure(world, absent, outputs);
      given.push(made);
    }
    await clock.sleep(propagationMs);
    return () => ({ ...world, azure: createAzureClients({}, { ...sandbox.variables, ...env }, { clock }) });
  };

  test("are enough to create, change and delete a cluster, and no more", async () => {
    const newRun = await somebodyWith({ role: roleIdOf(account, clustersRole), condition: grantingCondition });
    const somebody = newRun();
    const parts = all.filter((resource) => ![role, custom].includes(resource as never));
    for (const resource of parts.toReversed()) {
      await resource.remove(somebody, await resource.observe(somebody, outputs), outputs);
    }
    for (const resource of parts) outputs.set(resource, await resource.ensure(somebody, absent, outputs));
    for (const resource of parts) {
      const observed = await resource.observe(somebody, outputs);
      if (observed.kind !== "present") throw new Error(`${resource.id} is ${observed.kind}`);
      expect([resource.id, resource.diff(observed.state, outputs)]).toEqual([resource.id, []]);
    }
    expect(outputs.of(bound(aks)).endpoint).toBeDefined();
    const more = roleAssignment({
      ...common,
      id: "more",
      title: "more",
      scope,
      role: builtInRoles.reader,
      principal: (known) => ({ objectId: known.of(bound(workloads)).principalId, type: "ServicePrincipal" }),
    });
    // A run that has given roles waits for them.
    const later = newRun();
    expect((await failureOf(more.ensure(later, absent, outputs))).code).toBe("AzureDenied");
    expect((await failureOf(role.remove(later, absent, outputs))).code).toBe("AzureDenied");
  });

  test("let readers see a cluster, but not its address", async () => {
    const somebody = (await somebodyWith({ role: builtInRoles.reader }))();
    for (const resource of all) {
      const observed = await resource.observe(somebody, outputs);
      if (observed.kind !== "present") throw new Error(`${resource.id} is ${observed.kind}`);
      expect([resource.id, resource.diff(observed.state, outputs)]).toEqual([resource.id, []]);
    }
    const observed = await aks.observe(somebody, outputs);
    expect(observed).toMatchObject({ kind: "present", state: { endpoint: undefined } });
  });
});

describe("a fault of Azure", () => {
  test.each<[string, Resource<unknown>]>([
    ["resourceGroups:write", group as never],
    ["dnsZones:write", own as never],
    ["userAssignedIdentities:write", workloads as never],
    ["managedClusters:write", aks as never],
    ["federatedIdentityCredentials:write", credentials as never],
    ["roleDefinitions:write", role as never],
    ["roleAssignments:write", assigned as never],
  ])("that loses the answer to %s makes no second one", async (target, resource) => {
    await deleteAll();
    for (const before of all.slice(0, all.indexOf(resource))) {
      outputs.set(before, await before.ensure(world, absent, outputs));
    }
    sandbox.server.clearCalls();
    sandbox.fault(target, "lost");
    const state = await resource.ensure(world, absent, outputs);
    expect(resource.diff(state, outputs)).toEqual([]);
    expect(await resource.observe(world, outputs)).toMatchObject({ kind: "present" });
    expect(changing()).toContain(target);
    sandbox.server.faults.clear();
  });

  test("that ends the creation of a cluster is told with its reason, and repaired by the next run", async () => {
    await aks.remove(world, absent, outputs);
    const subscription = account.subscriptionId;
    const reason = { code: "VMExtensionProvisioningTimeout", message: "a node did not come up" };
    sandbox.operate("fail-provisioning", { subscription, ...reason });
    const error = await failureOf(aks.ensure(world, absent, outputs));
    expect([error.code, error.details[0]]).toEqual(["AzureFailed", `${reason.code}: ${reason.message}`]);
    const observed = await aks.observe(world, outputs);
    if (observed.kind !== "present") throw new Error(observed.kind);
    expect(aks.diff(observed.state, outputs).map(({ field, from }) => [field, from])).toEqual([
      ["provisioningState", "Failed"],
    ]);
    expect(aks.health(observed.state).kind).toBe("degraded");
    const repaired = await aks.ensure(world, observed, outputs);
    expect(aks.diff(repaired, outputs)).toEqual([]);
    expect(aks.health(repaired).kind).toBe("healthy");
    expect(changing().filter((call) => call === "managedClusters:delete")).toHaveLength(1);
  });

  test("that is a used-up quota is told at once", async () => {
    await aks.remove(world, absent, outputs);
    const subscription = account.subscriptionId;
    sandbox.operate("vcpu-quota", { subscription, region, cores: "4" });
    const error = await failureOf(aks.ensure(world, absent, outputs));
    sandbox.operate("vcpu-quota", { subscription, region, cores: "1000" });
    expect(error.code).toBe("QuotaExceeded");
    expect(error.message).toContain("requested 8, remaining 4");
    expect((await aks.observe(world, outputs)).kind).toBe("absent");
  });

  test("that is a new subscription is none: it is registered for what is created", async () => {
    await deleteAll();
    const arm = sandbox.clients.arm(account);
    const providers = ["Microsoft.ContainerService", "Microsoft.ManagedIdentity", "Microsoft.Network"];
    for (const namespace of providers) {
      await arm.post(world, `/subscriptions/${account.subscriptionId}/providers/${namespace}`, "unregister");
    }
    await createAll();
    const registering = sandbox.server.calls.filter(({ action }) => action === "register");
    expect(registering).toHaveLength(providers.length);
  });

  test("that is a lock is named, and not asked again", async () => {
    const arm = sandbox.clients.arm(account);
    const lock = `${outputs.of(bound(own)).id}/providers/Microsoft.Authorization/locks/keep`;
    await arm.put(world, lock, { properties: { level: "CanNotDelete" } });
    sandbox.server.clearCalls();
    const error = await failureOf(own.remove(world, absent, outputs));
    expect(error.code).toBe("AzureLocked");
    expect(changing()).toEqual(["dnsZones:delete"]);
    await arm.remove(world, lock);
  });

  test("that ends this program leaves an operation, which the next run joins", async () => {
    await aks.remove(world, absent, outputs);
    sandbox.server.clearCalls();
    const controller = new AbortController();
    const progress = (): void => void (sandbox.server.calls.some(isChanging) && controller.abort(new Error("killed")));
    const first = aks.ensure({ ...world, signal: controller.signal, progress }, absent, outputs);
    expect(await failureOf(first)).toBeInstanceOf(WorkGoesOn);
    expect(await aks.observe(world, outputs)).toEqual({
      kind: "busy",
      why: "Azure is at work on it: Creating",
      inCloud: true,
    });
    const state = await aks.ensure(world, absent, outputs);
    expect(aks.diff(state, outputs)).toEqual([]);
    expect(changing()).toEqual(["managedClusters:write"]);
  });
});
