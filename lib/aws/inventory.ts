import type { AwsActor } from "#lib/aws/clients.ts";
import { isClosed } from "#lib/aws/cloudformation/dependents.ts";
import { hasStack } from "#lib/aws/cloudformation/has-stack.ts";
import { awsRegions } from "#lib/aws/fleet/regions.ts";
import type { AwsAccount, EksCluster } from "#lib/aws/fleet/types.ts";
import { delegationId, eksStackName, zoneId } from "#lib/aws/names.ts";
import { openRoute53 } from "#lib/aws/route53/route53.ts";
import { hasOwnZone, listZoneNamesBelow } from "#lib/aws/route53/zone-lookup.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { refuseDepartedAccounts } from "#lib/cloud/delegated-accounts.ts";
import { tagsOf } from "#lib/cloud/parts.ts";
import { FleetError } from "#lib/errors.ts";
import { parentName } from "#lib/fleet/names.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { Change } from "#lib/graph/resource.ts";
import type { FoundElsewhere } from "#lib/provider.ts";

/**
 * EKS clusters that this fleet created and no longer names. A cluster's zone is created before everything else of it and deleted last, so
 * the zones with the fleet's tags identify all of them. An account without its role has none.
 */
export async function listOwned(world: AwsWorld, fleet: Fleet): Promise<readonly EksCluster[]> {
  const found = await Promise.all(
    fleet.accounts
      .filter((account) => account.provider === "aws")
      .map(async (account) => {
        try {
          return await listInAccount(world, fleet, account);
        } catch (error) {
          if (isClosed(error)) return [];
          throw error;
        }
      }),
  );
  return found.flat();
}

async function listInAccount(world: AwsWorld, fleet: Fleet, account: AwsAccount): Promise<readonly EksCluster[]> {
  const actor = actorIn(account);
  const named = new Set(fleet.clusters.map(({ name }): string => name));
  const owned = await listOwnZones(world, fleet, actor, (name) => !named.has(name));
  return await Promise.all(
    owned.map(async (name): Promise<EksCluster> => {
      const region = await findRegion(world, actor, fleet, name);
      return { provider: "aws", name, account: account.name, region, publicAccessCidrs: [] };
    }),
  );
}

/** Names of clusters whose zone is in the account. */
async function listOwnZones(
  world: AwsWorld,
  fleet: Fleet,
  actor: AwsActor,
  isAsked: (name: string) => boolean,
): Promise<readonly EksCluster["name"][]> {
  const parent = parentOf(fleet);
  if (parent === undefined) return [];
  const call = await openRoute53(world, actor);
  const below = await listZoneNamesBelow(call, parent);
  const asked = below.filter((name): name is EksCluster["name"] => parentName(name) === parent && isAsked(name));
  const owned = await Promise.all(
    asked.map(async (name) => {
      return (await hasOwnZone(call, { name, tags: tagsOf(fleet, { cluster: name }) })) ? [name] : [];
    }),
  );
  return owned.flat();
}

function parentOf({ zones }: Fleet): string | undefined {
  return zones.find(({ provider }) => provider === "aws")?.clusters;
}

/**
 * Stops the management role from losing the roles of an account that is no longer in the fleet while clusters of the fleet are left in it:
 * nothing could find or delete them.
 *
 * @param roles change of the ARNs that the management role may assume
 * @throws FleetError StillNeeded
 */
export async function refuseDeparture(world: AwsWorld, fleet: Fleet, { from }: Change): Promise<void> {
  const staying = new Set(fleet.accounts.flatMap((account) => (account.provider === "aws" ? [account.accountId] : [])));
  const before = typeof from === "string" ? from.split(",") : from;
  const leaving = before.flatMap((arn): readonly AwsAccount[] => {
    const [, accountId, iamRole] = /^arn:aws:iam::(\d{12}):role\/(.+)$/.exec(arn) ?? [];
    if (accountId === undefined || iamRole === undefined || staying.has(accountId)) return [];
    return [{ provider: "aws", name: accountId, role: "tenant", accountId, iamRole }];
  });
  const left = await Promise.all(
    leaving.map(async (account) => {
      try {
        const names = await listOwnZones(world, fleet, actorIn(account), () => true);
        return names.map((name) => ({ name, accountId: account.name }));
      } catch (error) {
        // Its role was deleted first, as it should be.
        if (isClosed(error)) return [];
        throw error;
      }
    }),
  );
  refuseDepartedAccounts(left.flat(), "accountId");
}

