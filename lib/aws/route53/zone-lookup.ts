import type { GetHostedZoneResponse, HostedZone } from "@aws-sdk/client-route-53";
import { bareId, decodeName, isNoSuchZone, listRecords, type Route53Calls } from "#lib/aws/route53/route53.ts";
import { formatRecord, sortRecords } from "#lib/aws/route53/zone-records.ts";
import { parseTags } from "#lib/aws/tags.ts";
import { describeOwner, isOfFleet, type Tags } from "#lib/cloud/ownership.ts";
import { normalize } from "#lib/dns/query.ts";
import { FleetError } from "#lib/errors.ts";
import { isBelow } from "#lib/fleet/names.ts";

/** A Route 53 zone, as passed between resources. */
export interface HostedZoneState {
  /** `Z0123…`, without `/hostedzone/`. */
  readonly id: string;
  readonly name: string;
  /** Lower case, without the trailing dot, sorted. */
  readonly nameServers: readonly string[];
  readonly comment: string;
  readonly tags: Tags;
  /** Record sets other than the apex SOA and NS: their number, and those not created by the cluster. */
  readonly records: { readonly count: number; readonly others: readonly string[] };
}

/** The name of a zone, and its ownership tags. */
export interface WantedZone {
  readonly name: string;
  /** Tags of this fleet's zones: `project`, `fleet` and more. */
  readonly tags: Tags;
}

export interface FoundZone {
  readonly state: HostedZoneState;
  readonly ours: boolean;
}

/** Created by Route 53 in every new zone. */
const recordsOfNewZone = 2;

/**
 * The public zone of a name; undefined if there is none.
 *
 * @param delegatedTo servers that the parent zone delegates to; called if there are several zones, to find the active one
 * @throws FleetError ZoneAmbiguous
 */
export async function findZone(
  call: Route53Calls,
  wanted: WantedZone,
  delegatedTo: () => Promise<readonly string[]>,
): Promise<FoundZone | undefined> {
  const found = await listZones(call, wanted.name);
  const [first, ...others] = await Promise.all(found.map((zone) => readZone(call, zone, wanted)));
  if (first === undefined || others.length === 0) return first;
  const all = [first, ...others].filter((zone) => zone !== undefined);
  throw ambiguous(all, wanted.name, await delegatedTo());
}

/** Whether a public zone of the name belongs to this fleet. */
export async function hasOwnZone(call: Route53Calls, wanted: WantedZone): Promise<boolean> {
  const found = await listZones(call, wanted.name);
  const zones = await Promise.all(found.map((zone) => readZone(call, zone, wanted)));
  return zones.some((zone) => zone?.ours === true);
}

/** Names of the public zones below a name. Route 53 sorts names by their labels from the right, so they are contiguous. */
export async function listZoneNamesBelow(call: Route53Calls, parent: string): Promise<readonly string[]> {
  const names: string[] = [];
  let start: { readonly DNSName: string; readonly HostedZoneId?: string } = { DNSName: parent };
  for (;;) {
    const page = await call(`listing the zones below ${parent}`, (route53, options) =>
      route53.listHostedZonesByName(start, options),
    );
    const zones = page.HostedZones ?? [];
    const within = zones.filter(({ Name }) => decodeName(Name) === parent || isBelow(decodeName(Name), parent));
    names.push(...within.filter(({ Config }) => Config?.PrivateZone !== true).map(({ Name }) => decodeName(Name)));
    const { NextDNSName, NextHostedZoneId } = page;
    if (page.IsTruncated !== true || NextDNSName === undefined || within.length < zones.length) return names;
    start = { DNSName: NextDNSName, ...(NextHostedZoneId === undefined ? {} : { HostedZoneId: NextHostedZoneId }) };
  }
}

