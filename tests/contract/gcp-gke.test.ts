import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type JsonObject, listAt, stringAt } from "#sandbox/json.ts";
import { run, TestSandbox } from "#tests/sandbox/harness.ts";

// Against hanging only: these tests start processes, maybe on a busy machine.
setDefaultTimeout(120_000);

const [projectId, projectNumber] = ["example-01", "222222222222"];
const account = JSON.stringify({ provider: "gcp", name: "gcp-01", projectId, projectNumber });
const place = `v1/projects/${projectId}/locations/us-east1`;
const installed = join(homedir(), ".cache", "k8s-lab", "bin", "kubectl");
const kubectl = Bun.which("kubectl") ?? (existsSync(installed) ? installed : undefined);
const [gcloud, plugin] = [Bun.which("gcloud"), Bun.which("gke-gcloud-auth-plugin")];
if (gcloud === null) process.stdout.write("the sandbox's GKE is not judged by gcloud: it is not installed\n");

const sandbox = new TestSandbox();
let variables: Record<string, string> = {};
let token = "";

async function up(): Promise<void> {
  const outcome = await sandbox.main("up", "--speed", "10", "--domain", "mylabs.dev", "--account", account);
  if (outcome.code !== 0) throw new Error(outcome.stderr);
  variables = JSON.parse(outcome.stdout).env;
  const { client_id, client_secret, refresh_token } = await Bun.file(
    variables.GOOGLE_APPLICATION_CREDENTIALS ?? "",
  ).json();
  const form = { grant_type: "refresh_token", client_id, client_secret, refresh_token };
  const body = new URLSearchParams(form).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const answer = await send(variables.CLOUDSDK_AUTH_TOKEN_HOST ?? "", { method: "POST", headers, body });
  token = stringAt(answer, "access_token");
}

/** Trusts what clients of the sandbox are told to trust. */
async function send(url: string, init: RequestInit): Promise<JsonObject> {
  const tls = { ca: readFileSync(variables.REQUESTS_CA_BUNDLE ?? "", "utf8") };
  return (await (await fetch(url, { ...init, tls })).json()) as JsonObject;
}

async function ask(method: string, path: string, body?: object): Promise<JsonObject> {
  const host = variables.CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER ?? "";
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return await send(`${host}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function done(operation: JsonObject): Promise<JsonObject> {
  if (operation.error !== undefined) throw new Error(JSON.stringify(operation));
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await Bun.sleep(50)) {
    const found = await ask("GET", `${place}/operations/${operation.name}`);
    if (found.status === "DONE") return found;
  }
  throw new Error(`${operation.name} goes on and on`);
}

const status = async () => JSON.parse((await sandbox.main("status")).stdout);

beforeAll(async () => {
  await up();
  expect((await sandbox.main("run", "gcp", "enable-services", `project=${projectId}`)).code).toBe(0);
});
afterAll(() => sandbox.remove());

test("a cluster is created although the daemon is killed, and lets kubectl in by its name", async () => {
  const cluster = {
    name: "k01",
    autopilot: { enabled: true },
    controlPlaneEndpointsConfig: { dnsEndpointConfig: { allowExternalTraffic: true } },
  };
  const operation = await ask("POST", `${place}/clusters`, { cluster });
  expect(operation).toMatchObject({ operationType: "CREATE_CLUSTER", status: "RUNNING" });
  process.kill((await status()).pid, "SIGKILL");
  await up();
  expect((await done(operation)).error).toBeUndefined();
  const found = await ask("GET", `${place}/clusters/k01`);
  expect(found.status).toBe("RUNNING");
  const endpoint = stringAt(found, "controlPlaneEndpointsConfig", "dnsEndpointConfig", "endpoint");
  expect((await status()).gcp.clusters).toContainEqual({
    name: "k01",
    account: projectId,
    region: "us-east1",
    status: "RUNNING",
    version: stringAt(found, "currentMasterVersion"),
    endpoint: `https://${endpoint}`,
  });
  if (kubectl === undefined) return;
  const flags = ["--server", `https://${endpoint}`, "--certificate-authority", variables.REQUESTS_CA_BUNDLE ?? ""];
  const { stdout, stderr } = await run([kubectl, "get", "nodes,pods", "-A", "-o", "json", ...flags, "--token", token], {
    HOME: sandbox.folder.path,
    PATH: Bun.env.PATH ?? "",
    KUBECONFIG: "/dev/null",
  });
  expect(stderr).toBe("");
  expect(listAt(JSON.parse(stdout), "items").length).toBeGreaterThan(0);
});

