import { ArmFault, type Kind } from "#sandbox/azure/arm/kind.ts";
import { resourcesOfType } from "#sandbox/azure/arm/store.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";

const type = "Microsoft.Authorization/locks";

/** Locks of a subscription, a group or a resource. */
export const locks: Kind = {
  type,
  versions: ["2015-01-01", "2016-09-01", "2017-04-01", "2020-05-01"],
  shape: type,
  anyScope: true,
  put: (_, body) => ({ properties: body.properties as object as Record<string, unknown> }),
};

/**
 * A lock counts for what is below it, and a delete takes what is below with it. The locks themselves can always be removed.
 *
 * @throws ArmFault
 */
export function refuseWhileLocked(cloud: AzureCloud, id: string, action: "write" | "delete"): void {
  const wanted = id.toLowerCase();
  if (/\/providers\/microsoft\.authorization\/locks\/[^/]+$/.test(wanted)) return;
  const found = resourcesOfType(cloud, type).filter(({ id: lock, properties }) => {
    const scope = scopeOf(lock).toLowerCase();
    const isAbove = `${wanted}/`.startsWith(`${scope}/`);
    const isBelow = action === "delete" && scope.startsWith(`${wanted}/`);
    return (isAbove || isBelow) && (properties?.level === "ReadOnly" || action === "delete");
  });
  if (found.length === 0) return;
  const scopes = found.map(({ id: lock }) => scopeOf(lock)).join(",");
  throw new ArmFault(
    409,
    "ScopeLocked",
    `The scope '${id}' cannot perform ${action} operation because following scope(s) are locked: '${scopes}'. Please remove the lock and try again.`,
  );
}

function scopeOf(lock: string): string {
  return lock.slice(0, lock.toLowerCase().lastIndexOf("/providers/microsoft.authorization/locks/"));
}
