import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { gkeOperations } from "#sandbox/gcp/gke/failures.ts";
import { type JsonObject, listAt, objectAt, stringAt } from "#sandbox/json.ts";
import {
  autopilot,
  cluster,
  clusters,
  fieldsOf,
  GkeWorld,
  location,
  project,
  standard,
} from "#tests/sandbox/gcp/gke/world.ts";

let world: GkeWorld;
beforeEach(() => {
  world = new GkeWorld();
});
afterEach(() => world.close());

const place = `https://container.googleapis.com/v1/projects/${project.number}/locations/${location}`;
const name = `projects/${project.projectId}/locations/${location}/clusters/k01`;
const create = (given: JsonObject, path = clusters) => world.refused("POST", path, { cluster: given });
const update = (change: JsonObject) => ({ update: change });

describe("a cluster", () => {
  test("is created by an operation, and shows its endpoint once it is there", async () => {
    expect(await world.refused("GET", cluster)).toEqual([404, `Not found: ${name}.`]);
    const { status, body: operation } = await world.ask("POST", clusters, { cluster: autopilot() });
    expect(status).toBe(200);
    expect(operation).toEqual({
      name: expect.stringMatching(/^operation-\d{13}-[0-9a-f-]{36}$/),
      operationType: "CREATE_CLUSTER",
      selfLink: `${place}/operations/${operation.name}`,
      startTime: expect.any(String),
      status: "RUNNING",
      targetLink: `${place}/clusters/k01`,
      zone: location,
    });
    const coming = await world.read();
    expect(coming).toMatchObject({ status: "PROVISIONING", location, currentMasterVersion: "1.35.8-gke.1036000" });
    expect(objectAt(coming, "controlPlaneEndpointsConfig", "dnsEndpointConfig").endpoint).toBeUndefined();
    expect(fieldsOf(await world.done(operation))).toEqual([...fieldsOf(operation), "endTime"].sort());
    const made = await world.read();
    const endpoint = expect.stringMatching(/^127\.0\.0\.1:\d+$/);
    expect(made).toMatchObject({
      status: "RUNNING",
      autopilot: { enabled: true },
      endpoint,
      controlPlaneEndpointsConfig: {
        dnsEndpointConfig: { allowExternalTraffic: true, endpoint },
        ipEndpointsConfig: { enabled: false },
      },
      networkConfig: { defaultEnablePrivateNodes: true },
      workloadIdentityConfig: { workloadPool: "example-01.svc.id.goog" },
      masterAuth: { clusterCaCertificate: Buffer.from(await world.authority()).toString("base64") },
      selfLink: `https://container.googleapis.com/v1/${name}`,
    });
    expect(made.nodePools).toBeUndefined();
    // Nodes may come meanwhile.
    const { currentNodeCount: _, ...lasting } = made;
    expect((await world.ask("GET", clusters)).body.clusters).toMatchObject([lasting]);
    expect((await world.ask("GET", clusters.replace(location, "-"))).body.clusters).toHaveLength(1);
    expect((await world.ask("GET", clusters.replace(location, "us-west1"))).body).toEqual({});
  });

  test("of a zone has zones in its links, and one node in the pool", async () => {
    const zone = `v1/projects/${project.projectId}/locations/us-east1-b`;
    const done = await world.work("POST", `${zone}/clusters`, { cluster: { name: "k01", initialNodeCount: 2 } });
    expect(done.targetLink).toBe(`${place.replace("locations/us-east1", "zones/us-east1-b")}/clusters/k01`);
    expect(await world.read(`${zone}/clusters/k01`)).toMatchObject({
      currentNodeCount: 2,
      locations: ["us-east1-b"],
      nodePools: [{ name: "default-pool", status: "RUNNING", locations: ["us-east1-b"] }],
    });
    expect(await world.refused("GET", `${zone}/clusters/k02`)).toEqual([
      404,
      `Not found: projects/${project.projectId}/zones/us-east1-b/clusters/k02.`,
    ]);
  });

  test("is deleted by an operation", async () => {
    await world.make();
    const { body: operation } = await world.ask("DELETE", cluster);
    expect(operation.operationType).toBe("DELETE_CLUSTER");
    expect((await world.read()).status).toBe("STOPPING");
    await world.done(operation);
    expect((await world.ask("GET", cluster)).status).toBe(404);
  });

  test("takes one operation at a time, which can be found by its target", async () => {
    const { body: operation } = await world.ask("POST", clusters, { cluster: autopilot() });
    const busy = `Operation ${operation.name} is currently creating cluster k01. Please wait and try again once it is done.`;
    expect(await world.ask("DELETE", cluster)).toMatchObject({
      status: 400,
      body: { error: { message: busy, status: "FAILED_PRECONDITION", errors: [{ reason: "failedPrecondition" }] } },
    });
    expect(await create(autopilot())).toEqual([409, `Already exists: ${name}.`]);
    const { body } = await world.ask("GET", clusters.replace("clusters", "operations"));
    expect(body.operations).toEqual([operation]);
    expect(listAt(body, "operations").map((one) => stringAt(one, "targetLink"))).toEqual([`${place}/clusters/k01`]);
    await world.done(operation);
  });

  test("goes on with its operations after a restart", async () => {
    const { body: operation } = await world.ask("POST", clusters, { cluster: autopilot() });
    await world.leave();
    world = new GkeWorld(world.folder);
    await world.resume();
    await world.done(operation);
    const before = (await world.read()).endpoint;
    expect(before).toBeString();
    await world.leave();
    world = new GkeWorld(world.folder);
    await world.resume();
    expect((await world.read()).endpoint).toBe(before);
    expect((await world.server("/api/v1/namespaces/default", world.token())).status).toBe(200);
  });

  test("that the sandbox was asked to refuse is refused once, and nothing begins", async () => {
    const message = "Insufficient regional quota to satisfy request";
    const refuse = gkeOperations(world.cloud)["refuse-cluster"];
    refuse?.({ project: project.projectId, code: "PERMISSION_DENIED", message }, "");
    expect(await world.refused("POST", clusters, { cluster: standard() })).toEqual([403, message]);
    expect(await world.work("POST", clusters, { cluster: standard() })).toMatchObject({ status: "DONE" });
    expect(await world.read()).toMatchObject({ status: "RUNNING" });
  });

  test("that can't be made says why, and can only be deleted", async () => {
    const message = "The zone 'us-east1-b' does not have enough resources available to fulfill the request.";
    gkeOperations(world.cloud)["fail-operation"]?.({ project: project.projectId, code: "GCE_STOCKOUT", message }, "");
    const condition = { code: "GCE_STOCKOUT", message, canonicalCode: "RESOURCE_EXHAUSTED" };
    expect(await world.work("POST", clusters, { cluster: standard() })).toMatchObject({
      status: "DONE",
      error: { code: 8, message },
      statusMessage: message,
      clusterConditions: [condition],
    });
    expect(await world.read()).toMatchObject({ status: "ERROR", statusMessage: message, conditions: [condition] });
    expect(await world.refused("PUT", cluster, update({ desiredMasterVersion: "1.36" }))).toEqual([
      400,
      "Cluster k01 is in ERROR state: it can only be deleted.",
    ]);
    await world.work("DELETE", cluster);
  });

  test.each([
    ["a name that is too long", { name: "k".repeat(41) }, "cluster.name"],
    [
      "a pool of another project",
      { workloadIdentityConfig: { workloadPool: "x.svc.id.goog" } },
      "example-01.svc.id.goog",
    ],
    ["a version that the channel lacks", { initialClusterVersion: "1.30" }, 'prefix "1.30"'],
    ["a version that nobody has", { initialClusterVersion: "1.35.8-gke.1" }, '"1.35.8-gke.1" is unsupported'],
    ["a range that is none", { ipAllocationPolicy: { clusterIpv4CidrBlock: "10.0.0.0/40" } }, '"10.0.0.0/40"'],
    ["a label in capitals", { resourceLabels: { A: "b" } }, '"A"'],
    ["no channel in Autopilot", { releaseChannel: { channel: "UNSPECIFIED" } }, "release channel"],
    [
      "an authorized network that is none",
      { masterAuthorizedNetworksConfig: { cidrBlocks: [{ cidrBlock: "here" }] } },
      '"here"',
    ],
  ])("is refused with %s", async (_, changes, message) => {
    expect(await create(autopilot(changes))).toEqual([400, expect.stringContaining(message)]);
  });

  test.each([
    ["no nodes", { nodePools: [] }, "Cluster.initial_node_count must be greater than zero."],
    ["an unknown machine type", { nodePools: [{ name: "a", config: { machineType: "big" } }] }, '"big"'],
    [
      "an account that is missing",
      { nodePools: [{ name: "a", config: { serviceAccount: "a@b.iam.gserviceaccount.com" } }] },
      "does not exist",
    ],
    ["nodes that are newer than it", { nodePools: [{ name: "a", version: "1.36.3-gke.1018000" }] }, "greater version"],
    ["zones of another region", { locations: ["us-west1-a"] }, '"us-west1-a"'],
  ])("of the standard mode is refused with %s", async (_, changes, message) => {
    expect(await create(standard(changes))).toEqual([400, expect.stringContaining(message)]);
  });

  test("is refused to those who may not act as the account of its nodes", async () => {
    await world.grant("roles/container.admin", "user:ann@example.com");
    const token = world.token({ kind: "user", email: "ann@example.com" });
    expect(await world.refused("POST", clusters, { cluster: autopilot() }, token)).toEqual([
      400,
      'The user does not have access to service account "default". Ask a project owner to grant you the iam.serviceAccountUser role on the service account.',
    ]);
    await world.grant("roles/iam.serviceAccountUser", "user:ann@example.com");
    expect((await world.ask("POST", clusters, { cluster: autopilot() }, token)).status).toBe(200);
    const bob = world.token({ kind: "user", email: "bob@example.com" });
    expect(await world.refused("GET", cluster, undefined, bob)).toEqual([
      403,
      `Required "container.clusters.get" permission(s) for "${name}".`,
    ]);
  });
});

