import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { storeResource } from "#sandbox/azure/arm/store.ts";
import { administratorOf } from "#sandbox/azure/entra/administrators.ts";
import { joinGroup, type Principal } from "#sandbox/azure/entra/directory.ts";
import { answerEntra } from "#sandbox/azure/entra/endpoint.ts";
import { controlPlanesOf } from "#sandbox/cloud/control-planes.ts";
import { type JsonObject, listAt, objectAt, stringAt, valueAt } from "#sandbox/json.ts";
import { conditionStatus } from "#sandbox/kubernetes/behaviours/conditions.ts";
import { deployments, nodes, services } from "#sandbox/kubernetes/kinds.ts";
import { type Cluster, create, remove } from "#sandbox/kubernetes/operations.ts";
import {
  AksWorld,
  aksServerApp,
  clusterId,
  standard,
  subscription,
  tenant,
  until,
} from "#tests/sandbox/azure/aks/world.ts";
import { run } from "#tests/sandbox/harness.ts";

const roles = {
  owner: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
  clusterAdmin: "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b",
  reader: "7f6c6a51-bcf8-42ba-9220-52d62157d7db",
} as const;
const installed = join(homedir(), ".cache", "k8s-lab", "bin", "kubectl");
const kubectl = Bun.which("kubectl") ?? (existsSync(installed) ? installed : undefined);

let world: AksWorld;
let user: Principal;
beforeEach(() => {
  world = new AksWorld();
  user = world.principal("somebody");
});
afterEach(() => world.close());

function assign(principalId: string, role: string, scope: string): void {
  const name = crypto.randomUUID();
  const type = "Microsoft.Authorization/roleAssignments";
  const roleDefinitionId = `/subscriptions/${subscription}/providers/Microsoft.Authorization/roleDefinitions/${role}`;
  storeResource(world.cloud, {
    id: `${scope}/providers/${type}/${name}`,
    name,
    type,
    properties: { principalId, roleDefinitionId, scope },
    hidden: { effective: "2026-01-01T00:00:00Z" },
  });
}

