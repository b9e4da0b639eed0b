import { eksCluster } from "#lib/aws/eks/cluster.ts";
import { awsAccountRoles } from "#lib/aws/fleet/roles.ts";
import type { EksCluster } from "#lib/aws/fleet/types.ts";
import { managementAccount } from "#lib/aws/management.ts";
import type { Parts } from "#lib/aws/names.ts";
import { roleStack } from "#lib/aws/role.ts";
import type { ProviderGraph } from "#lib/provider.ts";

/** Roles and zones of the accounts, and each cluster. Pure. */
export function awsGraph(parts: Parts): ProviderGraph<EksCluster> {
  const shared = managementAccount(parts);
  const roles = new Map(
    awsAccountRoles(parts.fleet).map(({ account, role }) => {
      return [account.name, { account, stack: roleStack(parts, account, role, shared.stack) }];
    }),
  );
  return {
    accounts: [...shared.resources, ...[...roles.values()].map(({ stack }) => stack)],
    cluster(cluster) {
      const role = roles.get(cluster.account);
      // The fleet was checked: an account that isn't there is a fault that is reported long before.
      if (role === undefined) throw new Error(`${cluster.name} has no account`);
      return eksCluster(parts, cluster, role.account, role.stack, shared.zones);
    },
  };
}
