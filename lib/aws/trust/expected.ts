import { externalIdOf } from "#lib/aws/credentials/chain.ts";
import { awsManagementRole, awsReadOnlyManagementRole, iamRoleOf, readOnlyRoleOf } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import type { ExpectedTrust } from "#lib/aws/trust/checks.ts";
import { isNamed } from "#lib/aws/trust/principals.ts";
import { readSubjectsOf, subjectsOf } from "#lib/fleet/github.ts";
import type { Fleet, GitHubTrust } from "#lib/fleet/types.ts";

/** Identities that the management role should trust: people, and the fleet's jobs. */
export function expectedOfManagement(
  { github }: Pick<Fleet, "domain" | "github">,
  management: AwsAccount,
  /** The current identity, and AWS_USER_ARN. */
  callers: readonly string[],
  partition = "aws",
): ExpectedTrust {
  return expectJobs(github, github === undefined ? [] : subjectsOf(github), management, callers, partition);
}

/** Identities that the management account's read-only role should trust: the same people, and read-only jobs. */
export function expectedOfReaders(
  { github }: Pick<Fleet, "domain" | "github">,
  management: AwsAccount,
  callers: readonly string[],
  partition = "aws",
): ExpectedTrust {
  return expectJobs(github, github === undefined ? [] : readSubjectsOf(github), management, callers, partition);
}

function expectJobs(
  github: GitHubTrust | undefined,
  subjects: readonly string[],
  management: AwsAccount,
  callers: readonly string[],
  partition: string,
): ExpectedTrust {
  if (github === undefined || subjects.length === 0) return { callers };
  return {
    callers,
    github: {
      provider: `arn:${partition}:iam::${management.accountId}:oidc-provider/token.actions.githubusercontent.com`,
      repositoryId: github.repositoryId,
      subjects,
    },
  };
}

/** Identities that the accounts' roles should trust: only the management role of this fleet. */
export function expectedOfAccount(
  fleet: Pick<Fleet, "domain">,
  management: AwsAccount,
  partition = "aws",
  managementRole = awsManagementRole,
): ExpectedTrust {
  return {
    callers: [`arn:${partition}:iam::${management.accountId}:role/${managementRole}`],
    externalId: externalIdOf(fleet),
  };
}

/** The forms of a base identity in a trust policy; none for a session of this fleet's own roles, which need no further trust. */
export function callersOf(
  fleet: Pick<Fleet, "accounts">,
  base: string,
  userArn: string | undefined,
): readonly string[] {
  const own = fleet.accounts.flatMap((account) =>
    account.provider === "aws" ? [iamRoleOf(account), readOnlyRoleOf(account)] : [],
  );
  const isOwn = [awsManagementRole, awsReadOnlyManagementRole, ...own].some((role) =>
    base.includes(`:assumed-role/${role}/`),
  );
  const named = userArn === undefined ? [] : [userArn];
  return isOwn || named.some((arn) => isNamed(arn, base)) ? named : [base, ...named];
}
