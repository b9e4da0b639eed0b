import type { AwsActor } from "#lib/aws/clients.ts";
import { hasStack } from "#lib/aws/cloudformation/has-stack.ts";
import { awsRegions } from "#lib/aws/fleet/regions.ts";
import { awsAccountRoles } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount, EksCluster } from "#lib/aws/fleet/types.ts";
import { eksStackName, tagsOf } from "#lib/aws/names.ts";
import { openRoute53 } from "#lib/aws/route53/route53.ts";
import { hasOwnZone, listZoneNamesBelow } from "#lib/aws/route53/zone-lookup.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { FleetError } from "#lib/errors.ts";
import { parentName } from "#lib/fleet/names.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/**
 * EKS clusters that this fleet created and no longer names. A cluster's zone is created before everything else of it and deleted last, so
 * the zones with the fleet's tags tell all of them. An account that can't be looked at has none: the resources of its clusters say so.
 */
export async function listOwned(world: AwsWorld, fleet: Fleet): Promise<readonly EksCluster[]> {
  const parent = fleet.zones.find(({ provider }) => provider === "aws")?.clusters;
  if (parent === undefined) return [];
  const found = await Promise.all(
    awsAccountRoles(fleet).map(async ({ account }) => {
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

/** Where the cluster's stack is; any region of the fleet once the stack is gone. Those of the fleet are asked first. */
async function findRegion(world: AwsWorld, actor: AwsActor, fleet: Fleet, name: EksCluster["name"]): Promise<string> {
  const used = new Set(fleet.clusters.flatMap((cluster) => (cluster.provider === "aws" ? [cluster.region] : [])));
  const stack = eksStackName({ name });
  for (const regions of [[...used], awsRegions.filter((region) => !used.has(region))]) {
    const found = await Promise.all(
      regions.map(async (region) => {
        try {
          return (await hasStack(world, actor, { name: stack, region })) ? [region] : [];
        } catch (error) {
          // A region that is not enabled in the account refuses the credentials.
          if (error instanceof FleetError) return [];
          throw error;
        }
      }),
    );
    const [first] = found.flat();
    if (first !== undefined) return first;
  }
  return [...used][0] ?? "us-east-1";
}