/** Of config-connector's recordings; `clusterTelemetry` and `protectConfig` are in v1beta1 only. */
const recorded = {
  cluster:
    "addonsConfig anonymousAuthenticationConfig autopilot autoscaling binaryAuthorization clusterIpv4Cidr controlPlaneEndpointsConfig createTime currentMasterVersion currentNodeCount currentNodeVersion databaseEncryption defaultMaxPodsConstraint endpoint enterpriseConfig etag id initialClusterVersion initialNodeCount instanceGroupUrls ipAllocationPolicy labelFingerprint legacyAbac location locations loggingConfig loggingService maintenancePolicy masterAuth masterAuthorizedNetworksConfig monitoringConfig monitoringService name network networkConfig nodeConfig nodePoolAutoConfig nodePoolDefaults nodePools notificationConfig podAutoscaling privateClusterConfig rbacBindingConfig releaseChannel resourceLabels securityPostureConfig selfLink servicesIpv4Cidr shieldedNodes status subnetwork userManagedKeysConfig zone",
  pool: "config initialNodeCount instanceGroupUrls locations management maxPodsConstraint name networkConfig podIpv4CidrSize status upgradeSettings version",
  config:
    "bootDisk diskSizeGb diskType effectiveCgroupMode imageType kubeletConfig machineType metadata oauthScopes resourceLabels serviceAccount shieldedInstanceConfig windowsNodeConfig",
} as const;

