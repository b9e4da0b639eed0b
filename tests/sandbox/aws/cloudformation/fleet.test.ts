import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import type { CloudFormation, Stack } from "@aws-sdk/client-cloudformation";
import { Route53, type RRType } from "@aws-sdk/client-route-53";
import { STS } from "@aws-sdk/client-sts";
import { projectRoot } from "#lib/paths.ts";
import { networkOf } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { describeCluster } from "#sandbox/aws/eks/clusters.ts";
import { closeEks } from "#sandbox/aws/eks/service.ts";
import { placeOf } from "#sandbox/aws/eks/state.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { listRecords, listZones } from "#sandbox/aws/route53/zones.ts";
import { openControlPlanes } from "#sandbox/cloud/control-planes.ts";
import {
  account,
  closeLabs,
  type Keys,
  type Lab,
  onClose,
  openLab,
  parametersOf,
  refusal,
  region,
} from "#tests/sandbox/aws/cloudformation/harness.ts";

afterEach(closeLabs);

const template = (name: string) => Bun.file(join(projectRoot, "cloudformation", name)).text();
const management = await template("route53-gh-action-iam-role-oidc.yml");
const roles = await template("allow-mgmt-iam-role-to-assume-tenant-iam-role.yml");
const cluster = await template("eks-cluster.yml");
const administrator = `arn:aws:iam::${account}:user/aws-cli`;

const managementParameters = parametersOf({
  PrimaryDomain: "aws.mylabs.dev",
  K8sDomain: "k8s.aws.mylabs.dev",
  ManagementIamRoleName: "aws-mgmt-iam-role",
  ReadOnlyIamRoleName: "aws-mgmt-read-only-iam-role",
  UserArn: administrator,
  TenantIamRoleArns: `arn:aws:iam::${account}:role/aws-01-iam-role`,
  TenantReadOnlyIamRoleArns: `arn:aws:iam::${account}:role/aws-01-read-only-iam-role`,
});
const roleParameters = parametersOf({
  ManagementIamRoleArn: `arn:aws:iam::${account}:role/aws-mgmt-iam-role`,
  ReadOnlyManagementIamRoleArn: `arn:aws:iam::${account}:role/aws-mgmt-read-only-iam-role`,
  ReadOnlyIamRoleName: "aws-01-read-only-iam-role",
  TenantIamRoleName: "aws-01-iam-role",
  TenantIamRolePolicyName: "clusters",
  ExternalId: "fleet",
  CloudFormationIamRoleName: "aws-01-cloudformation",
  K8sDomain: "k8s.aws.mylabs.dev",
});

test("makes zones, delegation and management role, and removes them", async () => {
  const lab = await openLab();
  const stack = await lab.deploy("management", management, { Parameters: managementParameters });
  expect(stack.StackStatus).toBe("CREATE_COMPLETE");
  const outputs = Object.fromEntries(
    (stack.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]),
  );
  const zones = listZones(lab.cloud, account);
  const primary = zones.find(({ name }) => name === "aws.mylabs.dev.");
  const child = zones.find(({ name }) => name === "k8s.aws.mylabs.dev.");
  expect(outputs.PrimaryZoneId).toBe(primary?.id);
  expect(outputs.K8sZoneNameServers?.split(",")).toEqual([...(child?.nameServers ?? [])]);
  const delegation = listRecords(lab.cloud, account, primary?.id ?? "").find(
    ({ name, type }) => name === "k8s.aws.mylabs.dev." && type === "NS",
  );
  expect(delegation?.values).toEqual(child?.nameServers);
  await lab.cfn.deleteStack({ StackName: "management" });
  await lab.service.settled();
  expect(listZones(lab.cloud, account)).toEqual([]);
});

const tags = [
  { Key: "project", Value: "k8s-multicluster-gitops" },
  { Key: "fleet", Value: "mylabs.dev" },
];
const name = "k01-k8s-aws-mylabs-dev";
const clusterParameters = {
  ClusterName: name,
  ClusterFqdn: "k01.k8s.aws.mylabs.dev",
  KubernetesVersion: "1.35",
  AdminRoleArn: `arn:aws:iam::${account}:role/aws-01-iam-role`,
  CloudFormationIamRoleArn: `arn:aws:iam::${account}:role/aws-01-cloudformation`,
  PublicAccessCidrs: "198.51.100.0/24",
  HostedZoneId: "Z0123456789",
};

interface Account extends Lab {
  /** By the account's role, which the management role leads to. */
  readonly clusters: CloudFormation;
  /** Makes or changes the cluster's stack, and waits for the end. */
  bring(parameters?: Readonly<Record<string, string>>): Promise<Stack>;
}

