import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { updateClusterConfig, updateClusterVersion } from "#sandbox/aws/eks/cluster-updates.ts";
import { createCluster, deleteCluster, describeCluster, listClusters } from "#sandbox/aws/eks/clusters.ts";
import { resumeEks } from "#sandbox/aws/eks/service.ts";
import type { JsonObject } from "#sandbox/json.ts";
import {
  account,
  autoInput,
  type EksWorld,
  makeCluster,
  makeRole,
  managedInput,
  openEksWorld,
  refusal,
  region,
  until,
} from "#tests/sandbox/aws/eks/fixture.ts";

let world: EksWorld;
beforeEach(() => {
  world = openEksWorld();
});
afterEach(() => world.close());

const create = (input: JsonObject) => createCluster(world, input);
const describe_ = (name = "k01") => describeCluster(world, name);
const configure = (body: JsonObject) => updateClusterConfig(world, "k01", body);
const settled = () => until(() => describe_().status === "ACTIVE");

describe("a new cluster", () => {
  test("is CREATING without an endpoint, then ACTIVE with one", async () => {
    const made = create(autoInput(world));
    expect(made).toMatchObject({ status: "CREATING", arn: `arn:aws:eks:${region}:${account}:cluster/k01` });
    expect(made.endpoint).toBeUndefined();
    expect(made.certificateAuthority).toEqual({});
    await settled();
    const { endpoint, certificateAuthority, identity, resourcesVpcConfig } = describe_();
    expect(endpoint).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(atob(certificateAuthority.data ?? "")).toStartWith("-----BEGIN CERTIFICATE-----");
    expect(identity?.oidc.issuer).toMatch(/^https:\/\/oidc\.eks\.us-east-1\.amazonaws\.com\/id\/[0-9A-F]{32}$/);
    expect(resourcesVpcConfig).toMatchObject({ vpcId: "vpc-1", endpointPublicAccess: true });
    expect(listClusters(world)).toEqual(["k01"]);
    expect(listClusters({ ...world, region: "eu-central-1" })).toEqual([]);
  });

  test("has EKS' defaults", () => {
    const { name, roleArn, resourcesVpcConfig } = autoInput(world);
    const accessConfig = { authenticationMode: "API" };
    const { publicAccessCidrs: _given, ...vpc } = resourcesVpcConfig as JsonObject;
    expect(create({ name, roleArn, accessConfig, resourcesVpcConfig: vpc } as JsonObject)).toMatchObject({
      version: "1.35",
      accessConfig: { authenticationMode: "API", bootstrapClusterCreatorAdminPermissions: true },
      // 10.100.0.0/16 is free beside the VPC's 10.0.0.0/16.
      kubernetesNetworkConfig: { serviceIpv4Cidr: "10.100.0.0/16" },
      logging: {
        clusterLogging: [
          { types: ["api", "audit", "authenticator", "controllerManager", "scheduler"], enabled: false },
        ],
      },
      resourcesVpcConfig: {
        endpointPublicAccess: true,
        endpointPrivateAccess: false,
        publicAccessCidrs: ["0.0.0.0/0"],
      },
    });
  });

  test("can't have the name of another", () => {
    create(autoInput(world));
    expect(refusal(() => create(autoInput(world)))).toEqual([
      "ResourceInUseException",
      "Cluster already exists with name: k01",
    ]);
  });

  test.each<[string, (world: EksWorld) => JsonObject, string]>([
    ["a name with dots", () => ({ name: "k01.k8s" }), "regular expression pattern"],
    ["a version that has left support", () => ({ version: "1.29" }), "unsupported Kubernetes version 1.29"],
    ["subnets in one zone", () => vpcOf(["subnet-a", "subnet-a2"]), "at least two different AZs"],
    ["subnets of two VPCs", () => vpcOf(["subnet-a", "subnet-other"]), "same VPC"],
    ["a subnet that isn't there", () => vpcOf(["subnet-a", "subnet-x"]), "The subnet ID 'subnet-x' does not exist"],
    ["no way to its endpoint", () => vpcOf(undefined, { endpointPublicAccess: false }), "cannot be false"],
    ["private ranges on the internet", () => vpcOf(undefined, { publicAccessCidrs: ["10.0.0.0/8"] }), "[10.0.0.0/8]"],
    ["half of Auto Mode", () => ({ storageConfig: { blockStorage: { enabled: false } } }), "either fully enabled"],
    ["Auto Mode and its own addons", () => ({ bootstrapSelfManagedAddons: true }), "must be false"],
    ["another authentication mode", () => ({ accessConfig: {} }), "authentication mode API only"],
    ["an unknown node pool", () => ({ computeConfig: { enabled: true, nodePools: ["gpu"] } }), "not gpu"],
    [
      "a role that isn't there",
      () => ({ roleArn: `arn:aws:iam::${account}:role/none` }),
      "does not exist or the trusted",
    ],
    ["a role that trusts another", ({ nodeRole }) => ({ roleArn: nodeRole }), "does not exist or the trusted"],
    ["other encryption than of secrets", () => encryptionOf("pods"), '["secrets"]'],
    ["services within the VPC", () => networkOf("10.0.0.0/20"), "overlaps"],
    ["services outside of private ranges", () => networkOf("100.64.0.0/16"), "must be within"],
  ])("is refused with %s", (_, changes, message) => {
    const [code, said] = refusal(() => create(autoInput(world, changes(world))));
    expect(code).toBe("InvalidParameterException");
    expect(said).toContain(message);
    expect(listClusters(world)).toEqual([]);
  });

  test("in Auto Mode needs a role that may be tagged", () => {
    const roleArn = makeRole(world.cloud, "untagged", "eks.amazonaws.com", ["sts:AssumeRole"]);
    expect(refusal(() => create(autoInput(world, { roleArn })))[1]).toContain("does not exist or the trusted entity");
    expect(create(managedInput(world, { roleArn })).status).toBe("CREATING");
  });

  test("is refused with a zone that has no control planes", () => {
    const [code, message] = refusal(() => create(autoInput(world, vpcOf(["subnet-a", "subnet-without"]))));
    expect(code).toBe("UnsupportedAvailabilityZoneException");
    expect(message).toContain("instances in us-east-1d");
  });

  function vpcOf(subnetIds: readonly string[] | undefined, more: JsonObject = {}): JsonObject {
    return { resourcesVpcConfig: { subnetIds: subnetIds ?? world.subnets.slice(0, 3), ...more } };
  }
  function encryptionOf(resource: string): JsonObject {
    return { encryptionConfig: [{ resources: [resource], provider: { keyArn: "arn:aws:kms:x:1:key/1" } }] };
  }
  function networkOf(serviceIpv4Cidr: string): JsonObject {
    return { kubernetesNetworkConfig: { elasticLoadBalancing: { enabled: true }, serviceIpv4Cidr } };
  }
});

