import { accessDenied, type Caller, type Cloud } from "#sandbox/aws/cloud.ts";
import { documentOf, findPolicy } from "#sandbox/aws/iam/managed-policies.ts";
import { type Identity, tryFindPrincipal } from "#sandbox/aws/iam/model.ts";
import { type ContextValues, contextOf, type RequestContext } from "#sandbox/aws/policy/context.ts";
import type { Policy } from "#sandbox/aws/policy/document.ts";
import { evaluate, type Verdict } from "#sandbox/aws/policy/evaluate.ts";
import { parsePolicy } from "#sandbox/aws/policy/parse.ts";
import type { Requester } from "#sandbox/aws/policy/trust.ts";

/** `bounded`: the caller's permissions boundary does not allow it, so that no policy can. */
export type IdentityVerdict = Verdict | "bounded";

/** What the identity policies of a caller say to one action. The root of an account may do everything in it. */
export function identityVerdict(
  cloud: Cloud,
  caller: Caller,
  action: string,
  resource: string,
  context: ContextValues = {},
): IdentityVerdict {
  if (caller.principal === `arn:aws:iam::${caller.account}:root`) return "allowed";
  const identity = tryFindPrincipal(cloud, caller.principal);
  if (identity === undefined) return "none";
  const request = { action, resource, context: requestContext(cloud, caller, resource, context) };
  const own = evaluate(policiesOf(cloud, caller.account, identity), request);
  const limit = "boundary" in identity && identity.boundary !== undefined ? identity.boundary : undefined;
  if (limit === undefined || own === "denied") return own;
  const allowance = evaluate([parseManaged(cloud, caller.account, limit)], request);
  if (allowance === "allowed") return own;
  return allowance === "denied" ? "denied" : "bounded";
}

/** @throws AwsFault AccessDenied */
export function authorize(
  cloud: Cloud,
  caller: Caller,
  action: string,
  resource: string,
  context: ContextValues = {},
): void {
  const verdict = identityVerdict(cloud, caller, action, resource, context);
  if (verdict === "allowed") return;
  throw accessDenied(caller, action, resource, explain(verdict, action));
}

function explain(verdict: Exclude<IdentityVerdict, "allowed">, action: string): string {
  switch (verdict) {
    case "denied":
      return "with an explicit deny in an identity-based policy";
    case "bounded":
      return `because no permissions boundary allows the ${action} action`;
    case "none":
      return `because no identity-based policy allows the ${action} action`;
    default:
      return verdict satisfies never;
  }
}

function policiesOf(cloud: Cloud, account: string, { inline, attached }: Identity): readonly Policy[] {
  return [
    ...Object.values(inline).map((text) => parsePolicy(text, "identity")),
    ...attached.map((arn) => parseManaged(cloud, account, arn)),
  ];
}

function parseManaged(cloud: Cloud, account: string, arn: string): Policy {
  return parsePolicy(documentOf(findPolicy(cloud, account, arn)), "identity");
}

/** Everything that a condition may ask for; what the service says of the request wins. */
export function requestContext(
  cloud: Cloud,
  caller: Caller,
  resource: string,
  context: ContextValues = {},
): RequestContext {
  const owner = resource.split(":")[4] ?? "";
  const tags = Object.entries(tryFindPrincipal(cloud, caller.principal)?.tags ?? {});
  return contextOf(
    {
      ...Object.fromEntries(tags.map(([key, value]) => [`aws:PrincipalTag/${key}`, value])),
      "aws:PrincipalAccount": caller.account,
      "aws:PrincipalArn": caller.principal,
      "aws:ResourceAccount": /^\d{12}$/.test(owner) ? owner : undefined,
    },
    caller.context,
    context,
  );
}

/** A caller as policies of roles and keys see it. */
export function requesterOf(cloud: Cloud, { account, principal, arn: session }: Caller): Requester {
  const principalId = tryFindPrincipal(cloud, principal)?.id ?? "";
  return { kind: "AWS", account, principal, principalId, session };
}
