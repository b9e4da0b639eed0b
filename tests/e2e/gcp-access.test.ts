import { expect, setDefaultTimeout, test } from "bun:test";
import type { Fleet } from "#lib/fleet/types.ts";
import type { AskedPermission } from "#sandbox/gcp/authorization/asked.ts";
import { type CloudCall, isChanging } from "#tests/support/cloud-sandbox.ts";
import { grantsIn, needlessGrants, unusedPermissions } from "#tests/support/gcp-grants.ts";
import { fleetOf, type GcpStory, gke, inGcp, projects } from "#tests/support/gcp-story.ts";
import { endedAs, errorsOf, openCluster, well } from "#tests/support/story.ts";

setDefaultTimeout(120_000);

const github = {
  repository: "example/k8s-multicluster-gitops",
  repositoryId: "1000000001",
  ownerId: "2000000002",
  claims: ["ref:refs/heads/main"],
  readClaims: ["pull_request"],
};
const fleet: Fleet = { ...fleetOf(gke(1)), github };
const both: Fleet = { ...fleetOf(gke(1), gke(2)), github };
/** With zones that nobody has made. */
const elsewhere: Fleet = {
  ...both,
  clusters: [],
  zones: [{ provider: "gcp", primary: "other.mylabs.dev", clusters: "k8s.other.mylabs.dev" }],
};
const subject = "repo:example/k8s-multicluster-gitops";
const newSubject = "repo:example@2000000002/k8s-multicluster-gitops@1000000001";
const k01 = "gcp/gcp-01/k01.k8s.gcp.mylabs.dev";
const k02 = "gcp/gcp-01/k02.k8s.gcp.mylabs.dev";

test.concurrent("a job of GitHub makes clusters by the chain of service accounts, other jobs get nowhere", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create-gke-all", [], { fleet }));
    await gcp.calls();
    const made = await well(gcp.run("create-gke-all", [], { fleet: both, variables: await gcp.job(), entered: false }));
    expect(made.results[`${k02}/cluster`]?.outcome).toBe("made");
    const changed = (await gcp.calls()).filter(
      (call) => isChanging(call) && call.account === projects["gcp-mgmt"].projectId,
    );
    // Its NS records.
    expect(changed.map(({ action }) => action)).toEqual(["create"]);

    for (const claims of [
      { sub: "repo:example/k8s-multicluster-gitops:ref:refs/heads/evil" },
      { repository_id: "5" },
    ]) {
      const variables = await gcp.job(claims);
      const refused = await gcp.run("create-gke-all", [], { fleet: both, variables, entered: false });
      expect(refused.exitCode).toBe(1);
      expect(Object.values(errorsOf(refused)).join("\n")).toContain("does fleet.github name this repository");
    }
    expect((await gcp.calls()).filter((call) => isChanging(call) && call.error === undefined)).toEqual([]);
    await well(gcp.run("delete-gke-all", ["--yes"], { fleet: both, variables: await gcp.job(), entered: false }));
  });
});

test.concurrent("jobs of GitHub live from what owners gave them before, and need all of it", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create/gcp-mgmt", [], { fleet }));
    await well(gcp.run("create/gcp-tenant", [], { fleet }));
    const asked: AskedPermission[] = [];
    const calls: CloudCall[] = [];
    const lookBack = async (): Promise<readonly CloudCall[]> => {
      const found = await gcp.daemon.operate<{ readonly asked: typeof asked }>("gcp", "asked-permissions");
      const since = await gcp.calls();
      asked.push(...found.asked);
      calls.push(...since);
      return since.filter(isChanging);
    };
    const as = async (claims: Readonly<Record<string, string>>) => ({
      variables: await gcp.job(claims),
      entered: false,
    });
    await lookBack();
    calls.length = 0;

    // GKE's answer is lost, so that its operation is searched for.
    await gcp.fault("clusters:create", "lost");
    const main = await as({});
    const made = await well(gcp.run("create-gke-all", [], { fleet, ...main }));
    expect(made.results[`${k01}/cluster`]?.outcome).toBe("made");
    await lookBack();
    const again = await well(gcp.run("create-gke-all", [], { fleet, ...main }));
    expect(endedAs(again, "unchanged").length).toBe(Object.keys(again.results).length);
    expect(await lookBack()).toEqual([]);

    // Both forms of subjects, for what is there and for what is not.
    const raised = { ...fleetOf(gke(1, "gcp-01", { kubernetes: "1.37", releaseChannel: "rapid" }), gke(2)), github };
    const plan = ["plan", [], { fleet: raised, ...(await as({ sub: `${subject}:pull_request` })) }] as const;
    const newPlan = ["plan", [], { fleet: elsewhere, ...(await as({ sub: `${newSubject}:pull_request` })) }] as const;
    for (const run of [plan, newPlan]) expect(errorsOf(await gcp.run(...run))).toEqual({});
    await well(gcp.run("whoami", [], { ...newPlan[2], fleet }));
    expect(await lookBack()).toEqual([]);

    await changeRecords(gcp);
    await changeNetwork(gcp);
    // Not of a job.
    await gcp.calls();
    const changed: Fleet = { ...fleetOf(gke(1, "gcp-01", { releaseChannel: "rapid" })), github };
    const updated = await well(gcp.run("create-gke-all", [], { fleet: changed, ...main }));
    expect(endedAs(updated, "updated")).toEqual(
      ["cluster", "delegation", "nat", "subnetwork"].map((part) => `${k01}/${part}`),
    );
    const moved: Fleet = { ...fleetOf(gke(1, "gcp-01", { podCidr: "10.200.0.0/16" })), github };
    const replaced = await well(gcp.run("create-gke-all", ["--allow-replacement"], { fleet: moved, ...main }));
    expect(endedAs(replaced, "replaced")).toEqual([`${k01}/cluster`]);
    const cluster = await openCluster({ ...gcp, variables: () => gcp.job() }, "k01.k8s.gcp.mylabs.dev");
    await cluster.get("/api/v1/nodes", { signal: AbortSignal.timeout(20_000) });
    await lookBack();
    const grants = await grantsIn(gcp, "gcp-mgmt", "gcp-01");
    await gcp.calls();

    const branch = await as({ sub: `${newSubject}:ref:refs/heads/main` });
    await well(gcp.run("delete-gke-all", ["--yes"], { fleet: moved, ...branch }));
    const deleting = (await lookBack()).filter(({ account }) => account === projects["gcp-mgmt"].projectId);
    expect(deleting.map(({ service, action }) => `${service}:${action}`)).toEqual(["changes:create"]);
    expect(calls.filter(({ error }) => error === "PERMISSION_DENIED")).toEqual([]);

    expect(unusedPermissions(grants, asked)).toEqual([]);
    // People, machines, which call nothing here, and pods, of which there are none.
    const others = /^user:|-nodes@|svc\.id\.goog/;
    expect(needlessGrants(grants, asked).filter(({ member }) => !others.test(member))).toEqual([]);
  });
});

