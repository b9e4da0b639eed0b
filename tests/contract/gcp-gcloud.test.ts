import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { systemClock } from "#lib/clock.ts";
import { createGcpClients } from "#lib/gcp/create-clients.ts";
import { env } from "#sandbox/gcp/environment.ts";
import { gcp as sandboxGcp } from "#sandbox/gcp/gcp.ts";
import { administratorEmail } from "#sandbox/gcp/oauth/administrators.ts";
import { management } from "#tests/support/google-server.ts";
import { type HttpsCloud, openHttpsCloud } from "#tests/support/https-cloud.ts";

/** Google's own programs, with the variables of the sandbox that our clients read, too. */

// Against hanging only: gcloud takes a second per call.
setDefaultTimeout(120_000);

/** Google Cloud CLI, of 528: `GCLOUD=…/bin/gcloud`. */
const gcloud = Bun.env.GCLOUD ?? "";
if (gcloud === "")
  process.stdout.write("the sandbox's Google Cloud is not judged by gcloud: GCLOUD does not name it\n");
/** kubectl's program for tokens of GKE: `GKE_AUTH_PLUGIN=…/gke-gcloud-auth-plugin`. */
const plugin = Bun.env.GKE_AUTH_PLUGIN ?? "";
if (plugin === "")
  process.stdout.write("tokens of GKE are not compared with Google's plugin: GKE_AUTH_PLUGIN does not name it\n");

const { projectId, projectNumber, name } = management;
const world = { clock: systemClock, signal: new AbortController().signal, progress: () => undefined };
const actor = { account: management, as: "administrator" } as const;
let cloud: HttpsCloud;
let variables: Readonly<Record<string, string>>;

beforeAll(async () => {
  const accounts = [{ provider: "gcp", name, projectId, projectNumber }];
  cloud = await openHttpsCloud(sandboxGcp, accounts);
  const { folder, server } = cloud;
  const authorityPath = cloud.variables.REQUESTS_CA_BUNDLE ?? "";
  variables = await env({ endpoint: server.endpoint, folder, accounts, authorityPath, proxyUrl: "", bin: folder });
  const { operations } = await cloud.open();
  operations["enable-services"]?.({ project: projectId }, server.endpoint);
});
afterAll(async () => await cloud.close());

