import { eksCluster } from "#lib/aws/eks/cluster.ts";
import { iamRoleOf } from "#lib/aws/fleet/roles.ts";
import { managementAccount } from "#lib/aws/management.ts";
import type { Parts } from "#lib/aws/names.ts";
import { roleStack } from "#lib/aws/role.ts";
import { accountGraph } from "#lib/cloud/account-graph.ts";

/** Roles and zones of the accounts, and each cluster. Pure. */
export function awsGraph(parts: Parts) {
  const shared = managementAccount(parts);
  return accountGraph({
    provider: "aws",
    fleet: parts.fleet,
    shared,
    access(account) {
      const role = roleStack(parts, account, iamRoleOf(account), shared.stack);
      return { role, resources: [role] };
    },
    cluster: (cluster, account, { role }) => eksCluster(parts, cluster, account, role, shared.zones),
  });
}
