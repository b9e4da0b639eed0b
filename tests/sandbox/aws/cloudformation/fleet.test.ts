import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { CloudFormation } from "@aws-sdk/client-cloudformation";
import { STS } from "@aws-sdk/client-sts";
import { projectRoot } from "#lib/paths.ts";
import { openControlPlanes } from "#sandbox/aws/eks/control-planes.ts";
import { closeEks } from "#sandbox/aws/eks/service.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { listRecords, listZones } from "#sandbox/aws/route53/zones.ts";
import { account, closeLabs, openLab, parametersOf, region } from "#tests/sandbox/aws/cloudformation/harness.ts";

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
  UserArn: administrator,
  TenantIamRoleArns: `arn:aws:iam::${account}:role/aws-01-iam-role`,
});
const roleParameters = parametersOf({
  ManagementIamRoleArn: `arn:aws:iam::${account}:role/aws-mgmt-iam-role`,
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

test("makes a cluster by the account's role and CloudFormation's, and leaves nothing", async () => {
  const lab = await openLab();
  openControlPlanes(lab.cloud, { folder: lab.folder });
  try {
    await lab.deploy("management", management, { Parameters: managementParameters });
    const tags = [
      { Key: "project", Value: "k8s-multicluster-gitops" },
      { Key: "fleet", Value: "mylabs.dev" },
    ];
    await lab.deploy("roles", roles, { Parameters: roleParameters, Tags: tags });
    const sts = (keys: object) => new STS({ region, endpoint: lab.endpoint, credentials: keys as never });
    const first = await sts(administratorKeys(account)).assumeRole({
      RoleArn: `arn:aws:iam::${account}:role/aws-mgmt-iam-role`,
      RoleSessionName: "me",
    });
    const keys = (found: typeof first) => ({
      accessKeyId: found.Credentials?.AccessKeyId ?? "",
      secretAccessKey: found.Credentials?.SecretAccessKey ?? "",
      sessionToken: found.Credentials?.SessionToken ?? "",
    });
    const second = await sts(keys(first)).assumeRole({
      RoleArn: `arn:aws:iam::${account}:role/aws-01-iam-role`,
      RoleSessionName: "me",
      ExternalId: "fleet",
    });
    const cfn = new CloudFormation({ region, endpoint: lab.endpoint, credentials: keys(second), maxAttempts: 1 });
    const name = "k01-k8s-aws-mylabs-dev";
    const parameters = {
      ClusterName: name,
      ClusterFqdn: "k01.k8s.aws.mylabs.dev",
      KubernetesVersion: "1.35",
      AdminRoleArn: `arn:aws:iam::${account}:role/aws-01-iam-role`,
      PublicAccessCidrs: "198.51.100.0/24",
      HostedZoneId: "Z0123456789",
    };
    const { Id, StackId = "" } = await cfn.createChangeSet({
      StackName: `${name}-eks`,
      ChangeSetName: "k8s-multicluster-gitops-1",
      ChangeSetType: "CREATE",
      TemplateBody: cluster,
      Capabilities: ["CAPABILITY_IAM"],
      RoleARN: `arn:aws:iam::${account}:role/aws-01-cloudformation`,
      Parameters: parametersOf(parameters),
      Tags: tags,
    });
    await lab.service.settled();
    await cfn.executeChangeSet({ ChangeSetName: Id, StackName: StackId });
    await lab.service.settled();
    const stack = await lab.stack(StackId);
    expect({ status: stack.StackStatus, failed: await lab.failures(StackId) }).toEqual({
      status: "CREATE_COMPLETE",
      failed: [],
    });
    await cfn.detectStackDrift({ StackName: StackId });
    await lab.service.settled();
    const { StackResourceDrifts = [] } = await cfn.describeStackResourceDrifts({ StackName: StackId });
    const drifted = StackResourceDrifts.filter(
      ({ StackResourceDriftStatus }) => StackResourceDriftStatus !== "IN_SYNC",
    );
    expect(
      drifted.map(({ LogicalResourceId, PropertyDifferences }) => ({ LogicalResourceId, PropertyDifferences })),
    ).toEqual([]);
    await cfn.deleteStack({ StackName: StackId });
    await lab.service.settled();
    expect({ status: (await lab.stack(StackId)).StackStatus, failed: await lab.failures(StackId) }).toEqual({
      status: "DELETE_COMPLETE",
      failed: [],
    });
  } finally {
    await closeEks(lab.cloud);
  }
}, 20_000);
