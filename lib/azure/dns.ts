import type { DnsManagementClient, RecordSet, Zone } from "@azure/arm-dns";
import type { AccountCalls, ArmReach } from "#lib/azure/arm.ts";
import type { Arm, AzureDns, AzureRecordSet, AzureZone, RecordType } from "#lib/azure/clients.ts";
import { isMissing, isPassing } from "#lib/azure/explain.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import { pollWith } from "#lib/cloud/poll.ts";

const poll = pollWith(isPassing);
/** Azure DNS deletes a zone with thousands of records in a minute or two. */
const removalMs = 5 * 60_000;

export async function openDns(account: AzureAccount, reach: ArmReach): Promise<DnsManagementClient> {
  const { DnsManagementClient: Client } = await import("@azure/arm-dns");
  const { endpoint, scope, httpClient, credential } = reach;
  return new Client(credential, account.subscriptionId, {
    endpoint,
    credentialScopes: [scope],
    httpClient,
    retryOptions: { maxRetries: 0 },
  });
}

/** Zones and record sets of one account. */
export function dnsOf(account: AzureAccount, calls: AccountCalls, arm: Arm, client: DnsManagementClient): AzureDns {
  const { zones, recordSets } = client;
  const dns: AzureDns = {
    zone: (world, group, name) =>
      calls.read(world, `reading the zone ${name}`, async (abortSignal) => {
        const found = await zones.get(group, name, { abortSignal }).catch(undefinedIfMissing);
        return found === undefined ? undefined : parseZone(found);
      }),
    putZone: (world, group, name, tags, condition) =>
      calls.change(world, { what: `writing the zone ${name}`, verb: "write", condition }, async (abortSignal) =>
        parseZone(
          await zones.createOrUpdate(
            group,
            name,
            { location: "global", tags: { ...tags } },
            { ...condition, abortSignal },
          ),
        ),
      ),
    zones: (world) =>
      calls.read(world, "listing zones", async (abortSignal) =>
        (await Array.fromAsync(zones.list({ abortSignal }))).map(parseZone),
      ),
    async removeZone(world, group, name) {
      // By the generic client: the package's poller would wait with no deadline of ours.
      const { subscriptionId } = account;
      await arm.remove(
        world,
        `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.Network/dnsZones/${name}`,
      );
      const waiting = {
        what: `${account.name}: deleting the zone ${name}`,
        timeoutMs: removalMs,
        hint: "run the same command again: it continues from there",
      };
      await poll({ ...world, output: () => undefined }, waiting, async () => {
        const found = await dns.zone(world, group, name);
        return found === undefined ? { done: undefined } : { waiting: "Azure deletes the zone's records" };
      });
    },
    recordSets: (world, group, zone) =>
      calls.read(world, `listing records of ${zone}`, async (abortSignal) =>
        (await Array.fromAsync(recordSets.listByDnsZone(group, zone, { abortSignal }))).map(parseRecordSet),
      ),
    recordSet: (world, group, zone, name, type) =>
      calls.read(world, `reading ${type} ${name} of ${zone}`, async (abortSignal) => {
        const found = await recordSets.get(group, zone, name, type, { abortSignal }).catch(undefinedIfMissing);
        return found === undefined ? undefined : parseRecordSet(found);
      }),
    putRecordSet: (world, group, zone, { name, type, ttl, values, metadata = {} }, condition) =>
      calls.change(
        world,
        { what: `writing ${type} ${name} of ${zone}`, verb: "write", condition },
        async (abortSignal) => {
          const body = {
            ttl,
            nsRecords: values.map((nsdname) => ({ nsdname: `${nsdname}.` })),
            metadata: { ...metadata },
          };
          const options = { ...condition, abortSignal };
          return parseRecordSet(await recordSets.createOrUpdate(group, zone, name, type, body, options));
        },
      ),
    removeRecordSet: (world, group, zone, name, type) =>
      calls.change(world, { what: `deleting ${type} ${name} of ${zone}`, verb: "delete" }, async (abortSignal) => {
        await recordSets.delete(group, zone, name, type, { abortSignal }).catch(undefinedIfMissing);
      }),
  };
  return dns;
}

function parseZone({
  id = "",
  name = "",
  etag = "",
  tags = {},
  nameServers = [],
  numberOfRecordSets = 0,
}: Zone): AzureZone {
  const [, group = ""] = /\/resourcegroups\/([^/]+)\//i.exec(id) ?? [];
  return { id, name, group, etag, tags, nameServers: hostNames(nameServers), recordSets: numberOfRecordSets };
}

function parseRecordSet(set: RecordSet): AzureRecordSet {
  const { id = "", name = "", etag = "", ttl = 0, metadata = {} } = set;
  const type = (set.type?.split("/").at(-1) ?? "").toUpperCase() as RecordType;
  return { id, name, type, etag, ttl, metadata, values: formatValues(set) };
}

/** As in a zone file. */
function formatValues(set: RecordSet): readonly string[] {
  const { soaRecord: soa, cnameRecord: cname } = set;
  return [
    ...(set.aRecords ?? []).map(({ ipv4Address = "" }) => ipv4Address),
    ...(set.aaaaRecords ?? []).map(({ ipv6Address = "" }) => ipv6Address),
    ...(set.caaRecords ?? []).map(({ flags = 0, tag = "", value = "" }) => `${flags} ${tag} "${value}"`),
    ...(cname?.cname === undefined ? [] : [cname.cname]),
    ...(set.mxRecords ?? []).map(({ preference = 0, exchange = "" }) => `${preference} ${exchange}`),
    ...hostNames((set.nsRecords ?? []).map(({ nsdname = "" }) => nsdname)),
    ...(set.ptrRecords ?? []).map(({ ptrdname = "" }) => ptrdname),
    ...(soa === undefined ? [] : [`${soa.host} ${soa.email}`]),
    ...(set.srvRecords ?? []).map(({ priority, weight, port, target }) => `${priority} ${weight} ${port} ${target}`),
    ...(set.txtRecords ?? []).map(({ value = [] }) => value.map((part) => `"${part}"`).join(" ")),
  ];
}

/** Names are compared: in lower case, without the last dot, sorted. */
function hostNames(names: readonly string[]): readonly string[] {
  return names.map((name) => name.toLowerCase().replace(/\.$/, "")).sort();
}

function undefinedIfMissing(error: unknown): undefined {
  if (isMissing(error)) return undefined;
  throw error;
}
