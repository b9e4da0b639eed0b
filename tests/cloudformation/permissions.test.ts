import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { schemaOf } from "#sandbox/aws/cloudformation/schemas/schema.ts";
import type { Policy } from "#sandbox/aws/policy/document.ts";
import { listAt, objectAt } from "#sandbox/json.ts";
import { boundary, cluster, management, serviceRole, tenant, variants } from "#tests/cloudformation/contract.ts";
import { ask, type Context, inlineLengthOf, lengthOf, parse, policiesOf } from "#tests/cloudformation/policies.ts";
import { type Rendered, readTemplate, render } from "#tests/cloudformation/render.ts";

const rendered = render(await readTemplate(tenant.file), tenant.values);
const clusters: readonly Rendered[] = await Promise.all(
  ["auto", "managed"].map(async (NodeMode) =>
    render(await readTemplate(cluster.file), { ...cluster.values, NodeMode }),
  ),
);

const name = "k01-k8s-aws-mylabs-dev";
const stack = `arn:aws:cloudformation:eu-central-1:222222222222:stack/${name}-eks/1`;
const role = "arn:aws:iam::222222222222:role/k8s-multicluster-gitops/some";
const zone = "arn:aws:route53:::hostedzone/Z0123456789ABC";
const newKey: Context = {
  "aws:RequestTag/project": "k8s-multicluster-gitops",
  "aws:TagKeys": ["project", "fleet", "cluster", "aws:cloudformation:stack-id"],
};
const ours: Context = { "aws:ResourceTag/project": "k8s-multicluster-gitops" };

/** One of each, as the handlers of a cluster's stack name them. */
const resources: readonly string[] = [
  "*",
  role,
  "arn:aws:iam::222222222222:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS",
  "arn:aws:iam::222222222222:instance-profile/eks-us-east-1-cluster",
  ...["vpc", "subnet", "internet-gateway", "natgateway", "elastic-ip", "launch-template", "route-table"].map(
    (kind) => `arn:aws:ec2:us-east-1:222222222222:${kind}/id`,
  ),
  `arn:aws:eks:us-east-1:222222222222:cluster/${name}`,
  `arn:aws:eks:us-east-1:222222222222:nodegroup/${name}/nodes/1`,
  "arn:aws:kms:us-east-1:222222222222:key/1",
  `arn:aws:logs:us-east-1:222222222222:log-group:/aws/eks/${name}/cluster`,
  `arn:aws:logs:us-east-1:222222222222:log-group:/aws/eks/${name}/cluster:*`,
];
const asHandlersSay: Context = {
  ...ours,
  "aws:RequestTag/project": "k8s-multicluster-gitops",
  "aws:TagKeys": ["fleet"],
  "iam:AWSServiceName": "eks.amazonaws.com",
  "iam:PassedToService": "eks.amazonaws.com",
  "iam:PermissionsBoundary": boundary,
  "iam:PolicyARN": "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
};

/** What handlers may call for properties that the template doesn't set. */
const unused: readonly RegExp[] = [
  /^ec2:(AcceptAddressTransfer|AssociateAddress|ModifyVpcTenancy|CreateVpcEncryptionControl)$/,
  /^ec2:(Attach|Detach)VpnGateway$/,
  /^ec2:(Associate|Disassociate)SubnetCidrBlock$/,
  /^ec2:(Associate|Disassociate)NatGatewayAddress$|^ec2:(Assign|Unassign)PrivateNatGatewayAddress$/,
  /^eks:ActivateCertificateAuthority$/,
  /^logs:(Put|Delete)(DataProtection|Index|Resource)Policy$|^logs:(CreateLogDelivery|PutBearerTokenAuthentication)$/,
  /^logs:PutLogGroupDeletionProtection$|^s3:REST\.PUT\.OBJECT$|^firehose:TagDeliveryStream$/,
  // Never: they are what holds the roles of clusters.
  /^iam:(DeleteRolePermissionsBoundary|UpdateAssumeRolePolicy)$/,
];

