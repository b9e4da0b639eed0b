import { isIPv4, isIPv6 } from "node:net";
import {
  type ArmCall,
  ArmFault,
  type Json,
  type Kind,
  type Listing,
  type StoredResource,
} from "#sandbox/azure/arm/kind.ts";
import { pageOf } from "#sandbox/azure/arm/list.ts";
import { findResource } from "#sandbox/azure/arm/store.ts";
import { dnsSpelling, dnsVersions, recordSetsOf, zoneType } from "#sandbox/azure/kinds/dns/zones.ts";
import { isObject, listAt, numberAt, objectAt, stringAt, textsAt } from "#sandbox/json.ts";

/** Where each type has its records. */
export const recordFields = {
  A: "ARecords",
  AAAA: "AAAARecords",
  CAA: "caaRecords",
  CNAME: "CNAMERecord",
  MX: "MXRecords",
  NS: "NSRecords",
  PTR: "PTRRecords",
  SOA: "SOARecord",
  SRV: "SRVRecords",
  TXT: "TXTRecords",
} as const;

export type RecordType = keyof typeof recordFields;

const recordTypes = Object.keys(recordFields) as readonly RecordType[];
const allFields: readonly string[] = Object.values(recordFields);
const recordName =
  /^(?:@|(?:\*|[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*)$/;
const hostName = /^(?:[A-Za-z0-9_*-]{1,63}\.)*[A-Za-z0-9_*-]{1,63}\.?$|^\.$/;
const maxTtl = 2_147_483_647;
const maxStringBytes = 255;

/** One kind for each type of records. */
export const recordSets: readonly Kind[] = recordTypes.map((type) => ({
  type: `${zoneType}/${type}`,
  versions: dnsVersions,
  shape: `${zoneType}/records`,
  spelling: { type: `${dnsSpelling}/${type}`, id: `${dnsSpelling}/${type}` },
  service: "recordSets",
  bareErrors: true,
  etags: "Record set",
  put: (call, body, before) => ({ properties: propertiesOf(type, call, objectAt(body, "properties"), before) }),
  beforeRemove(_, { name }) {
    if (name === "@" && (type === "NS" || type === "SOA")) {
      throw badRequest(`The record set of type '${type}' at the apex of a zone cannot be deleted.`);
    }
  },
  missing: ({ name, group, subscription }) =>
    new ArmFault(
      404,
      "NotFound",
      `The resource record '${name}' does not exist in resource group '${group}' of subscription '${subscription}'.`,
    ),
}));

/** Record sets of all types: two names for one list. */
export const recordSetListings: readonly Listing[] = ["recordsets", "all"].map((name) => ({
  type: `${zoneType}/${name}`,
  versions: dnsVersions,
  bareErrors: true,
  answer(call) {
    const suffix = (call.query.get("$recordsetnamesuffix") ?? "").toLowerCase();
    const found = recordSetsOf(call.cloud, call.at.parent ?? "").filter((set) =>
      set.name.toLowerCase().endsWith(suffix),
    );
    return pageOf(call, found, ({ hidden: _, ...fields }) => fields);
  },
}));

function propertiesOf(type: RecordType, call: ArmCall, properties: Json, before: StoredResource | undefined): Json {
  const { at, cloud } = call;
  const [zone = "", name = ""] = at.names;
  const field = recordFields[type];
  if (!recordName.test(name)) throw badRequest(`The record set name '${name}' is invalid.`);
  const other = allFields.find((one) => one !== field && properties[one] !== undefined);
  if (other !== undefined) throw badRequest(`A record set of type '${type}' cannot have '${other}'.`);
  if (stringAt(properties, "targetResource", "id") !== "") throw badRequest("The sandbox has no alias record sets.");
  const ttl = numberAt(properties, "TTL") ?? 0;
  if (ttl < 1 || ttl > maxTtl) throw badRequest(`The TTL '${ttl}' is invalid: it has to be between 1 and ${maxTtl}.`);
  const namesakes = recordSetsOf(cloud, at.parent ?? "").filter((set) => set.name.toLowerCase() === name.toLowerCase());
  const conflict = namesakes.find(
    (set) => !set.type.endsWith(`/${type}`) && (type === "CNAME" || set.type.endsWith("/CNAME")),
  );
  if (conflict !== undefined) {
    const [what, other] = type === "CNAME" ? ["CNAME record", "another"] : ["record", "a CNAME"];
    const text = `The ${what} could not be created because ${other} record with the same name already exists in this zone.`;
    throw new ArmFault(409, "Conflict", text);
  }
  checkRecords(type, properties[field]);
  const records = type === "SOA" ? soaOf(name, properties, before) : properties[field];
  if (type === "NS" && name === "@") requireOwnServers(findResource(cloud, at.parent ?? ""), properties);
  const { metadata } = properties;
  return {
    ...(metadata === undefined ? {} : { metadata }),
    fqdn: name === "@" ? `${zone}.` : `${name}.${zone}.`,
    TTL: ttl,
    [field]: records ?? [],
    targetResource: {},
    provisioningState: "Succeeded",
  };
}

/** Fields that are names of other hosts. */
const targetFields = ["cname", "nsdname", "exchange", "ptrdname", "target"];

function checkRecords(type: RecordType, found: unknown): void {
  const records = Array.isArray(found) ? found : [found];
  if (type === "CNAME" && stringAt(found, "cname") === "") {
    throw badRequest("A record set of type 'CNAME' has to have a record.");
  }
  for (const record of records.filter(isObject)) {
    const [v4, v6] = [stringAt(record, "ipv4Address"), stringAt(record, "ipv6Address")];
    if (type === "A" && !isIPv4(v4)) throw badRequest(`The value '${v4}' is no IPv4 address.`);
    if (type === "AAAA" && !isIPv6(v6)) throw badRequest(`The value '${v6}' is no IPv6 address.`);
    for (const field of targetFields) {
      const name = record[field];
      if (typeof name === "string" && !hostName.test(name)) throw badRequest(`The domain name '${name}' is invalid.`);
    }
    const long = textsAt(record, "value").find((text) => Buffer.byteLength(text) > maxStringBytes);
    if (type === "TXT" && long !== undefined)
      throw badRequest(`A string of a TXT record has more than ${maxStringBytes} bytes.`);
  }
}

/** Its host is Azure's. */
function soaOf(name: string, properties: Json, before: StoredResource | undefined): Json {
  if (name !== "@" || before === undefined) throw badRequest("A zone has one SOA record set, at its apex.");
  const own = objectAt(before.properties, "SOARecord");
  return { ...own, ...objectAt(properties, "SOARecord"), host: own.host };
}

function requireOwnServers(zone: StoredResource | undefined, properties: Json): void {
  const given = listAt(properties, "NSRecords").map((record) => stringAt(record, "nsdname").replace(/\.?$/, "."));
  const lost = textsAt(zone?.properties, "nameServers").find((server) => !given.includes(server));
  if (lost !== undefined) throw badRequest(`The name server '${lost}' of the zone cannot be removed from its apex.`);
}

function badRequest(message: string): ArmFault {
  return new ArmFault(400, "BadRequest", message);
}
