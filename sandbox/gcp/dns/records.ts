import { isIPv4, isIPv6 } from "node:net";
import { parseStrings } from "#sandbox/dns/presentation.ts";
import { isWithin } from "#sandbox/dns/zone.ts";
import type { Json } from "#sandbox/gcp/api/behaviour.ts";
import { unsupported } from "#sandbox/gcp/api/faults.ts";
import {
  invalidValue,
  type ManagedZone,
  quotaExceeded,
  quotas,
  type RecordSet,
  type RecordType,
  recordTypes,
} from "#sandbox/gcp/dns/state.ts";
import { numberAt, stringAt, textsAt } from "#sandbox/json.ts";

/** Types that Cloud DNS has and the sandbox does not. */
const otherTypes = ["ALIAS", "DNSKEY", "DS", "HTTPS", "IPSECKEY", "NAPTR", "SPF", "SSHFP", "SVCB", "TLSA"];
const label = "(?:\\*|[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)";
const absoluteName = new RegExp(`^(?:${label}\\.)+$`);
const maxNameLength = 254;
const maxTtl = 2_147_483_647;
const maxStringBytes = 255;

export function isAbsoluteName(name: string): boolean {
  return absoluteName.test(name) && name.length <= maxNameLength;
}

/**
 * A record set as it is stored: names in lower case, texts in quotes.
 *
 * @param what where the request has it: `entity.change.additions[0]` @throws GcpFault
 */
export function parseRecordSet(zone: ManagedZone, set: Json, what: string): RecordSet {
  const [name, type] = [stringAt(set, "name").toLowerCase(), stringAt(set, "type")];
  if (!isAbsoluteName(name) || !isWithin(name, zone.dnsName)) throw invalidValue(`${what}.name`, set.name ?? "");
  const known = recordTypes.find((one) => one === type);
  if (known === undefined && otherTypes.includes(type)) throw unsupported(`record sets of type ${type}`);
  if (known === undefined) throw invalidValue(`${what}.type`, type);
  if (set.routingPolicy !== undefined) throw unsupported("routing policies");
  const ttl = numberAt(set, "ttl") ?? 0;
  if (ttl < 0 || ttl > maxTtl) throw invalidValue(`${what}.ttl`, ttl);
  const rrdatas = textsAt(set, "rrdatas").map((data, index) => {
    const parsed = normalizers[known](data);
    if (parsed === undefined) throw invalidValue(`${what}.rrdata[${index}]`, data);
    return parsed;
  });
  const isSingle = known === "CNAME" || known === "SOA";
  if (rrdatas.length === 0 || (isSingle && rrdatas.length > 1)) throw invalidValue(`${what}.rrdata`, rrdatas.join(" "));
  if (rrdatas.length > quotas.resourceRecordsPerRrset) throw quotaExceeded("resourceRecordsPerRrset");
  const twice = rrdatas.find((data, index) => rrdatas.indexOf(data) !== index);
  if (twice !== undefined) throw invalidValue(`${what}.rrdata`, twice);
  return { kind: "dns#resourceRecordSet", name, type: known, ttl, rrdatas, signatureRrdatas: [] };
}

/** A value as it is stored; undefined for a wrong one. */
type Normalize = (data: string) => string | undefined;

const host: Normalize = (data) => (isAbsoluteName(data) ? data.toLowerCase() : undefined);

/** Whole numbers, then what comes last. */
function numbersAnd(count: number, max: number, last: Normalize): Normalize {
  return (data) => {
    const words = data.trim().split(/\s+/);
    const numbers = words.slice(0, count);
    const rest = last(words.slice(count).join(" "));
    const areNumbers = numbers.length === count && numbers.every((word) => /^\d+$/.test(word) && Number(word) <= max);
    return areNumbers && rest !== undefined ? [...numbers.map(Number), rest].join(" ") : undefined;
  };
}

const normalizers: Readonly<Record<RecordType, Normalize>> = {
  A: (data) => (isIPv4(data) ? data : undefined),
  AAAA: (data) => (isIPv6(data) ? data.toLowerCase() : undefined),
  CAA: numbersAnd(1, 255, (data) => {
    const [, tag, value] = /^([a-z0-9]+) "?([^"]*)"?$/.exec(data) ?? [];
    return tag === undefined ? undefined : `${tag} "${value}"`;
  }),
  CNAME: host,
  MX: numbersAnd(1, 65_535, host),
  NS: host,
  PTR: host,
  SOA(data) {
    const [mname = "", rname = "", ...times] = data.trim().split(/\s+/);
    const areNumbers = times.length === 5 && times.every((word) => /^\d+$/.test(word));
    return areNumbers && isAbsoluteName(mname) && isAbsoluteName(rname)
      ? [mname, rname, ...times].join(" ")
      : undefined;
  },
  SRV: numbersAnd(3, 65_535, host),
  // Words outside of quotes are strings of their own.
  TXT(data) {
    const strings = parseStrings(
      data.trim().replace(/"(?:[^"\\]|\\.)*"|[^\s"]+/g, (word) => (word.startsWith('"') ? word : `"${word}"`)),
    );
    const fits = strings?.every((text) => Buffer.byteLength(text) <= maxStringBytes) ?? false;
    return fits ? strings?.map((text) => `"${text.replace(/["\\]/g, "\\$&")}"`).join(" ") : undefined;
  },
};
