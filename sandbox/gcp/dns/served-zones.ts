import type { RecordSet as ServedSet, Soa, Zone } from "#sandbox/dns/zone.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { parseTexts } from "#sandbox/gcp/dns/records.ts";
import { allZones, type RecordSet } from "#sandbox/gcp/dns/state.ts";
import { plainName, serversOf } from "#sandbox/gcp/dns/zones.ts";

/** What the name servers answer now, for all projects; the oldest zone first. */
export function servedZones(cloud: GcpCloud): readonly Zone[] {
  return allZones(cloud)
    .toSorted((a, b) => (a.zone.creationTime < b.zone.creationTime ? -1 : 1))
    .map(({ zone, sets }) => {
      const authority = sets.find(({ type }) => type === "SOA");
      return {
        name: plainName(zone.dnsName),
        servers: serversOf(zone),
        records: sets.flatMap((set) => formatSet(set) ?? []),
        ...(authority === undefined ? {} : { soa: parseSoa(authority) }),
      };
    });
}

/** By the stored ones, which are replaced and not changed: every question at a name server asks for all zones. */
const formatted = new WeakMap<RecordSet, ServedSet | null>();

function formatSet(set: RecordSet): ServedSet | undefined {
  const known = formatted.get(set);
  if (known !== undefined) return known ?? undefined;
  const made = parseSet(set);
  formatted.set(set, made ?? null);
  return made;
}

/** Undefined for the SOA, which a zone has apart from its records. */
function parseSet({ name, type, ttl, rrdatas }: RecordSet): ServedSet | undefined {
  const head = { name: plainName(name), ttl };
  const words = rrdatas.map((data) => data.split(" "));
  switch (type) {
    case "SOA":
      return undefined;
    case "A":
    case "AAAA":
      return { ...head, type, values: rrdatas };
    case "CNAME":
    case "NS":
    case "PTR":
      return { ...head, type, values: rrdatas.map(plainName) };
    case "TXT":
      return { ...head, type, values: rrdatas.map(parseTexts) };
    case "MX":
      return {
        ...head,
        type,
        values: words.map(([preference, exchange = ""]) => ({
          preference: Number(preference),
          exchange: plainName(exchange),
        })),
      };
    case "SRV":
      return {
        ...head,
        type,
        values: words.map(([priority, weight, port, target = ""]) => ({
          priority: Number(priority),
          weight: Number(weight),
          port: Number(port),
          target: plainName(target),
        })),
      };
    case "CAA":
      return {
        ...head,
        type,
        values: words.map(([flags, tag = "", ...rest]) => ({
          flags: Number(flags),
          tag,
          value: rest.join(" ").replaceAll('"', ""),
        })),
      };
    default:
      return type satisfies never;
  }
}

function parseSoa({ ttl, rrdatas: [data = ""] }: RecordSet): Soa {
  const [mname = "", rname = "", ...times] = data.split(" ");
  const [serial = 0, refresh = 0, retry = 0, expire = 0, minimum = 0] = times.map(Number);
  return { ttl, mname: plainName(mname), rname: plainName(rname), serial, refresh, retry, expire, minimum };
}
