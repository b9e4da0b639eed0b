import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { clusterAccounts } from "#lib/cloud/accounts.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/** The role of the management account that people and CI assume first; it leads to every other. */
export const awsManagementRole = "aws-mgmt-iam-role";

/** The role of the management account that reads everything and changes nothing; jobs of pull requests assume it. */
export const awsReadOnlyManagementRole = "aws-mgmt-read-only-iam-role";

/** An account and the role in it that clusters are created with. */
export interface AwsAccountRole {
  readonly account: AwsAccount;
  readonly role: string;
}

/** Only data of the account itself: other accounts, clusters and their order must never rename a role. */
export function iamRoleOf({ name, role, iamRole }: AwsAccount): string {
  return iamRole ?? (role === "management" ? `${name}-clusters-iam-role` : `${name}-iam-role`);
}

/** The role that CloudFormation assumes to create clusters: it may do more than the role that calls it. */
export function serviceRoleOf(account: AwsAccount): string {
  return `${iamRoleOf(account).replace(/-?iam-role$/, "")}-cloudformation-role`;
}

/** The account's role that reads everything and changes nothing. */
export function readOnlyRoleOf(account: AwsAccount): string {
  return `${iamRoleOf(account).replace(/-?iam-role$/, "")}-read-only-iam-role`;
}

export function roleArn({ accountId }: AwsAccount, role: string): string {
  return `arn:aws:iam::${accountId}:role/${role}`;
}

/** The roles that clusters are created with: one per tenant account, and one in the management account if it has clusters. */
export function awsAccountRoles(fleet: Pick<Fleet, "accounts" | "clusters">): readonly AwsAccountRole[] {
  return clusterAccounts(fleet, "aws").map((account) => ({ account, role: iamRoleOf(account) }));
}
