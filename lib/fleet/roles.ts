import type { AwsAccount, Fleet } from "#lib/fleet/types.ts";

/** The role of the management account that people and CI assume first; it leads to every other. */
export const awsManagementRole = "aws-mgmt-iam-role";

/** An account and the role in it that clusters are created with. */
export interface AwsAccountRole {
  readonly account: AwsAccount;
  readonly role: string;
}

/**
 * The roles that clusters are created with, one per AWS account, numbered in the order of the accounts: every tenant has one,
 * and the management account has the first where it holds clusters itself.
 */
export function awsAccountRoles(fleet: Pick<Fleet, "accounts" | "clusters">): readonly AwsAccountRole[] {
  const accounts = fleet.accounts.filter((account) => account.provider === "aws");
  const management = accounts.filter(
    ({ name, role }) =>
      role === "management" && fleet.clusters.some((cluster) => "account" in cluster && cluster.account === name),
  );
  const tenants = accounts.filter(({ role }) => role === "tenant");
  return [...management, ...tenants].map((account, index) => ({
    account,
    role: `aws-${String(index + 1).padStart(2, "0")}-iam-role`,
  }));
}

/** Name of the role with which an account's clusters are created; a management account without clusters has none but its own. */
export function awsRoleOf(fleet: Pick<Fleet, "accounts" | "clusters">, account: AwsAccount): string {
  return awsAccountRoles(fleet).find((entry) => entry.account.name === account.name)?.role ?? awsManagementRole;
}

/** What CloudFormation makes the account's clusters with: it may do more than whoever calls it. */
export function awsServiceRoleOf(fleet: Pick<Fleet, "accounts" | "clusters">, account: AwsAccount): string {
  return awsRoleOf(fleet, account).replace(/iam-role$/, "cloudformation-role");
}