describe("CloudFormation's role", () => {
  const policies = policiesOf(rendered, "CloudFormationIamRole");
  /** What the policy of a cluster's key gives to the role. */
  const ofKey = clusters.map((one) =>
    parse({
      Version: "2012-10-17",
      Statement: listAt(one.resources.EncryptionKey?.properties, "KeyPolicy", "Statement").flatMap((statement) => {
        const { Principal, ...rest } = objectAt(statement);
        return objectAt(Principal).AWS === serviceRole ? [rest] : [];
      }),
    }),
  );
  const types = [...new Set(clusters.flatMap((one) => Object.values(one.resources).map(({ type }) => type)))].sort();

  test.each(types)("may do what the handlers of %s call", (type) => {
    const { actions } = schemaOf(type);
    const called = [...new Set(Object.values(actions).flat())].filter((one) => !unused.some((it) => it.test(one)));
    const refused = called.filter(
      (one) => !resources.some((it) => ask([...policies, ...ofKey], one, it, asHandlersSay) === "allowed"),
    );
    expect(refused).toEqual([]);
  });

  test("leaves out no more than it says", () => {
    const called = types.flatMap((type) => Object.values(schemaOf(type).actions).flat());
    expect(unused.filter((one) => !called.some((action) => one.test(action)))).toEqual([]);
  });

  const vpc = "arn:aws:ec2:us-east-1:222222222222:vpc/id";
  const subnet = "arn:aws:ec2:us-east-1:222222222222:subnet/id";
  const table = "arn:aws:ec2:us-east-1:222222222222:route-table/id";
  const address = "arn:aws:ec2:us-east-1:222222222222:elastic-ip/id";
  const parts: readonly (readonly [string, string, Context])[] = [
    ["ec2:CreateSubnet", vpc, ours],
    ["ec2:CreateSubnet", subnet, {}],
    ["ec2:CreateRouteTable", vpc, ours],
    ["ec2:CreateRouteTable", table, {}],
    ["ec2:CreateNatGateway", subnet, ours],
    ["ec2:CreateNatGateway", address, ours],
    ["ec2:CreateNatGateway", "arn:aws:ec2:us-east-1:222222222222:natgateway/id", {}],
    ["ec2:AttachInternetGateway", "arn:aws:ec2:us-east-1:222222222222:internet-gateway/id", ours],
    ["ec2:AttachInternetGateway", vpc, ours],
    ["ec2:AssociateRouteTable", subnet, ours],
    ["ec2:AssociateRouteTable", table, ours],
    ["ec2:CreateVpc", vpc, {}],
    ["ec2:ModifyVpcAttribute", vpc, {}],
    ["ec2:CreateTags", subnet, { "aws:RequestTag/project": "k8s-multicluster-gitops" }],
    ["ec2:CreateTags", subnet, { ...ours, "aws:TagKeys": ["commit"] }],
    ["kms:DescribeKey", "arn:aws:kms:us-east-1:222222222222:key/1", {}],
    ["kms:CreateKey", "*", newKey],
    ["kms:TagResource", "arn:aws:kms:us-east-1:222222222222:key/1", newKey],
    ["kms:ScheduleKeyDeletion", "arn:aws:kms:us-east-1:222222222222:key/1", ours],
    ["iam:PassRole", role, { "iam:PassedToService": "pods.eks.amazonaws.com" }],
    // Lists that have no resource, so that only an asterisk means them.
    ["ec2:DescribeAvailabilityZones", "*", {}],
    ["logs:DescribeLogGroups", "*", {}],
    ["logs:DescribeResourcePolicies", "*", {}],
  ];
  test.each(parts)("may %s on each of what it is about: %s", (action, resource, context) => {
    expect(ask(policies, action, resource, context)).toBe("allowed");
  });

  const refusals: readonly (readonly [string, string, string, Context])[] = [
    ["a role without the boundary", "iam:CreateRole", role, {}],
    ["a role with another boundary", "iam:CreateRole", role, { "iam:PermissionsBoundary": `${boundary}-2` }],
    ["a role elsewhere", "iam:CreateRole", "arn:aws:iam::222222222222:role/some", asHandlersSay],
    ["a policy in a role without the boundary", "iam:PutRolePolicy", role, {}],
    ["to take the boundary away", "iam:DeleteRolePermissionsBoundary", role, asHandlersSay],
    ["another version of the boundary", "iam:CreatePolicyVersion", boundary, asHandlersSay],
    [
      "AdministratorAccess",
      "iam:AttachRolePolicy",
      role,
      { ...asHandlersSay, "iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess" },
    ],
    ["its own trust", "iam:UpdateAssumeRolePolicy", serviceRole, asHandlersSay],
    ["to hand a role to Lambda", "iam:PassRole", role, { "iam:PassedToService": "lambda.amazonaws.com" }],
    ["to hand on itself", "iam:PassRole", serviceRole, asHandlersSay],
    ["another cluster", "eks:DeleteCluster", "arn:aws:eks:us-east-1:222222222222:cluster/shop", asHandlersSay],
    ["somebody's network", "ec2:DeleteVpc", vpc, {}],
    [
      "to run machines from no launch template",
      "ec2:RunInstances",
      "arn:aws:ec2:us-east-1:222222222222:instance/*",
      {},
    ],
    ["somebody's launch template", "ec2:RunInstances", "arn:aws:ec2:us-east-1:222222222222:launch-template/lt-1", {}],
    ["a subnet in somebody's network", "ec2:CreateSubnet", vpc, {}],
    [
      "to take the mark off",
      "ec2:DeleteTags",
      "arn:aws:ec2:us-east-1:222222222222:vpc/id",
      { ...ours, "aws:TagKeys": ["project"] },
    ],
    ["somebody's key", "kms:ScheduleKeyDeletion", "arn:aws:kms:us-east-1:222222222222:key/1", {}],
    ["the policy of a key that has the mark", "kms:PutKeyPolicy", "arn:aws:kms:us-east-1:222222222222:key/1", ours],
    ["a grant on somebody's key", "kms:CreateGrant", "arn:aws:kms:us-east-1:222222222222:key/1", asHandlersSay],
    [
      "another tag on a key",
      "kms:TagResource",
      "arn:aws:kms:us-east-1:222222222222:key/1",
      { ...newKey, "aws:TagKeys": ["project", "team"] },
    ],
    [
      "a key with other tags only",
      "kms:TagResource",
      "arn:aws:kms:us-east-1:222222222222:key/1",
      { "aws:TagKeys": ["team"] },
    ],
    ["whom a cluster's role trusts", "iam:UpdateAssumeRolePolicy", role, asHandlersSay],
    ["a key without the mark", "kms:CreateKey", "*", {}],
    ["somebody's logs", "logs:DeleteLogGroup", "arn:aws:logs:us-east-1:222222222222:log-group:/shop", asHandlersSay],
  ];
  test.each(refusals)("is refused %s", (_what, action, resource, context) => {
    expect(ask(policies, action, resource, context)).not.toBe("allowed");
  });
});

