import { AwsFault, accessDenied } from "#sandbox/aws/cloud.ts";
import type { ResourceContext } from "#sandbox/aws/cloudformation/types/type.ts";
import { identityVerdict, requestContext, requesterOf } from "#sandbox/aws/iam/permissions.ts";
import { resolvePrincipals } from "#sandbox/aws/iam/trust.ts";
import type { ContextValues } from "#sandbox/aws/policy/context.ts";
import { parsePolicy } from "#sandbox/aws/policy/parse.ts";
import { evaluateTrust } from "#sandbox/aws/policy/trust.ts";

/** A key's policy, and the unique ids of the users and roles that it named when it was written. */
export interface KeyPolicy {
  readonly policy: string;
  readonly named?: Readonly<Record<string, string>>;
}

/** @throws AwsFault MalformedPolicyDocumentException */
export function parseKeyPolicy({ cloud }: ResourceContext, text: string): KeyPolicy {
  try {
    return { policy: text, named: resolvePrincipals(cloud, parsePolicy(text, "key")) };
  } catch (error) {
    if (!(error instanceof AwsFault) || error.code !== "MalformedPolicyDocument") throw error;
    throw new AwsFault("MalformedPolicyDocumentException", error.message);
  }
}

/**
 * KMS keeps callers from locking themselves out: they must be able to change a policy that they write. It knows no tags of a
 * new key yet, so a permission by tags does not count.
 *
 * @throws AwsFault MalformedPolicyDocumentException
 */
export function checkLockout(context: ResourceContext, policy: KeyPolicy, arn: string): void {
  if (refusalOf(context, policy, "kms:PutKeyPolicy", arn, {}) === undefined) return;
  throw new AwsFault(
    "MalformedPolicyDocumentException",
    "The new key policy will not allow you to update the key policy in the future.",
  );
}

/** Asks the key's policy, and IAM where that leaves it to the account. @throws AwsFault AccessDenied */
export function allowOnKey(
  context: ResourceContext,
  policy: KeyPolicy,
  action: string,
  arn: string,
  condition: ContextValues,
): void {
  const refusal = refusalOf(context, policy, action, arn, condition);
  if (refusal !== undefined) throw accessDenied(context.caller, action, arn, refusal);
}

/** Undefined when it is allowed. */
function refusalOf(
  { cloud, caller }: ResourceContext,
  { policy, named = {} }: KeyPolicy,
  action: string,
  arn: string,
  condition: ContextValues,
): string | undefined {
  const { verdict, isNamed } = evaluateTrust(parsePolicy(policy, "key"), {
    requester: requesterOf(cloud, caller),
    action,
    context: requestContext(cloud, caller, arn, condition),
    ids: named,
  });
  const identity = identityVerdict(cloud, caller, action, arn, condition);
  if (verdict === "denied") return "with an explicit deny in a resource-based policy";
  if (identity === "denied") return "with an explicit deny in an identity-based policy";
  if (verdict === "none") return `because no resource-based policy allows the ${action} action`;
  if (identity === "allowed" || (isNamed && identity === "none")) return undefined;
  return `because no identity-based policy allows the ${action} action`;
}
