import { randomBytes } from "node:crypto";
import { AwsFault, type Cloud } from "#sandbox/aws/cloud.ts";
import { applyChanges } from "#sandbox/aws/route53/change-batch.ts";
import type { RecordChange } from "#sandbox/aws/route53/change-shape.ts";
import {
  allZones,
  type ChangeInfo,
  type HostedZone,
  type RecordSet,
  type Route53State,
  stateOf,
} from "#sandbox/aws/route53/model.ts";
import { chooseNameServers } from "#sandbox/aws/route53/name-servers.ts";
import { parseName, withoutDot } from "#sandbox/aws/route53/names.ts";

/** What a zone is made of. */
export interface NewZone {
  /** With or without the last dot, in any case. */
  readonly name: string;
  /** Says which calls are the same one, sent twice. */
  readonly callerReference: string;
  readonly comment?: string | undefined;
}

/** Until all name servers have a change; AWS says "generally within 60 seconds". */
const propagationMs = 30_000;
const nsTtl = 172_800;
const soaTtl = 900;
/** Changes that GetChange still finds. */
const keptChanges = 500;
const mostTags = 50;
/** Domains that stand for all others in documentation. */
const reserved = ["example.com.", "example.net.", "example.org."];

/**
 * Makes a public zone with its SOA and NS records. A name can have many zones; a caller reference has one, for ever.
 *
 * @throws AwsFault InvalidDomainName, HostedZoneAlreadyExists, DelegationSetNotAvailable
 */
export function createZone(
  cloud: Cloud,
  account: string,
  { name: text, callerReference, comment }: NewZone,
): { readonly zone: HostedZone; readonly change: ChangeInfo } {
  const parsed = parseName(text);
  if (parsed.kind === "invalid") throw new AwsFault("InvalidDomainName", parsed.problem);
  const { name } = parsed;
  if (reserved.includes(name) || withoutDot(name).split(".").length < 2) {
    throw new AwsFault("InvalidDomainName", `${withoutDot(name)} is reserved by AWS!`);
  }
  const state = stateOf(cloud, account);
  if (state.references.includes(callerReference)) {
    const why = `A hosted zone has already been created with the specified caller reference.`;
    throw new AwsFault("HostedZoneAlreadyExists", why, 409);
  }
  const nameServers = chooseNameServers(
    name,
    allZones(cloud).map(({ zone }) => zone),
  );
  const change = recordChange(cloud, state);
  const zone: HostedZone = {
    id: makeId("Z"),
    name,
    callerReference,
    ...(comment === undefined ? {} : { comment }),
    createdAt: change.submittedAt,
    nameServers,
    records: firstRecords(name, nameServers),
    tags: {},
    propagation: { until: change.inSyncAt },
  };
  state.zones[zone.id] = zone;
  state.references.push(callerReference);
  cloud.save();
  return { zone, change };
}

function firstRecords(name: string, nameServers: readonly string[]): readonly RecordSet[] {
  const values = nameServers.map((server) => `${server}.`);
  const authority = `${values[0]} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400`;
  return [
    { name, type: "NS", ttl: nsTtl, values },
    { name, type: "SOA", ttl: soaTtl, values: [authority] },
  ];
}

/** @param id `Z…` or `/hostedzone/Z…` @throws AwsFault NoSuchHostedZone */
export function getZone(cloud: Cloud, account: string, id: string): HostedZone {
  const bare = bareId(id);
  const { zones } = stateOf(cloud, account);
  const zone = Object.hasOwn(zones, bare) ? zones[bare] : undefined;
  if (zone === undefined) throw new AwsFault("NoSuchHostedZone", `No hosted zone found with ID: ${bare}`, 404);
  return zone;
}

/** All zones of an account, by id. */
export function listZones(cloud: Cloud, account: string): readonly HostedZone[] {
  return Object.values(stateOf(cloud, account).zones).toSorted((left, right) => (left.id < right.id ? -1 : 1));
}

/** @throws AwsFault NoSuchHostedZone, HostedZoneNotEmpty when it has more than its SOA and its own NS records */
export function deleteZone(cloud: Cloud, account: string, id: string): ChangeInfo {
  const zone = getZone(cloud, account, id);
  const rest = zone.records.filter(({ name, type }) => name !== zone.name || (type !== "SOA" && type !== "NS"));
  if (rest.length > 0) {
    // Two blanks, as the service has it.
    const why = "The specified hosted zone contains non-required resource record sets  and so cannot be deleted.";
    throw new AwsFault("HostedZoneNotEmpty", why);
  }
  const state = stateOf(cloud, account);
  delete state.zones[zone.id];
  const change = recordChange(cloud, state);
  cloud.save();
  return change;
}