/** Status and message of an answer of the API server. */
async function ask(path: string, token: string | undefined, init: RequestInit = {}) {
  const { server, ca } = await world.kubeconfig("listClusterUserCredential");
  const headers = {
    "content-type": "application/json",
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const response = await fetch(`${server}${path}`, { ...init, headers, tls: { ca } });
  const body = (await response.json()) as JsonObject;
  return { status: response.status, message: stringAt(body, "message"), body };
}

const claimMap = { method: "POST", body: JSON.stringify({ metadata: { name: "x" } }) };
const maps = "/api/v1/namespaces/default/configmaps";

describe("the API server of a cluster", () => {
  test("asks Azure's roles what somebody may do, at its own scope and above", async () => {
    await world.make(standard());
    expect((await ask("/api/v1/nodes", undefined)).status).toBe(401);
    const token = await world.token(user);
    expect(await ask("/api/v1/nodes", token)).toMatchObject({
      status: 403,
      message: `nodes is forbidden: User "${user.objectId}" cannot list resource "nodes" in API group "" at the cluster scope: User does not have access to the resource in Azure. Update role assignment to allow access.`,
    });
    assign(user.objectId, roles.owner, `/subscriptions/${subscription}`);
    expect((await ask("/api/v1/nodes", token)).status).toBe(403);
    assign(user.objectId, roles.reader, clusterId());
    expect((await ask("/api/v1/pods", token)).status).toBe(200);
    expect((await ask(maps, token, claimMap)).status).toBe(403);
    assign(user.objectId, roles.clusterAdmin, clusterId());
    expect((await ask(maps, token, claimMap)).status).toBe(201);
  });

  test("knows roles of groups, and roles for one namespace", async () => {
    await world.make(standard());
    const token = await world.token(user);
    const group = crypto.randomUUID();
    assign(group, roles.clusterAdmin, `${clusterId()}/namespaces/default`);
    expect((await ask(maps, token)).status).toBe(403);
    joinGroup(world.cloud, tenant, group, user.objectId);
    expect((await ask(maps, token)).status).toBe(200);
    expect((await ask("/api/v1/namespaces/kube-system/configmaps", token)).status).toBe(403);
    expect((await ask("/api/v1/configmaps", token)).status).toBe(403);
  });

  test("accepts no token but those of Entra for the application of AKS", async () => {
    await world.make(standard());
    assign(user.objectId, roles.clusterAdmin, clusterId());
    const token = await world.token(user);
    expect((await ask("/api/v1/nodes", token)).status).toBe(200);
    for (const wrong of [await world.token(user, "https://management.azure.com"), `${token.slice(0, -6)}AAAAAA`, "x"]) {
      expect((await ask("/api/v1/nodes", wrong)).status).toBe(401);
    }
    const stored = objectAt(world.stored(), "hidden");
    expect((await ask("/api/v1/nodes", stringAt(stored, "localToken"))).status).toBe(401);
  });

  test("lets in administrators' groups alone where Azure's roles are not asked", async () => {
    const group = crypto.randomUUID();
    await world.make(
      standard({}, { aadProfile: { managed: true, enableAzureRBAC: false, adminGroupObjectIDs: [group] } }),
    );
    const token = await world.token(user);
    assign(user.objectId, roles.clusterAdmin, clusterId());
    const { status, message } = await ask("/api/v1/nodes", token);
    expect([status, message]).toEqual([403, expect.stringMatching(/at the cluster scope$/)]);
    joinGroup(world.cloud, tenant, group, user.objectId);
    expect((await ask("/api/v1/nodes", token)).status).toBe(200);
  });
});

describe("a kubeconfig", () => {
  test("asks kubelogin or, in the old format, kubectl itself", async () => {
    await world.make(standard());
    const { user: exec } = await world.kubeconfig("listClusterUserCredential?format=exec");
    expect(exec).toMatchObject({ exec: { command: "kubelogin", apiVersion: "client.authentication.k8s.io/v1beta1" } });
    expect(listAt(exec, "exec", "args").slice(0, 5)).toEqual([
      "get-token",
      "--environment",
      "AzurePublicCloud",
      "--server-id",
      aksServerApp,
    ]);
    const { user: azure } = await world.kubeconfig("listClusterUserCredential?format=azure");
    expect(azure).toMatchObject({
      "auth-provider": { name: "azure", config: { "apiserver-id": aksServerApp, "tenant-id": tenant } },
    });
    expect(await world.request("POST", `${clusterId()}/listClusterAdminCredential`)).toMatchObject({
      status: 400,
      body: {
        code: "BadRequest",
        message: "Getting static credential is not allowed because this cluster is set to disable local accounts.",
      },
    });
  });

  test("of the local administrator holds a token while local accounts are enabled", async () => {
    await world.make(standard({}, { disableLocalAccounts: false }));
    const { user: admin } = await world.kubeconfig("listClusterAdminCredential");
    expect((await ask(maps, stringAt(admin, "token"), claimMap)).status).toBe(201);
  });
});

function objects(): Cluster {
  const found = controlPlanesOf(world.cloud).objects(clusterId().toLowerCase());
  if (found === undefined) throw new Error("nothing answers for k01");
  return found;
}

const readyNodes = () =>
  objects()
    .store.list(nodes)
    .filter((node) => conditionStatus(node, "Ready") === "True");

describe("the machines of a cluster", () => {
  test("are named and numbered as those of Azure, and keep their names when they are upgraded", async () => {
    await world.make(standard({}, { kubernetesVersion: "1.34" }));
    await until(() => readyNodes().length === 2);
    const names = () => readyNodes().map(({ metadata }) => metadata.name);
    const before = names();
    expect(before[0]).toMatch(/^aks-systempool-\d{8}-vmss000000$/);
    const [node] = readyNodes();
    expect(stringAt(node, "spec", "providerID")).toMatch(
      new RegExp(
        `^azure:///subscriptions/${subscription}/resourceGroups/mc_k01-rg_k01_westeurope/providers/Microsoft\\.Compute/virtualMachineScaleSets/aks-systempool-\\d{8}-vmss/virtualMachines/0$`,
      ),
    );
    expect(objectAt(node, "metadata", "labels")).toMatchObject({
      "kubernetes.azure.com/agentpool": "systempool",
      "kubernetes.azure.com/mode": "system",
      "topology.kubernetes.io/region": "westeurope",
    });
    await world.make(
      standard(
        {},
        {
          kubernetesVersion: "1.35",
          agentPoolProfiles: [{ name: "systempool", count: 2, orchestratorVersion: "1.35" }],
        },
      ),
    );
    await until(() => readyNodes().length === 2 && names().join() === before.join());
    expect(readyNodes().map((one) => stringAt(one, "status", "nodeInfo", "kubeletVersion"))).toEqual([
      "v1.35.7",
      "v1.35.7",
    ]);
    await world.make(
      standard({}, { agentPoolProfiles: [{ name: "systempool", count: 1, orchestratorVersion: "1.35" }] }),
    );
    await until(() => names().join() === before[0]);
  });

  test("come for pods by themselves in AKS Automatic", async () => {
    await world.make({ location: "westeurope", sku: { name: "Automatic" }, properties: {} });
    expect(objects().store.list(nodes)).toEqual([]);
    const labels = { app: "web" };
    create(objects(), deployments, "default", {
      metadata: { name: "web" },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: "web", image: "x" }] } },
      },
    });
    await until(() => valueAt(objects().store.get(deployments, "default", "web"), "status", "availableReplicas") === 2);
    expect(readyNodes().map(({ metadata }) => metadata.name)).toEqual([
      expect.stringMatching(/^aks-default-[a-z0-9]{5}$/),
      expect.stringMatching(/^aks-default-[a-z0-9]{5}$/),
    ]);
  });

  test("are behind a load balancer with an address, not a name", async () => {
    await world.make(standard());
    create(objects(), services, "default", {
      metadata: { name: "web" },
      spec: { type: "LoadBalancer", ports: [{ port: 443 }] },
    });
    const ingress = () => valueAt(objects().store.get(services, "default", "web"), "status", "loadBalancer", "ingress");
    await until(() => ingress() !== undefined);
    expect(ingress()).toEqual([{ ip: expect.stringMatching(/^198\.1[89]\.\d+\.\d+$/) }]);
    remove(objects(), services, "default", "web");
    await until(() => objects().store.get(services, "default", "web") === undefined);
  });
});