test("a standard cluster has the fields of the recordings", async () => {
  const { nodePools: _, initialClusterVersion: __, workloadIdentityConfig: ___, ...given } = standard();
  const made = await world.make({ ...given, initialNodeCount: 1 });
  expect(fieldsOf(made)).toEqual(recorded.cluster.split(" "));
  const [pool] = listAt(made, "nodePools");
  expect(fieldsOf(pool)).toEqual([...recorded.pool.split(" "), "selfLink"].sort());
  expect(fieldsOf(objectAt(pool, "config"))).toEqual(recorded.config.split(" "));
  expect(objectAt(made, "masterAuth")).toEqual({
    clientCertificateConfig: {},
    clusterCaCertificate: expect.any(String),
  });
  expect(objectAt(made, "ipAllocationPolicy")).toEqual({
    clusterIpv4Cidr: "10.112.0.0/14",
    clusterIpv4CidrBlock: "10.112.0.0/14",
    podCidrOverprovisionConfig: {},
    servicesIpv4Cidr: "34.118.224.0/20",
    servicesIpv4CidrBlock: "34.118.224.0/20",
    stackType: "IPV4",
    useIpAliases: true,
  });
});

test("an operation that is cancelled ends without its change", async () => {
  await world.make();
  const { body: operation } = await world.ask("PUT", cluster, update({ desiredMasterVersion: "1.36" }));
  const path = `${clusters.replace("clusters", "operations")}/${operation.name}`;
  expect((await world.ask("POST", `${path}:cancel`, {})).body).toEqual({});
  expect((await world.read(path)).status).toBe("ABORTING");
  expect((await world.done(operation)).error).toEqual({ code: 1, message: "Operation was cancelled." });
  expect(await world.read()).toMatchObject({ status: "RUNNING", currentMasterVersion: "1.35.8-gke.1036000" });
  expect((await world.ask("POST", `${path}:cancel`, {})).status).toBe(400);
});

