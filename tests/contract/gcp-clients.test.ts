import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { GcpActor } from "#lib/gcp/clients.ts";
import { createGcpClients } from "#lib/gcp/create-clients.ts";
import { isGcpError } from "#lib/gcp/error-kinds.ts";
import { emailOf, serviceAccountNames } from "#lib/gcp/names.ts";
import { whoami } from "#lib/gcp/whoami.ts";
import { env } from "#sandbox/gcp/environment.ts";
import { gcp as sandboxGcp } from "#sandbox/gcp/gcp.ts";
import { administratorEmail } from "#sandbox/gcp/oauth/administrators.ts";
import { failureOf } from "#tests/support/failure.ts";
import { admit, hastyRun, setUpProjects } from "#tests/support/gcp-service-accounts.ts";
import { account, gcpFleet, management } from "#tests/support/google-server.ts";
import { type HttpsCloud, openHttpsCloud } from "#tests/support/https-cloud.ts";

/** Our clients and the sandbox's Google Cloud, over HTTPS. */

// Against hanging only.
setDefaultTimeout(60_000);

let cloud: HttpsCloud;
let variables: Readonly<Record<string, string>>;
const owner: GcpActor = { account: management, as: "administrator" };
const jobs = `principalSet://iam.googleapis.com/projects/${management.projectNumber}/locations/global/workloadIdentityPools/k8s-multicluster-gitops/attribute.repository_id/123456`;
const said: string[] = [];
const world = hastyRun((message) => void said.push(message));
const open = (more: Readonly<Record<string, string>> = {}) => createGcpClients(gcpFleet, { ...variables, ...more });
let gcp: ReturnType<typeof open>;

beforeAll(async () => {
  const accounts = [management, account].map(({ name, projectId, projectNumber }) => ({
    provider: "gcp",
    name,
    projectId,
    projectNumber,
  }));
  cloud = await openHttpsCloud(sandboxGcp, accounts);
  const { folder, server } = cloud;
  const authorityPath = cloud.variables.REQUESTS_CA_BUNDLE ?? "";
  const bin = join(folder, "bin");
  variables = await env({ endpoint: server.endpoint, folder, accounts, authorityPath, proxyUrl: "", bin });
  gcp = open();
  await setUpProjects(gcp, world);
});
afterAll(async () => await cloud.close());

