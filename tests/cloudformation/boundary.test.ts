import { describe, expect, test } from "bun:test";
import { tryFindAwsPolicy } from "#sandbox/aws/iam/aws-managed-policies.ts";
import { listAt, objectAt } from "#sandbox/json.ts";
import { boundary, cluster, tenant } from "#tests/cloudformation/contract.ts";
import { ask, attachedOf, boundaryOf, type Context, policiesOf, policyOf } from "#tests/cloudformation/policies.ts";
import { type Rendered, readTemplate, render } from "#tests/cloudformation/render.ts";

const clusters: readonly Rendered[] = await Promise.all(
  ["auto", "managed"].map(async (NodeMode) =>
    render(await readTemplate(cluster.file), { ...cluster.values, NodeMode }),
  ),
);
const role = "arn:aws:iam::222222222222:role/k8s-multicluster-gitops/some";
const zone = "arn:aws:route53:::hostedzone/Z0123456789ABC";
/** One of each that AWS's policies for EKS limit their statements to. */
const resources: readonly string[] = [
  "*",
  "arn:aws:ec2:us-east-1:222222222222:network-interface/id",
  role,
  "arn:aws:iam::222222222222:instance-profile/eks-us-east-1-cluster",
  "arn:aws:iam::222222222222:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot",
];

/** What AWS's policies allow, EKS does not need here, and nothing could limit to the fleet's clusters. */
const leftOut: readonly string[] = [
  // User data and instance profiles of any instance. Kubernetes used it for routes, which EKS leaves to the network plugin.
  "ec2:ModifyInstanceAttribute",
  "ec2:CreateRoute",
  "ec2:DeleteRoute",
  // Node groups are scaled by EKS's service-linked role.
  "autoscaling:UpdateAutoScalingGroup",
  // No condition tells whose load balancer it is.
  "elasticloadbalancing:SetWebAcl",
  "wafv2:AssociateWebACL",
  "wafv2:DisassociateWebACL",
];

const rendered = render(await readTemplate(tenant.file), tenant.values);

describe("the boundary of clusters' roles", () => {
  const policies = [policyOf(rendered, "ClusterRoleBoundary")];

  test("is that of every role of a cluster", () => {
    for (const one of clusters) {
      const roles = Object.keys(one.resources).filter((it) => one.resources[it]?.type === "AWS::IAM::Role");
      expect(roles.map((it) => boundaryOf(one, it))).toEqual(roles.map(() => boundary));
      expect(roles.map((it) => one.resources[it]?.properties.Path)).toEqual(
        roles.map(() => "/k8s-multicluster-gitops/"),
      );
    }
  });

  test.each([...new Set(clusters.flatMap(attachedOf))].sort())("leaves room for %s", (policy) => {
    const found = tryFindAwsPolicy(`arn:aws:iam::aws:policy/${policy}`)?.versions[0]?.document ?? "{}";
    const needed = listAt(JSON.parse(found), "Statement").flatMap((one) => [objectAt(one).Action].flat().map(String));
    expect(needed).not.toEqual([]);
    const contexts: readonly Context[] = [
      { "iam:AWSServiceName": "elasticloadbalancing.amazonaws.com", "iam:PassedToService": "ec2.amazonaws.com" },
      { "iam:AWSServiceName": "spot.amazonaws.com" },
      { "aws:ResourceTag/eks:eks-cluster-name": "k01-k8s-aws-mylabs-dev" },
      { "aws:RequestTag/eks:eks-cluster-name": "k01-k8s-aws-mylabs-dev" },
      { "ec2:CreateAction": "RunInstances", "elasticloadbalancing:CreateAction": "CreateLoadBalancer" },
      { "ec2:SourceInstanceARN": "arn:aws:ec2:us-east-1:222222222222:instance/i-1" },
    ];
    const refused = needed.filter(
      (action) =>
        !leftOut.includes(action) &&
        !contexts.some((context) => resources.some((it) => ask(policies, action, it, context) === "allowed")),
    );
    expect(refused).toEqual([]);
  });

  test("leaves room for the pods", () => {
    for (const one of clusters) {
      for (const pod of ["ExternalDnsRole", "CertManagerRole"]) {
        const given = policiesOf(one, pod).flatMap(({ statements }) =>
          statements.flatMap(({ actions }) => actions.texts),
        );
        const record: Context = {
          "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["_acme-challenge.k01.k8s.aws.mylabs.dev"],
          "route53:ChangeResourceRecordSetsRecordTypes": ["TXT"],
        };
        expect(given.filter((action) => ask(policies, action, zone, record) !== "allowed")).toEqual([]);
      }
    }
  });

  test.each([
    ["iam:CreateRole", role],
    ["iam:CreateUser", "*"],
    ["iam:PassRole", "arn:aws:iam::222222222222:role/admin"],
    ["sts:AssumeRole", "arn:aws:iam::222222222222:role/admin"],
    ["s3:GetObject", "arn:aws:s3:::secrets/one"],
    ["secretsmanager:GetSecretValue", "*"],
    ["kms:Decrypt", "arn:aws:kms:us-east-1:222222222222:key/1"],
    ["ec2:CreateVpcPeeringConnection", "*"],
    ["ec2:CreateKeyPair", "*"],
    ["ec2:GetPasswordData", "*"],
    ["ec2:CreateNetworkInterfacePermission", "*"],
    ["ec2:ModifySnapshotAttribute", "*"],
    ["route53:DeleteHostedZone", zone],
    ["route53:AssociateVPCWithHostedZone", zone],
  ])("leaves none for %s", (action, resource) => {
    expect(ask(policies, action, resource, { "iam:PassedToService": "ec2.amazonaws.com" })).toBe("none");
  });
});