describe("an update", () => {
  test("goes up one minor version at a time, and takes the nodes along", async () => {
    await world.make(standard({ initialClusterVersion: "1.34" }));
    const refused = (version: string) => world.refused("PUT", cluster, update({ desiredMasterVersion: version }));
    expect(await refused("1.36")).toEqual([400, expect.stringContaining("more than a minor version at a time")]);
    expect(await refused("1.33")).toEqual([400, expect.stringContaining("cannot be downgraded")]);
    expect(await refused("1.34")).toEqual([400, expect.stringContaining("already at version")]);
    const { body: operation } = await world.ask("PUT", cluster, update({ desiredMasterVersion: "1.35" }));
    expect(operation.operationType).toBe("UPGRADE_MASTER");
    expect(await world.read()).toMatchObject({
      status: "RECONCILING",
      currentMasterVersion: "1.34.11-gke.1022000",
    });
    await world.done(operation);
    expect(await world.read()).toMatchObject({
      status: "RUNNING",
      currentMasterVersion: "1.35.8-gke.1036000",
      currentNodeVersion: "1.35.8-gke.1036000",
      nodePools: [{ version: "1.35.8-gke.1036000", status: "RUNNING" }],
    });
  });

  test("has one field", async () => {
    await world.make();
    const both = { desiredReleaseChannel: { channel: "RAPID" }, desiredDefaultEnablePrivateNodes: false };
    expect(await world.refused("PUT", cluster, update(both))).toEqual([
      400,
      expect.stringContaining("At most one field"),
    ]);
    expect(await world.refused("PUT", cluster, update({}))).toEqual([400, "Must specify a field to update."]);
    expect((await world.ask("PUT", cluster, update({ desiredStackType: "IPV4" }))).status).toBe(501);
    for (const [field, value] of Object.entries(both)) await world.work("PUT", cluster, update({ [field]: value }));
    expect(await world.read()).toMatchObject({
      releaseChannel: { channel: "RAPID" },
      networkConfig: { defaultEnablePrivateNodes: false },
    });
  });

  test("of endpoints keeps what it does not name", async () => {
    await world.make();
    const networks = { enabled: true, gcpPublicCidrsAccessEnabled: false, cidrBlocks: [{ cidrBlock: "192.0.2.0/24" }] };
    const ipEndpointsConfig = { enabled: true, enablePublicEndpoint: true, authorizedNetworksConfig: networks };
    await world.work("PUT", cluster, update({ desiredControlPlaneEndpointsConfig: { ipEndpointsConfig } }));
    const made = await world.read();
    expect(made).toMatchObject({
      controlPlaneEndpointsConfig: {
        dnsEndpointConfig: { allowExternalTraffic: true },
        ipEndpointsConfig: { ...ipEndpointsConfig, publicEndpoint: made.endpoint, privateEndpoint: "10.128.0.2" },
      },
      masterAuthorizedNetworksConfig: networks,
    });
  });

  test("of labels names the fingerprint of those before", async () => {
    const { labelFingerprint } = await world.make();
    const body = { resourceLabels: { cluster: "k01" }, labelFingerprint: String(labelFingerprint) };
    expect(await world.refused("POST", `${cluster}:setResourceLabels`, { ...body, labelFingerprint: "x" })).toEqual([
      400,
      "Labels could not be set due to fingerprint mismatch.",
    ]);
    await world.work("POST", `${cluster}:setResourceLabels`, body);
    expect((await world.read()).resourceLabels).toEqual(body.resourceLabels);
    expect((await world.read()).labelFingerprint).not.toBe(labelFingerprint);
  });

  test("that fails leaves the cluster as it was", async () => {
    await world.make();
    gkeOperations(world.cloud)["fail-operation"]?.({ project: project.projectId, code: "INTERNAL", message: "no" }, "");
    const done = await world.work("PUT", cluster, update({ desiredMasterVersion: "1.36" }));
    expect(done.error).toEqual({ code: 13, message: "no" });
    expect(await world.read()).toMatchObject({ status: "RUNNING", currentMasterVersion: "1.35.8-gke.1036000" });
  });
});

