import { callerIdentity } from "#lib/azure/caller.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import { refuseWhileClusters } from "#lib/azure/inventory.ts";
import type { ManagementAccount } from "#lib/azure/management.ts";
import { callerMember, grant, type Member, operatorsOf } from "#lib/azure/members.ts";
import { accountIds, type Parts, subscriptionId } from "#lib/azure/names.ts";
import { builtInRoles, clustersRole, grantingCondition } from "#lib/azure/permissions.ts";
import { roleDefinition, roleIdOf } from "#lib/azure/role.ts";
import { keptUnlessTargeted, rowOf } from "#lib/cloud/parts.ts";
import type { AnyResource } from "#lib/graph/resource.ts";
import { taskCommand } from "#lib/printed-command.ts";

/** Who acts in an account with clusters. */
export interface AccountAccess {
  /** Made by an owner of the subscription. Empty without jobs and operators: then only owners act. */
  readonly resources: readonly AnyResource[];
  /** Who gets into its clusters: jobs and operators; without operators whoever calls, because owning a subscription is not enough. */
  readonly administrators: readonly Member[];
}

/** What lets GitHub's jobs and the operators create clusters in an account. */
export function accountAccess(
  parts: Parts,
  account: AzureAccount,
  shared: Pick<ManagementAccount, "jobs" | "readers">,
): AccountAccess {
  const row = rowOf(account);
  const operators = operatorsOf(account);
  const ids = accountIds(account.name);
  const caller = parts.withClients(callerIdentity({ id: ids.caller, title: `${account.name}: caller`, row, account }));
  const people = operators.length > 0 ? operators : [callerMember(caller, shared)];
  return {
    resources: rolesIn(parts, account, [...shared.jobs, ...operators], shared.readers),
    administrators: [...shared.jobs, ...people],
  };
}

function rolesIn(
  parts: Parts,
  account: AzureAccount,
  members: readonly Member[],
  readers: readonly Member[],
): readonly AnyResource[] {
  if (members.length === 0) return [];
  const { settings, withClients } = parts;
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
      condition: grantingCondition,
      members,
    }),
    ...grant(parts, {
      ...shared,
      id: `${ids.access}/reader`,
      roleName: "Reader",
      needs: [role],
      role: builtInRoles.reader,
      members: readers,
    }),
    // Names a cluster's address and its authority. It lets nobody in: local accounts are disabled.
    ...grant(parts, {
      ...shared,
      id: `${ids.access}/kubeconfig`,
      roleName: "AKS Cluster User",
      needs: [role],
      role: builtInRoles.aksClusterUser,
      members: readers,
    }),
  ];
  return [role, ...grants.map((resource) => refuseWhileClusters(parts, resource, account))];
}
