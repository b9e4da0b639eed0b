import { type AccountOf, accountsOf, chooseAccounts, clusterAccounts } from "#lib/cloud/accounts.ts";
import { FleetError } from "#lib/errors.ts";
import type { CloudProvider, Cluster, Fleet } from "#lib/fleet/types.ts";
import type { AnyResource } from "#lib/graph/resource.ts";

interface Made {
  readonly resources: readonly AnyResource[];
}

type ClusterOf<Name extends CloudProvider> = Extract<Cluster, { readonly provider: Name; readonly account: string }>;

/** What accounts of a cloud share, and each cluster. */
export interface AccountGraph<Name extends CloudProvider, Result> {
  readonly accounts: readonly AnyResource[];
  cluster(cluster: ClusterOf<Name>): Result;
  /**
   * Ids of resources shared by accounts, for the tasks that manage them.
   *
   * @param names of accounts; all accounts with clusters when none is given
   * @throws FleetError UnknownAccount, NothingSelected
   */
  targets(of: "management" | "tenants", names: readonly string[]): readonly string[];
}

export interface AccountGraphOptions<Name extends CloudProvider, Access extends Made, Result> {
  readonly provider: Name;
  readonly fleet: Fleet;
  /** Of the management account. */
  readonly shared: Made;
  /** What lets the fleet's callers create clusters in an account. */
  access(account: AccountOf<Name>): Access;
  cluster(cluster: ClusterOf<Name>, account: AccountOf<Name>, access: Access): Result;
}

/** How the resources of one cloud follow from a fleet. Pure. */
export function accountGraph<Name extends CloudProvider, Access extends Made, Result>(
  options: AccountGraphOptions<Name, Access, Result>,
): AccountGraph<Name, Result> {
  const { provider, fleet, shared } = options;
  const all = new Map<string, Access>();
  const accessOf = (account: AccountOf<Name>): Access => {
    const access = all.get(account.name) ?? options.access(account);
    all.set(account.name, access);
    return access;
  };
  const known = clusterAccounts(fleet, provider);
  return {
    accounts: [...shared.resources, ...known.flatMap((account) => accessOf(account).resources)],
    cluster(cluster) {
      const account = accountsOf(fleet, provider).find(({ name }) => name === cluster.account);
      // The fleet was checked: an account that isn't there is a fault that is reported long before.
      if (account === undefined) throw new Error(`${cluster.name} has no account`);
      return options.cluster(cluster, account, accessOf(account));
    },
    targets(of, names) {
      const chosen = of === "management" ? [shared] : chooseAccounts(known, names).map(accessOf);
      return chosen.flatMap(({ resources }) => resources.map(({ id }) => id));
    },
  };
}

/** Of a fleet without a management account in the cloud: it has no clusters there. */
export function emptyGraph<Name extends CloudProvider>(provider: Name): AccountGraph<Name, never> {
  return {
    accounts: [],
    cluster({ name }) {
      throw new Error(`${name} has no management account`);
    },
    targets() {
      throw new FleetError("NothingSelected", `the fleet has no management account for ${provider}`, {
        hint: `add one to clusters/${provider}.ts`,
      });
    },
  };
}