describe("the account's role", () => {
  const policies = policiesOf(rendered, "TenantIamRole");

  test("may do with stacks and zones what lib/aws asks of AWS", async () => {
    const calls = await callsOf("cloudFormation", "route53");
    expect(calls.length).toBeGreaterThan(15);
    const context = { "cloudformation:RoleArn": serviceRole, ...names("a.k01.k8s.aws.mylabs.dev") };
    const refused = calls.filter((action) =>
      ["*", stack, zone, "arn:aws:route53:::change/C1"].every(
        (one) => ask(policies, action, one, context) !== "allowed",
      ),
    );
    expect(refused).toEqual([]);
  });

  test("makes stacks by CloudFormation's role only", () => {
    const make = (context: Context) => ask(policies, "cloudformation:CreateChangeSet", stack, context);
    expect(make({ "cloudformation:RoleArn": serviceRole })).toBe("allowed");
    expect(make({})).toBe("none");
    expect(make({ "cloudformation:RoleArn": role })).toBe("none");
  });

  test("imports nothing into a stack", () => {
    const context = { "cloudformation:RoleArn": serviceRole, "cloudformation:ImportResourceTypes": ["AWS::KMS::Key"] };
    expect(ask(policies, "cloudformation:CreateChangeSet", stack, context)).toBe("denied");
  });

  test("executes a change set that is called by its own ARN, if it is one of ours", () => {
    const execute = (name: string) =>
      ask(
        policies,
        "cloudformation:ExecuteChangeSet",
        `arn:aws:cloudformation:us-east-1:222222222222:changeSet/${name}/1`,
      );
    expect(execute("k8s-multicluster-gitops-0b1c")).toBe("allowed");
    expect(execute("shop-release-7")).toBe("none");
  });

  test("removes stacks by the role that they have", () => {
    const remove = (context: Context) => ask(policies, "cloudformation:DeleteStack", stack, context);
    expect(remove({})).toBe("allowed");
    expect(remove({ "cloudformation:RoleArn": role })).toBe("none");
  });

  test("hands CloudFormation's role to CloudFormation only", () => {
    const pass = (service: string) => ask(policies, "iam:PassRole", serviceRole, { "iam:PassedToService": service });
    expect(pass("cloudformation.amazonaws.com")).toBe("allowed");
    expect(pass("ec2.amazonaws.com")).toBe("none");
  });

  test("reads its own stack, and changes it not", () => {
    const own = "arn:aws:cloudformation:us-east-1:222222222222:stack/the-stack/1";
    expect(ask(policies, "cloudformation:DescribeStacks", own)).toBe("allowed");
    const context = { "cloudformation:RoleArn": serviceRole };
    expect(ask(policies, "cloudformation:CreateChangeSet", own, context)).toBe("none");
    expect(ask(policies, "cloudformation:DeleteStack", own, context)).toBe("none");
  });

  test.each([
    ["k01.k8s.aws.mylabs.dev", "allowed"],
    ["a.k01.k8s.aws.mylabs.dev", "allowed"],
    ["k8s.aws.mylabs.dev", "none"],
    ["shop.example.com", "none"],
    [undefined, "none"],
  ] as const)("changes records of %s: %s", (record, verdict) => {
    const context = record === undefined ? {} : names(record);
    expect(ask(policies, "route53:ChangeResourceRecordSets", zone, context)).toBe(verdict);
  });

  test("sees all that CloudFormation reads of a cluster to find its drift", () => {
    const read = clusters.flatMap((one) =>
      Object.values(one.resources).flatMap(({ type }) => schemaOf(type).actions.read),
    );
    const refused = [...new Set(read)].filter((one) => !resources.some((it) => ask(policies, one, it) === "allowed"));
    expect(refused).toEqual([]);
  });

  test("gives nobody more rights", () => {
    const own = "arn:aws:iam::222222222222:role/aws-01-iam-role";
    for (const action of ["AttachRolePolicy", "PutRolePolicy", "UpdateAssumeRolePolicy", "CreateRole", "CreateUser"]) {
      expect(ask(policies, `iam:${action}`, own)).toBe("denied");
    }
  });
});

