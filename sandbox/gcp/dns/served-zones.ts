import { rememberSets } from "#sandbox/cloud/name-servers.ts";
import { type PresentedSet, parseRecords, parseSoa, plainName } from "#sandbox/dns/presentation.ts";
import type { Zone } from "#sandbox/dns/zone.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { allZones, type RecordSet } from "#sandbox/gcp/dns/state.ts";
import { serversOf } from "#sandbox/gcp/dns/zones.ts";

/** What the name servers answer now, for all projects; the oldest zone first. */
export function servedZones(cloud: GcpCloud): readonly Zone[] {
  return allZones(cloud)
    .toSorted((a, b) => (a.zone.creationTime < b.zone.creationTime ? -1 : 1))
    .map(({ zone, sets }) => {
      const authority = sets.find(({ type }) => type === "SOA");
      return {
        name: plainName(zone.dnsName),
        servers: serversOf(zone),
        records: sets.flatMap(setsOf),
        ...(authority === undefined ? {} : { soa: parseSoa(presented(authority)) }),
      };
    });
}

const setsOf = rememberSets<RecordSet>((set) => parseRecords(presented(set)));

function presented({ rrdatas, ...set }: RecordSet): PresentedSet {
  return { ...set, values: rrdatas };
}
