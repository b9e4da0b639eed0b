import { accessDenied, type Caller, type Cloud } from "#sandbox/aws/cloud.ts";
import { documentOf, findPolicy } from "#sandbox/aws/iam/managed-policies.ts";
import { type Identity, tryFindPrincipal } from "#sandbox/aws/iam/model.ts";
import { type ContextValues, contextOf, type RequestContext } from "#sandbox/aws/policy/context.ts";
import type { Policy } from "#sandbox/aws/policy/document.ts";
import { evaluate, type Verdict } from "#sandbox/aws/policy/evaluate.ts";
import { parsePolicy } from "#sandbox/aws/policy/parse.ts";

/** What the identity policies of a caller say to one action. The root of an account may do everything in it. */
export function identityVerdict(
  cloud: Cloud,
  caller: Caller,
  action: string,
  resource: string,
  context: ContextValues = {},
): Verdict {
  if (caller.principal === `arn:aws:iam::${caller.account}:root`) return "allowed";
  const identity = tryFindPrincipal(cloud, caller.principal);
  if (identity === undefined) return "none";
  return evaluate(policiesOf(cloud, caller.account, identity), {
    action,
    resource,
    context: requestContext(cloud, caller, resource, context),
  });
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
  const why =
    verdict === "denied"
      ? "with an explicit deny in an identity-based policy"
      : `because no identity-based policy allows the ${action} action`;
  throw accessDenied(caller, action, resource, why);
}

function policiesOf(cloud: Cloud, account: string, { inline, attached }: Identity): readonly Policy[] {
  const texts = [...Object.values(inline), ...attached.map((arn) => documentOf(findPolicy(cloud, account, arn)))];
  return texts.map((text) => parsePolicy(text, "identity"));
}

/** Everything that a condition may ask for; what the service says of the request wins. */
export function requestContext(
  cloud: Cloud,
  caller: Caller,
  resource: string,
  context: ContextValues = {},
): RequestContext {
  const now = cloud.now();
  const owner = resource.split(":")[4] ?? "";
  const tags = Object.entries(tryFindPrincipal(cloud, caller.principal)?.tags ?? {});
  return contextOf(
    {
      ...Object.fromEntries(tags.map(([key, value]) => [`aws:PrincipalTag/${key}`, value])),
      "aws:CurrentTime": now.toISOString(),
      "aws:EpochTime": String(Math.floor(now.getTime() / 1_000)),
      "aws:PrincipalAccount": caller.account,
      "aws:PrincipalArn": caller.principal,
      "aws:ResourceAccount": /^\d{12}$/.test(owner) ? owner : undefined,
    },
    caller.context,
    context,
  );
}
