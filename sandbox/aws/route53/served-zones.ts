import type { Cloud } from "#sandbox/aws/cloud.ts";
import { allZones, type HostedZone, type RecordSet } from "#sandbox/aws/route53/model.ts";
import { plainName } from "#sandbox/aws/route53/names.ts";
import { parseCaa, parseStrings } from "#sandbox/aws/route53/record-values.ts";
import { isServed } from "#sandbox/aws/route53/zones.ts";
import type { RecordSet as DnsRecordSet, Soa, Zone } from "#sandbox/dns/zone.ts";

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
    records: records.flatMap((set) => formatSet(set) ?? []),
    ...(authority === undefined ? {} : { soa: parseSoa(authority) }),
  };
}

/** Undefined for the SOA, which a zone has apart from its records. */
function formatSet({ name, type, ttl, values }: RecordSet): DnsRecordSet | undefined {
  const head = { name: plainName(name), ttl };
  switch (type) {
    case "SOA":
      return undefined;
    case "A":
    case "AAAA":
      return { ...head, type, values };
    case "CNAME":
    case "NS":
      return { ...head, type, values: values.map((value) => plainName(value.toLowerCase())) };
    case "TXT":
      return { ...head, type, values: values.map((value) => parseStrings(value) ?? [value]) };
    case "CAA":
      return { ...head, type, values: values.flatMap((value) => parseCaa(value) ?? []) };
    case "MX":
      return {
        ...head,
        type,
        values: values.map((value) => {
          const [preference = "", exchange = ""] = value.trim().split(/\s+/);
          return { preference: Number(preference), exchange: plainName(exchange) };
        }),
      };
    case "SRV":
      return {
        ...head,
        type,
        values: values.map((value) => {
          const [priority, weight, port, target = ""] = value.trim().split(/\s+/);
          const numbers = { priority: Number(priority), weight: Number(weight), port: Number(port) };
          return { ...numbers, target: plainName(target) };
        }),
      };
    default:
      return type satisfies never;
  }
}

function parseSoa({ ttl, values: [value = ""] }: RecordSet): Soa {
  const [server = "", person = "", ...numbers] = value.split(/\s+/);
  const [serial = 1, refresh = 0, retry = 0, expire = 0, minimum = 0] = numbers.map(Number);
  return { ttl, mname: plainName(server), rname: plainName(person), serial, refresh, retry, expire, minimum };
}
