import { permissionsLike, shortPermission } from "#sandbox/gcp/authorization/permissions.ts";
import predefined from "#sandbox/gcp/authorization/predefined-roles.json";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { tryFindCustomRole } from "#sandbox/gcp/iam/state.ts";
import { textsAt } from "#sandbox/json.ts";

export interface PredefinedRole {
  /** `roles/dns.admin`. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly permissions: ReadonlySet<string>;
}

/** From Google's lists of 2022 to 2026, only those that fleets use. The real ones hold more: permissions of services that are not emulated. */
export const predefinedRoles: readonly PredefinedRole[] = predefined.map(({ name, title, description, ...role }) => ({
  name,
  title,
  description,
  permissions: new Set(role.permissions.flatMap(permissionsLike)).difference(
    new Set(role.except.flatMap(permissionsLike)),
  ),
}));

/** What a role grants; a custom role that is deleted grants nothing. Undefined for an unknown one. */
export function tryFindPermissions(cloud: GcpCloud, role: string): ReadonlySet<string> | undefined {
  const found = predefinedRoles.find(({ name }) => name === role);
  if (found !== undefined) return found.permissions;
  const custom = tryFindCustomRole(cloud, role);
  if (custom === undefined) return undefined;
  if (custom.deleted === true) return new Set();
  return new Set(textsAt(custom, "includedPermissions").map(shortPermission));
}