test("a cluster without machines says why", async () => {
  const fail = (project: string) => sandbox.main("run", "gcp", "fail-operation", `project=${project}`, "message=no e2");
  expect((await fail("nobody")).code).toBe(64);
  expect((await fail(projectId)).code).toBe(0);
  const cluster = { name: "k02", initialNodeCount: 1 };
  const ended = await done(await ask("POST", `${place}/clusters`, { cluster }));
  expect(ended).toMatchObject({ error: { code: 8, message: "no e2" } });
  expect((await ask("GET", `${place}/clusters/k02`)).status).toBe("ERROR");
});

describe.skipIf(gcloud === null)("gcloud", () => {
  /** Clients that know nothing of the sandbox but its endpoints, its credentials and its authority. */
  const call = async (program: string, ...args: readonly string[]) => {
    const { REQUESTS_CA_BUNDLE: authority = "" } = variables;
    const given = Object.entries({ ...Bun.env, ...variables }).filter(([, value]) => value !== "");
    return await run([program, ...args], {
      ...Object.fromEntries(given),
      CLOUDSDK_CORE_DISABLE_PROMPTS: "1",
      CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: "1",
      CLOUDSDK_CORE_PROJECT: projectId,
      HOME: sandbox.folder.path,
      KUBECONFIG: join(sandbox.folder.path, "gcloud.yml"),
      // Of kubectl and the plugin.
      SSL_CERT_FILE: authority,
    });
  };
  const clusters = async (command: string, ...args: readonly string[]) => {
    const { code, stdout, stderr } = await call(
      gcloud ?? "",
      "container",
      ...command.split(" "),
      ...args,
      "--format=json",
    );
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout === "" ? "null" : stdout);
  };

  test("creates an Autopilot cluster that kubectl reaches by Google's plugin, and deletes it", async () => {
    const at = ["--region", "us-east1"];
    const [made] = await clusters("clusters create-auto auto", ...at, "--enable-dns-access", "--no-enable-ip-access");
    expect(made).toMatchObject({ name: "auto", status: "RUNNING", autopilot: { enabled: true } });
    await clusters("clusters get-credentials auto", ...at, "--dns-endpoint");
    if (kubectl !== undefined && plugin !== null) {
      const { stdout, stderr } = await call(kubectl, "get", "namespaces", "-o", "name");
      expect(stderr).toBe("");
      expect(stdout).toContain("namespace/kube-system");
    }
    await clusters("clusters delete auto", ...at);
    await expect(clusters("clusters describe auto", ...at)).rejects.toThrow(
      `Not found: projects/${projectId}/locations/us-east1/clusters/auto.`,
    );
  });

  test("upgrades, labels and extends a cluster of a zone", async () => {
    const at = ["--zone", "us-east1-b"];
    await clusters("clusters create zonal", ...at, "--num-nodes", "1", "--release-channel", "stable");
    await clusters("clusters upgrade zonal", ...at, "--master", "--cluster-version", "1.35");
    await clusters("clusters update zonal", ...at, "--update-labels", "a=b");
    await clusters("node-pools create more", ...at, "--cluster", "zonal", "--num-nodes", "1");
    expect(await clusters("clusters describe zonal", ...at)).toMatchObject({
      status: "RUNNING",
      currentMasterVersion: "1.35.7-gke.1027000",
      resourceLabels: { a: "b" },
      currentNodeCount: 2,
      nodePools: [{ name: "default-pool" }, { name: "more" }],
    });
    const operations: readonly unknown[] = await clusters("operations list", ...at);
    expect(operations.map((one) => stringAt(one, "operationType")).sort()).toEqual([
      "CREATE_CLUSTER",
      "CREATE_NODE_POOL",
      "SET_LABELS",
      "UPGRADE_MASTER",
    ]);
  });
});
