import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { ClientSecretCredential } from "@azure/identity";
import { type Client, getClient, type HttpResponse } from "@azure-rest/core-client";
import { administratorOf } from "#sandbox/azure/entra/administrators.ts";
import { listAt, stringAt, stringsAt } from "#sandbox/json.ts";
import { run, TestSandbox } from "#tests/sandbox/harness.ts";

/** Generous: these tests start processes, maybe on a busy machine. */
setDefaultTimeout(120_000);

const subscription = "22222222-2222-2222-2222-222222222222";
const tenant = "99999999-9999-9999-9999-999999999999";
const account = JSON.stringify({ provider: "azure", name: "azure-01", subscriptionId: subscription, tenantId: tenant });
const group = `/subscriptions/${subscription}/resourceGroups/k01`;
const clusterId = (name: string) => `${group}/providers/Microsoft.ContainerService/managedClusters/${name}`;
const installed = join(homedir(), ".cache", "k8s-lab", "bin", "kubectl");
const kubectl = Bun.which("kubectl") ?? (existsSync(installed) ? installed : undefined);

/** The Azure CLI, of 2.91: `AZURE_CLI=…/bin/az`. */
const az = Bun.env.AZURE_CLI ?? "";
if (az === "") process.stdout.write("AKS is not judged by az: AZURE_CLI does not name it\n");

const sandbox = new TestSandbox();
let variables: Record<string, string> = {};
let client: Client;

async function up(): Promise<Record<string, string>> {
  const outcome = await sandbox.main("up", "--speed", "10", "--domain", "mylabs.dev", "--account", account);
  if (outcome.code !== 0) throw new Error(outcome.stderr);
  return JSON.parse(outcome.stdout).env;
}

const status = async () => JSON.parse((await sandbox.main("status")).stdout);

beforeAll(async () => {
  variables = await up();
  const { ARM_METADATA_HOSTNAME: host = "", AZURE_CLIENT_ID: id = "", AZURE_CLIENT_SECRET: secret = "" } = variables;
  const tlsOptions = { ca: readFileSync(variables.REQUESTS_CA_BUNDLE ?? "", "utf8") };
  const credential = new ClientSecretCredential(tenant, id, secret, {
    authorityHost: `https://${host}`,
    disableInstanceDiscovery: true,
    tlsOptions,
  });
  client = getClient(`https://${host}`, credential, {
    tlsOptions,
    credentials: { scopes: ["https://management.azure.com/.default"] },
  });
  await ask("PUT", group, { location: "westeurope" }, "2025-04-01");
});
afterAll(() => sandbox.remove());

async function ask(method: "GET" | "PUT" | "DELETE" | "POST", path: string, body?: object, version = "2026-05-01") {
  const request = client.pathUnchecked(path);
  const options = { queryParameters: { "api-version": version }, ...(body === undefined ? {} : { body }) };
  const send = { GET: request.get, PUT: request.put, DELETE: request.delete, POST: request.post }[method];
  return await send(options);
}

/** Asks the URL of an operation, whole as it was given, until the operation has ended. */
async function follow({ headers }: HttpResponse): Promise<string> {
  const url = new URL(headers["azure-asyncoperation"] ?? "");
  expect(url.search.length).toBeGreaterThan(2_000);
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await Bun.sleep(20)) {
    const { body } = await client.pathUnchecked(`${url.pathname}${url.search}`).get();
    if (stringAt(body, "status") !== "InProgress") return stringAt(body, "status");
  }
  throw new Error("the operation goes on and on");
}

const body = (properties: object = {}) => ({
  location: "westeurope",
  identity: { type: "SystemAssigned" },
  properties: {
    kubernetesVersion: "1.35",
    dnsPrefix: "k01",
    agentPoolProfiles: [{ name: "system", mode: "System", count: 1, vmSize: "Standard_D2s_v5" }],
    aadProfile: { managed: true, enableAzureRBAC: true },
    disableLocalAccounts: true,
    ...properties,
  },
});

const create = async (id: string) => expect(await follow(await ask("PUT", id, body()))).toBe("Succeeded");

