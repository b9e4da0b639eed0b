import { expect, setDefaultTimeout, test } from "bun:test";
import type { Fleet } from "#lib/fleet/types.ts";
import {
  fleetOf,
  type GcpStory,
  gke,
  inGcp,
  type Neighbour,
  projects,
  writeCompute,
} from "#tests/support/gcp-story.ts";
import { endedAs, errorsOf, onlyError, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const github = {
  repository: "example/fleet",
  repositoryId: "123456",
  ownerId: "7890",
  claims: ["ref:refs/heads/main"],
};
const fleet: Fleet = { ...fleetOf(gke(1)), github };
/** Of somebody else, in the same projects. */
const others: Fleet = {
  ...fleet,
  domain: "other.dev",
  zones: [{ provider: "gcp", primary: "gcp.other.dev", clusters: "k8s.gcp.other.dev" }],
  clusters: [{ ...gke(1), name: "k01.k8s.gcp.other.dev" }],
};
const { projectId: management } = projects["gcp-mgmt"];
const { projectId: project } = projects["gcp-01"];
const iam = "iam/v1/projects";
const pools = `${iam}/${management}/locations/global/workloadIdentityPools`;
const clusters = `container/v1/projects/${project}/locations/us-east1/clusters`;
const gkeName = "k01-k8s-gcp-mylabs-dev";
const name = "k01.k8s.gcp.mylabs.dev";
const k01 = `gcp/gcp-01/${name}`;

/** As if both projects had been in use for years. */
async function openUsed(gcp: GcpStory): Promise<Neighbour> {
  await gcp.openFor(fleet);
  for (const used of [management, project]) await gcp.daemon.operate("gcp", "enable-services", { project: used });
  return await gcp.neighbour();
}

/** All bindings, service accounts, roles, pools, zones and clusters of both projects. */
async function everything(neighbour: Neighbour): Promise<unknown> {
  const options = { options: { requestedPolicyVersion: 3 } };
  const bindingsOf = async (path: string): Promise<unknown> =>
    (await neighbour("POST", `${path}:getIamPolicy`, options)).bindings;
  const found = [management, project].flatMap((one) => [
    bindingsOf(`cloudresourcemanager/v3/projects/${one}`),
    neighbour("GET", `${iam}/${one}/serviceAccounts`),
    neighbour("GET", `${iam}/${one}/roles?view=FULL`),
    neighbour("GET", pools),
    neighbour("GET", `dns/dns/v1/projects/${one}/managedZones`),
    neighbour("GET", `container/v1/projects/${one}/locations/-/clusters`),
  ]);
  return await Promise.all(found);
}

test.concurrent("service accounts, roles, pools and clusters of our names that somebody else made are left alone, until they are adopted", async () => {
  await inGcp(async (gcp) => {
    const neighbour = await openUsed(gcp);
    const theirs = { description: "theirs" };
    const accountId = "k8s-multicluster-gitops-nodes";
    await neighbour("POST", `${iam}/${project}/serviceAccounts`, { accountId, serviceAccount: theirs });
    await neighbour("POST", `${iam}/${project}/roles`, { roleId: "k8sMulticlusterGitops", role: theirs });
    await neighbour("POST", `${pools}?workloadIdentityPoolId=k8s-multicluster-gitops`, theirs);
    const before = await everything(neighbour);
    const refused = await gcp.run("create-gke-all", [], { fleet });
    expect(refused.exitCode).toBe(1);
    const errors = errorsOf(refused);
    const foreign = ["gcp/gcp-01/clusters/role", "gcp/gcp-01/clusters/service-account/nodes", "gcp/gcp-mgmt/pool"];
    expect(Object.keys(errors).sort()).toEqual(foreign);
    for (const text of Object.values(errors)) {
      expect(text).toContain(`has another description than "k8s-multicluster-gitops, fleet mylabs.dev"`);
      expect(text).toContain("(ForeignResource)\nhint: rename or remove it, or take it over with --adopt");
    }
    for (const task of ["delete/gcp-tenant", "delete/gcp-mgmt"]) {
      const deleted = await gcp.run(task, ["--yes"], { fleet });
      expect(foreign).toEqual(expect.arrayContaining(Object.keys(errorsOf(deleted))));
    }
    expect(await everything(neighbour)).toEqual(before);

    // In a network that we would make like that.
    const compute = `compute/projects/${project}`;
    const network = { name: gkeName, autoCreateSubnetworks: false };
    await writeCompute(neighbour, "POST", `${compute}/global/networks`, network);
    const subnetwork = { name: gkeName, network: `global/networks/${gkeName}`, ipCidrRange: "10.128.0.0/20" };
    await writeCompute(neighbour, "POST", `${compute}/regions/us-east1/subnetworks`, subnetwork);
    const theirCluster = { name: gkeName, autopilot: { enabled: true }, network: gkeName, subnetwork: gkeName };
    await neighbour("POST", clusters, { cluster: theirCluster });
    while ((await neighbour("GET", `${clusters}/${gkeName}`)).status !== "RUNNING") await Bun.sleep(50);
    const found = await gcp.run("create-gke-all", [], { fleet });
    expect(Object.keys(errorsOf(found)).sort()).toEqual(foreign);
    const adopted = await well(gcp.run("create-gke-all", ["--adopt"], { fleet }));
    const own = ["cluster", "network", "subnetwork"].map((part) => `${k01}/${part}`);
    expect(endedAs(adopted, "adopted")).toEqual([...own, ...foreign].toSorted());
  });
});

test.concurrent("grants of others, with conditions, and of deleted members, stay as they are", async () => {
  await inGcp(async (gcp) => {
    const neighbour = await openUsed(gcp);
    const policy = `cloudresourcemanager/v3/projects/${project}`;
    const read = () => neighbour("POST", `${policy}:getIamPolicy`, { options: { requestedPolicyVersion: 3 } });
    await neighbour("POST", `${iam}/${project}/serviceAccounts`, { accountId: "short-lived" });
    const shortLived = `short-lived@${project}.iam.gserviceaccount.com`;
    const condition = {
      title: "until 2030",
      description: "theirs",
      expression: 'request.time < timestamp("2030-01-01T00:00:00Z")',
    };
    const boss = "user:boss@example.org";
    const granted = [
      { role: "roles/container.admin", members: [`serviceAccount:${shortLived}`, boss] },
      { role: "roles/container.admin", members: [boss], condition },
      { role: "roles/dns.reader", members: ["group:readers@example.org"] },
      { role: "roles/viewer", members: ["domain:example.org"] },
    ];
    await known(async () => {
      const { bindings, ...rest } = await read();
      const written = { ...rest, version: 3, bindings: [...bindings, ...granted] };
      await neighbour("POST", `${policy}:setIamPolicy`, { policy: written });
    });
    await neighbour("DELETE", `${iam}/${project}/serviceAccounts/${shortLived}`);
    const before = (await read()).bindings;
    expect(JSON.stringify(before)).toContain(`deleted:serviceAccount:${shortLived}?uid=`);
    await well(gcp.run("create-gke-all", [], { fleet }));
    const between: typeof granted = (await read()).bindings;
    for (const { role, members, condition: given } of before) {
      const found = between.find((one) => one.role === role && Bun.deepEquals(one.condition, given));
      expect(found?.members).toEqual(expect.arrayContaining(members));
    }
    await well(gcp.run("delete-gke-all", ["--yes"], { fleet }));
    await well(gcp.run("delete/gcp-tenant", ["--yes"], { fleet }));
    expect((await read()).bindings).toEqual(before);
  });
});

/** Policies know a new account after some seconds. */
async function known(write: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await write();
    } catch (error) {
      if (attempt === 50 || !String(error).includes("does not exist")) throw error;
      await Bun.sleep(50);
    }
  }
}

