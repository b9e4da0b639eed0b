import type { Context } from "#tests/cloudformation/policies.ts";

/** Something that a session of a cluster's role asks for, whoever has the session. */
export interface Request {
  readonly title: string;
  readonly action: string;
  readonly resource: string;
  readonly context?: Context;
}

const ec2 = (kind: string): string => `arn:aws:ec2:us-east-1:222222222222:${kind}/id`;
const elb = (kind: string): string => `arn:aws:elasticloadbalancing:us-east-1:222222222222:${kind}`;
const zone = "arn:aws:route53:::hostedzone/Z0123456789ABC";
const auto: Context = { "aws:ResourceTag/eks:eks-cluster-name": "k01-k8s-aws-mylabs-dev" };
const newAuto: Context = { "aws:RequestTag/eks:eks-cluster-name": "k01-k8s-aws-mylabs-dev" };
const foreignCluster: Context = { "aws:ResourceTag/eks:eks-cluster-name": "shop" };
const onNode: Context = { "ec2:SourceInstanceARN": ec2("instance") };
const onForeignNode: Context = { "ec2:SourceInstanceARN": "arn:aws:ec2:us-east-1:999999999999:instance/i-1" };
const ourStack: Context = { "aws:ResourceTag/project": "k8s-multicluster-gitops" };