/** Public zones of exactly this name. */
async function listZones(call: Route53Calls, name: string): Promise<readonly HostedZone[]> {
  const zones: HostedZone[] = [];
  let start: { readonly DNSName: string; readonly HostedZoneId?: string } = { DNSName: name };
  for (;;) {
    const page = await call(`looking for the zone ${name}`, (route53, options) =>
      route53.listHostedZonesByName(start, options),
    );
    const sameName = (page.HostedZones ?? []).filter((zone) => decodeName(zone.Name) === name);
    zones.push(...sameName.filter((zone) => zone.Config?.PrivateZone !== true));
    // Zones are sorted by name, starting with this one.
    const { NextDNSName, NextHostedZoneId } = page;
    if (page.IsTruncated !== true || NextDNSName === undefined || decodeName(NextDNSName) !== name) return zones;
    start = { DNSName: NextDNSName, ...(NextHostedZoneId === undefined ? {} : { HostedZoneId: NextHostedZoneId }) };
  }
}

/** Undefined if it was deleted meanwhile. */
async function readZone(
  call: Route53Calls,
  { Id, CallerReference = "" }: Pick<HostedZone, "Id" | "CallerReference">,
  wanted: WantedZone,
): Promise<FoundZone | undefined> {
  const id = bareId(Id);
  const { name } = wanted;
  try {
    const [details, tagged] = await Promise.all([
      call(`reading the zone ${name}`, (route53, options) => route53.getHostedZone({ Id: id }, options)),
      call(`reading the tags of ${name}`, (route53, options) =>
        route53.listTagsForResource({ ResourceType: "hostedzone", ResourceId: id }, options),
      ),
    ]);
    const tags = parseTags(tagged.ResourceTagSet?.Tags);
    const isNew = details.HostedZone?.ResourceRecordSetCount === recordsOfNewZone;
    const { ours, others } = sortRecords(isNew ? [] : await listRecords(call, id), name);
    const records = { count: ours.length + others.length, others: others.map(formatRecord) };
    const state = { ...parseZone(details, name), tags, records };
    return { state, ours: isOurs(tags, CallerReference, wanted) };
  } catch (error) {
    if (isNoSuchZone(error)) return undefined;
    throw error;
  }
}

/** A zone in Route 53's responses; its tags and records are in separate responses. */
export function parseZone(
  { HostedZone: zone, DelegationSet: servers }: Pick<GetHostedZoneResponse, "HostedZone" | "DelegationSet">,
  name: string,
): HostedZoneState {
  return {
    id: bareId(zone?.Id),
    name,
    nameServers: [...new Set((servers?.NameServers ?? []).map(normalize))].sort(),
    comment: zone?.Config?.Comment ?? "",
    tags: {},
    records: { count: 0, others: [] },
  };
}

/** A zone is tagged just after its creation: without tags it is identified by its caller reference. */
function isOurs(tags: Tags, callerReference: string, wanted: WantedZone): boolean {
  if (isOfFleet(tags, wanted.tags)) return true;
  return tags.project === undefined && callerReference.startsWith(referencePrefix(wanted));
}

/** Prefix of the caller references of a zone; hashed, because a name may be longer than a reference. */
export function referencePrefix({ name, tags }: WantedZone): string {
  const digest = new Bun.CryptoHasher("sha256").update(`${tags.fleet ?? ""} ${name}`).digest("hex");
  return `k8s-multicluster-gitops/${digest.slice(0, 20)}/`;
}

function ambiguous(zones: readonly FoundZone[], name: string, delegatedTo: readonly string[]): FleetError {
  const leadsTo = ({ nameServers }: HostedZoneState): boolean =>
    delegatedTo.length > 0 && delegatedTo.every((server) => nameServers.includes(normalize(server)));
  const details = zones.map(({ state, ours }) => {
    const owner = ours ? "of this fleet" : describeOwner(state.tags);
    const role = leadsTo(state) ? ", the one that is delegated to" : "";
    return `${state.id}: ${owner}, ${state.records.count} records${role}`;
  });
  const counting = zones.find(({ state }) => leadsTo(state));
  const ids = zones.map(({ state }) => state.id).join(", ");
  return new FleetError("ZoneAmbiguous", `${zones.length} public zones are called ${name}: ${ids}`, {
    hint:
      counting === undefined
        ? "nothing leads to any of them yet: delete all but one"
        : `delete all but ${counting.state.id}, the one that is delegated to`,
    details,
  });
}