test.concurrent("another fleet finds its names taken in the same projects, and changes nothing of the first one's", async () => {
  await inGcp(async (gcp) => {
    const neighbour = await openUsed(gcp);
    await well(gcp.run("create-gke-all", [], { fleet }));
    const before = await everything(neighbour);
    const refused = await gcp.run("create-gke-all", [], { fleet: others });
    expect(refused.exitCode).toBe(1);
    for (const text of Object.values(errorsOf(refused))) expect(text).toContain("(ForeignResource)");
    const none = { ...others, clusters: [] };
    const orphans = await gcp.run("delete-all", ["--orphans", "--yes"], { fleet: none });
    expect(errorsOf(orphans)[""]).toContain("(NothingSelected)");
    for (const task of ["delete/gcp-tenant", "delete/gcp-mgmt"]) {
      const deleted = await gcp.run(task, ["--yes"], { fleet: others });
      for (const text of Object.values(errorsOf(deleted))) expect(text).toContain("(ForeignResource)");
    }
    expect(await everything(neighbour)).toEqual(before);
    const again = await well(gcp.run("create-gke-all", [], { fleet }));
    expect(endedAs(again, "unchanged").length).toBe(Object.keys(again.results).length);
  });
});

test.concurrent("deletes leave what others made beside ours, and name what stops them", async () => {
  await inGcp(async (gcp) => {
    const neighbour = await openUsed(gcp);
    await well(gcp.run("create-gke-all", [], { fleet }));
    const zone = (one: string, zoneName: string): string => `dns/dns/v1/projects/${one}/managedZones/${zoneName}`;
    const record = { name: "www.gcp.mylabs.dev.", type: "A", ttl: 300, rrdatas: ["192.0.2.1"] };
    await neighbour("POST", `${zone(management, "gcp-mylabs-dev")}/changes`, { additions: [record] });
    await neighbour("POST", `${iam}/${project}/serviceAccounts`, { accountId: "theirs-too" });
    await neighbour("POST", clusters, { cluster: { name: "theirs", autopilot: { enabled: true } } });
    const early = await gcp.run("delete/gcp-tenant", ["--yes"], { fleet });
    expect(Object.keys(errorsOf(early))).toEqual(["gcp/gcp-01/clusters/access"]);
    expect(errorsOf(early)["gcp/gcp-01/clusters/access"]).toMatch(
      /\(StillNeeded\)\nhint: delete them first: .*\nk01\./,
    );
    await well(gcp.run("delete-all", ["--yes"], { fleet }));
    await well(gcp.run("delete/gcp-tenant", ["--yes"], { fleet }));
    const last = await gcp.run("delete/gcp-mgmt", ["--yes"], { fleet });
    expect(Object.keys(errorsOf(last))).toEqual(["gcp/gcp-mgmt/zone/gcp.mylabs.dev"]);
    expect(errorsOf(last)["gcp/gcp-mgmt/zone/gcp.mylabs.dev"]).toMatch(
      /\(ZoneNotEmpty\)\n.*\nA www\.gcp\.mylabs\.dev$/,
    );
    const accounts = (await neighbour("GET", `${iam}/${project}/serviceAccounts`)).accounts;
    expect(accounts).toEqual([expect.objectContaining({ email: expect.stringContaining("theirs-too@") })]);
    expect((await neighbour("GET", clusters)).clusters).toEqual([expect.objectContaining({ name: "theirs" })]);
    await neighbour("POST", `${zone(management, "gcp-mylabs-dev")}/changes`, { deletions: [record] });
    await well(gcp.run("delete/gcp-mgmt", ["--yes"], { fleet }));
  });
});

