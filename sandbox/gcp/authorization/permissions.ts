import known from "#sandbox/gcp/authorization/known-permissions.json";

/** Permissions of the emulated services, and what clusters ask for their objects. */
export const knownPermissions: readonly string[] = Object.entries(known).flatMap(([type, verbs]) =>
  verbs.map((verb) => `${type}.${verb}`),
);

/** Known ones that a pattern means: `dns.*`, `*.list`. */
export function permissionsLike(pattern: string): readonly string[] {
  const source = pattern.replaceAll(".", "\\.").replaceAll("*", ".*");
  const form = new RegExp(`^${source}$`);
  return knownPermissions.filter((permission) => form.test(permission));
}

/** IAM has two spellings of permissions for pools: `iam.googleapis.com/workloadIdentityPools.get`. */
export function shortPermission(permission: string): string {
  return permission.replace(/^iam\.googleapis\.com\//, "iam.");
}