/** What a boundary test of its own proves; here each is asked of another evaluator, too. */
export const attacks: readonly Request[] = [
  { title: "replace an instance's user data", action: "ec2:ModifyInstanceAttribute", resource: ec2("instance") },
  {
    title: "the same of Auto Mode's instance",
    action: "ec2:ModifyInstanceAttribute",
    resource: ec2("instance"),
    context: auto,
  },
  { title: "start an instance", action: "ec2:StartInstances", resource: ec2("instance") },
  { title: "stop an instance", action: "ec2:StopInstances", resource: ec2("instance") },
  { title: "terminate a foreign instance", action: "ec2:TerminateInstances", resource: ec2("instance") },
  {
    title: "swap an instance's profile",
    action: "ec2:ReplaceIamInstanceProfileAssociation",
    resource: ec2("instance"),
  },
  {
    title: "give an instance a profile",
    action: "ec2:AssociateIamInstanceProfile",
    resource: ec2("instance"),
    context: auto,
  },
  {
    title: "weaken the metadata service",
    action: "ec2:ModifyInstanceMetadataOptions",
    resource: ec2("instance"),
    context: auto,
  },
  { title: "redirect a route", action: "ec2:ReplaceRoute", resource: ec2("route-table") },
  { title: "add a route", action: "ec2:CreateRoute", resource: ec2("route-table"), context: ourStack },
  { title: "delete a route", action: "ec2:DeleteRoute", resource: ec2("route-table") },
  { title: "read user data", action: "ec2:DescribeInstanceAttribute", resource: ec2("instance") },
  { title: "read launch templates", action: "ec2:DescribeLaunchTemplateVersions", resource: "*" },
  { title: "run an instance in a foreign subnet", action: "ec2:RunInstances", resource: ec2("subnet") },
  { title: "run an instance without a cluster's tag", action: "ec2:RunInstances", resource: ec2("instance") },
  {
    title: "change a foreign launch template",
    action: "ec2:CreateLaunchTemplateVersion",
    resource: ec2("launch-template"),
  },
  { title: "run from a foreign launch template", action: "ec2:RunInstances", resource: ec2("launch-template") },
  { title: "take a foreign disk away", action: "ec2:DetachVolume", resource: ec2("volume") },
  { title: "attach a foreign disk", action: "ec2:AttachVolume", resource: ec2("volume") },
  { title: "delete a foreign disk", action: "ec2:DeleteVolume", resource: ec2("volume") },
  {
    title: "delete a disk of another cluster",
    action: "ec2:DeleteVolume",
    resource: ec2("volume"),
    context: foreignCluster,
  },
  { title: "copy a foreign disk", action: "ec2:CreateSnapshot", resource: ec2("volume") },
  {
    title: "restore a foreign snapshot",
    action: "ec2:CreateVolume",
    resource: "arn:aws:ec2:us-east-1::snapshot/snap-1",
  },
  {
    title: "share a snapshot",
    action: "ec2:ModifySnapshotAttribute",
    resource: "arn:aws:ec2:us-east-1::snapshot/snap-1",
    context: auto,
  },
  {
    title: "open a foreign security group",
    action: "ec2:AuthorizeSecurityGroupIngress",
    resource: ec2("security-group"),
  },
  { title: "delete a foreign security group", action: "ec2:DeleteSecurityGroup", resource: ec2("security-group") },
  {
    title: "detach a foreign network interface",
    action: "ec2:DetachNetworkInterface",
    resource: ec2("network-interface"),
  },
  {
    title: "detach it from an instance of another account",
    action: "ec2:DetachNetworkInterface",
    resource: ec2("network-interface"),
    context: onForeignNode,
  },
  { title: "tag a foreign disk as a cluster's", action: "ec2:CreateTags", resource: ec2("volume"), context: newAuto },
  { title: "untag something", action: "ec2:DeleteTags", resource: ec2("volume"), context: auto },
  {
    title: "delete a foreign load balancer",
    action: "elasticloadbalancing:DeleteLoadBalancer",
    resource: elb("loadbalancer/app/shop/1"),
  },
  {
    title: "redirect a foreign listener",
    action: "elasticloadbalancing:ModifyListener",
    resource: elb("listener/app/shop/1/2"),
  },
  {
    title: "serve from a foreign target group",
    action: "elasticloadbalancing:RegisterTargets",
    resource: elb("targetgroup/shop/1"),
  },
  {
    title: "tag a foreign load balancer",
    action: "elasticloadbalancing:AddTags",
    resource: elb("loadbalancer/app/shop/1"),
    context: newAuto,
  },
  { title: "take a firewall off", action: "wafv2:DisassociateWebACL", resource: elb("loadbalancer/app/shop/1") },
  {
    title: "take a protection off",
    action: "shield:DeleteProtection",
    resource: "arn:aws:shield::222222222222:protection/1",
  },
  {
    title: "scale a foreign group",
    action: "autoscaling:UpdateAutoScalingGroup",
    resource: "arn:aws:autoscaling:us-east-1:222222222222:autoScalingGroup:1:autoScalingGroupName/shop",
  },
  {
    title: "pull images from elsewhere",
    action: "ecr:BatchGetImage",
    resource: "arn:aws:ecr:us-east-1:222222222222:repository/shop",
  },
  {
    title: "pull images as a foreign instance",
    action: "ecr:BatchGetImage",
    resource: "arn:aws:ecr:us-east-1:222222222222:repository/shop",
    context: onForeignNode,
  },
  {
    title: "take a pod's role from elsewhere",
    action: "eks-auth:AssumeRoleForPodIdentity",
    resource: "arn:aws:eks:us-east-1:222222222222:cluster/k01-k8s-aws-mylabs-dev",
  },
  {
    title: "change a record of a foreign zone",
    action: "route53:ChangeResourceRecordSets",
    resource: zone,
    context: records("A", "shop.example.com"),
  },
  {
    title: "change the zone of clusters itself",
    action: "route53:ChangeResourceRecordSets",
    resource: zone,
    context: records("A", "k8s.aws.mylabs.dev"),
  },
  {
    title: "change one of ours and one of others",
    action: "route53:ChangeResourceRecordSets",
    resource: zone,
    context: records("A", "a.k8s.aws.mylabs.dev", "shop.example.com"),
  },
  {
    title: "delegate a zone",
    action: "route53:ChangeResourceRecordSets",
    resource: zone,
    context: records("NS", "k01.k8s.aws.mylabs.dev"),
  },
  {
    title: "allow another authority",
    action: "route53:ChangeResourceRecordSets",
    resource: zone,
    context: records("CAA", "k01.k8s.aws.mylabs.dev"),
  },
  { title: "delete a zone", action: "route53:DeleteHostedZone", resource: zone },
  { title: "become another role", action: "sts:AssumeRole", resource: "arn:aws:iam::222222222222:role/admin" },
  {
    title: "make a role",
    action: "iam:CreateRole",
    resource: "arn:aws:iam::222222222222:role/k8s-multicluster-gitops/some",
  },
  {
    title: "hand an administrator's role to an instance",
    action: "iam:PassRole",
    resource: "arn:aws:iam::222222222222:role/admin",
    context: { "iam:PassedToService": "ec2.amazonaws.com" },
  },
];

