import { externalIdOf } from "#lib/aws/credentials/chain.ts";
import { awsManagementRole, awsReadOnlyManagementRole, iamRoleOf, readOnlyRoleOf } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import type { ExpectedTrust } from "#lib/aws/trust/checks.ts";
import { isNamed } from "#lib/aws/trust/principals.ts";
import { readSubjectsOf, subjectsOf } from "#lib/fleet/github.ts";
import type { Fleet, GitHubTrust } from "#lib/fleet/types.ts";

/** Whom the management role lets in: people, who come as they are, and the fleet's jobs. */
export function expectedOfManagement(
  { github }: Pick<Fleet, "domain" | "github">,
  management: AwsAccount,
  /** Whoever looks, and whom AWS_USER_ARN names. */
  callers: readonly string[],
  partition = "aws",
): ExpectedTrust {
  return expectJobs(github, github === undefined ? [] : subjectsOf(github), management, callers, partition);
}

/** Whom the read-only role of the management account lets in: the same people, and jobs that may only read. */
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

/** Whom the roles of accounts let in: the management role of this fleet, and nobody else. */
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

/** Those of whom a base identity is one; none for a session of this fleet's own roles, which nobody has to let in again. */
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
