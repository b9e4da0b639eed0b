import { managementGroup, managementIds, type Parts } from "#lib/azure/names.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import type { ZoneState } from "#lib/azure/zones/zone.ts";
import { delegatedAccounts } from "#lib/cloud/delegated-accounts.ts";
import { isOfFleet } from "#lib/cloud/ownership.ts";
import { tagsOf } from "#lib/cloud/parts.ts";
import type { AnyResource, Resource } from "#lib/graph/resource.ts";

/** Metadata of a cluster's NS records: the subscription that the cluster is in. */
export const subscriptionKey = "subscription";

/** Checks that the fleet has the subscriptions of all delegated clusters, which metadata of the NS records names. */
export function delegatedSubscriptions(
  { fleet, management, zones, withClients }: Parts,
  clustersZone: Resource<ZoneState>,
): AnyResource {
  return withClients(
    delegatedAccounts({
      id: managementIds(management.name, zones).delegatedAccounts,
      management,
      clustersZone,
      field: "subscriptionId",
      known: fleet.accounts.flatMap((account) =>
        account.provider === "azure" ? [account.subscriptionId.toLowerCase()] : [],
      ),
      async list(world: AzureWorld, { name: zone }) {
        const dns = await world.azure.dns(management);
        const sets = await dns.recordSets(world, managementGroup, zone);
        const ours = sets.filter(({ metadata }) => isOfFleet(metadata, tagsOf(fleet, {})));
        return ours.map(({ name, metadata: { [subscriptionKey]: subscription } }) => ({
          name: `${name}.${zone}`,
          accountId: subscription?.toLowerCase(),
        }));
      },
    }),
  );
}