describe("a cluster asked for by core-client", () => {
  test("is created, and busy until it is", async () => {
    const id = clusterId("created");
    expect(stringAt((await ask("GET", id)).body, "error", "code")).toBe("ResourceNotFound");
    const refused = await ask("PUT", id, body({ agentPoolProfiles: [] }));
    expect([refused.status, stringAt(refused.body, "code")]).toEqual(["400", "MustDefineAtLeastOneSystemPool"]);
    const created = await ask("PUT", id, body());
    expect([created.status, stringAt(created.body, "properties", "provisioningState")]).toEqual(["201", "Creating"]);
    const busy = await ask("PUT", id, body());
    expect([busy.status, stringAt(busy.body, "code")]).toEqual(["409", "OperationNotAllowed"]);
    expect(await follow(created)).toBe("Succeeded");
    expect(stringAt((await ask("GET", id)).body, "properties", "provisioningState")).toBe("Succeeded");
    const [found] = (await status()).azure.clusters.filter(({ name }: { name: string }) => name === "created");
    expect(found).toMatchObject({
      account: subscription,
      region: "westeurope",
      status: "Succeeded",
      version: "1.35.7",
    });
  });

  test("is refused beyond a quota that the sandbox was given", async () => {
    const limit = (cores: string) =>
      sandbox.main(
        "run",
        "azure",
        "vcpu-quota",
        `subscription=${subscription}`,
        "region=northeurope",
        `cores=${cores}`,
      );
    expect((await limit("many")).code).toBe(64);
    expect((await limit("1")).code).toBe(0);
    const { status, body: answer } = await ask("PUT", clusterId("large"), { ...body(), location: "northeurope" });
    expect([status, stringAt(answer, "code")]).toEqual(["400", "ErrCode_InsufficientVCPUQuota"]);
  });

  test("has one of the versions that its region offers", async () => {
    const path = `/subscriptions/${subscription}/providers/Microsoft.ContainerService/locations/westeurope/kubernetesVersions`;
    const found = listAt((await ask("GET", path)).body, "values");
    expect(found).toContainEqual({
      version: "1.35",
      isDefault: true,
      capabilities: { supportPlan: ["KubernetesOfficial", "AKSLongTermSupport"] },
      patchVersions: { "1.35.7": { upgrades: ["1.36.3"] } },
    });
  });

  test.skipIf(kubectl === undefined)("lets kubectl in, also after the daemon was killed in an upgrade", async () => {
    const id = clusterId("upgraded");
    await create(id);
    const roles = `/subscriptions/${subscription}/providers/Microsoft.Authorization/roleDefinitions`;
    const properties = {
      roleDefinitionId: `${roles}/b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b`,
      principalId: administratorOf(tenant).objectId,
      principalType: "ServicePrincipal",
    };
    const assignment = `${id}/providers/Microsoft.Authorization/roleAssignments/11111111-1111-4111-8111-111111111111`;
    expect((await ask("PUT", assignment, { properties }, "2022-04-01")).status).toBe("201");
    const upgrade = await ask("PUT", id, body({ kubernetesVersion: "1.36" }));
    expect(upgrade.status).toBe("200");
    process.kill((await status()).pid, "SIGKILL");
    expect((await up()).ARM_METADATA_HOSTNAME).toBe(variables.ARM_METADATA_HOSTNAME ?? "");
    expect(await follow(upgrade)).toBe("Succeeded");
    const { body: credentials } = await ask("POST", `${id}/listClusterUserCredential`);
    const config = Bun.YAML.parse(
      Buffer.from(stringAt(listAt(credentials, "kubeconfigs")[0], "value"), "base64").toString(),
    );
    const { server, "certificate-authority-data": ca } = stringsAt(listAt(config, "clusters")[0], "cluster");
    const caFile = sandbox.file("ca.pem", Buffer.from(ca ?? "", "base64").toString());
    const flags = ["--server", server ?? "", "--certificate-authority", caFile, "--token", await aksToken()];
    const env = { HOME: sandbox.folder.path, PATH: Bun.env.PATH ?? "", KUBECONFIG: "/dev/null" };
    const kube = (...args: readonly string[]) => run([kubectl ?? "", ...args, ...flags], env);
    expect(JSON.parse((await kube("version", "-o", "json")).stdout).serverVersion.gitVersion).toBe("v1.36.3");
    const nodes = await kube("get", "nodes", "-o", "name");
    expect(nodes.stderr).toBe("");
    expect(nodes.stdout).toMatch(/^node\/aks-system-\d{8}-vmss000000\n$/);
  });

  test("is deleted, with its node resource group", async () => {
    const id = clusterId("deleted");
    await create(id);
    const nodes = `/subscriptions/${subscription}/resourceGroups/MC_k01_deleted_westeurope`;
    expect((await ask("GET", nodes, undefined, "2025-04-01")).status).toBe("200");
    const deleted = await ask("DELETE", id);
    expect(deleted.status).toBe("202");
    expect(await follow(deleted)).toBe("Succeeded");
    expect((await ask("GET", id)).status).toBe("404");
    expect((await ask("GET", nodes, undefined, "2025-04-01")).status).toBe("404");
    expect((await ask("DELETE", id)).status).toBe("204");
  });
});

