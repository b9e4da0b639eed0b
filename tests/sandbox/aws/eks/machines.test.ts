import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createAddon, deleteAddon, updateAddon } from "#sandbox/aws/eks/addons.ts";
import { updateClusterVersion } from "#sandbox/aws/eks/cluster-updates.ts";
import { createCluster, deleteCluster, describeCluster, listClusters } from "#sandbox/aws/eks/clusters.ts";
import { leftovers, leftoversInSubnet } from "#sandbox/aws/eks/load-balancers.ts";
import {
  createNodeGroup,
  deleteNodeGroup,
  updateNodeGroupConfig,
  updateNodeGroupVersion,
} from "#sandbox/aws/eks/node-groups.ts";
import { findPart, listParts } from "#sandbox/aws/eks/parts.ts";
import { resumeEks } from "#sandbox/aws/eks/service.ts";
import { placeOf, recordOf } from "#sandbox/aws/eks/state.ts";
import { controlPlanesOf } from "#sandbox/cloud/control-planes.ts";
import { type JsonObject, objectAt, stringAt, valueAt } from "#sandbox/json.ts";
import { conditionStatus } from "#sandbox/kubernetes/behaviours/conditions.ts";
import { deployments, nodes, pods, services } from "#sandbox/kubernetes/kinds.ts";
import { type Cluster, create, remove } from "#sandbox/kubernetes/operations.ts";
import {
  autoInput,
  type EksWorld,
  makeCluster,
  managedInput,
  openEksWorld,
  refusal,
  until,
} from "#tests/sandbox/aws/eks/fixture.ts";

let world: EksWorld;
beforeEach(() => {
  world = openEksWorld();
});
afterEach(() => world.close());

function objects(name = "k01"): Cluster {
  const found = controlPlanesOf(world.cloud).objects(recordOf(placeOf(world), name).cluster.arn);
  if (found === undefined) throw new Error(`nothing answers for ${name}`);
  return found;
}

const readyNodes = () =>
  objects()
    .store.list(nodes)
    .filter((node) => conditionStatus(node, "Ready") === "True");

function deploy(name: string, replicas = 1): void {
  const labels = { app: name };
  create(objects(), deployments, "default", {
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name, image: "x" }] } },
    },
  });
}

const isAvailable = (name: string) =>
  valueAt(objects().store.get(deployments, "default", name), "status", "availableReplicas") ===
  valueAt(objects().store.get(deployments, "default", name), "spec", "replicas");

const expose = (name: string, more: JsonObject = {}) =>
  create(objects(), services, "default", {
    metadata: { name },
    spec: { type: "LoadBalancer", ports: [{ port: 443 }], selector: { app: name }, ...more },
  });

const hostnameOf = (name: string) =>
  stringAt(
    (objectAt(objects().store.get(services, "default", name), "status", "loadBalancer").ingress as JsonObject[])?.[0],
    "hostname",
  );

describe("a cluster in Auto Mode", () => {
  test("has no machine until a pod needs one, and then two of different zones", async () => {
    await makeCluster(world, autoInput(world));
    expect(objects().store.list(nodes)).toEqual([]);
    expect(objects().store.list(pods)).toEqual([]);
    deploy("web", 3);
    await until(() => isAvailable("web"));
    const found = readyNodes();
    expect(found).toHaveLength(2);
    const zones = found.map((node) => objectAt(node, "metadata", "labels")["topology.kubernetes.io/zone"]);
    expect(zones).toEqual(["us-east-1a", "us-east-1b"].toSorted((a, b) => zones.indexOf(a) - zones.indexOf(b)));
    for (const node of found) {
      expect(stringAt(node, "spec", "providerID")).toMatch(/^aws:\/\/\/us-east-1[ab]\/i-[0-9a-f]{17}$/);
      expect(objectAt(node, "metadata", "labels")["eks.amazonaws.com/compute-type"]).toBe("auto");
    }
    const [pod] = objects().store.list(pods);
    expect(stringAt(pod, "status", "podIP")).toStartWith("10.0.");
  });

  test("gets machines of the new version when it goes up", async () => {
    await makeCluster(world, autoInput(world, { version: "1.34" }));
    deploy("web");
    await until(() => isAvailable("web"));
    const before = readyNodes().map(({ metadata }) => metadata.name);
    updateClusterVersion(world, "k01", { version: "1.35" });
    await until(() => describeCluster(world, "k01").status === "ACTIVE");
    await until(() => readyNodes().length === 2 && isAvailable("web"));
    for (const node of readyNodes()) {
      expect(before).not.toContain(node.metadata.name);
      expect(stringAt(node, "status", "nodeInfo", "kubeletVersion")).toStartWith("v1.35.");
    }
  });
});

