import { beforeEach, describe, expect, test } from "bun:test";
import type { Json } from "#lib/gcp/clients.ts";
import type { GkeCluster } from "#lib/gcp/fleet/types.ts";
import { gkeCluster } from "#lib/gcp/gke/cluster.ts";
import { failureOf } from "#tests/support/failure.ts";
import { type GcpMemory, gcpError, gcpMemory, gcpWorld, testActor } from "#tests/support/gcp-memory.ts";

const fqdn = "k01.k8s.gcp.mylabs.test";
const name = "k01-k8s-gcp-mylabs-test";
const base: GkeCluster = { provider: "gcp", name: fqdn, account: "gcp-01", region: "us-east1", kubernetes: "1.36" };
const labels = { project: "k8s-multicluster-gitops", fleet: "mylabs-test", cluster: name };
const row = { kind: "cluster", name: fqdn, group: "gcp" } as const;
const location = "projects/test-01/locations/us-east1";
const path = `${location}/clusters/${name}`;
const dnsEndpoint = "gke-1234-222222222222.us-east1.gke.goog";

/** As GKE answers a cluster of `base`. */
const standing: Json = {
  name,
  status: "RUNNING",
  location: "us-east1",
  autopilot: { enabled: true },
  releaseChannel: { channel: "REGULAR" },
  currentMasterVersion: "1.36.2-gke.1234000",
  resourceLabels: labels,
  labelFingerprint: "f",
  network: name,
  subnetwork: name,
  networkConfig: { defaultEnablePrivateNodes: true },
  workloadIdentityConfig: { workloadPool: "test-01.svc.id.goog" },
  ipAllocationPolicy: { clusterIpv4CidrBlock: "10.0.0.0/17", useIpAliases: true },
  controlPlaneEndpointsConfig: {
    dnsEndpointConfig: { allowExternalTraffic: true, endpoint: dnsEndpoint },
    ipEndpointsConfig: {},
  },
  endpoint: dnsEndpoint,
  masterAuth: { clusterCaCertificate: "QUE=" },
};

let memory: GcpMemory;
/** Operations of GKE, the running ones first answered as such once. */
let operations: Json[];
let bodies: Json[];
beforeEach(() => {
  memory = gcpMemory();
  operations = [];
  bodies = [];
  const channels = [
    { channel: "REGULAR", validVersions: ["1.36.10-gke.2", "1.36.9-gke.9", "1.35.7-gke.1"] },
    { channel: "RAPID", validVersions: ["1.37.0-gke.1"] },
  ];
  memory.answers.set(`GET v1/${location}/serverConfig`, () => ({ channels }));
  memory.answers.set(`LIST v1/${location}/operations`, () => ({ operations }));
});

/** An operation that runs for one look; `then` happens when it ends. */
function operation(type: string, then: () => void = () => undefined, error?: Json): Json {
  const running = {
    name: `operation-${operations.length}`,
    operationType: type,
    status: "RUNNING",
    targetLink: `https://container.googleapis.com/v1/projects/222222222222/zones/us-east1/clusters/${name}`,
  };
  operations.push(running);
  const at = operations.length - 1;
  let looks = 0;
  memory.answers.set(`GET v1/${location}/operations/${running.name}`, () => {
    if (looks++ < 1) return running;
    if (looks === 2) then();
    const ended = { ...running, status: "DONE", ...(error === undefined ? {} : { error }) };
    operations[at] = ended;
    return ended;
  });
  return running;
}

const answer = (call: string, type: string, then?: (body: Json) => void, error?: Json): void => {
  memory.answers.set(call, (body) => {
    bodies.push(body);
    return operation(type, () => then?.(body), error);
  });
};
const at = (fields: Partial<GkeCluster> = {}, flags: Parameters<typeof gcpWorld>[1] = {}) => {
  const { world, outputs, said } = gcpWorld(memory, flags);
  const of = gkeCluster({
    id: "gke",
    title: `${fqdn}: GKE`,
    row,
    needs: [],
    actor: testActor,
    cluster: { ...base, ...fields },
    labels,
  });
  return {
    said,
    observe: () => of.observe(world, outputs),
    ensure: () => of.ensure(world, { kind: "absent" }, outputs),
    remove: () => of.remove(world, { kind: "absent" }, outputs),
    refuse: async (state: Json) => await of.refuse?.(world, { found: state, endpoint: undefined }, outputs),
    diff: (found: Json) => of.diff({ found, endpoint: undefined }, outputs),
    health: of.health,
  };
};
const stand = (fields: Json = {}): void => void memory.documents.set(path, { ...standing, ...fields });

