import type { AwsActor } from "#lib/aws/clients.ts";
import { isClosed } from "#lib/aws/cloudformation/dependents.ts";
import { hasStack } from "#lib/aws/cloudformation/has-stack.ts";
import { awsRegions } from "#lib/aws/fleet/regions.ts";
import type { AwsAccount, EksCluster } from "#lib/aws/fleet/types.ts";
import { delegationId, eksStackName, tagsOf, zoneId } from "#lib/aws/names.ts";
import { openRoute53 } from "#lib/aws/route53/route53.ts";
import { hasOwnZone, listZoneNamesBelow } from "#lib/aws/route53/zone-lookup.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { FleetError } from "#lib/errors.ts";
import { parentName } from "#lib/fleet/names.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { FoundElsewhere } from "#lib/provider.ts";

/**
 * EKS clusters that this fleet created and no longer names. A cluster's zone is created before everything else of it and deleted last, so
 * the zones with the fleet's tags tell all of them. An account that can't be looked at has none: the resources of its clusters say so.
 */
export async function listOwned(world: AwsWorld, fleet: Fleet): Promise<readonly EksCluster[]> {
  const parent = fleet.zones.find(({ provider }) => provider === "aws")?.clusters;
  if (parent === undefined) return [];
  const found = await Promise.all(
    fleet.accounts
      .filter((account) => account.provider === "aws")
      .map(async (account) => {
        try {
          return await listInAccount(world, fleet, account, parent);
        } catch (error) {
          if (error instanceof FleetError) return [];
          throw error;
        }
      }),
  );
  return found.flat();
}

async function listInAccount(
  world: AwsWorld,
  fleet: Fleet,
  account: AwsAccount,
  parent: string,
): Promise<readonly EksCluster[]> {
  const actor: AwsActor = { account, as: "clusters" };
  const call = await openRoute53(world, actor);
  const named = new Set(fleet.clusters.map(({ name }): string => name));
  const others = (await listZoneNamesBelow(call, parent)).filter(
    (name): name is EksCluster["name"] => parentName(name) === parent && !named.has(name),
  );
  const owned = await Promise.all(
    others.map(async (name): Promise<readonly EksCluster[]> => {
      if (!(await hasOwnZone(call, { name, tags: tagsOf(fleet, { cluster: name }) }))) return [];
      const region = await findRegion(world, actor, fleet, name);
      return [{ provider: "aws", name, account: account.name, region, publicAccessCidrs: [] }];
    }),
  );
  return owned.flat();
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
 * The account or region in which a cluster of the fleet is instead of its own. Its zone is created first and deleted last: the account
 * with the zone has whatever else there is.
 */
export async function findElsewhere(
  world: AwsWorld,
  fleet: Fleet,
  cluster: EksCluster,
): Promise<FoundElsewhere | undefined> {
  const { name } = cluster;
  const zone = { name, tags: tagsOf(fleet, { cluster: name }) };
  const holders = await Promise.all(
    fleet.accounts
      .filter((account) => account.provider === "aws")
      .map(async (account) => {
        const actor: AwsActor = { account, as: "clusters" };
        try {
          return (await hasOwnZone(await openRoute53(world, actor), zone)) ? [actor] : [];
        } catch (error) {
          // Without its role nothing was created in an account.
          if (account.name !== cluster.account && isClosed(error)) return [];
          throw error;
        }
      }),
  );
  const [own, other] = [true, false].map((isOwn) =>
    holders.flat().find(({ account }) => (account.name === cluster.account) === isOwn),
  );
  if (other !== undefined) {
    const region = (await findStack(world, other, fleet, name)) ?? cluster.region;
    return { cluster: { ...cluster, account: other.account.name, region } };
  }
  const region = own === undefined ? undefined : await findStack(world, own, fleet, name, cluster.region);
  if (region === undefined) return undefined;
  return { cluster: { ...cluster, region }, kept: [zoneId(cluster), delegationId(cluster)] };
}