describe("a managed node group", () => {
  const groupInput = (changes: JsonObject = {}): JsonObject => ({
    nodegroupName: "main",
    nodeRole: world.nodeRole,
    subnets: world.subnets.slice(0, 3),
    instanceTypes: ["m7g.large"],
    scalingConfig: { minSize: 1, maxSize: 5, desiredSize: 2 },
    ...changes,
  });
  const make = (changes: JsonObject = {}) => createNodeGroup(world, "k01", groupInput(changes));
  const found = () => findPart(world, "k01", "nodeGroups", "main");

  test("brings as many machines as it should, on which the cluster's own workloads run", async () => {
    await makeCluster(world, managedInput(world));
    make();
    expect(found()).toMatchObject({ status: "CREATING", amiType: "AL2023_ARM_64_STANDARD", version: "1.35" });
    await until(() => found().status === "ACTIVE");
    await until(() => readyNodes().length === 2);
    for (const node of readyNodes()) {
      expect(node.metadata.name).toMatch(/^ip-10-0-\d+-\d+\.ec2\.internal$/);
      expect(objectAt(node, "metadata", "labels")).toMatchObject({
        "eks.amazonaws.com/nodegroup": "main",
        "kubernetes.io/arch": "arm64",
      });
    }
    await until(() => {
      const running = objects()
        .store.list(pods)
        .filter((pod) => stringAt(pod, "status", "phase") === "Running");
      return running.length === 6;
    });
    const names = objects()
      .store.list(pods)
      .map(({ metadata }) => metadata.name.split("-").slice(0, 2).join("-"));
    expect(names.toSorted().map((name) => name.replace(/^coredns-.*/, "coredns"))).toEqual([
      "aws-node",
      "aws-node",
      "coredns",
      "coredns",
      "kube-proxy",
      "kube-proxy",
    ]);
  });

  test("is resized, upgraded with its cluster, and holds up its deletion", async () => {
    await makeCluster(world, managedInput(world, { version: "1.34" }));
    make();
    await until(() => found().status === "ACTIVE");
    updateNodeGroupConfig(world, "k01", "main", { scalingConfig: { desiredSize: 4 } });
    await until(() => found().status === "ACTIVE" && readyNodes().length === 4);
    updateClusterVersion(world, "k01", { version: "1.35" });
    await until(() => describeCluster(world, "k01").status === "ACTIVE");
    expect(refusal(() => updateClusterVersion(world, "k01", { version: "1.36" }))).toEqual([
      "InvalidParameterException",
      "Nodegroups [main] must be updated to match cluster version 1.35 before updating cluster version",
    ]);
    updateNodeGroupVersion(world, "k01", "main", {});
    await until(() => found().status === "ACTIVE" && found().version === "1.35");
    expect(refusal(() => deleteCluster(world, "k01"))).toEqual([
      "ResourceInUseException",
      "Cluster has nodegroups attached",
    ]);
    deleteNodeGroup(world, "k01", "main");
    await until(() => listParts(world, "k01", "nodeGroups").length === 0);
    expect(objects().store.list(nodes)).toEqual([]);
    deleteCluster(world, "k01");
  });

  test("finishes its update, and an addon's, after a restart of the sandbox", async () => {
    await makeCluster(world, managedInput(world));
    make();
    createAddon(world, "k01", { addonName: "coredns" });
    const addon = () => findPart(world, "k01", "addons", "coredns");
    await until(() => found().status === "ACTIVE" && addon().status === "ACTIVE");
    updateNodeGroupConfig(world, "k01", "main", { scalingConfig: { desiredSize: 4 } });
    updateAddon(world, "k01", "coredns", { addonVersion: "v1.2.3-eksbuild.4" });
    const { folder } = world;
    await world.leave();
    world = openEksWorld(folder);
    expect([found().status, addon().status]).toEqual(["UPDATING", "UPDATING"]);
    await resumeEks(world.cloud, () => {});
    await until(() => found().status === "ACTIVE" && readyNodes().length === 4);
    await until(() => addon().status === "ACTIVE");
    expect(addon().addonVersion).toBe("v1.2.3-eksbuild.4");
  });

  test("fails when no pod network lets its machines become ready", async () => {
    await makeCluster(world, managedInput(world, { bootstrapSelfManagedAddons: false }));
    make();
    await until(() => found().status === "CREATE_FAILED");
    expect(found().health.issues).toMatchObject([{ code: "NodeCreationFailure" }]);
    createAddon(world, "k01", { addonName: "vpc-cni" });
    await until(() => findPart(world, "k01", "addons", "vpc-cni").status === "ACTIVE");
    await until(() => readyNodes().length === 2);
    deleteAddon(world, "k01", "vpc-cni");
    await until(() => listParts(world, "k01", "addons").length === 0);
  });

  test.each<[string, () => JsonObject, string]>([
    ["a role that machines can't have", () => ({ nodeRole: world.podRole }), "[ec2.amazonaws.com] were not found"],
    ["another version", () => ({ version: "1.36" }), "must be that of the cluster"],
    ["another VPC", () => ({ subnets: ["subnet-other"] }), "not in the VPC"],
    ["more than its maximum", () => ({ scalingConfig: { desiredSize: 3 } }), "can't be greater than max size 2"],
    ["machines of another kind", () => ({ amiType: "AL2023_x86_64_STANDARD" }), "not a valid instance type"],
    ["a missing launch template", () => ({ launchTemplate: { id: "lt-1", version: "1" } }), "lt-1 has no version 1"],
  ])("is refused with %s", async (_, changes, message) => {
    await makeCluster(world, managedInput(world));
    const [code, said] = refusal(() => make(changes()));
    expect(code).toBe("InvalidParameterException");
    expect(said).toContain(message);
  });
});

