import { awsErrorCodes } from "#lib/aws/error-codes.ts";
import { checkEks } from "#lib/aws/fleet/check-clusters.ts";
import { checkRoles } from "#lib/aws/fleet/check-roles.ts";
import { eksRanges, kubernetesOfEks } from "#lib/aws/fleet/defaults.ts";
import { eksVersions, isInStandardSupport, refusalByEks, withSupportEnd } from "#lib/aws/fleet/eks-versions.ts";
import { isPlaceholder } from "#lib/aws/fleet/placeholder.ts";
import { awsRegions } from "#lib/aws/fleet/regions.ts";
import type { AwsAccount, EksCluster } from "#lib/aws/fleet/types.ts";
import { malformedAccountId } from "#lib/fleet/checks/accounts.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import { accountKeys, cloudClusterKeys } from "#lib/fleet/keys.ts";
import { accountTasks } from "#lib/fleet/provider.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { Provider } from "#lib/provider.ts";

/** AWS: EKS clusters, zones in Route 53, roles in IAM. */
export const aws: Provider<AwsAccount, EksCluster> = {
  name: "aws",
  title: "AWS",
  product: "EKS",
  taskWord: "eks",
  place: "cloud",
  group: "aws",
  icon: "aws-route53",
  keys: {
    account: { ...accountKeys, accountId: true, iamRole: true },
    cluster: { ...cloudClusterKeys, publicAccessCidrs: true, nodes: true },
    nested: { nodes: { instanceType: true, count: true } },
  },
  regions: awsRegions,
  ranges: eksRanges,
  versions: {
    offered: eksVersions.filter(isInStandardSupport).map(({ version }) => version),
    refusal: refusalByEks,
    describe: withSupportEnd,
  },
  errorCodes: awsErrorCodes,
  checks: [checkAccountIds, checkRoles, checkEks],
  accountTasks: [
    ...accountTasks(
      "management",
      "aws-mgmt/cf-route53-gh-action-iam-role-oidc",
      "zones, management role and GitHub's OIDC provider, with administrator credentials of the management account",
    ),
    ...accountTasks(
      "tenants",
      "aws-tenant/cf-iam-role",
      "the role that the management account assumes to create clusters, with administrator credentials of the account",
    ),
  ],
  // Changing more stacks at once only meets the limits of CloudFormation's API.
  lanes: { stack: { limit: 32 }, cluster: { limit: 32, jobs: true } },
  generate: async () => ({ diagram: (await import("#lib/aws/diagram.ts")).awsDiagram }),
  open: async (context) => (await import("#lib/aws/open.ts")).openAws(context),
  schema: () => import("#lib/aws/fleet/schema.ts"),
  accountId: ({ accountId }) => accountId,
  isPlaceholder,
  kubernetes: kubernetesOfEks,
};

function checkAccountIds({ accounts }: Fleet): readonly Fault[] {
  return accounts
    .filter((account) => account.provider === "aws")
    .filter(({ accountId }) => !/^\d{12}$/.test(accountId))
    .map((account) =>
      malformedAccountId(
        account,
        "accountId",
        account.accountId,
        "use the twelve digits that `aws sts get-caller-identity` shows as Account",
      ),
    );
}
