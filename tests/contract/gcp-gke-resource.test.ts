import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { GcpActor } from "#lib/gcp/clients.ts";
import { clusterNat } from "#lib/gcp/compute/nat.ts";
import { clusterNetwork } from "#lib/gcp/compute/network.ts";
import { clusterSubnetwork } from "#lib/gcp/compute/subnetwork.ts";
import { createGcpClients } from "#lib/gcp/create-clients.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";
import { type GkeState, gkeCluster } from "#lib/gcp/gke/cluster.ts";
import { emailOf, serviceAccountNames } from "#lib/gcp/names.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import { endpointVariables } from "#sandbox/gcp/environment.ts";
import { listAt, stringAt } from "#sandbox/json.ts";
import { failureOf } from "#tests/support/failure.ts";
import { gcpMemory, gcpWorld } from "#tests/support/gcp-memory.ts";
import { openGoogleHost, projectId, projectNumber } from "#tests/support/google-host.ts";
import type { HttpsCloud } from "#tests/support/https-cloud.ts";

// Against hanging only.
setDefaultTimeout(60_000);

const account: GcpAccount = { provider: "gcp", name: "gcp-01", role: "management", projectId, projectNumber };
const actor: GcpActor = { account, as: "administrator" };
const labels = { project: "k8s-multicluster-gitops", fleet: "mylabs-test" };
const base = { provider: "gcp", account: "gcp-01", region: "us-east1" } as const;

let google: HttpsCloud;
let world: GcpWorld;
const { world: memory, outputs } = gcpWorld(gcpMemory());
beforeAll(async () => {
  google = await openGoogleHost();
  const { endpoint } = google.server;
  const clients = createGcpClients(
    { accounts: [account] },
    {
      ...google.variables,
      ...endpointVariables(endpoint),
    },
  );
  world = { ...memory, gcp: clients, clock: { ...memory.clock, sleep: () => Bun.sleep(10) } };
  await world.gcp.rest(actor).send(world, "iam", "POST", `v1/projects/${projectId}/serviceAccounts`, {
    accountId: serviceAccountNames.nodes,
  });
});
afterAll(async () => await google.close());

function resource(cluster: GkeCluster) {
  const row = { kind: "cluster", name: cluster.name, group: "gcp" } as const;
  return gkeCluster({ id: cluster.name, title: cluster.name, row, needs: [], actor, cluster, labels });
}

/** Where a cluster is, in the order of creation. */
function networkOf(cluster: GkeCluster) {
  const row = { kind: "cluster", name: cluster.name, group: "gcp" } as const;
  const options = { id: "n", title: cluster.name, label: "n", row, needs: [], actor, cluster, mark: "ours" };
  return [clusterNetwork(options), clusterSubnetwork(options), clusterNat(options)];
}

/** Makes it so, and finds nothing more to change. */
async function ensure(cluster: GkeCluster): Promise<GkeState> {
  for (const part of networkOf(cluster)) {
    const made = await part.ensure(world, { kind: "absent" }, outputs);
    expect(part.diff(made, outputs)).toEqual([]);
    expect(await part.observe(world, outputs)).toMatchObject({ kind: "present" });
  }
  const state = await resource(cluster).ensure(world, { kind: "absent" }, outputs);
  expect(await resource(cluster).observe(world, outputs)).toMatchObject({ kind: "present" });
  expect(resource(cluster).diff(state, outputs)).toEqual([]);
  return state;
}

test.each([
  ["autopilot", "k01.k8s.gcp.mylabs.test"],
  ["standard", "k02.k8s.gcp.mylabs.test"],
] as const)("our cluster in the mode %s is created, changed and deleted", async (mode, name) => {
  const cluster: GkeCluster = { ...base, name, mode, kubernetes: "1.35" };
  const { found, endpoint } = await ensure(cluster);
  expect(endpoint).toEqual({ server: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/), authority: undefined });
  expect(stringAt(found, "currentMasterVersion")).toStartWith("1.35.");
  const pools = mode === "standard" ? [emailOf(account, serviceAccountNames.nodes)] : [];
  expect(listAt(found, "nodePools").map((pool) => stringAt(pool, "config", "serviceAccount"))).toEqual(pools);
  const changed = await ensure({
    ...cluster,
    kubernetes: "1.36",
    releaseChannel: "rapid",
    publicAccessCidrs: ["192.0.2.0/24"],
  });
  expect(changed.found).toMatchObject({
    releaseChannel: { channel: "RAPID" },
    currentMasterVersion: expect.stringMatching(/^1\.36\./),
  });
  expect(changed.endpoint?.server).toBe(endpoint?.server ?? "");
  expect(Buffer.from(changed.endpoint?.authority ?? "", "base64").toString()).toBe(google.authority);
  await resource(cluster).remove(world, { kind: "present", state: changed }, outputs);
  expect(await resource(cluster).observe(world, outputs)).toEqual({ kind: "absent" });
  for (const part of networkOf(cluster).toReversed()) {
    await part.remove(world, { kind: "absent" }, outputs);
    expect(await part.observe(world, outputs)).toEqual({ kind: "absent" });
  }
});

test("two runs at the same time make one cluster", async () => {
  const cluster: GkeCluster = { ...base, name: "both.k8s.gcp.mylabs.test" };
  const [one, other] = await Promise.all([ensure(cluster), ensure(cluster)]);
  expect(one.endpoint).toEqual(other.endpoint);
});

test("a cluster without machines fails in GKE's words, and is shown as broken", async () => {
  const { operations } = await google.open();
  const message = "The zone 'us-east1-b' does not have enough resources available to fulfill the request.";
  operations["fail-operation"]?.({ project: projectId, code: "GCE_STOCKOUT", message }, google.server.endpoint);
  const cluster: GkeCluster = { ...base, name: "broken.k8s.gcp.mylabs.test" };
  for (const part of networkOf(cluster)) await part.ensure(world, { kind: "absent" }, outputs);
  const failure = await failureOf(resource(cluster).ensure(world, { kind: "absent" }, outputs));
  expect(JSON.stringify([failure.message, failure.details])).toContain(message);
  const observed = await resource(cluster).observe(world, outputs);
  if (observed.kind !== "present") throw new Error(observed.kind);
  expect(resource(cluster).diff(observed.state, outputs)).toEqual([
    { field: "status", from: "ERROR", to: "RUNNING", effect: "replace" },
  ]);
});
