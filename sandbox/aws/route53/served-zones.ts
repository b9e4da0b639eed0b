import type { Cloud } from "#sandbox/aws/cloud.ts";
import { allZones, type HostedZone, type RecordSet } from "#sandbox/aws/route53/model.ts";
import { isServed } from "#sandbox/aws/route53/zones.ts";
import { parseRecords, parseSoa, plainName } from "#sandbox/dns/presentation.ts";
import type { Zone } from "#sandbox/dns/zone.ts";

/** What the name servers answer now, for all accounts; the oldest zone first. */
export function servedZones(cloud: Cloud): readonly Zone[] {
  const now = cloud.now();
  return allZones(cloud).flatMap(({ zone }) => {
    const records = isServed(zone, now) ? zone.records : zone.propagation.before;
    return records === undefined ? [] : [formatZone(zone, records)];
  });
}

/** By the records of a zone, which are replaced as a whole: every question at a name server asks for all zones. */
const formatted = new WeakMap<readonly RecordSet[], Zone>();

function formatZone(zone: HostedZone, records: readonly RecordSet[]): Zone {
  const known = formatted.get(records) ?? parseZone(zone, records);
  formatted.set(records, known);
  return known;
}

function parseZone({ name, nameServers }: HostedZone, records: readonly RecordSet[]): Zone {
  const authority = records.find(({ type }) => type === "SOA");
  return {
    name: plainName(name),
    servers: nameServers,
    records: records.flatMap((set) => parseRecords(set) ?? []),
    ...(authority === undefined ? {} : { soa: parseSoa(authority) }),
  };
}
