import type { GitHubTrust } from "#lib/fleet/types.ts";

/**
 * The `sub` claims of GitHub's tokens for the fleet's jobs: with names only, for repositories created before July 2026,
 * and with the ids of owner and repository appended, for newer ones. Both are exact: a pattern that matches both
 * would match others too. Source: https://docs.github.com/en/actions/reference/security/oidc
 */
export function subjectsOf(
  { repository, repositoryId, ownerId, ...github }: GitHubTrust,
  claims: readonly string[] = github.claims,
): readonly string[] {
  const [owner = "", name = ""] = repository.split("/");
  return claims.flatMap((claim) => [
    `repo:${repository}:${claim}`,
    `repo:${owner}@${ownerId}/${name}@${repositoryId}:${claim}`,
  ]);
}

/** Subjects of read-only jobs. One that is also listed in `claims` has full access. */
export function readSubjectsOf(github: GitHubTrust): readonly string[] {
  return subjectsOf(
    github,
    (github.readClaims ?? []).filter((claim) => !github.claims.includes(claim)),
  );
}

/** Length of the role's trust policy without the subjects and the repository's id, with a user ARN of 128 characters. */
const trustFrame = 658;

/** Length of the trust policy of a role for these subjects, as in cloudformation/route53-gh-action-iam-role-oidc.yml. */
export function trustSizeOf({ repositoryId }: Pick<GitHubTrust, "repositoryId">, subjects: readonly string[]): number {
  return trustFrame + repositoryId.length + JSON.stringify(subjects).length;
}
