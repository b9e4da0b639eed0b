import { randomUUID } from "node:crypto";
import { ArmFault, type Json, type Kind, type StoredResource } from "#sandbox/azure/arm/kind.ts";
import { resourcesBelow, resourcesOfType, storeResource } from "#sandbox/azure/arm/store.ts";
import { spellId } from "#sandbox/azure/arm/target.ts";
import { chooseNameServers } from "#sandbox/azure/kinds/dns/name-servers.ts";
import { stringsAt, textsAt } from "#sandbox/json.ts";

export const zoneType = "Microsoft.Network/dnsZones";
export const dnsVersions: readonly string[] = ["2016-04-01", "2017-09-01", "2018-05-01", "2023-07-01-preview"];
export const dnsSpelling = "Microsoft.Network/dnszones";

/** Of Azure's time. */
const removeMs = 15_000;
const maxRecordSets = 10_000;
const label = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
const zoneName = new RegExp(`^${label}(?:\\.${label}){1,33}$`);
const [nsTtl, soaTtl] = [172_800, 3_600];

export const dnsZones: Kind = {
  type: zoneType,
  versions: dnsVersions,
  shape: zoneType,
  spelling: { type: dnsSpelling, id: dnsSpelling },
  bareErrors: true,
  etags: "Zone",
  duration: { remove: removeMs },
  groupOperations: "dnsOperation",
  put(call, body, before) {
    const { cloud, at } = call;
    if (!zoneName.test(at.name)) throw new ArmFault(400, "BadRequest", `The domain name '${at.name}' is invalid.`);
    if (String(body.location).toLowerCase() !== "global") {
      throw new ArmFault(
        400,
        "LocationNotAvailableForResourceType",
        `The provided location '${String(body.location)}' is not available for resource type '${zoneType}'. List of available regions for the resource type is 'global'.`,
      );
    }
    const id = spellId(dnsZones, at);
    const servers =
      before === undefined ? chooseNameServers(at.name.toLowerCase(), allZones(cloud)) : serversOf(before);
    const created = before?.hidden?.created ?? cloud.now().toISOString();
    if (before === undefined) for (const set of apexSets(id, at.name, servers)) storeResource(cloud, set);
    return {
      location: "global",
      tags: stringsAt(body, "tags"),
      properties: {
        maxNumberOfRecordSets: maxRecordSets,
        maxNumberOfRecordsPerRecordSet: null,
        nameServers: servers.map((server) => `${server}.`),
        numberOfRecordSets: 0,
        zoneType: "Public",
      },
      hidden: { created },
    };
  },
  answer: (cloud, { id, properties }) => ({
    properties: { ...properties, numberOfRecordSets: recordSetsOf(cloud, id).length },
  }),
};

/** Name servers of a zone, without their last dots. */
export function serversOf({ properties }: StoredResource): readonly string[] {
  return textsAt(properties, "nameServers").map((server) => server.replace(/\.$/, ""));
}

export function recordSetsOf(cloud: Parameters<typeof resourcesBelow>[0], zone: string): readonly StoredResource[] {
  return resourcesBelow(cloud, zone).filter(({ type }) => type.startsWith(`${dnsSpelling}/`));
}

function allZones(cloud: Parameters<typeof resourcesOfType>[0]) {
  return resourcesOfType(cloud, zoneType).map((zone) => ({ name: zone.name.toLowerCase(), servers: serversOf(zone) }));
}

/** What a new zone has from the start. */
function apexSets(zone: string, name: string, servers: readonly string[]): readonly StoredResource[] {
  const [first = ""] = servers;
  const apex = (type: string, records: Json): StoredResource => ({
    id: `${zone}/${type}/@`,
    name: "@",
    type: `${dnsSpelling}/${type}`,
    etag: randomUUID(),
    properties: { fqdn: `${name}.`, ...records, targetResource: {}, provisioningState: "Succeeded" },
  });
  const times = { expireTime: 2_419_200, minimumTTL: 300, refreshTime: 3_600, retryTime: 300, serialNumber: 1 };
  return [
    apex("NS", { TTL: nsTtl, NSRecords: servers.map((server) => ({ nsdname: `${server}.` })) }),
    apex("SOA", {
      TTL: soaTtl,
      SOARecord: { email: "azuredns-hostmaster.microsoft.com", host: `${first}.`, ...times },
    }),
  ];
}
