import type { RecordSet, Soa } from "#sandbox/dns/zone.ts";

/** Records as zone files and most clouds write them (RFC 1035, section 5.1). */
export interface PresentedSet {
  readonly name: string;
  readonly type: RecordSet["type"] | "SOA";
  readonly ttl: number;
  readonly values: readonly string[];
}

/** What name servers answer from; undefined for the SOA, which a zone has apart from its records. */
export function parseRecords({ name, type, ttl, values }: PresentedSet): RecordSet | undefined {
  const head = { name: plainName(name), ttl };
  const words = values.map((value) => value.trim().split(/\s+/));
  switch (type) {
    case "SOA":
      return undefined;
    case "A":
    case "AAAA":
      return { ...head, type, values };
    case "CNAME":
    case "NS":
    case "PTR":
      return { ...head, type, values: values.map((value) => plainName(value.toLowerCase())) };
    case "TXT":
      return { ...head, type, values: values.map((value) => parseStrings(value) ?? [value]) };
    case "CAA":
      return { ...head, type, values: values.flatMap((value) => parseCaa(value) ?? []) };
    case "MX":
      return {
        ...head,
        type,
        values: words.map(([preference = "", exchange = ""]) => ({
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
    default:
      return type satisfies never;
  }
}

export function parseSoa({ ttl, values: [value = ""] }: Pick<PresentedSet, "ttl" | "values">): Soa {
  const [server = "", person = "", ...numbers] = value.split(/\s+/);
  const [serial = 1, refresh = 0, retry = 0, expire = 0, minimum = 0] = numbers.map(Number);
  return { ttl, mname: plainName(server), rname: plainName(person), serial, refresh, retry, expire, minimum };
}

/** As DNS carries it: the characters themselves, without the last dot. */
export function plainName(name: string): string {
  return name
    .replace(/\.$/, "")
    .replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

export function parseCaa(
  value: string,
): { readonly flags: number; readonly tag: string; readonly value: string } | undefined {
  const [, flags = "", tag = "", text = ""] = /^(\d{1,3})\s+([a-zA-Z0-9]+)\s+"([^"]*)"$/.exec(value.trim()) ?? [];
  return flags === "" ? undefined : { flags: Number(flags), tag: tag.toLowerCase(), value: text };
}

/** The strings of a TXT value: `"one" "two \"quoted\" \344"`; undefined when something isn't in quotation marks. */
export function parseStrings(value: string): readonly string[] | undefined {
  const quoted = /"((?:[^"\\]|\\[0-7]{3}|\\[^0-7])*)"/g;
  if (!/^"/.test(value) || value.replace(quoted, "").trim() !== "") return undefined;
  return [...value.matchAll(quoted)].map(([, text = ""]) =>
    text.replace(/\\([0-7]{3}|.)/g, (_, escaped: string) =>
      escaped.length === 3 ? String.fromCharCode(Number.parseInt(escaped, 8)) : escaped,
    ),
  );
}
