import type { Cloud } from "#sandbox/aws/cloud.ts";
import { findPolicy } from "#sandbox/aws/iam/managed-policies.ts";
import { type Identity, limitExceeded, noSuchEntity } from "#sandbox/aws/iam/model.ts";
import { checkName, sizeOfPolicy } from "#sandbox/aws/iam/validation.ts";
import { parsePolicy } from "#sandbox/aws/policy/parse.ts";

/** Policies of users and roles: what they have after a change. Nothing is kept here. */

/** Without having asked AWS for more. */
const maxAttached = 10;

export interface InlineLimit {
  readonly kind: "role" | "user";
  /** Characters of all inline policies together, without white space. */
  readonly most: number;
}

/** @throws AwsFault MalformedPolicyDocument, LimitExceeded, ValidationError */
export function addInline(
  { name, inline }: Identity,
  policy: string,
  document: string,
  { kind, most }: InlineLimit,
): Identity["inline"] {
  checkName("policyName", policy, 128);
  parsePolicy(document, "identity");
  const all = { ...inline, [policy]: document };
  const size = Object.values(all).reduce((sum, text) => sum + sizeOfPolicy(text), 0);
  if (size > most) throw limitExceeded(`Maximum policy size of ${most} bytes exceeded for ${kind} ${name}`);
  return all;
}

/** @throws AwsFault NoSuchEntity */
export function dropInline(identity: Identity, policy: string): Identity["inline"] {
  findInline(identity, policy);
  const { [policy]: _, ...rest } = identity.inline;
  return rest;
}

/** @throws AwsFault NoSuchEntity */
export function findInline({ inline }: Identity, policy: string): string {
  const found = Object.hasOwn(inline, policy) ? inline[policy] : undefined;
  if (found === undefined) throw noSuchEntity(`The role policy with name ${policy} cannot be found.`);
  return found;
}

/** @throws AwsFault NoSuchEntity, LimitExceeded */
export function addAttached(
  cloud: Cloud,
  account: string,
  { attached }: Identity,
  policyArn: string,
  kind: "Role" | "User",
): Identity["attached"] {
  findPolicy(cloud, account, policyArn, `Policy ${policyArn} does not exist or is not attachable.`);
  if (attached.includes(policyArn)) return attached;
  if (attached.length >= maxAttached) throw limitExceeded(`Cannot exceed quota for PoliciesPer${kind}: ${maxAttached}`);
  return [...attached, policyArn];
}

/** @throws AwsFault NoSuchEntity */
export function dropAttached({ attached }: Identity, policyArn: string): Identity["attached"] {
  if (!attached.includes(policyArn)) throw noSuchEntity(`Policy ${policyArn} was not found.`);
  return attached.filter((arn) => arn !== policyArn);
}
