import type { StackState } from "#lib/aws/cloudformation/model.ts";
import { eksCluster } from "#lib/aws/eks/cluster.ts";
import { awsAccountRoles, iamRoleOf } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount, EksCluster } from "#lib/aws/fleet/types.ts";
import { managementAccount } from "#lib/aws/management.ts";
import type { Parts } from "#lib/aws/names.ts";
import { roleStack } from "#lib/aws/role.ts";
import type { Resource } from "#lib/graph/resource.ts";
import type { ProviderGraph } from "#lib/provider.ts";

/** Roles and zones of the accounts, and each cluster. Pure. */
export function awsGraph(parts: Parts): ProviderGraph<EksCluster> {
  const { fleet } = parts;
  const shared = managementAccount(parts);
  const roles = new Map<string, Resource<StackState>>();
  const roleOf = (account: AwsAccount): Resource<StackState> => {
    const role = roles.get(account.name) ?? roleStack(parts, account, iamRoleOf(account), shared.stack);
    roles.set(account.name, role);
    return role;
  };
  return {
    accounts: [...shared.resources, ...awsAccountRoles(fleet).map(({ account }) => roleOf(account))],
    cluster(cluster) {
      const account = fleet.accounts.find(({ name }) => name === cluster.account);
      // The fleet was checked: an account that isn't there is a fault that is reported long before.
      if (account?.provider !== "aws") throw new Error(`${cluster.name} has no account`);
      return eksCluster(parts, cluster, account, roleOf(account), shared.zones);
    },
  };
}