/** What clusters need: the boundary must leave room for it. */
export const needs: readonly Request[] = [
  { title: "run an instance", action: "ec2:RunInstances", resource: ec2("instance"), context: newAuto },
  { title: "run it in the cluster's subnet", action: "ec2:RunInstances", resource: ec2("subnet"), context: ourStack },
  { title: "run it in the cluster's group", action: "ec2:RunInstances", resource: ec2("security-group") },
  { title: "run it from an image", action: "ec2:RunInstances", resource: "arn:aws:ec2:us-east-1::image/ami-1" },
  {
    title: "run it from a launch template",
    action: "ec2:RunInstances",
    resource: ec2("launch-template"),
    context: auto,
  },
  {
    title: "tag it as it is created",
    action: "ec2:CreateTags",
    resource: ec2("instance"),
    context: { ...newAuto, "ec2:CreateAction": "RunInstances" },
  },
  { title: "make a disk", action: "ec2:CreateVolume", resource: ec2("volume"), context: newAuto },
  { title: "attach a disk", action: "ec2:AttachVolume", resource: ec2("volume"), context: auto },
  { title: "attach a disk to an instance", action: "ec2:AttachVolume", resource: ec2("instance"), context: auto },
  { title: "copy a disk", action: "ec2:CreateSnapshot", resource: ec2("volume"), context: auto },
  {
    title: "name the copy",
    action: "ec2:CreateSnapshot",
    resource: "arn:aws:ec2:us-east-1::snapshot/snap-1",
    context: newAuto,
  },
  {
    title: "make a network interface",
    action: "ec2:CreateNetworkInterface",
    resource: ec2("network-interface"),
    context: newAuto,
  },
  {
    title: "make a security group in the cluster's network",
    action: "ec2:CreateSecurityGroup",
    resource: ec2("vpc"),
    context: ourStack,
  },
  {
    title: "open the cluster's own group",
    action: "ec2:AuthorizeSecurityGroupIngress",
    resource: ec2("security-group"),
    context: { "aws:ResourceTag/aws:eks:cluster-name": "k01-k8s-aws-mylabs-dev" },
  },
  {
    title: "make a load balancer",
    action: "elasticloadbalancing:CreateLoadBalancer",
    resource: elb("loadbalancer/net/one/1"),
    context: newAuto,
  },
  {
    title: "tag it as it is created, too",
    action: "elasticloadbalancing:AddTags",
    resource: elb("loadbalancer/net/one/1"),
    context: { ...newAuto, "elasticloadbalancing:CreateAction": "CreateLoadBalancer" },
  },
  {
    title: "register targets",
    action: "elasticloadbalancing:RegisterTargets",
    resource: elb("targetgroup/one/1"),
    context: auto,
  },
  {
    title: "delete the load balancer of a service",
    action: "elasticloadbalancing:DeleteLoadBalancer",
    resource: elb("loadbalancer/net/one/1"),
    context: { "aws:ResourceTag/kubernetes.io/service-name": "a/b" },
  },
  {
    title: "give a pod an address, on a node",
    action: "ec2:AssignPrivateIpAddresses",
    resource: ec2("network-interface"),
    context: onNode,
  },
  {
    title: "attach a network interface, on a node",
    action: "ec2:AttachNetworkInterface",
    resource: ec2("network-interface"),
    context: onNode,
  },
  {
    title: "pull images, on a node",
    action: "ecr:BatchGetImage",
    resource: "arn:aws:ecr:us-east-1:222222222222:repository/one",
    context: onNode,
  },
  {
    title: "take a pod's role, on a node",
    action: "eks-auth:AssumeRoleForPodIdentity",
    resource: "arn:aws:eks:us-east-1:222222222222:cluster/k01-k8s-aws-mylabs-dev",
    context: onNode,
  },
  {
    title: "change a record of a cluster",
    action: "route53:ChangeResourceRecordSets",
    resource: zone,
    context: records("A", "a.k01.k8s.aws.mylabs.dev"),
  },
  {
    title: "answer a challenge",
    action: "route53:ChangeResourceRecordSets",
    resource: zone,
    context: records("TXT", "_acme-challenge.a.k01.k8s.aws.mylabs.dev"),
  },
  {
    title: "hand a node its role",
    action: "iam:PassRole",
    resource: "arn:aws:iam::222222222222:role/k8s-multicluster-gitops/node",
    context: { "iam:PassedToService": "ec2.amazonaws.com" },
  },
];

function records(type: string, ...names: readonly string[]): Context {
  return {
    "route53:ChangeResourceRecordSetsNormalizedRecordNames": names,
    "route53:ChangeResourceRecordSetsRecordTypes": [type],
  };
}
