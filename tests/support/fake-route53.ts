import type {
  ChangeResourceRecordSetsRequest,
  ChangeTagsForResourceRequest,
  CreateHostedZoneRequest,
  ResourceRecordSet,
  Route53,
} from "@aws-sdk/client-route-53";
import type { RecordSet, Zone } from "#sandbox/dns/zone.ts";
import { awsError, type Failures, fakeClient } from "#tests/support/aws-error.ts";

export interface FakeZone {
  readonly id: string;
  readonly name: string;
  readonly reference: string;
  readonly isPrivate: boolean;
  readonly servers: readonly string[];
  comment: string;
  tags: Record<string, string>;
  records: ResourceRecordSet[];
}

export interface FakeRoute53 {
  readonly client: Route53;
  readonly zones: Map<string, FakeZone>;
  /** Names of the calls, in order. */
  readonly calls: string[];
  readonly failures: Failures;
  /** Questions after which a change is at all servers. */
  slowness: number;
  add(zone: Partial<FakeZone> & { readonly name: string }): FakeZone;
}

/**
 * Route 53 as its API reference has it, as far as zones and delegations need it: references that are used up, names with a
 * last dot, listings by page, deletions to the letter. Each zone has servers of its own.
 *
 * @param pageSize of all listings
 */
export function fakeRoute53({ pageSize = 100 } = {}): FakeRoute53 {
  const zones = new Map<string, FakeZone>();
  const calls: string[] = [];
  const failures: Failures = new Map();
  const references = new Set<string>();
  const pending = new Map<string, number>();
  let count = 0;
  let added = 0;

  const zoneOf = (id: string | undefined): FakeZone => {
    const found = zones.get((id ?? "").replace("/hostedzone/", ""));
    if (found === undefined) throw awsError("NoSuchHostedZone", `No hosted zone found with ID: ${id}`, 404);
    return found;
  };
  const change = () => {
    count++;
    pending.set(`C${count}`, fake.slowness);
    return { Id: `/change/C${count}`, Status: "PENDING", SubmittedAt: new Date(0) };
  };
  const format = (zone: FakeZone) => ({
    Id: `/hostedzone/${zone.id}`,
    Name: `${zone.name}.`,
    CallerReference: zone.reference,
    Config: { Comment: zone.comment, PrivateZone: zone.isPrivate },
    ResourceRecordSetCount: zone.records.length,
  });
  const orderOf = ({ Name = "", Type }: ResourceRecordSet): string => `${reverse(Name)} ${Type ?? ""}`;

  const answers = {
    createHostedZone({ Name = "", CallerReference = "", HostedZoneConfig: config }: CreateHostedZoneRequest) {
      if (references.has(CallerReference)) {
        throw awsError("HostedZoneAlreadyExists", "A hosted zone has already been created with the reference", 409);
      }
      const zone = fake.add({
        name: Name.replace(/\.$/, ""),
        reference: CallerReference,
        comment: config?.Comment ?? "",
      });
      return {
        HostedZone: format(zone),
        ChangeInfo: change(),
        DelegationSet: { NameServers: [...zone.servers].reverse() },
        Location: "",
      };
    },
    getHostedZone({ Id }: { readonly Id: string }) {
      const zone = zoneOf(Id);
      return { HostedZone: format(zone), DelegationSet: { NameServers: [...zone.servers].reverse() } };
    },
    listHostedZonesByName({ DNSName = "", HostedZoneId: from = "" }: { DNSName?: string; HostedZoneId?: string }) {
      const sorted = [...zones.values()].sort((a, b) => keyOf(a).localeCompare(keyOf(b)));
      const start = `${reverse(`${DNSName.replace(/\.$/, "")}.`)} ${from}`;
      const found = sorted.filter((zone) => keyOf(zone) >= start.trimEnd());
      const next = found[pageSize];
      return {
        HostedZones: found.slice(0, pageSize).map(format),
        IsTruncated: next !== undefined,
        ...(next === undefined ? {} : { NextDNSName: `${next.name}.`, NextHostedZoneId: next.id }),
      };
    },
    listTagsForResource({ ResourceId }: { readonly ResourceId: string }) {
      if (ResourceId.includes("/")) throw awsError("InvalidInput", "the id of a resource has no slash");
      const { tags } = zoneOf(ResourceId);
      return { ResourceTagSet: { ResourceId, Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) } };
    },
    changeTagsForResource({ ResourceId, AddTags = [], RemoveTagKeys = [] }: ChangeTagsForResourceRequest) {
      const zone = zoneOf(ResourceId);
      for (const { Key = "", Value = "" } of AddTags) zone.tags[Key] = Value;
      for (const key of RemoveTagKeys) delete zone.tags[key];
      return {};
    },
    updateHostedZoneComment({ Id, Comment = "" }: { readonly Id: string; readonly Comment?: string }) {
      zoneOf(Id).comment = Comment;
      return { HostedZone: format(zoneOf(Id)) };
    },
    listResourceRecordSets(input: {
      readonly HostedZoneId: string;
      readonly StartRecordName?: string;
      readonly StartRecordType?: string;
      readonly MaxItems?: number;
    }) {
      const size = Math.min(input.MaxItems ?? pageSize, pageSize);
      const { StartRecordName: name = "", StartRecordType: type = "" } = input;
      const start = name === "" ? "" : `${reverse(`${name.replace(/\.$/, "")}.`)} ${type}`;
      const sorted = zoneOf(input.HostedZoneId).records.toSorted((a, b) => orderOf(a).localeCompare(orderOf(b)));
      const found = sorted.filter((set) => orderOf(set) >= start);
      const next = found[size];
      return {
        ResourceRecordSets: structuredClone(found.slice(0, size)),
        IsTruncated: next !== undefined,
        MaxItems: size,
        ...(next === undefined ? {} : { NextRecordName: next.Name, NextRecordType: next.Type }),
      };
    },
    changeResourceRecordSets({ HostedZoneId, ChangeBatch }: ChangeResourceRecordSetsRequest) {
      const zone = zoneOf(HostedZoneId);
      const records = [...zone.records];
      for (const { Action, ResourceRecordSet: set } of ChangeBatch?.Changes ?? []) {
        if (set === undefined) throw awsError("InvalidInput");
        const Name = `${(set.Name ?? "").replace(/\.$/, "")}.`;
        const index = records.findIndex((one) => one.Name === Name && one.Type === set.Type);
        const known = records[index];
        if (Action === "DELETE") {
          const name = `[name='${Name}', type='${set.Type}']`;
          if (known === undefined)
            throw awsError("InvalidChangeBatch", `[Tried to delete resource record set ${name} but it was not found]`);
          if (!Bun.deepEquals(known, { ...set, Name })) {
            const why = "but the values provided do not match the current values";
            throw awsError("InvalidChangeBatch", `[Tried to delete resource record set ${name} ${why}]`);
          }
          records.splice(index, 1);
        } else if (Action === "UPSERT") {
          records.splice(index === -1 ? records.length : index, index === -1 ? 0 : 1, { ...set, Name });
        } else throw awsError("InvalidInput", `the fake knows no ${Action}`);
      }
      zone.records = records;
      return { ChangeInfo: change() };
    },
    getChange({ Id }: { readonly Id: string }) {
      const left = pending.get(Id);
      if (left === undefined) throw awsError("NoSuchChange", `Could not find resource with ID: ${Id}`, 404);
      pending.set(Id, left - 1);
      return { ChangeInfo: { Id, Status: left <= 1 ? "INSYNC" : "PENDING", SubmittedAt: new Date(0) } };
    },
    deleteHostedZone({ Id }: { readonly Id: string }) {
      const zone = zoneOf(Id);
      if (zone.records.length > 2) {
        throw awsError(
          "HostedZoneNotEmpty",
          "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
        );
      }
      zones.delete(zone.id);
      return { ChangeInfo: change() };
    },
  };

  const fake: FakeRoute53 = {
    client: fakeClient<Route53>(answers, calls, failures),
    zones,
    calls,
    failures,
    slowness: 1,
    add({ name, ...given }) {
      const number = ++added;
      const id = given.id ?? `Z${number}`;
      const servers = given.servers ?? [1, 2].map((index) => `ns-${number}-${index}.hosts.test`);
      const zone: FakeZone = {
        id,
        name,
        reference: `console-${number}`,
        isPrivate: false,
        comment: "",
        tags: {},
        ...given,
        servers,
        records: [...apexOf(name, servers), ...(given.records ?? [])],
      };
      references.add(zone.reference);
      zones.set(id, zone);
      return zone;
    },
  };
  return fake;
}

function keyOf({ name, id }: FakeZone): string {
  return `${reverse(`${name}.`)} ${id}`;
}

/** Route 53 sorts by labels from the right. */
function reverse(name: string): string {
  return name.split(".").reverse().join(".");
}

function apexOf(name: string, servers: readonly string[]): ResourceRecordSet[] {
  const soa = `${servers[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400`;
  return [
    {
      Name: `${name}.`,
      Type: "NS",
      TTL: 172_800,
      ResourceRecords: servers.map((server) => ({ Value: `${server}.` })),
    },
    { Name: `${name}.`, Type: "SOA", TTL: 900, ResourceRecords: [{ Value: soa }] },
  ];
}

/** The zone as a DNS server tells it. */
export function servedZone({ name, servers, records }: FakeZone): Zone {
  const told = records.filter((set) => set.Type === "NS" && set.Name !== `${name}.`);
  return {
    name,
    servers,
    records: told.map(
      ({ Name = "", TTL: ttl = 0, ResourceRecords: values = [] }): RecordSet => ({
        name: Name.replace(/\.$/, ""),
        type: "NS",
        ttl,
        values: values.map(({ Value = "" }) => Value.replace(/\.$/, "")),
      }),
    ),
  };
}
