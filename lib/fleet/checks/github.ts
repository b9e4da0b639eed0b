import type { Fault } from "#lib/fleet/fault.ts";
import { readSubjectsOf, subjectsOf, trustSizeOf } from "#lib/fleet/github.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/**
 * Characters that IAM accepts in a policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names
 * A comma would split CloudFormation's list of subjects.
 * https://docs.github.com/en/actions/reference/security/oidc#filtering-for-a-specific-branch and below
 */
const claimForm = /^(?:(?:ref:refs\/(?:heads|tags)\/|environment:)(?:(?![\s:*?,])[!-\u00ff])+|pull_request)$/;

/** Default maximum length of a role's trust policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entities */
const trustLimit = 2_048;

export function checkGitHub({ github }: Fleet): readonly Fault[] {
  if (github === undefined) return [];
  const fault = (message: string, hint: string): Fault => ({ code: "MalformedGitHub", where: "github", message, hint });
  const faults: Fault[] = [];
  const [owner = "OWNER", name = "NAME"] = github.repository.split("/");
  if (!/^[\w.-]+\/[\w.-]+$/.test(github.repository)) {
    faults.push(fault(`malformed repository "${github.repository}"`, 'write repository: "owner/name"'));
  }
  for (const [field, path] of [
    ["repositoryId", `repos/${owner}/${name}`],
    ["ownerId", `users/${owner}`],
  ] as const) {
    if (/^\d+$/.test(github[field])) continue;
    faults.push(
      fault(`malformed ${field} "${github[field]}"`, `use the number that \`gh api ${path} --jq .id\` shows`),
    );
  }
  if (github.claims.length === 0) {
    faults.push(
      fault("claims is empty: no job would be let in", 'write claims: ["ref:refs/heads/main"], or leave github out'),
    );
  }
  if (github.claims.includes("pull_request")) {
    const message = "claims lets pull requests do everything: their code is run before anybody has reviewed it";
    faults.push(fault(message, 'write readClaims: ["pull_request"]: such jobs may plan and look, and change nothing'));
  }
  for (const claim of [...github.claims, ...(github.readClaims ?? [])]) {
    if (claimForm.test(claim)) continue;
    const foreign = /[^\0-\u00ff]/u.exec(claim)?.[0];
    if (foreign !== undefined) {
      const hint = "give the branch, tag or environment a name of Latin letters and digits";
      faults.push(fault(`malformed claim "${claim}": IAM takes no "${foreign}" in a policy`, hint));
      continue;
    }
    const hint =
      'write a whole claim such as "ref:refs/heads/main" or "environment:production": a pattern would let in others';
    faults.push(fault(`malformed claim "${claim}"`, hint));
  }
  for (const [field, subjects] of [
    ["claims", subjectsOf(github)],
    ["readClaims", readSubjectsOf(github)],
  ] as const) {
    const length = trustSizeOf(github, subjects);
    if (length <= trustLimit) continue;
    const message = `${field} needs a trust policy of ${length} characters, IAM takes ${trustLimit}`;
    faults.push(fault(message, "name fewer: one environment can stand for several branches"));
  }
  return faults;
}
