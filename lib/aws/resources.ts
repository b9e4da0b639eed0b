import { type ClusterParts, eksCluster } from "#lib/aws/eks/cluster.ts";
import { awsAccountRoles } from "#lib/aws/fleet/roles.ts";
import { managementAccount } from "#lib/aws/management.ts";
import type { AwsSettings, Parts } from "#lib/aws/names.ts";
import { roleStack } from "#lib/aws/role.ts";
import type { AwsAccount, EksCluster, Fleet } from "#lib/fleet/types.ts";
import type { AnyResource } from "#lib/graph/resource.ts";

export interface AwsGraph {
  /** Of accounts: roles and zones. */
  readonly accounts: readonly AnyResource[];
  cluster(cluster: EksCluster): ClusterParts;
}

/** Undefined for a fleet without AWS. Pure. */
export function awsGraph(fleet: Fleet, settings: AwsSettings): AwsGraph | undefined {
  const management = fleet.accounts.find(
    (account): account is AwsAccount => account.provider === "aws" && account.role === "management",
  );
  const zones = fleet.zones.find(({ provider }) => provider === "aws");
  if (management === undefined || zones === undefined) return undefined;
  const parts: Parts = { fleet, settings, management, zones };
  const shared = managementAccount(parts);
  const roles = new Map(
    awsAccountRoles(fleet).map(({ account, role }) => [account.name, roleStack(parts, account, role, shared.stack)]),
  );
  return {
    accounts: [...shared.resources, ...roles.values()],
    cluster(cluster) {
      const account = fleet.accounts.find(
        (one): one is AwsAccount => one.provider === "aws" && one.name === cluster.account,
      );
      const role = account === undefined ? undefined : roles.get(account.name);
      // The fleet was checked: an account that isn't there is a fault that is told long before.
      if (account === undefined || role === undefined) throw new Error(`${cluster.name} has no account`);
      return eksCluster(parts, cluster, account, role, shared.zones);
    },
  };
}