async function run(command: readonly string[], more: Readonly<Record<string, string>>): Promise<unknown> {
  const child = Bun.spawn([...command], {
    env: { ...variables, PATH: Bun.env.PATH ?? "", HOME: cloud.folder, ...more },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
  return stdout.trim() === "" ? undefined : JSON.parse(stdout);
}

/** Led by the variables of the sandbox. */
async function ask(...args: readonly string[]): Promise<unknown> {
  return await run([gcloud, ...args, "--project", projectId, "--quiet", "--format=json"], {
    CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: "true",
    CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK: "true",
  });
}

describe.skipIf(gcloud === "")("gcloud", () => {
  test("sees the zones and records that our clients write, and they see its", async () => {
    const dns = await createGcpClients({ accounts: [management] }, variables).dns(actor);
    const labels = { project: "k8s-multicluster-gitops", fleet: "mylabs-test" };
    await dns.createZone(world, { name: "gcp-mylabs-test", dnsName: "gcp.mylabs.test", description: "ours", labels });
    const set = { name: "k8s.gcp.mylabs.test", type: "NS", ttl: 300, values: ["a.example.", "b.example."] };
    await dns.change(world, "gcp-mylabs-test", { additions: [set] });
    expect(await ask("dns", "managed-zones", "list")).toMatchObject([
      { name: "gcp-mylabs-test", dnsName: "gcp.mylabs.test.", description: "ours", labels, visibility: "public" },
    ]);
    expect(await ask("dns", "record-sets", "list", "--zone=gcp-mylabs-test")).toContainEqual(
      expect.objectContaining({ name: "k8s.gcp.mylabs.test.", type: "NS", ttl: 300, rrdatas: [...set.values] }),
    );
    const txt = ["www.gcp.mylabs.test.", "--zone=gcp-mylabs-test", "--type=A", "--ttl=60", "--rrdatas=192.0.2.7"];
    await ask("dns", "record-sets", "create", ...txt);
    expect(await dns.recordSets(world, "gcp-mylabs-test", { name: "www.gcp.mylabs.test" })).toEqual([
      { name: "www.gcp.mylabs.test", type: "A", ttl: 60, values: ["192.0.2.7"] },
    ]);
    await ask("dns", "record-sets", "delete", "www.gcp.mylabs.test.", "--zone=gcp-mylabs-test", "--type=A");
    await dns.change(world, "gcp-mylabs-test", { deletions: [set] });
    await ask("dns", "managed-zones", "delete", "gcp-mylabs-test");
    expect(await dns.zones(world)).toEqual([]);
  });

  test("creates service accounts and workload identity pools", async () => {
    await ask("iam", "service-accounts", "create", "robot-of-gcloud", "--display-name=Robot");
    expect(await ask("iam", "service-accounts", "list")).toMatchObject([
      { email: `robot-of-gcloud@${projectId}.iam.gserviceaccount.com`, displayName: "Robot" },
    ]);
    await ask("iam", "workload-identity-pools", "create", "pool-of-gcloud", "--location=global");
    expect(await ask("iam", "workload-identity-pools", "list", "--location=global")).toMatchObject([
      { name: `projects/${projectNumber}/locations/global/workloadIdentityPools/pool-of-gcloud`, state: "ACTIVE" },
    ]);
  });

  test("finds projects, their enabled APIs and their policies", async () => {
    expect(await ask("projects", "list")).toMatchObject([{ projectId, projectNumber, lifecycleState: "ACTIVE" }]);
    expect(await ask("services", "list")).toContainEqual(
      expect.objectContaining({
        config: expect.objectContaining({ name: "dns.googleapis.com", title: "Cloud DNS API" }),
        state: "ENABLED",
      }),
    );
    const member = "group:platform@example.org";
    await ask("projects", "add-iam-policy-binding", projectId, `--member=${member}`, "--role=roles/dns.reader");
    expect(await ask("projects", "get-iam-policy", projectId)).toMatchObject({
      bindings: expect.arrayContaining([{ role: "roles/dns.reader", members: [member] }]),
    });
  });

  test("makes networks, subnetworks and routers, and lists those of all regions", async () => {
    const at = ["--network=net-of-gcloud", "--region=us-east1"];
    await ask("compute", "networks", "create", "net-of-gcloud", "--subnet-mode=custom");
    await ask("compute", "networks", "subnets", "create", "sub-of-gcloud", ...at, "--range=10.9.0.0/24");
    await ask("compute", "routers", "create", "router-of-gcloud", ...at);
    expect(await ask("compute", "networks", "subnets", "list")).toMatchObject([{ name: "sub-of-gcloud" }]);
    expect(await ask("compute", "routers", "list")).toMatchObject([{ name: "router-of-gcloud" }]);
  });

  test("finds the versions of GKE and no clusters", async () => {
    expect(await ask("container", "get-server-config", "--region=us-east1")).toMatchObject({
      channels: expect.arrayContaining([expect.objectContaining({ channel: "REGULAR" })]),
    });
    expect(await ask("container", "clusters", "list")).toEqual([]);
  });
});

test.skipIf(plugin === "")("Google's plugin for kubectl gets a token that the sandbox knows", async () => {
  const { HTTPS_PROXY = "", REQUESTS_CA_BUNDLE = "" } = cloud.variables;
  const found = await run([plugin, "--use_application_default_credentials"], {
    HTTPS_PROXY,
    SSL_CERT_FILE: REQUESTS_CA_BUNDLE,
    KUBERNETES_EXEC_INFO: JSON.stringify({
      kind: "ExecCredential",
      apiVersion: "client.authentication.k8s.io/v1beta1",
      spec: { interactive: false },
    }),
  });
  const { status } = found as { readonly status: { readonly token: string; readonly expirationTimestamp: string } };
  const minutes = (Date.parse(status.expirationTimestamp) - Date.now()) / 60_000;
  expect(minutes).toBeGreaterThan(50);
  const client = createGcpClients({ accounts: [management] }, variables);
  expect((await client.base()).name).toBe(administratorEmail);
  const described = await fetch(variables.CLOUDSDK_AUTH_TOKEN_HOST?.replace(/token$/, "tokeninfo") ?? "", {
    method: "POST",
    body: new URLSearchParams({ access_token: status.token }),
    tls: { ca: cloud.authority },
  });
  expect(await described.json()).toMatchObject({ email: administratorEmail });
});
