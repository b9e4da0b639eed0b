import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AwsFault, type Cloud } from "#sandbox/aws/cloud.ts";
import { networkOf } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { createCluster, describeCluster } from "#sandbox/aws/eks/clusters.ts";
import { closeEks } from "#sandbox/aws/eks/service.ts";
import type { Location } from "#sandbox/aws/eks/state.ts";
import { attachRolePolicy, createRole, tryFindRole } from "#sandbox/aws/iam/roles.ts";
import { openCloud } from "#sandbox/aws/state.ts";
import { openControlPlanes } from "#sandbox/cloud/control-planes.ts";
import type { JsonObject } from "#sandbox/json.ts";
import { paceOf } from "#sandbox/pace.ts";

export const account = "222222222222";
export const region = "us-east-1";

/** A minute of AWS takes 3 ms. */
const speed = 20_000;

export interface EksWorld extends Location {
  readonly folder: string;
  /** In one VPC, in three zones; the last one is in another VPC. */
  readonly subnets: readonly string[];
  readonly clusterRole: string;
  readonly nodeRole: string;
  readonly podRole: string;
  readonly adminRole: string;
  /** Ends it as the daemon does: what it remembers stays in its folder. */
  leave(): Promise<void>;
  /** Ends it and removes its folder. */
  close(): Promise<void>;
}

/** An account with what a cluster needs. */
export function openEksWorld(folder = mkdtempSync(join(tmpdir(), "eks-test-"))): EksWorld {
  const cloud = openCloud({ path: join(folder, "cloud.json"), pace: paceOf(() => speed) });
  openControlPlanes(cloud, { folder, pace: paceOf(() => 20) });
  makeNetwork(cloud);
  const leave = async (): Promise<void> => {
    await closeEks(cloud);
    cloud.flush();
  };
  const close = async (): Promise<void> => {
    await leave();
    rmSync(folder, { recursive: true, force: true });
  };
  return {
    cloud,
    account,
    region,
    folder,
    subnets: ["subnet-a", "subnet-b", "subnet-c", "subnet-other"],
    clusterRole: makeRole(cloud, "cluster", "eks.amazonaws.com", ["sts:AssumeRole", "sts:TagSession"]),
    nodeRole: makeRole(cloud, "node", "ec2.amazonaws.com", ["sts:AssumeRole"]),
    podRole: makeRole(cloud, "pod", "pods.eks.amazonaws.com", ["sts:AssumeRole", "sts:TagSession"]),
    adminRole: makeRole(cloud, "aws-01-iam-role", undefined, ["sts:AssumeRole"]),
    leave,
    close,
  };
}

export function makeNetwork(cloud: Cloud, place = { account, region }): void {
  const { subnets, vpcs } = networkOf(cloud, place.account, place.region);
  for (const [id, cidr] of [
    ["vpc-1", "10.0.0.0/16"],
    ["vpc-2", "10.9.0.0/16"],
  ] as const) {
    const rest = { defaultSecurityGroup: "sg-1", defaultAcl: "acl-1", tags: {} };
    vpcs[id] = { id, cidr, dnsSupport: true, dnsHostnames: true, ...rest };
  }
  const add = (name: string, vpcId: string, zone: string, cidr: string) => {
    const id = `subnet-${name}`;
    subnets[id] = { id, vpcId, zone: `${place.region}${zone}`, cidr, mapPublicIp: false, tags: {} };
  };
  add("a", "vpc-1", "a", "10.0.0.0/19");
  add("b", "vpc-1", "b", "10.0.32.0/19");
  add("c", "vpc-1", "c", "10.0.64.0/19");
  add("a2", "vpc-1", "a", "10.0.128.0/19");
  add("without", "vpc-1", "d", "10.0.160.0/19");
  add("other", "vpc-2", "b", "10.9.0.0/19");
}

/** @param service undefined: the account itself is trusted */
export function makeRole(
  cloud: Cloud,
  name: string,
  service: string | undefined,
  actions: readonly string[],
  of = account,
): string {
  const principal = service === undefined ? { AWS: `arn:aws:iam::${of}:root` } : { Service: service };
  const trust = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: principal, Action: actions }],
  });
  const known = tryFindRole(cloud, of, name);
  if (known !== undefined) return known.arn;
  const { arn } = createRole(cloud, of, { name, trust });
  attachRolePolicy(cloud, of, name, "arn:aws:iam::aws:policy/AdministratorAccess");
  return arn;
}

/** What CreateCluster of a cluster in Auto Mode says. */
export function autoInput(world: EksWorld, changes: JsonObject = {}): JsonObject {
  return {
    name: "k01",
    version: "1.35",
    roleArn: world.clusterRole,
    resourcesVpcConfig: { subnetIds: world.subnets.slice(0, 3), publicAccessCidrs: ["203.0.113.0/24"] },
    accessConfig: { authenticationMode: "API", bootstrapClusterCreatorAdminPermissions: false },
    computeConfig: { enabled: true, nodePools: ["general-purpose", "system"], nodeRoleArn: world.nodeRole },
    storageConfig: { blockStorage: { enabled: true } },
    kubernetesNetworkConfig: { elasticLoadBalancing: { enabled: true }, serviceIpv4Cidr: "172.20.0.0/16" },
    bootstrapSelfManagedAddons: false,
    ...changes,
  };
}

/** What CreateCluster of a cluster with node groups says. */
export function managedInput(world: EksWorld, changes: JsonObject = {}): JsonObject {
  const { computeConfig, storageConfig, kubernetesNetworkConfig, bootstrapSelfManagedAddons, ...input } =
    autoInput(world);
  return { ...input, ...changes };
}

export async function makeCluster(world: EksWorld, input: JsonObject) {
  const { name } = createCluster(world, input);
  await until(() => describeCluster(world, name).status === "ACTIVE");
  return describeCluster(world, name);
}

/** Waits for what comes by itself. */
export async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 8_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`it never came about: ${isSo}`);
    await Bun.sleep(5);
  }
}

/** Code and message of a refusal. */
export function refusal(work: () => unknown): readonly [code: string, message: string] {
  try {
    work();
  } catch (error) {
    if (error instanceof AwsFault) return [error.code, error.message];
    throw error;
  }
  throw new Error("it was not refused");
}
