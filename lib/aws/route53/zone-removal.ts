import type { ResourceRecordSet } from "@aws-sdk/client-route-53";
import { isAwsError } from "#lib/aws/explain.ts";
import { changeRecords, isNoSuchZone, listRecords, type Route53Calls } from "#lib/aws/route53/route53.ts";
import type { HostedZoneState } from "#lib/aws/route53/zone-lookup.ts";
import { formatRecord, sortRecords } from "#lib/aws/route53/zone-records.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { waitForCaches } from "#lib/cloud/cached-delegation.ts";
import { refuseRecords, type SortedRecords } from "#lib/cloud/zone-records.ts";
import { FleetError } from "#lib/errors.ts";

/**
 * Deletes a zone with the records that the cluster created. "Already gone" is success.
 *
 * @throws FleetError ZoneNotEmpty when there are records of others
 */
export async function removeZone(world: AwsWorld, call: Route53Calls, zone: HostedZoneState): Promise<void> {
  try {
    await refuseOthers(call, zone);
    if (!world.options.skipDnsWait) await waitForCaches(world, zone.tags);
    // Read again: records may have been added meanwhile.
    const { ours } = await refuseOthers(call, zone);
    if (ours.length > 0) {
      world.progress(`deleting ${ours.length} records that the cluster made`);
      const changes = ours.map((set) => ({ Action: "DELETE", ResourceRecordSet: set }) as const);
      await changeRecords(call, zone.id, `deleting records of ${zone.name}`, changes);
    }
    world.progress("deleting the zone");
    await call(`deleting the zone ${zone.name}`, (route53, options) =>
      route53.deleteHostedZone({ Id: zone.id }, options),
    );
  } catch (error) {
    if (isNoSuchZone(error)) return;
    if (isAwsError(error, "HostedZoneNotEmpty")) throw keptByRoute53(zone, error);
    throw error;
  }
}

async function refuseOthers(
  call: Route53Calls,
  { id, name }: HostedZoneState,
): Promise<SortedRecords<ResourceRecordSet>> {
  const sorted = sortRecords(await listRecords(call, id), name);
  refuseRecords(`${name} (${id})`, sorted.others.map(formatRecord));
  return sorted;
}

/** Nothing but SOA and NS was left, or something was written in that very moment. */
function keptByRoute53({ name, id }: HostedZoneState, cause: unknown): FleetError {
  return new FleetError("ZoneNotEmpty", `Route 53 does not delete the zone ${name} (${id}) yet`, {
    hint: "run the same command again; if it stays so, switch off DNSSEC signing and the protection of its record sets",
    details: cause instanceof FleetError ? cause.details : [],
    cause,
  });
}