describe("the management role", () => {
  const of = async (): Promise<readonly Policy[]> =>
    policiesOf(render(await readTemplate(management.file), management.values), "ManagementIamRole");
  const made = "arn:aws:route53:::hostedzone/Z0MADE";
  const change = async (resource: string, record: string, type: string) =>
    ask(await of(), "route53:ChangeResourceRecordSets", resource, {
      ...names(record),
      "route53:ChangeResourceRecordSetsRecordTypes": [type],
    });

  test("delegates below the zone of clusters, and changes no other record", async () => {
    expect(await change(made, "k01.k8s.aws.mylabs.dev", "NS")).toBe("allowed");
    expect(await change(made, "k01.k8s.aws.mylabs.dev", "A")).toBe("none");
    expect(await change(made, "k8s.aws.mylabs.dev", "NS")).toBe("none");
    expect(await change(zone, "k01.k8s.aws.mylabs.dev", "NS")).toBe("none");
    expect(ask(await of(), "route53:ChangeResourceRecordSets", made)).toBe("none");
  });

  test("goes on to the named roles only", async () => {
    const policies = await of();
    expect(ask(policies, "sts:AssumeRole", "arn:aws:iam::333333333333:role/aws-02-iam-role")).toBe("allowed");
    expect(ask(policies, "sts:SetSourceIdentity", "arn:aws:iam::333333333333:role/aws-02-iam-role")).toBe("allowed");
    expect(ask(policies, "sts:AssumeRole", "arn:aws:iam::333333333333:role/admin")).toBe("none");
  });

  test("changes no rights, its own first of all", async () => {
    const policies = await of();
    const own = "arn:aws:iam::222222222222:role/aws-mgmt-iam-role";
    for (const action of [
      "AttachRolePolicy",
      "PutRolePolicy",
      "UpdateAssumeRolePolicy",
      "PassRole",
      "CreateAccessKey",
    ]) {
      expect(ask(policies, `iam:${action}`, own)).toBe("denied");
    }
    expect(ask(policies, "iam:GetRole", own)).toBe("allowed");
  });

  test("looks whether GitHub is let in", async () => {
    const provider = "arn:aws:iam::222222222222:oidc-provider/token.actions.githubusercontent.com";
    expect(ask(await of(), "iam:GetOpenIDConnectProvider", provider)).toBe("allowed");
  });
});

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
test.each(variants)("$title: policies are no longer than IAM takes", async ({ of, given }) => {
  const one = render(await readTemplate(of.file), { ...of.values, ...given });
  for (const [it, { type, properties }] of Object.entries(one.resources)) {
    if (type === "AWS::IAM::ManagedPolicy") expect(lengthOf(properties.PolicyDocument)).toBeLessThan(6_144);
    if (type !== "AWS::IAM::Role") continue;
    // Room for a longer domain than the default fleet's, whose name is in many places.
    expect(inlineLengthOf(one, it)).toBeLessThan(10_240 - 500);
    expect(lengthOf(properties.AssumeRolePolicyDocument)).toBeLessThan(2_048);
    expect(listAt(properties, "ManagedPolicyArns").length).toBeLessThanOrEqual(10);
  }
});

function names(record: string): Context {
  return { "route53:ChangeResourceRecordSetsNormalizedRecordNames": [record] };
}

/** `cloudformation:DescribeStacks` for each `cloudFormation.describeStacks(` there is. */
async function callsOf(...clients: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const path of new Bun.Glob("lib/aws/**/*.ts").scanSync(projectRoot)) {
    const text = await Bun.file(join(projectRoot, path)).text();
    for (const [, client = "", call = ""] of text.matchAll(/\b([a-zA-Z0-9]+)\.([a-z][A-Za-z0-9]+)\(/g)) {
      if (!clients.includes(client)) continue;
      found.add(`${client.toLowerCase()}:${call.charAt(0).toUpperCase()}${call.slice(1)}`);
    }
  }
  return [...found].sort();
}