/** An account with the fleet's stacks of roles. */
async function openAccount(): Promise<Account> {
  const lab = await openLab();
  openControlPlanes(lab.cloud, { folder: lab.folder });
  onClose(() => closeEks(lab.cloud));
  await lab.deploy("management", management, { Parameters: managementParameters });
  await lab.deploy("roles", roles, { Parameters: roleParameters, Tags: tags });
  const first = await assume(lab, administratorKeys(account), "aws-mgmt-iam-role");
  const clusters = lab.client(await assume(lab, first, "aws-01-iam-role", "fleet"));
  const bring = async (parameters: Readonly<Record<string, string>> = {}): Promise<Stack> => {
    const isThere = (await lab.cfn.describeStacks({})).Stacks?.some(({ StackName }) => StackName === `${name}-eks`);
    const { Id, StackId = "" } = await clusters.createChangeSet({
      StackName: `${name}-eks`,
      ChangeSetName: `k8s-multicluster-gitops-${crypto.randomUUID()}`,
      ChangeSetType: isThere === true ? "UPDATE" : "CREATE",
      TemplateBody: cluster,
      Capabilities: ["CAPABILITY_IAM"],
      RoleARN: `arn:aws:iam::${account}:role/aws-01-cloudformation`,
      Parameters: parametersOf({ ...clusterParameters, ...parameters }),
      Tags: tags,
    });
    await lab.service.settled();
    await clusters.executeChangeSet({ ChangeSetName: Id, StackName: StackId });
    return lab.stack(StackId);
  };
  return { ...lab, clusters, bring };
}

async function assume(lab: Pick<Lab, "endpoint">, credentials: Keys, role: string, ExternalId?: string): Promise<Keys> {
  const sts = new STS({ region, endpoint: lab.endpoint, credentials });
  const { Credentials: found } = await sts.assumeRole({
    RoleArn: `arn:aws:iam::${account}:role/${role}`,
    RoleSessionName: "me",
    ...(ExternalId === undefined ? {} : { ExternalId }),
  });
  sts.destroy();
  return {
    accessKeyId: found?.AccessKeyId ?? "",
    secretAccessKey: found?.SecretAccessKey ?? "",
    sessionToken: found?.SessionToken ?? "",
  };
}

const slow = 20_000;

test(
  "makes a cluster by the account's role and CloudFormation's, finds no drift, and leaves nothing",
  async () => {
    const lab = await openAccount();
    const { StackId = "", StackStatus } = await lab.bring();
    expect({ StackStatus, failures: await lab.failures(StackId) }).toEqual({
      StackStatus: "CREATE_COMPLETE",
      failures: [],
    });
    await lab.clusters.detectStackDrift({ StackName: StackId });
    await lab.service.settled();
    const { StackResourceDrifts = [] } = await lab.clusters.describeStackResourceDrifts({ StackName: StackId });
    expect(StackResourceDrifts.length).toBeGreaterThan(30);
    expect(
      StackResourceDrifts.filter(({ StackResourceDriftStatus }) => StackResourceDriftStatus !== "IN_SYNC"),
    ).toEqual([]);
    await lab.clusters.deleteStack({ StackName: StackId });
    expect((await lab.stack(StackId)).StackStatus).toBe("DELETE_COMPLETE");
    expect(await lab.failures(StackId)).toEqual([]);
    const { quotas: _, ...network } = networkOf(lab.cloud, account, region);
    expect(Object.values(network).flatMap((items) => Object.keys(items))).toEqual([]);
  },
  slow,
);

test(
  "raises a cluster with nodes of its own to the next version, and gives each zone its way out",
  async () => {
    const lab = await openAccount();
    const { StackId = "", StackStatus } = await lab.bring({ NodeMode: "managed", KubernetesVersion: "1.34" });
    expect({ StackStatus, failures: await lab.failures(StackId) }).toEqual({
      StackStatus: "CREATE_COMPLETE",
      failures: [],
    });
    const raised = await lab.bring({ NodeMode: "managed", KubernetesVersion: "1.35", NatGateways: "per-zone" });
    expect({ StackStatus: raised.StackStatus, failures: await lab.failures(StackId) }).toEqual({
      StackStatus: "UPDATE_COMPLETE",
      failures: [],
    });
    expect(describeCluster({ ...lab, account, region }, name).version).toBe("1.35");
    expect(Object.keys(networkOf(lab.cloud, account, region).natGateways).length).toBe(3);
    await lab.clusters.deleteStack({ StackName: StackId });
    expect({ status: (await lab.stack(StackId)).StackStatus, failures: await lab.failures(StackId) }).toEqual({
      status: "DELETE_COMPLETE",
      failures: [],
    });
  },
  slow,
);