test.concurrent("a zone of others is taken only by --adopt, whatever its name, and records of others stop its delete", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1));
    await gcp.openFor(fleet);
    await gcp.daemon.operate("gcp", "enable-services", { project, services: "dns.googleapis.com" });
    const neighbour = await gcp.neighbour();
    const zones = `dns/dns/v1/projects/${project}/managedZones`;
    await neighbour("POST", zones, { name: "theirs", dnsName: `${name}.`, description: "theirs" });
    for (const args of [["create-gke-all"], ["delete-gke-all", "--yes"]] as const) {
      const [task, ...flags] = args;
      expect(onlyError(await gcp.run(task, flags, { fleet }))).toEqual([
        `${k01}/zone`,
        `the zone theirs (${name}) in gcp-01 is without the tags of a fleet (ForeignResource)\nhint: rename or remove it, or take it over with --adopt`,
      ]);
    }
    const adopted = await well(gcp.run("create-gke-all", ["--adopt"], { fleet }));
    expect(endedAs(adopted, "adopted")).toEqual([`${k01}/zone`]);
    const again = await well(gcp.run("create-gke-all", [], { fleet }));
    expect(endedAs(again, "unchanged").length).toBe(Object.keys(again.results).length);

    const record = { name: `www.${name}.`, type: "A", ttl: 60, rrdatas: ["192.0.2.1"] };
    await neighbour("POST", `${zones}/theirs/changes`, { additions: [record] });
    const [id, stopped] = onlyError(await gcp.run("delete-gke-all", ["--yes"], { fleet }));
    expect(id).toBe(`${k01}/zone`);
    expect(stopped).toContain("(ZoneNotEmpty)\nhint: delete them");
    expect(stopped).toEndWith(`A www.${name}`);
    await neighbour("POST", `${zones}/theirs/changes`, { deletions: [record] });
    await well(gcp.run("delete-gke-all", ["--yes"], { fleet }));
    expect((await neighbour("GET", zones)).managedZones ?? []).toEqual([]);
  });
});

test.concurrent("the zone of clusters is adopted under another name, and with it what may delegate there", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1));
    await gcp.openFor(fleet);
    await gcp.daemon.operate("gcp", "enable-services", { project: management, services: "dns.googleapis.com" });
    const neighbour = await gcp.neighbour();
    const zones = `dns/dns/v1/projects/${management}/managedZones`;
    await neighbour("POST", zones, { name: "theirs", dnsName: "k8s.gcp.mylabs.dev.", description: "theirs" });
    const [id, error] = onlyError(await gcp.run("create/gcp-mgmt", [], { fleet }));
    expect(id).toBe("gcp/gcp-mgmt/zone/k8s.gcp.mylabs.dev");
    expect(error).toContain("(ForeignResource)");
    const adopted = await well(gcp.run("create/gcp-mgmt", ["--adopt"], { fleet }));
    expect(endedAs(adopted, "adopted")).toEqual([id]);
    await well(gcp.run("create-gke-all", [], { fleet }));
    const { bindings } = await neighbour("POST", `${zones}/theirs:getIamPolicy`, {});
    expect(bindings).toEqual([expect.objectContaining({ role: expect.stringContaining("Delegations") })]);
    await well(gcp.run("delete-gke-all", ["--yes"], { fleet }));
    await well(gcp.run("delete/gcp-tenant", ["--yes"], { fleet }));
    await well(gcp.run("delete/gcp-mgmt", ["--yes"], { fleet }));
    expect((await neighbour("GET", zones)).managedZones ?? []).toEqual([]);
  });
});
