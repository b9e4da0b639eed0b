import type { AzureRecordSet } from "#lib/azure/clients.ts";
import { managementGroup, managementIds, type Parts } from "#lib/azure/names.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import type { ZoneState } from "#lib/azure/zones/zone.ts";
import { isOfFleet } from "#lib/cloud/ownership.ts";
import { rowOf, tagsOf } from "#lib/cloud/parts.ts";
import { FleetError } from "#lib/errors.ts";
import { lookup } from "#lib/graph/lookup.ts";
import type { Resource } from "#lib/graph/resource.ts";
import { command } from "#lib/hint.ts";

/** Metadata of a cluster's NS records: the subscription that the cluster is in. */
export const subscriptionKey = "subscription";

interface DelegatedAccounts {
  /** Number of clusters that are delegated. */
  readonly clusters: number;
}

/**
 * Checks that the fleet has the accounts of all delegated clusters. Clusters in another subscription would not be found as orphans: they
 * would be forgotten, and cost money.
 */
export function delegatedAccounts(parts: Parts, clustersZone: Resource<ZoneState>): Resource<DelegatedAccounts> {
  const { management, zones, withClients } = parts;
  return withClients(
    lookup({
      id: managementIds(management.name, zones).delegatedAccounts,
      title: `${management.name}: accounts of delegated clusters`,
      label: "accounts of clusters",
      row: rowOf(management),
      needs: [clustersZone],
      async read(world: AzureWorld, outputs) {
        if (outputs.find(clustersZone) === undefined) return undefined;
        const dns = await world.azure.dns(management);
        const sets = await dns.recordSets(world, managementGroup, zones.clusters);
        const ours = sets.filter(({ metadata }) => isOfFleet(metadata, tagsOf(parts.fleet, {})));
        refuseUnknown(parts, ours);
        return { clusters: ours.length };
      },
      health: ({ clusters }) => ({ kind: "healthy", summary: `${clusters} delegated` }),
    }),
  );
}

/** @throws FleetError StillNeeded */
function refuseUnknown({ fleet, zones }: Parts, delegations: readonly AzureRecordSet[]): void {
  const known = fleet.accounts.map((account) =>
    account.provider === "azure" ? account.subscriptionId.toLowerCase() : "",
  );
  const details = delegations.flatMap(({ name, metadata: { [subscriptionKey]: subscription } }) =>
    subscription === undefined || known.includes(subscription.toLowerCase())
      ? []
      : [`${name}.${zones.clusters} in ${subscription}`],
  );
  if (details.length === 0) return;
  throw new FleetError("StillNeeded", `an account that is not in the fleet has clusters of it: ${details.join(", ")}`, {
    hint: [
      "correct the account's subscriptionId; or put the account back, ",
      command("delete-all", "--orphans"),
      `, then remove it. If the subscription is gone, delete the NS records in ${zones.clusters}`,
    ],
    details,
  });
}
