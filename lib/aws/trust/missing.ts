import { type ExpectedTrust, foundBy, type TrustFinding } from "#lib/aws/trust/checks.ts";
import { judgeClosest, meansAction, type TrustStatement } from "#lib/aws/trust/document.ts";
import { findMissingSubjects } from "#lib/aws/trust/github.ts";
import { accountOf, isNamed, isWholeAccount } from "#lib/aws/trust/principals.ts";

/** Expected identities that are denied. */
export function findMissing(allowed: readonly TrustStatement[], expected: ExpectedTrust): readonly TrustFinding[] {
  const { callers, github } = expected;
  return [
    ...callers.flatMap((caller) => findMissingCaller(allowed, caller, expected)),
    ...(github === undefined
      ? []
      : findMissingSubjects(
          allowed.filter(
            (statement) => meansAction(statement, byToken) && meansPrincipal(statement, "Federated", github.provider),
          ),
          github,
        )),
  ];
}

const byToken = "sts:AssumeRoleWithWebIdentity";

function findMissingCaller(
  allowed: readonly TrustStatement[],
  caller: string,
  { externalId }: ExpectedTrust,
): readonly TrustFinding[] {
  const meant = allowed.filter((statement) => meansPrincipal(statement, "AWS", caller));
  const closest = judgeClosest(
    meant.filter((statement) => meansAction(statement, "sts:AssumeRole")),
    { "sts:ExternalId": externalId },
  );
  if (closest === undefined) return [foundBy("MissesCaller", `${listNames(allowed)}, not ${caller}`)];
  const { refusedBy, unknown } = closest;
  return [
    ...(refusedBy.length > 0
      ? [
          foundBy(
            "MissesExternalId",
            externalId === undefined
              ? `asks ${caller} for an external id, and it says none`
              : `asks ${caller} for another external id than ${externalId}`,
          ),
        ]
      : unknown.length > 0
        ? [foundBy("AsksForMore", `lets in ${caller} only with the right ${unknown.join(" and ")}`)]
        : []),
    ...(meant.some((statement) => meansAction(statement, "sts:SetSourceIdentity"))
      ? []
      : [
          foundBy(
            "MissesSourceIdentity",
            `does not let ${caller} say which user came first (sts:SetSourceIdentity): users are kept out`,
          ),
        ]),
  ];
}

function listNames(allowed: readonly TrustStatement[]): string {
  const names = allowed
    .filter((statement) => meansAction(statement, "sts:AssumeRole"))
    .flatMap(({ principals }) => principals.filter(({ kind }) => kind === "AWS").map(({ name }) => name));
  return names.length === 0 ? "names no principal" : `names ${[...new Set(names)].join(" and ")}`;
}

/** Deny statements for expected identities: they take precedence over all Allow statements. */
export function findDenials(
  statements: readonly TrustStatement[],
  { callers, github }: ExpectedTrust,
): readonly TrustFinding[] {
  const wanted = [
    ...callers.map((name) => ({ kind: "AWS", name, action: "sts:AssumeRole" })),
    ...(github === undefined ? [] : [{ kind: "Federated", name: github.provider, action: byToken }]),
  ];
  return statements
    .filter(({ effect }) => effect === "Deny")
    .flatMap((statement) =>
      wanted
        .filter(({ kind, name, action }) => meansAction(statement, action) && meansPrincipal(statement, kind, name))
        .map(({ name, action }) => {
          const keys = [...new Set(statement.conditions.map(({ key }) => key))].join(" and ");
          return foundBy("DeniesCaller", `denies ${action} to ${name}${keys === "" ? "" : `, depending on ${keys}`}`);
        }),
    );
}

function meansPrincipal({ principals, exceptPrincipals }: TrustStatement, kind: string, wanted: string): boolean {
  const isMeant = principals.some(({ kind: its, name }) => {
    if (name === "*") return its === kind || its === "AWS";
    if (its !== kind) return false;
    return isNamed(name, wanted) || (kind === "AWS" && isWholeAccount(name) && accountOf(name) === accountOf(wanted));
  });
  return isMeant !== exceptPrincipals;
}
