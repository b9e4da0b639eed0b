import { FleetError } from "#lib/errors.ts";
import type { CloudCluster, Fleet } from "#lib/fleet/types.ts";
import type { Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import { command } from "#lib/hint.ts";

/** The clusters of a cloud by what is created before everything else of them and deleted last: a resource group, a zone. */
export interface ClusterInventory<In extends World, A extends { readonly name: string }, C extends CloudCluster> {
  readonly accounts: readonly A[];
  /** Names of the fleet's clusters in an account. */
  list(world: In, account: A): Promise<readonly C["name"][]>;
  /** Whether an error of `list` says that the caller has no access: nothing was created there. */
  isClosed(error: unknown): boolean;
  /** Whether it says that nothing in the account can be used for now: clusters of others don't wait for that. @default none does */
  isUnusable?(error: unknown): boolean;
  /** Undefined while only the rest of it exists. */
  findRegion(world: In, account: A, name: C["name"]): Promise<string | undefined>;
}

/**
 * Clusters that the fleet no longer names, with their account and region; the region is empty while it is unknown.
 *
 * @param notSearched is told why an account that can't be used was left out. @default nobody
 */
export async function listOrphans<In extends World, A extends { readonly name: string }, C extends CloudCluster>(
  world: In,
  { clusters }: Pick<Fleet, "clusters">,
  inventory: ClusterInventory<In, A, C>,
  notSearched?: (why: FleetError) => void,
): Promise<readonly (Pick<C, "name"> & { readonly account: string; readonly region: string })[]> {
  const named = new Set(clusters.map(({ name }): string => name));
  const found = await Promise.all(
    inventory.accounts.map(async (account) => {
      const names = await listIfPossible(world, inventory, account, notSearched);
      return await Promise.all(
        names
          .filter((name) => !named.has(name))
          .map(async (name) => {
            const region = (await inventory.findRegion(world, account, name)) ?? "";
            return { name, account: account.name, region };
          }),
      );
    }),
  );
  return found.flat();
}

async function listIfPossible<In extends World, A extends { readonly name: string }, C extends CloudCluster>(
  world: In,
  { list, isClosed, isUnusable = () => false }: ClusterInventory<In, A, C>,
  account: A,
  notSearched?: (why: FleetError) => void,
): Promise<readonly C["name"][]> {
  try {
    return await list(world, account);
  } catch (error) {
    if (error instanceof FleetError && isUnusable(error)) notSearched?.(error);
    else if (!isClosed(error)) throw error;
    return [];
  }
}

/** Finds the account in which a cluster is instead of its own. Each account is asked once: before the run has created anything. */
export function findInOtherAccounts<In extends World, A extends { readonly name: string }, C extends CloudCluster>(
  inventory: ClusterInventory<In, A, C>,
): (world: In, cluster: C) => Promise<C | undefined> {
  const listed = new Map<string, Promise<readonly string[]>>();
  return async (world, cluster) => {
    const holders = await Promise.all(
      inventory.accounts.map(async (account) => {
        const names = listed.get(account.name) ?? listIfPossible(world, inventory, account);
        listed.set(account.name, names);
        return (await names).includes(cluster.name) ? [account] : [];
      }),
    );
    const [other, ...others] = holders.flat().filter(({ name }) => name !== cluster.account);
    if (other === undefined || others.length > 0) return undefined;
    const region = (await inventory.findRegion(world, other, cluster.name)) ?? cluster.region;
    return { ...cluster, account: other.name, region };
  };
}

/**
 * Keeps what clusters are deleted with until they are gone.
 *
 * @param deleteTask that deletes them
 */
export function keepWhileClusters<State, In extends World, A extends { readonly name: string }, C extends CloudCluster>(
  resource: Resource<State, In>,
  { accounts, list }: Pick<ClusterInventory<In, A, C>, "accounts" | "list">,
  deleteTask: string,
): Resource<State, In> {
  return {
    ...resource,
    async remove(world, observed, outputs) {
      const left = await Promise.all(accounts.map((account) => list(world, account)));
      const details = left.flat();
      if (details.length === 0) return await resource.remove(world, observed, outputs);
      throw new FleetError("StillNeeded", `${resource.title} is needed to delete ${details.join(", ")}`, {
        hint: ["delete them first: ", command(deleteTask, ...details)],
        details,
      });
    },
  };
}