/** @param comment undefined removes it @throws AwsFault NoSuchHostedZone */
export function changeComment(cloud: Cloud, account: string, id: string, comment: string | undefined): HostedZone {
  const { comment: _, ...zone } = getZone(cloud, account, id);
  return keep(cloud, account, { ...zone, ...(comment === undefined ? {} : { comment }) });
}

/**
 * Changes records of a zone, all or none.
 *
 * @throws AwsFault NoSuchHostedZone, InvalidInput, InvalidChangeBatch
 */
export function changeRecords(
  cloud: Cloud,
  account: string,
  id: string,
  changes: readonly RecordChange[],
  comment?: string,
): ChangeInfo {
  const zone = getZone(cloud, account, id);
  const records = applyChanges(zone.name, zone.records, changes);
  const change = recordChange(cloud, stateOf(cloud, account), comment);
  // Name servers that don't have the last change yet stay behind it until they have this one too.
  const before = isServed(zone, cloud.now()) ? zone.records : zone.propagation.before;
  const propagation = { until: change.inSyncAt, ...(before === undefined ? {} : { before }) };
  keep(cloud, account, { ...zone, records, propagation });
  return change;
}

/** In Route 53's order. @throws AwsFault NoSuchHostedZone */
export function listRecords(cloud: Cloud, account: string, id: string): readonly RecordSet[] {
  return getZone(cloud, account, id).records;
}

/** @throws AwsFault NoSuchHostedZone, InvalidInput */
export function changeTags(
  cloud: Cloud,
  account: string,
  id: string,
  { add = {}, remove = [] }: { readonly add?: Readonly<Record<string, string>>; readonly remove?: readonly string[] },
): HostedZone {
  const zone = getZone(cloud, account, id);
  const left = Object.entries(zone.tags).filter(([key]) => !remove.includes(key));
  return keep(cloud, account, { ...zone, tags: checkTags({ ...Object.fromEntries(left), ...add }) });
}

function checkTags(tags: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [key, value] of Object.entries(tags)) {
    if (key === "" || key.length > 128 || value.length > 256) {
      throw new AwsFault("InvalidInput", `A tag's key has 1 to 128 characters and its value up to 256: ${key}`);
    }
  }
  if (Object.keys(tags).length > mostTags) {
    throw new AwsFault("InvalidInput", `A resource can have at most ${mostTags} tags`);
  }
  return tags;
}

/** @param id `C…` or `/change/C…` @throws AwsFault NoSuchChange */
export function getChange(cloud: Cloud, account: string, id: string): ChangeInfo {
  const bare = bareId(id);
  const change = stateOf(cloud, account).changes.find((one) => one.id === bare);
  if (change === undefined) throw new AwsFault("NoSuchChange", `Could not find resource with ID: ${bare}`, 404);
  return change;
}

/** Whether all name servers have a change. */
export function isInSync(change: ChangeInfo, now: Date): boolean {
  return now.getTime() >= Date.parse(change.inSyncAt);
}

/** Whether the name servers answer with a zone's newest records. */
export function isServed({ propagation }: HostedZone, now: Date): boolean {
  return now.getTime() >= Date.parse(propagation.until);
}

function keep(cloud: Cloud, account: string, zone: HostedZone): HostedZone {
  stateOf(cloud, account).zones[zone.id] = zone;
  cloud.save();
  return zone;
}

function recordChange(cloud: Cloud, state: Route53State, comment?: string): ChangeInfo {
  const now = cloud.now();
  const change: ChangeInfo = {
    id: makeId("C"),
    submittedAt: now.toISOString(),
    inSyncAt: new Date(now.getTime() + cloud.pace.scale(propagationMs)).toISOString(),
    ...(comment === undefined ? {} : { comment }),
  };
  state.changes = [...state.changes, change].slice(-keptChanges);
  return change;
}

/** `Z0` or `C0`, then 19 capital letters and digits, as ids have had since 2019. */
function makeId(letter: string): string {
  const signs = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return `${letter}0${[...randomBytes(19)].map((byte) => signs[byte % signs.length]).join("")}`;
}

function bareId(id: string): string {
  return id.replace(/^\/?(hostedzone|change)\//, "");
}