test(
  "can't remove a network that a load balancer is still in, and says which part resists",
  async () => {
    const lab = await openAccount();
    const { StackId = "" } = await lab.bring();
    const { vpcId, subnetIds } = describeCluster({ ...lab, account, region }, name).resourcesVpcConfig;
    const interfaces = subnetIds.slice(0, 1).map((subnetId) => ({ id: "eni-1", subnetId }));
    const { loadBalancers } = placeOf({ ...lab, account, region }).state;
    loadBalancers.lb = { name: "lb", hostname: "lb.example", vpcId, service: "a/b", serviceUid: "1", interfaces };
    await lab.clusters.deleteStack({ StackName: StackId });
    const stuck = await lab.stack(StackId);
    expect(stuck.StackStatus).toBe("DELETE_FAILED");
    expect(stuck.StackStatusReason).toBe("The following resource(s) failed to delete: [PrivateSubnetA]. ");
    expect((await lab.failures(StackId))[0]).toContain(
      `The subnet '${subnetIds[0]}' has dependencies and cannot be deleted.`,
    );
    delete loadBalancers.lb;
    await lab.clusters.deleteStack({ StackName: StackId });
    expect((await lab.stack(StackId)).StackStatus).toBe("DELETE_COMPLETE");
  },
  slow,
);

test(
  "gives another account that a template's role trusts no record outside of the fleet's domain",
  async () => {
    const lab = await openAccount();
    const stranger = "999999999999";
    const change = await lab.clusters.createChangeSet({
      StackName: `${name}-eks`,
      ChangeSetName: "k8s-multicluster-gitops-attack",
      ChangeSetType: "CREATE",
      TemplateBody: JSON.stringify({ Resources: { Role: roleTrusting(stranger) } }),
      Capabilities: ["CAPABILITY_NAMED_IAM"],
      RoleARN: `arn:aws:iam::${account}:role/aws-01-cloudformation`,
      Tags: tags,
    });
    await lab.service.settled();
    await lab.clusters.executeChangeSet({ ChangeSetName: change.Id, StackName: change.StackId });
    // IAM has no condition on the trust policy of a new role.
    expect((await lab.stack(change.StackId ?? "")).StackStatus).toBe("CREATE_COMPLETE");
    const stolen = await assume(lab, administratorKeys(stranger), "k8s-multicluster-gitops/stolen");
    const records = new Route53({ region, endpoint: lab.endpoint, credentials: stolen, maxAttempts: 1 });
    onClose(async () => records.destroy());
    const zones = listZones(lab.cloud, account);
    const upsert = (zone: string, Name: string, Type: RRType, Value: string) =>
      refusal(
        records.changeResourceRecordSets({
          HostedZoneId: zones.find((one) => one.name === zone)?.id,
          ChangeBatch: {
            Changes: [{ Action: "UPSERT", ResourceRecordSet: { Name, Type, TTL: 60, ResourceRecords: [{ Value }] } }],
          },
        }),
      );
    const bounded = "because no permissions boundary allows the route53:ChangeResourceRecordSets action";
    expect(await upsert("aws.mylabs.dev.", "www.aws.mylabs.dev", "A", "192.0.2.1")).toEndWith(bounded);
    expect(await upsert("k8s.aws.mylabs.dev.", "k02.k8s.aws.mylabs.dev", "NS", "ns.example.")).toEndWith(bounded);
    // What is left to it: records of the fleet's clusters.
    expect(await upsert("k8s.aws.mylabs.dev.", "a.k8s.aws.mylabs.dev", "A", "192.0.2.1")).toBe("not refused");
  },
  slow,
);

function roleTrusting(stranger: string) {
  return {
    Type: "AWS::IAM::Role",
    Properties: {
      RoleName: "stolen",
      Path: "/k8s-multicluster-gitops/",
      PermissionsBoundary: `arn:aws:iam::${account}:policy/k8s-multicluster-gitops/k8s-multicluster-gitops-boundary`,
      AssumeRolePolicyDocument: {
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { AWS: stranger }, Action: "sts:AssumeRole" }],
      },
      Policies: [
        {
          PolicyName: "everything",
          PolicyDocument: { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] },
        },
      ],
    },
  };
}

test(
  "imports no key into a cluster's stack",
  async () => {
    const lab = await openAccount();
    const refused = await refusal(
      lab.clusters.createChangeSet({
        StackName: `${name}-eks`,
        ChangeSetName: "k8s-multicluster-gitops-attack",
        ChangeSetType: "IMPORT",
        ResourcesToImport: [
          { ResourceType: "AWS::KMS::Key", LogicalResourceId: "Key", ResourceIdentifier: { KeyId: "1234" } },
        ],
        TemplateBody: JSON.stringify({ Resources: { Key: { Type: "AWS::KMS::Key", DeletionPolicy: "Retain" } } }),
        RoleARN: `arn:aws:iam::${account}:role/aws-01-cloudformation`,
        Tags: tags,
      }),
    );
    expect(refused).toEndWith("with an explicit deny in an identity-based policy");
  },
  slow,
);
