import type { Json } from "#sandbox/gcp/api/behaviour.ts";
import { stringAt } from "#sandbox/json.ts";

/** What conditions of bindings are evaluated over. */
export interface ConditionAttributes {
  /** Roles that a call would give to somebody or take from somebody: `iam.googleapis.com/modifiedGrantsByRole`. @default none */
  readonly modifiedGrantsByRole?: readonly string[];
}

/** https://cloud.google.com/iam/docs/setting-limits-on-granting-roles */
const onlyRoles = /^api\.getAttribute\('iam\.googleapis\.com\/modifiedGrantsByRole', \[\]\)\.hasOnly\(\[([^\]]*)\]\)$/;

/** Whether a binding counts for a call. A condition that the sandbox does not know never holds. */
export function isConditionMet(
  condition: Json | undefined,
  { modifiedGrantsByRole = [] }: ConditionAttributes,
): boolean {
  if (condition === undefined) return true;
  const [, list] = onlyRoles.exec(stringAt(condition, "expression").trim()) ?? [];
  if (list === undefined) return false;
  const allowed = [...list.matchAll(/'([^']*)'/g)].map(([, role]) => role);
  return modifiedGrantsByRole.every((role) => allowed.includes(role));
}