/** Where the cluster's stack is; any region of the fleet once the stack is gone. */
async function findRegion(world: AwsWorld, actor: AwsActor, fleet: Fleet, name: EksCluster["name"]): Promise<string> {
  return (await findStack(world, actor, fleet, name)) ?? regionsOf(fleet)[0] ?? "us-east-1";
}

/** The region of a cluster's stack. Regions of the fleet are asked first. */
async function findStack(
  world: AwsWorld,
  actor: AwsActor,
  fleet: Fleet,
  name: EksCluster["name"],
  except?: string,
): Promise<string | undefined> {
  const used = regionsOf(fleet);
  const stack = eksStackName({ name });
  for (const regions of [used, awsRegions.filter((region) => !used.includes(region))]) {
    const found = await Promise.all(
      regions
        .filter((region) => region !== except)
        .map(async (region) => {
          try {
            return (await hasStack(world, actor, { name: stack, region })) ? [region] : [];
          } catch (error) {
            // A region that is not enabled in the account, or closed by its organization, has no cluster of ours.
            if (error instanceof FleetError && error.code === "AwsDenied") return [];
            throw error;
          }
        }),
    );
    const [first] = found.flat();
    if (first !== undefined) return first;
  }
  return undefined;
}

function regionsOf(fleet: Fleet): readonly string[] {
  return [...new Set(fleet.clusters.flatMap((cluster) => (cluster.provider === "aws" ? [cluster.region] : [])))];
}

/**
 * Finds the account or region in which a cluster of the fleet is instead of its own. Its zone is created first and deleted last: the
 * account with the zone has whatever else there is. Each account is asked once for its zones: before the run has created any.
 */
export function elsewhereIn(
  fleet: Fleet,
): (world: AwsWorld, cluster: EksCluster) => Promise<FoundElsewhere | undefined> {
  const listed = new Map<string, Promise<readonly string[]>>();
  const accounts = fleet.accounts.filter((account) => account.provider === "aws");

  async function list(world: AwsWorld, account: AwsAccount): Promise<readonly string[]> {
    const parent = parentOf(fleet);
    if (parent === undefined) return [];
    try {
      return await listZoneNamesBelow(await openRoute53(world, actorIn(account)), parent);
    } catch (error) {
      // Without its role nothing was created in an account.
      if (isClosed(error)) return [];
      throw error;
    }
  }

  return async (world, cluster) => {
    const { name } = cluster;
    const zone = { name, tags: tagsOf(fleet, { cluster: name }) };
    const holders = await Promise.all(
      accounts.map(async (account) => {
        const names = listed.get(account.name) ?? list(world, account);
        listed.set(account.name, names);
        if (!(await names).includes(name)) return [];
        return (await hasOwnZone(await openRoute53(world, actorIn(account)), zone)) ? [account] : [];
      }),
    );
    const [own, other] = [true, false].map((isOwn) =>
      holders.flat().find((account) => (account.name === cluster.account) === isOwn),
    );
    // Only something else is missing, e.g. the kubeconfig: no other region is searched.
    const stack = { name: eksStackName(cluster), region: cluster.region };
    if (own !== undefined && (await hasStack(world, actorIn(own), stack))) return undefined;
    if (other !== undefined) {
      const region = (await findStack(world, actorIn(other), fleet, name)) ?? cluster.region;
      return { cluster: { ...cluster, account: other.name, region } };
    }
    const region = own === undefined ? undefined : await findStack(world, actorIn(own), fleet, name, cluster.region);
    if (region === undefined) return undefined;
    return { cluster: { ...cluster, region }, kept: [zoneId(cluster), delegationId(cluster)] };
  };
}

/** The account may have no role yet. */
function actorIn(account: AwsAccount): AwsActor {
  return { account, as: "clusters", atOnce: true };
}
