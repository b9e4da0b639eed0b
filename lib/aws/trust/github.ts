import { type ExpectedGithub, foundBy, type TrustFinding } from "#lib/aws/trust/checks.ts";
import { isPattern, judgeClosest, restrictionsOf, type TrustStatement } from "#lib/aws/trust/document.ts";

/** Without `https://`; begins the names of the claims that conditions ask for. */
const issuer = "token.actions.githubusercontent.com";
const audience = "sts.amazonaws.com";
const audienceKey = `${issuer}:aud`;
const subjectKey = `${issuer}:sub`;
const repositoryKey = `${issuer}:repository_id`;

/** Unexpected GitHub jobs that a statement trusts. */
export function checkGithubStatement(statement: TrustStatement, expected: ExpectedGithub): readonly TrustFinding[] {
  const { repositoryId, subjects } = expected;
  const audiences = valuesOf(statement, audienceKey, [audience]);
  const taken = valuesOf(statement, subjectKey, subjects);
  const repositories = valuesOf(statement, repositoryKey, [repositoryId]);
  return [
    ...(audiences === "any"
      ? [
          foundBy(
            "TrustsGitHubWithoutAudience",
            `asks GitHub's tokens for no audience: those meant for others do as well`,
          ),
        ]
      : audiences.map(({ value }) =>
          foundBy("TrustsOtherAudiences", `takes tokens of GitHub for ${value}, not for ${audience} alone`),
        )),
    ...(taken === "any"
      ? [
          foundBy(
            "TrustsGitHubWithoutSubject",
            "asks GitHub's tokens for no subject: jobs of every branch come in, and of every repository that nothing else rules out",
          ),
        ]
      : taken.map(({ value, isPattern: isWide }) =>
          isWide
            ? foundBy(
                "TrustsGitHubByPattern",
                `takes subjects of GitHub by the pattern ${value}, which fits others as well`,
              )
            : foundBy("TrustsOtherSubjects", `takes GitHub's subject ${value}, which the fleet doesn't name`),
        )),
    ...(repositories === "any"
      ? [
          foundBy(
            "TrustsOtherRepositories",
            `does not ask GitHub's tokens for repository_id ${repositoryId}: a new owner of the repository's name would be let in`,
          ),
        ]
      : repositories.map(({ value }) =>
          foundBy("TrustsOtherRepositories", `takes repository_id ${value}, the fleet's is ${repositoryId}`),
        )),
  ];
}

interface Taken {
  readonly value: string;
  readonly isPattern: boolean;
}

/** Unexpected values of a claim that a statement accepts. `any`: the claim is not restricted. */
function valuesOf(statement: TrustStatement, key: string, wanted: readonly string[]): "any" | readonly Taken[] {
  const conditions = restrictionsOf(statement, key);
  if (conditions.length === 0) return "any";
  const others = conditions.map((condition) =>
    condition.values
      .map((value) => ({ value, isPattern: isPattern(condition, value) }))
      .filter((one) => one.isPattern || !wanted.includes(one.value)),
  );
  // All of them must hold, so that one that is right is enough.
  return others.find((values) => values.length === 0) ?? others[0] ?? [];
}

/** The fleet's jobs that are denied, and why. @param allowed statements that trust the provider's tokens */
export function findMissingSubjects(
  allowed: readonly TrustStatement[],
  { repositoryId, subjects }: ExpectedGithub,
): readonly TrustFinding[] {
  if (allowed.length === 0) return [foundBy("MissesGitHub", "lets in no job of GitHub")];
  return subjects.flatMap((subject) => {
    const claims = { [audienceKey]: audience, [subjectKey]: subject, [repositoryKey]: repositoryId };
    const { refusedBy, unknown } = judgeClosest(allowed, claims) ?? { refusedBy: [], unknown: [] };
    if (refusedBy.length > 0) {
      return [
        foundBy("MissesSubject", `keeps out ${subject}: it takes another ${refusedBy.map(claimOf).join(" and ")}`),
      ];
    }
    if (unknown.length === 0) return [];
    return [foundBy("AsksForMore", `lets in ${subject} only with the right ${unknown.map(claimOf).join(" and ")}`)];
  });
}

/** `token.actions.githubusercontent.com:sub` is long, and the same each time. */
function claimOf(key: string): string {
  return key.replace(`${issuer}:`, "");
}