/** As others do it by hand, and GKE, which leaves a firewall rule. */
async function changeNetwork(gcp: GcpStory): Promise<void> {
  const neighbour = await gcp.neighbour();
  const [name, base] = ["k01-k8s-gcp-mylabs-dev", `compute/projects/${projects["gcp-01"].projectId}`];
  const [subnetwork, router] = ["subnetworks", "routers"].map((one) => `${base}/regions/us-east1/${one}/${name}`);
  await neighbour("PATCH", `${router}`, { nats: [] });
  await neighbour("POST", `${subnetwork}/setPrivateIpGoogleAccess`, { privateIpGoogleAccess: false });
  const rule = { name: "k8s-0123456789abcdef-node-http-hc", network: `global/networks/${name}` };
  await neighbour("POST", `${base}/global/firewalls`, rule);
}

/** As another tool, and external-dns, do it. */
async function changeRecords(gcp: GcpStory): Promise<void> {
  const neighbour = await gcp.neighbour();
  const zoneIn = (account: keyof typeof projects, name: string): string =>
    `dns/dns/v1/projects/${projects[account].projectId}/managedZones/${name}`;
  const parent = zoneIn("gcp-mgmt", "k8s-gcp-mylabs-dev");
  const { rrsets } = await neighbour("GET", `${parent}/rrsets?name=k01.k8s.gcp.mylabs.dev.`);
  await neighbour("POST", `${parent}/changes`, { deletions: rrsets, additions: [{ ...rrsets[0], ttl: 60 }] });
  const mark = '"heritage=external-dns,external-dns/owner=k01.k8s.gcp.mylabs.dev,external-dns/resource=service/a/b"';
  const record = { name: "a-www.k01.k8s.gcp.mylabs.dev.", type: "TXT", ttl: 60, rrdatas: [mark] };
  await neighbour("POST", `${zoneIn("gcp-01", "k01-k8s-gcp-mylabs-dev")}/changes`, { additions: [record] });
}

test.concurrent("a job of a pull request plans and looks by the read-only service accounts, and changes nothing", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create-gke-all", [], { fleet }));
    await gcp.calls();
    const variables = await gcp.job({ sub: "repo:example/k8s-multicluster-gitops:pull_request" });
    const planned = await gcp.run("plan", [], { fleet: both, variables, entered: false });
    expect([planned.exitCode, errorsOf(planned)]).toEqual([0, {}]);
    expect(planned.results[`${k02}/cluster`]?.outcome).toBe("to make");
    expect(planned.results[`${k01}/cluster`]?.outcome).toBe("unchanged");
    const looked = await gcp.run("status", [], { fleet, variables, entered: false });
    expect(["zone", "delegation", "cluster"].map((part) => looked.results[`${k01}/${part}`]?.outcome)).toEqual([
      "healthy",
      "healthy",
      "healthy",
    ]);
    const refused = await gcp.run("create-gke-all", [], { fleet: both, variables, entered: false });
    expect([refused.exitCode, Object.values(errorsOf(refused)).join("\n")]).toEqual([
      1,
      expect.stringContaining("(GcpDenied)"),
    ]);
    expect((await gcp.calls()).filter((call) => isChanging(call) && call.error === undefined)).toEqual([]);
  });
});

test.concurrent("operators make clusters without owning a project; others are denied at the first step", async () => {
  await inGcp(async (gcp) => {
    const operated: Fleet = {
      ...fleetOf(gke(1)),
      accounts: fleetOf(gke(1)).accounts.map((account) =>
        account.role === "management" ? { ...account, operators: "group:platform@example.org" } : account,
      ),
    };
    await well(gcp.run("create/gcp-mgmt", [], { fleet: operated }));
    await well(gcp.run("create/gcp-tenant", [], { fleet: operated }));
    const ann = await gcp.person("ann@example.org", "platform@example.org");
    await well(gcp.run("create-gke-all", [], { fleet: operated, variables: ann, entered: false }));
    await well(gcp.run("delete-gke-all", ["--yes"], { fleet: operated, variables: ann, entered: false }));

    const eve = await gcp.person("eve@example.org");
    const denied = await gcp.run("create-gke-all", [], { fleet: operated, variables: eve, entered: false });
    expect(denied.exitCode).toBe(1);
    expect(Object.values(errorsOf(denied))[0]).toContain("(ImpersonationDenied)\nhint: operators of gcp-mgmt");
  });
});
