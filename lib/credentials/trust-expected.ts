import { externalIdOf } from "#lib/credentials/aws.ts";
import type { ExpectedTrust } from "#lib/credentials/trust-checks.ts";
import { isNamed } from "#lib/credentials/trust-principals.ts";
import { subjectsOf } from "#lib/fleet/github.ts";
import { awsManagementRole, iamRoleOf } from "#lib/fleet/roles.ts";
import type { AwsAccount, Fleet } from "#lib/fleet/types.ts";

/** Whom the management role lets in: people, who come as they are, and the fleet's jobs. */
export function expectedOfManagement(
  { github }: Pick<Fleet, "domain" | "github">,
  management: AwsAccount,
  /** Whoever looks, and whom AWS_USER_ARN names. */
  callers: readonly string[],
  partition = "aws",
): ExpectedTrust {
  if (github === undefined) return { callers };
  return {
    callers,
    github: {
      provider: `arn:${partition}:iam::${management.accountId}:oidc-provider/token.actions.githubusercontent.com`,
      repositoryId: github.repositoryId,
      subjects: subjectsOf(github),
    },
  };
}

/** Whom the roles of accounts let in: the management role of this fleet, and nobody else. */
export function expectedOfAccount(
  fleet: Pick<Fleet, "domain">,
  management: AwsAccount,
  partition = "aws",
): ExpectedTrust {
  return {
    callers: [`arn:${partition}:iam::${management.accountId}:role/${awsManagementRole}`],
    externalId: externalIdOf(fleet),
  };
}

/** Those of whom a base identity is one; none for a session of this fleet's own roles, which nobody has to let in again. */
export function callersOf(
  fleet: Pick<Fleet, "accounts">,
  base: string,
  userArn: string | undefined,
): readonly string[] {
  const own = fleet.accounts.flatMap((account) => (account.provider === "aws" ? [iamRoleOf(account)] : []));
  const isOwn = [awsManagementRole, ...own].some((role) => base.includes(`:assumed-role/${role}/`));
  const named = userArn === undefined ? [] : [userArn];
  return isOwn || named.some((arn) => isNamed(arn, base)) ? named : [base, ...named];
}
