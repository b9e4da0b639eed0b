import type { Parameters } from "#tests/cloudformation/render.ts";

/** What the rest of the project, and workflows of others, know a template by. */
export interface Contract {
  readonly file: string;
  readonly parameters: readonly string[];
  readonly outputs: readonly string[];
  /** Those without a default, as the default fleet has them. */
  readonly values: Parameters;
}

export const managementRole = "arn:aws:iam::111111111111:role/aws-mgmt-iam-role";
export const accountRole = "arn:aws:iam::222222222222:role/aws-01-iam-role";
export const readOnlyManagementRole = "arn:aws:iam::111111111111:role/aws-mgmt-read-only-iam-role";
export const readOnlyRole = "arn:aws:iam::222222222222:role/aws-01-read-only-iam-role";
export const serviceRole = "arn:aws:iam::222222222222:role/aws-01-cloudformation-role";
export const boundary = "arn:aws:iam::222222222222:policy/k8s-multicluster-gitops/k8s-multicluster-gitops-boundary";
export const githubProvider = "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com";

export const management: Contract = {
  file: "route53-gh-action-iam-role-oidc.yml",
  parameters: [
    "PrimaryDomain",
    "K8sDomain",
    "ExistingPrimaryZoneId",
    "ExistingK8sZoneId",
    "ManagementIamRoleName",
    "ReadOnlyIamRoleName",
    "UserArn",
    "OidcProviderArn",
    "SubjectClaimFilters",
    "ReadSubjectClaimFilters",
    "RepositoryId",
    "TenantIamRoleArns",
    "TenantReadOnlyIamRoleArns",
  ],
  outputs: [
    "ManagementIamRoleArn",
    "ReadOnlyIamRoleArn",
    "GitHubActionsServiceRoleArn",
    "PrimaryZoneId",
    "PrimaryZoneNameServers",
    "K8sZoneId",
    "K8sZoneNameServers",
  ],
  values: {
    PrimaryDomain: "aws.mylabs.dev",
    K8sDomain: "k8s.aws.mylabs.dev",
    ManagementIamRoleName: "aws-mgmt-iam-role",
    ReadOnlyIamRoleName: "aws-mgmt-read-only-iam-role",
    UserArn: "arn:aws:iam::111111111111:user/aws-cli",
    TenantIamRoleArns: `${accountRole},arn:aws:iam::333333333333:role/aws-02-iam-role`,
    TenantReadOnlyIamRoleArns: `${readOnlyRole},arn:aws:iam::333333333333:role/aws-02-read-only-iam-role`,
  },
};

export const tenant: Contract = {
  file: "allow-mgmt-iam-role-to-assume-tenant-iam-role.yml",
  parameters: [
    "ManagementIamRoleArn",
    "ReadOnlyManagementIamRoleArn",
    "TenantIamRoleName",
    "TenantIamRolePolicyName",
    "ReadOnlyIamRoleName",
    "ExternalId",
    "CloudFormationIamRoleName",
    "K8sDomain",
  ],
  outputs: ["TenantIamRoleArn", "ReadOnlyIamRoleArn", "CloudFormationIamRoleArn"],
  values: {
    ManagementIamRoleArn: managementRole,
    ReadOnlyManagementIamRoleArn: readOnlyManagementRole,
    TenantIamRoleName: "aws-01-iam-role",
    TenantIamRolePolicyName: "aws-01-iam-role-policy",
    ReadOnlyIamRoleName: "aws-01-read-only-iam-role",
    ExternalId: "k8s-multicluster-gitops/mylabs.dev",
    CloudFormationIamRoleName: "aws-01-cloudformation-role",
    K8sDomain: "k8s.aws.mylabs.dev",
  },
};

export const cluster: Contract = {
  file: "eks-cluster.yml",
  parameters: [
    "ClusterName",
    "ClusterFqdn",
    "KubernetesVersion",
    "AdminRoleArn",
    "CloudFormationIamRoleArn",
    "VpcCidr",
    "ServiceCidr",
    "ZoneIds",
    "PublicAccessCidrs",
    "NatGateways",
    "NodeMode",
    "NodeInstanceType",
    "NodeCount",
    "NodeKubernetesVersion",
    "VpcCniVersion",
    "KubeProxyVersion",
    "PodIdentityAgentVersion",
    "CoreDnsVersion",
    "HostedZoneId",
    "LogRetentionDays",
  ],
  outputs: [
    "ClusterName",
    "ClusterArn",
    "ClusterEndpoint",
    "CertificateAuthorityData",
    "ClusterSecurityGroupId",
    "VpcId",
  ],
  values: {
    ClusterName: "k01-k8s-aws-mylabs-dev",
    ClusterFqdn: "k01.k8s.aws.mylabs.dev",
    KubernetesVersion: "1.36",
    AdminRoleArn: accountRole,
    CloudFormationIamRoleArn: serviceRole,
    PublicAccessCidrs: "203.0.113.0/24",
    HostedZoneId: "Z0123456789ABC",
  },
};

export const contracts = [management, tenant, cluster] as const;

/** Parameters with which a template shows all that it can make. */
export const variants: readonly { readonly title: string; readonly of: Contract; readonly given: Parameters }[] = [
  { title: "management, for people only", of: management, given: {} },
  {
    title: "management, with GitHub",
    of: management,
    given: {
      OidcProviderArn: githubProvider,
      SubjectClaimFilters: "repo:owner@1/name@2:ref:refs/heads/main, repo:owner@1/name@2:environment:production",
      ReadSubjectClaimFilters: "repo:owner@1/name@2:pull_request",
      RepositoryId: "2",
    },
  },
  {
    title: "management, with zones that were there before",
    of: management,
    given: { ExistingPrimaryZoneId: "Z0BEFORE1", ExistingK8sZoneId: "Z0BEFORE2" },
  },
  { title: "account", of: tenant, given: {} },
  { title: "cluster of Auto Mode", of: cluster, given: {} },
  { title: "cluster with nodes", of: cluster, given: { NodeMode: "managed", NatGateways: "per-zone" } },
  { title: "cluster in named zones", of: cluster, given: { ZoneIds: "use1-az1,use1-az2,use1-az4" } },
];
