import { AwsFault, type Cloud } from "#sandbox/aws/cloud.ts";
import { iamOf, limitExceeded, type Role, tryFindPrincipal } from "#sandbox/aws/iam/model.ts";
import { sizeOfPolicy } from "#sandbox/aws/iam/validation.ts";
import type { Policy, Principal } from "#sandbox/aws/policy/document.ts";
import { parsePolicy } from "#sandbox/aws/policy/parse.ts";

/** Characters without white space, unless an account has asked for more. */
const maxTrustSize = 2_048;

/**
 * Checks a trust policy, and looks up whom it names. IAM keeps them by their unique ids: a role that is deleted and made
 * again is another one, and is not trusted any more.
 *
 * @returns unique ids by ARN
 * @throws AwsFault MalformedPolicyDocument, also for a user or role that does not exist; LimitExceeded
 */
export function resolveTrust(cloud: Cloud, text: string): Readonly<Record<string, string>> {
  const policy = parsePolicy(text, "trust");
  if (sizeOfPolicy(text) > maxTrustSize) throw limitExceeded(`Cannot exceed quota for ACLSizePerRole: ${maxTrustSize}`);
  return resolvePrincipals(cloud, policy);
}

/** Unique ids by ARN of the users and roles that a policy of a resource names. @throws AwsFault MalformedPolicyDocument */
export function resolvePrincipals(cloud: Cloud, { statements }: Policy): Readonly<Record<string, string>> {
  const principals = statements.flatMap((statement) => statement.principals?.principals ?? []);
  const ids = principals.map((principal) => [principal.name, resolve(cloud, principal)] as const);
  return Object.fromEntries(ids.filter((pair): pair is readonly [string, string] => pair[1] !== undefined));
}

/** Undefined for what has no unique id: accounts, services, providers, everybody. */
function resolve(cloud: Cloud, { kind, name }: Principal): string | undefined {
  switch (kind) {
    case "Service":
      if (/^[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?$/.test(name)) return undefined;
      throw invalidPrincipal("SERVICE", name);
    case "Federated":
      if (/^arn:aws:iam::\d{12}:(oidc-provider|saml-provider)\/./.test(name) || /^[a-z0-9.-]+\.[a-z]+$/.test(name)) {
        return undefined;
      }
      throw new AwsFault(
        "MalformedPolicyDocument",
        "Federated principals must be valid domain names or SAML metadata ARNs",
      );
    case "AWS": {
      if (name === "*" || /^(\d{12}|arn:aws:iam::\d{12}:root)$/.test(name)) return undefined;
      const found = tryFindPrincipal(cloud, name)?.id ?? findRoleOfSession(cloud, name)?.id;
      if (found !== undefined) return found;
      throw invalidPrincipal("AWS", name);
    }
    default:
      return kind satisfies never;
  }
}

function findRoleOfSession(cloud: Cloud, arn: string): Role | undefined {
  const [, account, name = ""] = /^arn:aws:sts::(\d{12}):assumed-role\/([^/]+)\/[^/]+$/.exec(arn) ?? [];
  return account === undefined ? undefined : iamOf(cloud, account).roles[name.toLowerCase()];
}

function invalidPrincipal(kind: string, name: string): AwsFault {
  return new AwsFault("MalformedPolicyDocument", `Invalid principal in policy: "${kind}":"${name}"`);
}

/** The trust policy as GetRole returns it: unique ids replace principals that were deleted. */
export function showTrust(cloud: Cloud, role: Role): string {
  let text = role.trust;
  for (const [arn, id] of Object.entries(role.trusted)) {
    const alive = (tryFindPrincipal(cloud, arn) ?? findRoleOfSession(cloud, arn))?.id === id;
    if (!alive) text = text.replaceAll(JSON.stringify(arn), JSON.stringify(id));
  }
  return text;
}
