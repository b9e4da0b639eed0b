import { expect, setDefaultTimeout, test } from "bun:test";
import { type CloudCall, isChanging } from "#tests/support/cloud-sandbox.ts";
import { type CrashCloud, interrupted, killedAtAnyMoment, twoAtOnce } from "#tests/support/crash-stories.ts";
import { fleetOf, type GcpStory, gke, inGcp, projects } from "#tests/support/gcp-story.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const name = "k01.k8s.gcp.mylabs.dev";
const k01 = `gcp/gcp-01/${name}`;
const { projectId } = projects["gcp-01"];
const gkeClusters = (region: string): string => `container/v1/projects/${projectId}/locations/${region}/clusters`;
const gkeOfK01 = `${gkeClusters("us-east1")}/k01-k8s-gcp-mylabs-dev`;
const zonesIn = (project: string): string => `dns/dns/v1/projects/${project}/managedZones`;

async function clusterCalls(gcp: GcpStory): Promise<readonly CloudCall[]> {
  return (await gcp.calls()).filter(isChanging).filter(({ service }) => service === "clusters");
}

/** All that runs make of clusters and for them; twice the same are two of them. */
async function thingsIn(gcp: GcpStory): Promise<readonly string[]> {
  const call = await gcp.neighbour();
  const { clusters = [] }: { readonly clusters?: readonly Named[] } = await call("GET", gkeClusters("-"));
  const { managedZones = [] }: { readonly managedZones?: readonly Named[] } = await call("GET", zonesIn(projectId));
  const made = ["global/networks", "global/firewalls", "regions/us-east1/subnetworks", "regions/us-east1/routers"];
  const parts = made.map(async (collection) => {
    const path = `compute/projects/${projectId}/${collection}`;
    const { items = [] }: { readonly items?: readonly Named[] } = await call("GET", path);
    return items.map((one) => `${collection}/${one.name}`);
  });
  const parent = `${zonesIn(projects["gcp-mgmt"].projectId)}/k8s-gcp-mylabs-dev`;
  const { rrsets }: { readonly rrsets: readonly Named[] } = await call("GET", `${parent}/rrsets`);
  const policies = [
    `cloudresourcemanager/v3/projects/${projectId}`,
    ...managedZones.map((zone) => `${zonesIn(projectId)}/${zone.name}`),
  ];
  const granted = policies.map(async (path) => {
    const { bindings = [] }: Policy = await call("POST", `${path}:getIamPolicy`, {});
    return bindings.flatMap(({ role, members }) => members.map((member) => `${path} ${role} ${member}`));
  });
  return [
    ...clusters.map((cluster) => `${cluster.name} ${cluster.status}`),
    ...managedZones.map((zone) => zone.name),
    ...rrsets.map((set) => `${set.type} ${set.name}`),
    ...(await Promise.all([...parts, ...granted])).flat(),
  ].sort();
}

interface Named {
  readonly name: string;
  /** Of a cluster. */
  readonly status?: string;
  /** Of a record set. */
  readonly type?: string;
}

interface Policy {
  readonly bindings?: readonly { readonly role: string; readonly members: readonly string[] }[];
}

const gcp: CrashCloud<GcpStory> = {
  name: "GCP",
  product: "gke",
  tell: inGcp,
  fleet: (clusters) => fleetOf(gke(1), ...(clusters === 1 ? [] : [gke(2)])),
  thingsIn,
  rounds: {
    create: { times: 8, calls: (random) => 10 + random(90) },
    delete: { times: 5, calls: (random) => 40 + random(60) },
  },
  creates: "clusters:create",
};

killedAtAnyMoment(gcp);

interrupted(gcp, {
  cluster: `${k01}/cluster`,
  create: "clusters:create",
  begun: { create: "GKE: create cluster", delete: "GKE: delete cluster" },
  goesOn: { create: "GKE goes on with create cluster", delete: "GKE goes on with delete cluster" },
  joins: { create: "joining create cluster", delete: "delete cluster" },
  clustersIn: async (story) => JSON.parse(await story.sandbox("status")).gcp.clusters,
});

twoAtOnce(
  gcp,
  "create/gke/k02-k8s-gcp-mylabs-dev",
  ["cluster", "zone", "delegation"].map((part) => `${k01}/${part}`),
  async (story) => {
    const things = await thingsIn(story);
    expect(things.filter((one) => one.endsWith(" RUNNING"))).toEqual([
      "k01-k8s-gcp-mylabs-dev RUNNING",
      "k02-k8s-gcp-mylabs-dev RUNNING",
    ]);
    expect(things.length).toBe(new Set(things).size);
  },
);

test.concurrent("somebody else's operation on a cluster is waited for, then what is missing is changed", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1));
    await well(gcp.run("create-gke-all", [], { fleet }));
    const call = await gcp.neighbour();
    await gcp.sandbox("up", "--speed", "0.2");
    const update = { desiredNotificationConfig: { pubsub: { enabled: false } } };
    await call("PUT", gkeOfK01, { update });
    const changed = fleetOf(gke(1, "gcp-01", { releaseChannel: "rapid" }));
    const run = gcp.start("create-gke-all", [], { fleet: changed });
    await run.printed("joining update cluster");
    await gcp.sandbox("up", "--speed", "20");
    const joined = await well(run.ended);
    expect(joined.results[`${k01}/cluster`]?.changes.map(({ field }) => field)).toEqual(["releaseChannel.channel"]);
    expect(await call("GET", gkeOfK01)).toMatchObject({
      status: "RUNNING",
      releaseChannel: { channel: "RAPID" },
      notificationConfig: { pubsub: {} },
    });
  });
});

test.concurrent("a cluster whose creation failed is shown, and is replaced once that is allowed", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1));
    await gcp.openFor(fleet);
    const message = "us-east1-b does not have enough machines";
    await gcp.daemon.operate("gcp", "fail-operation", { project: projectId, message });
    const failed = await gcp.run("create-gke-all", [], { fleet });
    expect([failed.exitCode, Object.keys(errorsOf(failed))]).toEqual([1, [`${k01}/cluster`]]);
    expect(errorsOf(failed)[`${k01}/cluster`]).toContain(message);
    const status = await gcp.run("status", [], { fleet });
    expect(status.results[`${k01}/cluster`]).toMatchObject({
      outcome: "degraded",
      health: { summary: `ERROR: ${message}` },
    });
    await gcp.calls();
    const planned = await gcp.run("plan", [], { fleet });
    expect(planned.results[`${k01}/cluster`]).toMatchObject({
      outcome: "to replace",
      changes: [{ field: "status", from: "ERROR", to: "RUNNING", effect: "replace" }],
    });
    const refused = await gcp.run("create-gke-all", [], { fleet });
    expect(errorsOf(refused)[`${k01}/cluster`]).toContain("(ReplacementRequired)\nhint: run again with --allow-");
    expect(await clusterCalls(gcp)).toEqual([]);
    const replaced = await well(gcp.run("create-gke-all", ["--allow-replacement"], { fleet }));
    expect(endedAs(replaced, "replaced")).toEqual([`${k01}/cluster`]);
    expect((await clusterCalls(gcp)).map(({ action }) => action)).toEqual(["delete", "create"]);
    await well(gcp.run("status", [], { fleet }));
  });
});
