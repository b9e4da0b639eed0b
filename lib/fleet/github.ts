import type { GitHubTrust } from "#lib/fleet/types.ts";

/**
 * The subjects by which GitHub's tokens name what a job runs for: with names alone, as repositories of before July 2026 have
 * it, and with the numbers of owner and repository behind them, as newer ones do. Both are whole: a pattern that covers both
 * would cover others too. Source: https://docs.github.com/en/actions/reference/security/oidc
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

/** Subjects of jobs that may only read. One that is among the others, too, may do everything that those may. */
export function readSubjectsOf(github: GitHubTrust): readonly string[] {
  return subjectsOf(
    github,
    (github.readClaims ?? []).filter((claim) => !github.claims.includes(claim)),
  );
}

/** Characters of the role's trust policy beside the subjects and the repository's number, with an ARN of 128 characters for the people. */
const trustFrame = 658;

/** Characters of the trust policy of a role that these subjects may assume, as cloudformation/route53-gh-action-iam-role-oidc.yml has it. */
export function trustSizeOf({ repositoryId }: Pick<GitHubTrust, "repositoryId">, subjects: readonly string[]): number {
  return trustFrame + repositoryId.length + JSON.stringify(subjects).length;
}