describe("a Service of the type LoadBalancer", () => {
  test.each([
    ["in Auto Mode", autoInput, /^k8s-default-web-[0-9a-f]{10}-[0-9a-f]{16}\.elb\.us-east-1\.amazonaws\.com$/],
    ["without", managedInput, /^a[0-9a-f]{31}-\d+\.us-east-1\.elb\.amazonaws\.com$/],
  ] as const)("gets a name %s, and takes it away with it", async (_, input, hostname) => {
    await makeCluster(world, input(world));
    expose("web");
    await until(() => hostnameOf("web") !== "");
    expect(hostnameOf("web")).toMatch(hostname);
    expect(leftovers(world, "vpc-1").filter((one) => one.includes("load balancer"))).toHaveLength(3);
    remove(objects(), services, "default", "web");
    expect(objects().store.get(services, "default", "web")?.metadata.deletionTimestamp).toBeDefined();
    await until(() => objects().store.get(services, "default", "web") === undefined);
    expect(leftovers(world, "vpc-1").filter((one) => one.includes("load balancer"))).toEqual([]);
  });

  test("leaves its load balancer in the VPC when only the cluster is deleted", async () => {
    await makeCluster(world, autoInput(world));
    expose("web");
    await until(() => hostnameOf("web") !== "");
    deleteCluster(world, "k01");
    await until(() => listClusters(world).length === 0);
    const left = leftovers(world, "vpc-1");
    expect(left).toHaveLength(3);
    expect(left[0]).toMatch(/^eni-[0-9a-f]{17} of load balancer k8s-default-web-/);
    expect(leftoversInSubnet(world, "subnet-a")).toHaveLength(1);
    expect(leftovers(world, "vpc-2")).toEqual([]);
  });

  test("of another class is left to others", async () => {
    await makeCluster(world, autoInput(world));
    expose("other", { loadBalancerClass: "example.com/lb" });
    expose("web");
    await until(() => hostnameOf("web") !== "");
    expect(hostnameOf("other")).toBe("");
  });

  test("counts beside the cluster's own interfaces, that go with it", async () => {
    createCluster(world, autoInput(world));
    expect(leftovers(world, "vpc-1")).toEqual(["Amazon EKS k01", "Amazon EKS k01", "Amazon EKS k01"]);
  });
});
