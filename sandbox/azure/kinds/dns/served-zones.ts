import type { StoredResource } from "#sandbox/azure/arm/kind.ts";
import { resourcesOfType } from "#sandbox/azure/arm/store.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { type RecordType, recordFields } from "#sandbox/azure/kinds/dns/record-sets.ts";
import { recordSetsOf, serversOf, zoneType } from "#sandbox/azure/kinds/dns/zones.ts";
import { rememberSets } from "#sandbox/cloud/name-servers.ts";
import type { RecordSet, Soa, Zone } from "#sandbox/dns/zone.ts";
import { listAt, numberAt, objectAt, stringAt, textsAt } from "#sandbox/json.ts";

/** What the name servers answer now, for all subscriptions; the oldest zone first. */
export function servedZones(cloud: AzureCloud): readonly Zone[] {
  const created = ({ hidden }: StoredResource): string => stringAt(hidden, "created");
  return resourcesOfType(cloud, zoneType)
    .toSorted((a, b) => (created(a) < created(b) ? -1 : 1))
    .map((zone) => {
      const sets = recordSetsOf(cloud, zone.id);
      const authority = sets.find(({ type }) => type.endsWith("/SOA"));
      return {
        name: zone.name.toLowerCase(),
        servers: serversOf(zone),
        records: sets.flatMap(setsOf),
        ...(authority === undefined ? {} : { soa: formatSoa(authority) }),
      };
    });
}

const setsOf = rememberSets(parseSet);

/** Undefined for the SOA, which a zone has apart from its records, and for a set without records. */
function parseSet({ type: fullType, properties }: StoredResource): RecordSet | undefined {
  const type = (fullType.split("/").at(-1) ?? "") as RecordType;
  const head = { name: plainName(stringAt(properties, "fqdn")), ttl: numberAt(properties, "TTL") ?? 0 };
  const records = listAt(properties, recordFields[type]);
  const names = (field: string): readonly string[] => records.map((record) => plainName(stringAt(record, field)));
  const number = (record: unknown, field: string): number => numberAt(record, field) ?? 0;
  if (records.length === 0 && type !== "CNAME") return undefined;
  switch (type) {
    case "SOA":
      return undefined;
    case "A":
      return { ...head, type, values: records.map((record) => stringAt(record, "ipv4Address")) };
    case "AAAA":
      return { ...head, type, values: records.map((record) => stringAt(record, "ipv6Address")) };
    case "CNAME":
      return { ...head, type, values: [plainName(stringAt(properties, recordFields.CNAME, "cname"))] };
    case "NS":
      return { ...head, type, values: names("nsdname") };
    case "PTR":
      return { ...head, type, values: names("ptrdname") };
    case "TXT":
      return { ...head, type, values: records.map((record) => textsAt(record, "value")) };
    case "MX":
      return {
        ...head,
        type,
        values: records.map((record) => ({
          preference: number(record, "preference"),
          exchange: plainName(stringAt(record, "exchange")),
        })),
      };
    case "SRV":
      return {
        ...head,
        type,
        values: records.map((record) => ({
          priority: number(record, "priority"),
          weight: number(record, "weight"),
          port: number(record, "port"),
          target: plainName(stringAt(record, "target")),
        })),
      };
    case "CAA":
      return {
        ...head,
        type,
        values: records.map((record) => ({
          flags: number(record, "flags"),
          tag: stringAt(record, "tag"),
          value: stringAt(record, "value"),
        })),
      };
    default:
      return type satisfies never;
  }
}

function formatSoa({ properties }: StoredResource): Soa {
  const record = objectAt(properties, recordFields.SOA);
  const number = (field: string): number => numberAt(record, field) ?? 0;
  return {
    ttl: numberAt(properties, "TTL") ?? 0,
    mname: plainName(stringAt(record, "host")),
    rname: plainName(stringAt(record, "email")),
    serial: number("serialNumber"),
    refresh: number("refreshTime"),
    retry: number("retryTime"),
    expire: number("expireTime"),
    minimum: number("minimumTTL"),
  };
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
