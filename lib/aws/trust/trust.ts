import { type ExpectedTrust, foundBy, type TrustFinding } from "#lib/aws/trust/checks.ts";
import {
  isPattern,
  meansAction,
  parseTrust,
  restrictionsOf,
  type TrustPrincipal,
  type TrustStatement,
} from "#lib/aws/trust/document.ts";
import { checkGithubStatement } from "#lib/aws/trust/github.ts";
import { findDenials, findMissing } from "#lib/aws/trust/missing.ts";
import { accountOf, isGone, isNamed, isSameAccount, isWholeAccount } from "#lib/aws/trust/principals.ts";

/**
 * Compares a role's trust policy with the expected identities. Calls nothing in AWS.
 *
 * @param document as returned by GetRole
 * @throws FleetError AwsFailed for an invalid policy
 */
export function checkTrust(document: string, expected: ExpectedTrust): readonly TrustFinding[] {
  const statements = parseTrust(document);
  const allowed = statements.filter(({ effect }) => effect === "Allow");
  const findings = [
    ...allowed.flatMap((statement) => checkStatement(statement, expected)),
    ...findMissing(allowed, expected),
    ...findDenials(statements, expected),
  ];
  // Two statements with the same fault are one fault.
  return findings.filter(
    ({ check, message }, index) =>
      findings.findIndex((other) => other.check === check && other.message === message) === index,
  );
}

/** Identities that one statement trusts. Statements with only secondary actions, such as sts:TagSession, trust none. */
function checkStatement(statement: TrustStatement, expected: ExpectedTrust): readonly TrustFinding[] {
  const letsIn = ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"].filter((action) =>
    meansAction(statement, action),
  );
  if (letsIn.length === 0) return [];
  if (statement.exceptPrincipals)
    return [everybody(statement, "lets in everybody but those whom it names (NotPrincipal)")];
  return statement.principals.flatMap((principal) => {
    const isToken = principal.kind === "Federated";
    if (!letsIn.some((action) => (action === "sts:AssumeRole") !== isToken)) return [];
    return checkPrincipal(principal, statement, expected);
  });
}

function checkPrincipal(
  { kind, name }: TrustPrincipal,
  statement: TrustStatement,
  expected: ExpectedTrust,
): readonly TrustFinding[] {
  if (name === "*") return [everybody(statement, `lets in everybody (Principal "*")`)];
  if (kind === "Federated" && name === expected.github?.provider) {
    return checkGithubStatement(statement, expected.github);
  }
  if (kind !== "AWS") return [foundBy("TrustsOthers", `lets in ${name}, which the fleet doesn't name`)];
  if (isGone(name)) {
    return [
      foundBy(
        "TrustsDeletedPrincipal",
        `names ${name}, as IAM shows a user or role that is gone: one created again with the same name is not trusted`,
      ),
    ];
  }
  if (expected.callers.some((caller) => isNamed(name, caller) || isSameAccount(name, caller))) {
    return checkExternalId(statement, expected);
  }
  if (!isWholeAccount(name)) return [foundBy("TrustsOthers", `lets in ${name}, whom the fleet doesn't name`)];
  const clause = `lets in everybody of account ${accountOf(name)} whom a policy there allows it`;
  return [foundBy("TrustsWholeAccount", `${clause}${heldBack(statement)}`), ...checkExternalId(statement, expected)];
}

function everybody(statement: TrustStatement, clause: string): TrustFinding {
  return foundBy("TrustsEverybody", `${clause}${heldBack(statement)}`);
}

/** Conditions may restrict it to the expected identities, which is not decided here. */
function heldBack({ conditions }: TrustStatement): string {
  const keys = [...new Set(conditions.map(({ key }) => key))].join(" and ");
  return keys === "" ? "" : `, held back by ${keys} alone`;
}

/** The external id of the management role, so that it can't be used for an account outside of its fleet. */
function checkExternalId(statement: TrustStatement, { externalId }: ExpectedTrust): readonly TrustFinding[] {
  if (externalId === undefined) return [];
  const asked = restrictionsOf(statement, "sts:ExternalId");
  if (asked.length === 0) {
    return [foundBy("TrustsWithoutExternalId", `does not ask for the external id ${externalId} (sts:ExternalId)`)];
  }
  const others = asked.map((condition) =>
    condition.values.filter((value) => value !== externalId || isPattern(condition, value)),
  );
  // All of them must hold, so that one that is right is enough.
  if (others.some((values) => values.length === 0)) return [];
  return (others[0] ?? []).map((value) =>
    foundBy("TrustsOtherExternalId", `takes the external id ${value}, the fleet's is ${externalId}`),
  );
}
