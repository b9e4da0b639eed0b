import { rowOf } from "#lib/cloud/parts.ts";
import { FleetError } from "#lib/errors.ts";
import type { Account } from "#lib/fleet/types.ts";
import { lookup } from "#lib/graph/lookup.ts";
import type { Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import { command } from "#lib/hint.ts";

/** A cluster that is delegated, by what its cloud keeps with the NS records. */
export interface DelegatedCluster {
  readonly name: string;
  /** Id of its account, as its cloud has it; undefined for delegations from before it was kept. */
  readonly accountId: string | undefined;
}

export interface DelegatedAccountsOptions<Zone, In extends World> {
  readonly id: string;
  readonly management: Account;
  /** The zone that clusters are delegated in. */
  readonly clustersZone: Resource<Zone>;
  /** Ids of all accounts of the fleet, as `accountId`. */
  readonly known: readonly string[];
  /** Field of the fleet's accounts that has them: `subscriptionId`. */
  readonly field: string;
  /** This fleet's clusters that the zone delegates. */
  list(world: In, zone: Zone): Promise<readonly DelegatedCluster[]>;
}

interface DelegatedAccounts {
  /** Number of clusters that are delegated. */
  readonly clusters: number;
}

/**
 * Checks that the fleet has the accounts of all delegated clusters. Clusters in another account would not be found as orphans: they
 * would be forgotten, and cost money.
 */
export function delegatedAccounts<Zone, In extends World>({
  id,
  management,
  clustersZone,
  known,
  field,
  list,
}: DelegatedAccountsOptions<Zone, In>): Resource<DelegatedAccounts, In> {
  return lookup<DelegatedAccounts, In>({
    id,
    title: `${management.name}: accounts of delegated clusters`,
    label: "accounts of clusters",
    row: rowOf(management),
    needs: [clustersZone],
    async read(world, outputs) {
      const zone = outputs.find(clustersZone);
      if (zone === undefined) return undefined;
      const clusters = await list(world, zone);
      const departed = clusters.filter(({ accountId }) => accountId !== undefined && !known.includes(accountId));
      refuseDepartedAccounts(departed, field, ". If the account is gone, delete the NS records of its clusters");
      return { clusters: clusters.length };
    },
    health: ({ clusters }) => ({ kind: "healthy", summary: `${clusters} delegated` }),
  });
}

/**
 * @param departed clusters of the fleet in accounts that it does not have
 * @param field of the fleet's accounts that may be wrong instead
 * @param otherwise what else can be done, for the end of the hint
 * @throws FleetError StillNeeded
 */
export function refuseDepartedAccounts(departed: readonly DelegatedCluster[], field: string, otherwise = ""): void {
  if (departed.length === 0) return;
  const names = departed.map(({ name, accountId }) => `${name} in ${accountId}`);
  throw new FleetError("StillNeeded", `an account that is not in the fleet has clusters of it: ${names.join(", ")}`, {
    hint: [
      `correct the account's ${field}; or put the account back, `,
      command("delete-all", "--orphans"),
      `, then remove it${otherwise}`,
    ],
  });
}