describe("a service account", () => {
  const credential = (identity: string, issuer: string) => {
    const id = `${clusterId().replace(/\/providers.*/, "")}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${identity}`;
    const common = { name: identity, type: "Microsoft.ManagedIdentity/userAssignedIdentities" };
    storeResource(world.cloud, {
      ...common,
      id,
      properties: { principalId: user.objectId, clientId: user.clientId, tenantId: tenant },
    });
    storeResource(world.cloud, {
      id: `${id}/federatedIdentityCredentials/dns`,
      name: "dns",
      type: `${common.type}/federatedIdentityCredentials`,
      properties: {
        issuer,
        subject: "system:serviceaccount:default:default",
        audiences: ["api://AzureADTokenExchange"],
      },
      hidden: { effective: "2026-01-01T00:00:00Z" },
    });
  };
  const exchange = async (assertion: string) => {
    const form = {
      grant_type: "client_credentials",
      client_id: user.clientId,
      scope: "https://management.azure.com/.default",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: assertion,
    };
    const url = new URL(`https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`);
    const body = new URLSearchParams(form).toString();
    const response = await answerEntra(world.cloud, { method: "POST", url, headers: { host: url.host }, body });
    return { status: response.status, body: (await response.json()) as JsonObject };
  };
  const tokenPath = "/api/v1/namespaces/default/serviceaccounts/default/token";
  const request = (spec: JsonObject) => ({ method: "POST", body: JSON.stringify({ spec }) });

  test("gets tokens that Entra accepts for a federated credential, until its cluster is gone", async () => {
    const cluster = await world.make(standard({}, { disableLocalAccounts: false }));
    const admin = stringAt((await world.kubeconfig("listClusterAdminCredential")).user, "token");
    credential("dns", stringAt(cluster, "properties", "oidcIssuerProfile", "issuerURL"));
    const issued = await ask(tokenPath, admin, request({ audiences: ["api://AzureADTokenExchange"] }));
    expect(issued.status).toBe(201);
    const token = stringAt(issued.body, "status", "token");
    expect((await exchange(token)).status).toBe(200);
    const other = await ask(tokenPath, admin, request({ audiences: ["other"] }));
    expect((await exchange(stringAt(other.body, "status", "token"))).status).toBeGreaterThanOrEqual(400);
    expect((await ask(tokenPath, admin, request({ expirationSeconds: 60 }))).status).toBe(400);
    await world.request("DELETE", clusterId());
    await world.settled();
    expect((await exchange(token)).status).toBeGreaterThanOrEqual(400);
  });

  test.skipIf(kubectl === undefined)("and nodes are shown by kubectl, by a token of Entra", async () => {
    await world.make(standard());
    assign(administratorOf(tenant).objectId, roles.clusterAdmin, clusterId());
    const { server, ca } = await world.kubeconfig("listClusterUserCredential");
    const caFile = join(world.folder, "ca.pem");
    writeFileSync(caFile, ca);
    const flags = ["--server", server, "--certificate-authority", caFile, "--token", await world.token()];
    const ask = (...args: readonly string[]) =>
      run([kubectl ?? "", ...args, ...flags], {
        HOME: world.folder,
        PATH: Bun.env.PATH ?? "",
        KUBECONFIG: "/dev/null",
      });
    await until(() => readyNodes().length === 2);
    expect((await ask("get", "nodes", "-o", "name")).stdout).toMatch(
      /^node\/aks-systempool-\d{8}-vmss000000\nnode\/aks-systempool-/,
    );
    const { stdout, stderr } = await ask("create", "token", "default", "--audience", "api://AzureADTokenExchange");
    expect(stderr).toBe("");
    const claims = JSON.parse(Buffer.from(stdout.split(".")[1] ?? "", "base64url").toString());
    expect(claims).toMatchObject({ sub: "system:serviceaccount:default:default", aud: ["api://AzureADTokenExchange"] });
  });
});
