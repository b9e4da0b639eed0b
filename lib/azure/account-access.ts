import { clusterAccounts } from "#lib/azure/fleet/accounts.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import { refuseWhileClusters } from "#lib/azure/inventory.ts";
import type { ManagementAccount } from "#lib/azure/management.ts";
import { grant, operatorsOf } from "#lib/azure/members.ts";
import { accountIds, type Parts, subscriptionId } from "#lib/azure/names.ts";
import { builtInRoles, clustersRole, grantingCondition } from "#lib/azure/permissions.ts";
import { roleDefinition, roleIdOf } from "#lib/azure/role.ts";
import { keptUnlessTargeted, rowOf } from "#lib/cloud/parts.ts";
import type { AnyResource } from "#lib/graph/resource.ts";
import { taskCommand } from "#lib/printed-command.ts";

/**
 * What lets GitHub's jobs and the operators create clusters in an account: made by an owner of the subscription. Empty if there are
 * neither: then only owners act.
 */
export function accountAccess(
  parts: Parts,
  account: AzureAccount,
  { jobs, readers }: Pick<ManagementAccount, "jobs" | "readers">,
): readonly AnyResource[] {
  const { settings, withClients } = parts;
  const members = [...jobs, ...operatorsOf(account)];
  if (members.length === 0) return [];
  const ids = accountIds(account.name);
  const row = rowOf(account);
  const kept = keptUnlessTargeted(
    settings,
    ids.role,
    `${taskCommand("delete:azure-tenant", account.name)} removes its roles`,
  );
  const role = refuseWhileClusters(
    parts,
    withClients(
      roleDefinition({
        id: ids.role,
        title: `${account.name}: role for clusters`,
        label: "role for clusters",
        row,
        needs: [],
        account,
        permissions: clustersRole,
        ...kept,
      }),
    ),
    account,
  );
  const scope = () => subscriptionId(account);
  const shared = { row, account, scope, ...kept };
  const grants = [
    ...grant(parts, {
      ...shared,
      id: `${ids.access}/clusters`,
      roleName: "clusters",
      needs: [role],
      role: roleIdOf(account, clustersRole),
      members,
    }),
    // Of a cluster's own zone and API, and nothing else.
    ...grant(parts, {
      ...shared,
      id: `${ids.access}/granting`,
      roleName: "access to clusters",
      needs: [],
      role: builtInRoles.rbacAdministrator,
      condition: grantingCondition,
      members,
    }),
    ...grant(parts, {
      ...shared,
      id: `${ids.access}/reader`,
      roleName: "Reader",
      needs: [],
      role: builtInRoles.reader,
      members: readers,
    }),
    // Names a cluster's address and its authority. It lets nobody in: local accounts are disabled.
    ...grant(parts, {
      ...shared,
      id: `${ids.access}/kubeconfig`,
      roleName: "AKS Cluster User",
      needs: [],
      role: builtInRoles.aksClusterUser,
      members: readers,
    }),
  ];
  return [role, ...grants.map((resource) => refuseWhileClusters(parts, resource, account))];
}

/** By account's name. */
export function allAccess(
  parts: Parts,
  shared: Pick<ManagementAccount, "jobs" | "readers">,
): ReadonlyMap<string, readonly AnyResource[]> {
  return new Map(
    clusterAccounts(parts.fleet).map((account) => [account.name, accountAccess(parts, account, shared)] as const),
  );
}