describe.skipIf(az === "")("a cluster asked for by az", () => {
  /** Knows nothing of the sandbox but its proxy and authority. */
  const call = async (...args: readonly string[]): Promise<unknown> => {
    const { proxy } = (await status()).azure;
    const env = {
      ...Bun.env,
      ...variables,
      ARM_METADATA_HOSTNAME: "",
      HTTPS_PROXY: proxy,
      NO_PROXY: "127.0.0.1",
      AZURE_CORE_COLLECT_TELEMETRY: "no",
    };
    const { code, stdout, stderr } = await run([az, ...args, "--only-show-errors", "-o", "json"], env);
    if (code !== 0) throw new Error(stderr);
    return stdout === "" ? undefined : JSON.parse(stdout);
  };
  const own = ["--resource-group", "k01", "--name", "az"];
  const pool = ["--resource-group", "k01", "--cluster-name", "az"];

  test("is created, upgraded, resized, listed and deleted", async () => {
    const { AZURE_CLIENT_ID: id = "", AZURE_CLIENT_SECRET: secret = "" } = variables;
    await call("login", "--service-principal", "-u", id, "-p", secret, "--tenant", tenant);
    const options = [
      ...["--location", "westeurope", "--kubernetes-version", "1.34", "--no-ssh-key", "--nodepool-name", "system"],
      ...["--node-count", "1", "--node-vm-size", "Standard_D4ds_v5", "--node-provisioning-mode", "Auto"],
      ...["--network-plugin", "azure", "--network-plugin-mode", "overlay", "--enable-oidc-issuer"],
      ...["--enable-workload-identity", "--enable-aad", "--enable-azure-rbac", "--disable-local-accounts"],
    ];
    expect(await call("aks", "create", ...own, ...options)).toMatchObject({
      provisioningState: "Succeeded",
      currentKubernetesVersion: "1.34.10",
      oidcIssuerProfile: { issuerUrl: expect.stringMatching(/\/$/) },
      agentPoolProfiles: [{ name: "system", count: 1, mode: "System" }],
    });
    const upgrade = ["--kubernetes-version", "1.35", "--control-plane-only", "--yes"];
    expect(await call("aks", "upgrade", ...own, ...upgrade)).toMatchObject({
      currentKubernetesVersion: "1.35.7",
      agentPoolProfiles: [{ currentOrchestratorVersion: "1.34.10" }],
    });
    const size = ["--node-count", "2", "--node-vm-size", "Standard_D2s_v5"];
    expect(await call("aks", "nodepool", "add", ...pool, "-n", "more", ...size)).toMatchObject({
      count: 2,
      mode: "User",
    });
    await call("aks", "nodepool", "scale", ...pool, "-n", "more", "--node-count", "1");
    expect(await call("aks", "nodepool", "list", ...pool)).toMatchObject([
      { name: "more", count: 1, currentOrchestratorVersion: "1.35.7" },
      { name: "system", count: 1, currentOrchestratorVersion: "1.34.10" },
    ]);
    const kubeconfig = join(sandbox.folder.path, "az.yml");
    await call("aks", "get-credentials", ...own, "--file", kubeconfig);
    expect(readFileSync(kubeconfig, "utf8")).toContain("command: kubelogin");
    await expect(call("aks", "get-credentials", ...own, "--admin", "--file", kubeconfig)).rejects.toThrow(
      "Getting static credential is not allowed",
    );
    await call("aks", "delete", ...own, "--yes");
    await expect(call("aks", "show", ...own)).rejects.toThrow("ResourceNotFound");
  });
});

/** A token for API servers, as kubelogin asks for it. */
async function aksToken(): Promise<string> {
  const {
    ARM_METADATA_HOSTNAME: host,
    AZURE_CLIENT_ID: client_id = "",
    AZURE_CLIENT_SECRET: client_secret = "",
  } = variables;
  const scope = "6dae42f8-4368-4678-94ff-3960e28e3630/.default openid offline_access profile";
  const response = await fetch(`https://${host}/${tenant}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({ grant_type: "client_credentials", client_id, client_secret, scope }),
    tls: { ca: readFileSync(variables.REQUESTS_CA_BUNDLE ?? "", "utf8") },
  });
  return stringAt(await response.json(), "access_token");
}