describe("clients of the sandbox's Google Cloud", () => {
  test("are an owner, who is not asked for service accounts", async () => {
    expect(await gcp.findAdministrator(management)).toEqual({ kind: "user", name: administratorEmail });
    expect(await gcp.caller(owner)).toEqual({ kind: "user", name: administratorEmail });
  });

  test("have waited for APIs that they enabled and for access that they gave", async () => {
    expect(said.join()).toContain("still enabling the API");
    expect(await gcp.caller({ account, as: "clusters" })).toEqual({
      kind: "service account",
      name: emailOf(account, serviceAccountNames.clusters),
    });
    expect(said.join()).toContain("still propagating the new access");
  });

  test("are told that the service account may do nothing yet", async () => {
    const fresh = open();
    const denied = await failureOf(
      fresh.rest({ account, as: "clusters" }).get(world, "dns", "dns/v1/projects/mylabs-01/managedZones/z"),
    );
    expect([denied.code, denied.message]).toEqual(["GcpDenied", expect.stringContaining("reading managedZones/z")]);
  });

  test("create, change and delete zones", async () => {
    const dns = await gcp.dns({ account, as: "administrator" });
    const labels = { project: "k8s-multicluster-gitops", fleet: "mylabs-test" };
    const zone = await dns.createZone(world, {
      name: "k01-mylabs-test",
      dnsName: "k01.mylabs.test",
      description: "d",
      labels,
    });
    expect(zone).toMatchObject({ dnsName: "k01.mylabs.test", labels, visibility: "public" });
    expect(zone.nameServers.length).toBe(4);
    await dns.setLabels(world, zone.name, { cluster: "k01" });
    expect(await dns.zones(world, "k01.mylabs.test")).toEqual([{ ...zone, labels: { cluster: "k01" } }]);
    const set = { name: "x.k01.mylabs.test", type: "NS", ttl: 300, values: ["a.example.", "b.example."] };
    await dns.change(world, zone.name, { additions: [set] });
    const [found] = await dns.recordSets(world, zone.name, { name: set.name, type: "NS" });
    expect(found).toEqual(set);
    expect((await dns.recordSets(world, zone.name)).map(({ type }) => type).sort()).toEqual(["NS", "NS", "SOA"]);
    const again = await failureOf(dns.change(world, zone.name, { additions: [set] }));
    expect(isGcpError(again, "alreadyExists")).toBe(true);
    const stale = await failureOf(dns.change(world, zone.name, { deletions: [{ ...set, ttl: 60 }] }));
    expect(isGcpError(stale, "conditionNotMet")).toBe(true);
    expect((await failureOf(dns.removeZone(world, zone.name))).code).toBe("ZoneNotEmpty");
    await dns.change(world, zone.name, { deletions: [set] });
    await dns.removeZone(world, zone.name);
    await dns.removeZone(world, zone.name);
    expect(await dns.zone(world, zone.name)).toBeUndefined();
  });

  test("come from a job of GitHub, as far as the provider trusts it", async () => {
    const rest = gcp.rest(owner);
    const pools = `v1/projects/${management.projectId}/locations/global/workloadIdentityPools`;
    const pool = { workloadIdentityPoolId: "k8s-multicluster-gitops" };
    await rest.send(world, "iam", "POST", pools, { displayName: "Fleet" }, pool);
    await rest.send(
      world,
      "iam",
      "POST",
      `${pools}/k8s-multicluster-gitops/providers`,
      {
        attributeMapping: { "google.subject": "assertion.sub", "attribute.repository_id": "assertion.repository_id" },
        attributeCondition: "assertion.repository_owner_id == '7890'",
        oidc: { issuerUri: "https://token.actions.githubusercontent.com" },
      },
      { workloadIdentityPoolProviderId: "github" },
    );
    const email = emailOf(management, serviceAccountNames.clusters);
    await admit(gcp, world, owner, email, { role: "roles/iam.workloadIdentityUser", members: [jobs] });
    const job = await jobOf({ repository_id: "123456", repository_owner_id: "7890" });
    const clients = open(job);
    clients.accessChanged(management);
    const caller = await clients.caller({ account: management, as: "management" }, world);
    expect(caller.name).toBe(email);
    const fork = open(await jobOf({ repository_id: "1", repository_owner_id: "2" }));
    const refused = await failureOf(fork.caller({ account: management, as: "management" }));
    expect([refused.code, refused.details.join()]).toEqual([
      "SignInRefused",
      expect.stringContaining("unauthorized_client"),
    ]);
    const sibling = open(await jobOf({ repository_id: "1", repository_owner_id: "7890" }));
    const denied = await failureOf(sibling.caller({ account: management, as: "management" }));
    expect(denied.code).toBe("ImpersonationDenied");
    expect(JSON.stringify(denied.hint)).toContain("condition");
  });

  test("say which step fails", async () => {
    const hops = await whoami({ ...gcpFleet, clusters: [] }, open());
    expect(hops.map(({ name, result }) => [name, result.kind === "ok" ? result.identity : result.code])).toEqual([
      ["base", `user ${administratorEmail}`],
      ["gcp-mgmt", "GcpDenied"],
      ["gcp-01", "GcpDenied"],
    ]);
  });

  test("change nothing in a project that is being deleted", async () => {
    const { operations } = await cloud.open();
    const turn = (state: string) =>
      operations["project-state"]?.({ project: account.projectId, state }, cloud.server.endpoint);
    turn("DELETE_REQUESTED");
    const rest = open().rest({ account, as: "administrator" });
    const failure = await failureOf(rest.send(world, "iam", "DELETE", `v1/projects/${account.projectId}/roles/x`));
    turn("ACTIVE");
    expect(failure.code).toBe("ProjectUnusable");
  });
});

async function jobOf(claims: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>> {
  const { operations } = await cloud.open();
  const job = operations["github-job"]?.(claims, cloud.server.endpoint) as
    | { readonly env: typeof variables }
    | undefined;
  return { ...job?.env, GOOGLE_APPLICATION_CREDENTIALS: "" };
}