describe("node pools", () => {
  test("are created and deleted", async () => {
    await world.make(standard());
    const pools = `${cluster}/nodePools`;
    const pool = { name: "more", initialNodeCount: 1, config: { machineType: "t2a-standard-2" } };
    const done = await world.work("POST", pools, { nodePool: pool });
    expect(done).toMatchObject({
      operationType: "CREATE_NODE_POOL",
      targetLink: `${place}/clusters/k01/nodePools/more`,
    });
    expect((await world.ask("GET", `${pools}/more`)).body).toMatchObject({ ...pool, status: "RUNNING" });
    expect((await world.read()).currentNodeCount).toBe(6);
    expect(await world.refused("POST", pools, { nodePool: pool })).toEqual([
      409,
      `Already exists: ${name}/nodePools/more.`,
    ]);
    expect((await world.ask("PUT", `${pools}/more`, { diskType: "pd-ssd" })).status).toBe(501);
    expect(await world.refused("PUT", `${pools}/more`, { nodeVersion: "1.36" })).toEqual([
      400,
      expect.stringContaining("greater version"),
    ]);
    expect((await world.work("PUT", `${pools}/more`, { nodeVersion: "1.34" })).operationType).toBe("UPGRADE_NODES");
    expect((await world.ask("GET", `${pools}/more`)).body.version).toBe("1.34.11-gke.1022000");
    await world.work("DELETE", `${pools}/more`);
    expect(listAt((await world.ask("GET", pools)).body, "nodePools")).toHaveLength(1);
    expect(await world.refused("DELETE", `${pools}/more`)).toEqual([404, `Not found: ${name}/nodePools/more.`]);
  });
});

test("the versions of a location are those of its channels", async () => {
  const { body } = await world.ask("GET", `v1/projects/${project.projectId}/locations/${location}/serverConfig`);
  const regular = listAt(body, "channels").find((one) => stringAt(one, "channel") === "REGULAR");
  expect(regular).toMatchObject({ defaultVersion: "1.35.8-gke.1036000" });
  const [newest] = listAt(regular, "validVersions");
  expect((await world.make(autopilot({ initialClusterVersion: "1.36" }))).currentMasterVersion).toBe(String(newest));
});
