import type { GitHubTrust } from "#lib/fleet/types.ts";

/**
 * The subjects by which GitHub's tokens name what a job runs for: with names alone, as repositories of before July 2026 have
 * it, and with the numbers of owner and repository behind them, as newer ones do. Both are whole: a pattern that covers both
 * would cover others too. Source: https://docs.github.com/en/actions/reference/security/oidc
 */
export function subjectsOf({ repository, repositoryId, ownerId, claims }: GitHubTrust): readonly string[] {
  const [owner = "", name = ""] = repository.split("/");
  return claims.flatMap((claim) => [
    `repo:${repository}:${claim}`,
    `repo:${owner}@${ownerId}/${name}@${repositoryId}:${claim}`,
  ]);
}