describe("a cluster", () => {
  test("goes up by one minor version at a time, and its API says so", async () => {
    await makeCluster(world, autoInput(world, { version: "1.34" }));
    const upgrade = (version: string) => updateClusterVersion(world, "k01", { version });
    expect(refusal(() => upgrade("1.36"))).toEqual([
      "InvalidParameterException",
      "Unsupported Kubernetes minor version update from 1.34 to 1.36",
    ]);
    expect(refusal(() => upgrade("1.34"))[1]).toContain("from 1.34 to 1.34");
    upgrade("1.35");
    expect(describe_().status).toBe("UPDATING");
    expect(refusal(() => upgrade("1.35"))).toEqual([
      "ResourceInUseException",
      "Cluster k01 is UPDATING: it can be updated when it is ACTIVE",
    ]);
    await settled();
    expect(describe_().version).toBe("1.35");
    const version = await fetch(`${describe_().endpoint}/version`, { tls: { rejectUnauthorized: false } });
    expect(version.status).toBe(401);
  });

  test("changes access to its endpoint, and its logging", async () => {
    await makeCluster(world, autoInput(world));
    configure({ resourcesVpcConfig: { endpointPrivateAccess: true, publicAccessCidrs: ["198.51.100.0/24"] } });
    await settled();
    const all = { endpointPublicAccess: true, endpointPrivateAccess: true, publicAccessCidrs: ["198.51.100.0/24"] };
    expect(describe_().resourcesVpcConfig).toMatchObject({ ...all, subnetIds: world.subnets.slice(0, 3) });
    configure({ logging: { clusterLogging: [{ types: ["api", "audit"], enabled: true }] } });
    await settled();
    expect(describe_().logging.clusterLogging[0]).toEqual({ types: ["api", "audit"], enabled: true });
    for (const change of [
      { resourcesVpcConfig: { subnetIds: ["subnet-a", "subnet-b"] } },
      { accessConfig: { authenticationMode: "API_AND_CONFIG_MAP" } },
    ]) {
      expect(refusal(() => configure(change))[1]).toMatch(
        /the sandbox (does not know|knows the authentication mode API)/,
      );
    }
  });

  test("becomes one of Auto Mode", async () => {
    await makeCluster(world, managedInput(world, { bootstrapSelfManagedAddons: false }));
    const { computeConfig, storageConfig } = autoInput(world);
    configure({
      computeConfig,
      storageConfig,
      kubernetesNetworkConfig: { elasticLoadBalancing: { enabled: true } },
    } as JsonObject);
    await settled();
    expect(describe_()).toMatchObject({
      computeConfig: { enabled: true },
      storageConfig: { blockStorage: { enabled: true } },
      kubernetesNetworkConfig: { elasticLoadBalancing: { enabled: true } },
    });
  });

  test("is DELETING, then gone with its endpoint", async () => {
    const { endpoint } = await makeCluster(world, autoInput(world));
    for (const _ of ["first", "again"]) deleteCluster(world, "k01");
    expect(describe_().status).toBe("DELETING");
    await until(() => listClusters(world).length === 0);
    expect(refusal(() => describe_())).toEqual(["ResourceNotFoundException", "No cluster found for name: k01."]);
    await expect(fetch(`${endpoint}/version`, { tls: { rejectUnauthorized: false } })).rejects.toThrow();
  });

  test("isn't deleted while something is in progress", async () => {
    create(autoInput(world));
    expect(refusal(() => deleteCluster(world, "k01"))[0]).toBe("ResourceInUseException");
    await settled();
    updateClusterVersion(world, "k01", { version: "1.36" });
    expect(refusal(() => deleteCluster(world, "k01"))[0]).toBe("ResourceInUseException");
    await settled();
    deleteCluster(world, "k01");
  });
});

test("what was under way when the sandbox ended goes on, and what answered answers again at the same place", async () => {
  const { endpoint } = await makeCluster(world, autoInput(world, { version: "1.34" }));
  create(autoInput(world, { name: "young" }));
  updateClusterVersion(world, "k01", { version: "1.35" });
  const { folder } = world;
  await world.leave();
  world = openEksWorld(folder);
  expect(describe_("young").status).toBe("CREATING");
  expect(describe_().status).toBe("UPDATING");
  const failed: string[] = [];
  await resumeEks(world.cloud, (cluster) => failed.push(cluster));
  await until(() => describe_("young").status === "ACTIVE" && describe_().status === "ACTIVE");
  expect(failed).toEqual([]);
  expect(describe_()).toMatchObject({ version: "1.35", endpoint });
  expect((await fetch(`${endpoint}/readyz`, { tls: { rejectUnauthorized: false } })).status).toBe(200);
});