describe("a GKE cluster", () => {
  test("is created as Autopilot with the newest version of its minor and channel, reached by its name", async () => {
    answer(`POST v1/${location}/clusters`, "CREATE_CLUSTER", () => stand());
    const { ensure, said, observe, diff } = at();
    const state = await ensure();
    expect(bodies).toEqual([
      {
        cluster: {
          name,
          autopilot: { enabled: true },
          releaseChannel: { channel: "REGULAR" },
          initialClusterVersion: "1.36.10-gke.2",
          resourceLabels: labels,
          network: name,
          subnetwork: name,
          networkConfig: { defaultEnablePrivateNodes: true },
          workloadIdentityConfig: { workloadPool: "test-01.svc.id.goog" },
          ipAllocationPolicy: { useIpAliases: true },
          controlPlaneEndpointsConfig: {
            dnsEndpointConfig: { allowExternalTraffic: true },
            ipEndpointsConfig: { enabled: false },
          },
          autoscaling: {
            autoprovisioningNodePoolDefaults: {
              serviceAccount: "k8s-multicluster-gitops-nodes@test-01.iam.gserviceaccount.com",
              oauthScopes: ["https://www.googleapis.com/auth/cloud-platform"],
            },
          },
        },
      },
    ]);
    expect(state.endpoint).toEqual({ server: `https://${dnsEndpoint}`, authority: undefined });
    expect(said).toContain("GKE: create cluster");
    expect(await observe()).toMatchObject({ kind: "present" });
    expect(diff(state.found)).toEqual([]);
    await ensure();
    expect(bodies).toHaveLength(1);
  });

  test("of the fleet's choice has nodes of its own, and an address for some ranges", async () => {
    answer(`POST v1/${location}/clusters`, "CREATE_CLUSTER", ({ cluster }) =>
      stand({ ...Object(cluster), autopilot: {}, endpoint: "192.0.2.1" }),
    );
    const own = { mode: "standard", publicAccessCidrs: ["198.51.100.0/24"], podCidr: "10.8.0.0/14" } as const;
    const { ensure, diff } = at(own);
    const state = await ensure();
    expect(bodies[0]?.cluster).toMatchObject({
      autopilot: { enabled: false },
      ipAllocationPolicy: { clusterIpv4CidrBlock: "10.8.0.0/14" },
      controlPlaneEndpointsConfig: {
        dnsEndpointConfig: { allowExternalTraffic: false },
        ipEndpointsConfig: {
          authorizedNetworksConfig: {
            gcpPublicCidrsAccessEnabled: false,
            cidrBlocks: [{ cidrBlock: "198.51.100.0/24" }],
          },
        },
      },
      nodePools: [
        {
          name: "default",
          initialNodeCount: 1,
          config: { machineType: "e2-standard-4", workloadMetadataConfig: { mode: "GKE_METADATA" } },
        },
      ],
    });
    expect(state.endpoint).toEqual({ server: "https://192.0.2.1", authority: "QUE=" });
    expect(diff(state.found)).toEqual([]);
    const bigger = at({ ...own, nodePool: { machineType: "e2-standard-8", countPerZone: 1 } });
    expect(bigger.diff(state.found)).toMatchObject([
      { field: "nodePools[default].config.machineType", effect: "replace" },
    ]);
  });

  test("that is being created is found by its operation's target, and waited for", async () => {
    stand({ status: "PROVISIONING" });
    operation("CREATE_CLUSTER", () => stand());
    expect(await at().observe()).toEqual({ kind: "busy", why: "GKE is at work on it: PROVISIONING", inCloud: true });
    expect((await at().ensure()).found.status).toBe("RUNNING");
    expect(memory.calls).toEqual([]);
  });

  test.each([
    ["another run has begun to create it", gcpError(409, "ALREADY_EXISTS")],
    ["the answer was lost", gcpError(503, "UNAVAILABLE")],
  ])("is joined when %s", async (_, error) => {
    memory.onCall = (call) => {
      if (!call.startsWith("POST")) return;
      operation("CREATE_CLUSTER", () => stand());
      stand({ status: "PROVISIONING" });
      throw error;
    };
    expect((await at().ensure()).found.status).toBe("RUNNING");
    expect(memory.calls).toHaveLength(1);
  });

  test("that GKE works on is joined, then changed", async () => {
    stand({ releaseChannel: { channel: "STABLE" } });
    let refused = false;
    answer(`PUT v1/${path}`, "UPDATE_CLUSTER", () => stand());
    memory.onCall = (call) => {
      if (!call.startsWith("PUT") || refused) return;
      refused = true;
      operation("UPGRADE_MASTER");
      const message =
        "Operation operation-0 is currently upgrading cluster k01. Please wait and try again once it is done.";
      throw gcpError(400, "FAILED_PRECONDITION", message, ["failedPrecondition"]);
    };
    const { ensure, said } = at();
    await ensure();
    expect(said).toContain("joining upgrade master");
    expect(bodies).toEqual([{ update: { desiredReleaseChannel: { channel: "REGULAR" } } }]);
  });

  test("is changed by one update at a time, its labels by themselves", async () => {
    stand({
      currentMasterVersion: "1.35.7-gke.1",
      networkConfig: {},
      controlPlaneEndpointsConfig: { dnsEndpointConfig: {} },
      resourceLabels: { ...labels, cluster: "old", team: "a" },
    });
    answer(`PUT v1/${path}`, "UPDATE_CLUSTER");
    answer(`POST v1/${path}:setResourceLabels`, "SET_LABELS", () => stand());
    await at().ensure();
    expect(bodies.flatMap((body) => Object.keys(Object(body.update ?? body)))).toEqual([
      "desiredMasterVersion",
      "desiredControlPlaneEndpointsConfig",
      "desiredDefaultEnablePrivateNodes",
      "resourceLabels",
      "labelFingerprint",
    ]);
    expect(bodies[0]).toEqual({ update: { desiredMasterVersion: "1.36.10-gke.2" } });
    expect(bodies.at(-1)?.resourceLabels).toEqual({ ...labels, team: "a" });
  });

  test("that GKE has upgraded is left alone; leaps and minors that GKE does not offer are refused", async () => {
    expect(at().diff({ ...standing, currentMasterVersion: "1.37.1-gke.1" })).toEqual([]);
    const old = { ...standing, currentMasterVersion: "1.34.1-gke.1" };
    expect((await failureOf(at().refuse(old))).code).toBe("UpgradeRefused");
    const error = await failureOf(at({ kubernetes: "1.37" }).ensure());
    expect([error.code, error.hint]).toEqual([
      "UpgradeRefused",
      'write kubernetes: "1.36", another one that GKE offers there (1.35, 1.36), or another releaseChannel',
    ]);
    expect(memory.calls).toEqual([]);
  });

  test("whose creation fails says why in GKE's words, and stays until a replacement is allowed", async () => {
    const message = "Insufficient regional quota to satisfy request: resource CPUS";
    answer(`POST v1/${location}/clusters`, "CREATE_CLUSTER", () => stand({ status: "ERROR", statusMessage: message }), {
      code: 8,
      message,
    });
    const error = await failureOf(at().ensure());
    expect([error.code, error.message.includes(message)]).toEqual(["QuotaExceeded", true]);

    const { observe, ensure, health } = at();
    const observed = await observe();
    if (observed.kind !== "present") throw new Error(observed.kind);
    expect(health(observed.state)).toMatchObject({ kind: "degraded", summary: `ERROR: ${message}` });
    const refused = await failureOf(ensure());
    expect([refused.code, refused.details]).toEqual(["ReplacementRequired", [message]]);

    answer(`DELETE v1/${path}`, "DELETE_CLUSTER", () => void memory.documents.delete(path));
    answer(`POST v1/${location}/clusters`, "CREATE_CLUSTER", () => stand());
    expect((await at({}, { allowReplacement: true }).ensure()).found.status).toBe("RUNNING");
  });

  test("is deleted after what GKE does with it, and only with our labels", async () => {
    stand({ resourceLabels: { team: "a" } });
    expect((await at().observe()).kind).toBe("foreign");
    expect((await failureOf(at().remove())).code).toBe("ForeignResource");
    expect((await failureOf(at().ensure())).code).toBe("ForeignResource");

    stand({ status: "STOPPING" });
    operation("DELETE_CLUSTER", () => void memory.documents.delete(path));
    await at().remove();
    expect(memory.calls).toEqual([]);

    stand();
    answer(`DELETE v1/${path}`, "DELETE_CLUSTER", () => void memory.documents.delete(path));
    await at().remove();
    expect(memory.calls).toEqual([`DELETE v1/${path}`]);
    await at().remove();
  });
});
