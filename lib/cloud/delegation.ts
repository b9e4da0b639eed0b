import { isDeepStrictEqual } from "node:util";
import { missingTags, type Tags } from "#lib/cloud/ownership.ts";
import type { Edge } from "#lib/dns/prove.ts";
import { describeEdge, lookAtDelegation, type WantedDelegation, waitForDelegation } from "#lib/dns/wait.ts";
import { FleetError } from "#lib/errors.ts";
import type {
  AnyResource,
  Change,
  ChangeValue,
  Health,
  Observed,
  Outputs,
  Resource,
  RowRef,
} from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";

/** A zone in which others are delegated. */
export interface ParentZone {
  /** As its cloud knows it. */
  readonly zoneId: string;
  readonly name: string;
  readonly nameServers: readonly string[];
}

/** The zone that is delegated. */
export interface ChildZone {
  /** Lower case, without the last dot, sorted. */
  readonly nameServers: readonly string[];
}

/** NS records of one name. */
export interface NsRecords {
  /** Sorted, lower case, without the last dot: two are compared as sets. */
  readonly nameServers: readonly string[];
  readonly ttlSeconds: number;
  /** What the parent's cloud keeps with them: metadata, or a record beside them. @default none */
  readonly tags?: Tags;
}

/** NS records of the delegated name in the parent zone, as its cloud keeps them. */
export interface DelegationRecords<In extends World, Found extends NsRecords> {
  /** Undefined while there are none, or no parent zone. */
  find(world: In, parent: ParentZone): Promise<Found | undefined>;
  /** Creates or replaces them; returns when the cloud's servers have them. */
  write(world: In, parent: ParentZone, records: NsRecords): Promise<void>;
  /** "Already gone" is success. */
  remove(world: In, parent: ParentZone, found: Found): Promise<void>;
}

export interface DelegationOptions<Parent, Zone extends ChildZone, In extends World, Found extends NsRecords> {
  readonly id: string;
  readonly title: string;
  readonly row: RowRef;
  /** The resource with the parent zone, and how to read the zone from its state. */
  readonly parent: Resource<Parent>;
  readonly parentOf: (state: Parent) => ParentZone;
  readonly records: DelegationRecords<In, Found>;
  /** Name of the zone that is delegated. */
  readonly name: string;
  readonly zone: Resource<Zone>;
  /** Records in the zone that resolvers may have cached the delegation for this long. */
  readonly markEnd: (world: In, zone: Zone, ttlSeconds: number) => Promise<void>;
  /** Other needs than parent and zone. @default none */
  readonly needs?: readonly AnyResource[];
  /** Of the NS records, in seconds. @default 300 */
  readonly ttlSeconds?: number;
  /** Written with the NS records: in whose account the zone is. @default none */
  readonly tags?: Tags;
}

export interface DelegationState extends NsRecords {
  readonly parent: ParentZone;
  readonly proof: DelegationProof;
}

export type DelegationProof =
  /** The answers of the name servers. */
  | { readonly kind: "asked"; readonly edge: Edge }
  /** Not queried in this run. */
  | { readonly kind: "skipped" }
  /** The zone doesn't exist: there is nothing to verify. */
  | { readonly kind: "dangling" };

/**
 * A cluster may be recreated within an hour, and its zone must outlive cached delegations in resolvers. Zones that
 * stay have a day; five minutes are what Route 53 itself proposes for records.
 */
export const defaultTtlSeconds = 300;

/** NS records in a parent zone that delegate a name to its own zone; verified with queries to the servers of both. */
export function zoneDelegation<Parent, Zone extends ChildZone, In extends World, Found extends NsRecords>(
  options: DelegationOptions<Parent, Zone, In, Found>,
): Resource<DelegationState, In> {
  const { parent, zone, needs = [] } = options;
  return {
    id: options.id,
    title: options.title,
    label: "delegation",
    row: options.row,
    lane: "api",
    needs: [parent, zone, ...needs],
    observe: (world, outputs) => observe(world, outputs, options),
    diff: (state, outputs) => compare(state, outputs, options),
    ensure: (world, observed, outputs) => ensure(world, observed, outputs, options),
    async remove(world, observed, outputs) {
      await remove(world, observed, outputs, options);
      return { kind: "removed" };
    },
    health,
  };
}

async function observe<Parent, Zone extends ChildZone, In extends World, Found extends NsRecords>(
  world: In,
  outputs: Outputs,
  options: DelegationOptions<Parent, Zone, In, Found>,
): Promise<Observed<DelegationState>> {
  const found = outputs.find(options.parent);
  if (found === undefined) return { kind: "absent" };
  const parent = options.parentOf(found);
  const records = await options.records.find(world, parent);
  if (records === undefined) return { kind: "absent" };
  const { nameServers, ttlSeconds, tags = {} } = records;
  const state = { parent, nameServers, ttlSeconds, tags };
  const other = Object.entries(options.tags ?? {}).find(([key, value]) => isOther(tags[key], value));
  if (other !== undefined) {
    const [key] = other;
    return { kind: "foreign", why: `${parent.name} delegates ${options.name} for the ${key} ${tags[key]}` };
  }
  const zone = await lookAtZone(world, outputs, options);
  switch (zone.kind) {
    case "present": {
      if (state.nameServers.join() !== zone.state.nameServers.join()) {
        const elsewhere = await observeWithoutZone(world, state, options);
        if (elsewhere.kind === "foreign") return elsewhere;
      }
      return { kind: "present", state: { ...state, proof: await prove(world, wantedOf(parent, zone.state, options)) } };
    }
    case "foreign":
      // The zone's owner depends on these records.
      return zone;
    case "absent":
    case "busy":
    case "broken":
      return await observeWithoutZone(world, state, options);
    default:
      return zone satisfies never;
  }
}

/** Ids are compared in any case. Whoever has the other one may still have the zone, also while its servers do not answer. */
function isOther(found: string | undefined, wanted: string): boolean {
  return found !== undefined && found.toLowerCase() !== wanted.toLowerCase();
}

/** Missing outputs mean absent or foreign, which must be distinguished here. */
async function lookAtZone<Parent, Zone extends ChildZone, In extends World, Found extends NsRecords>(
  world: In,
  outputs: Outputs,
  { zone }: DelegationOptions<Parent, Zone, In, Found>,
): Promise<Observed<Zone>> {
  const known = outputs.find(zone);
  return known === undefined ? await zone.observe(world, outputs) : { kind: "present", state: known };
}

/** Records that delegate to no zone of this account: stale, or of a zone hosted elsewhere. */
async function observeWithoutZone<Parent, Zone extends ChildZone, In extends World, Found extends NsRecords>(
  world: In,
  state: Omit<DelegationState, "proof">,
  { name }: DelegationOptions<Parent, Zone, In, Found>,
): Promise<Observed<DelegationState>> {
  const { parent, nameServers } = state;
  const { signal, options } = world;
  const edge = options.skipDnsCheck
    ? undefined
    : await lookAtDelegation(world.dns, { parent, child: name, nameServers }, { signal });
  if (edge?.state !== "ok") return { kind: "present", state: { ...state, proof: { kind: "dangling" } } };
  const servers = nameServers.join(", ");
  return { kind: "foreign", why: `${parent.name} leads ${name} to a zone elsewhere that answers: ${servers}` };
}

async function prove(world: World, wanted: WantedDelegation): Promise<DelegationProof> {
  if (world.options.skipDnsCheck) return { kind: "skipped" };
  return { kind: "asked", edge: await lookAtDelegation(world.dns, wanted, { signal: world.signal }) };
}

function compare<Parent, Zone extends ChildZone, In extends World, Found extends NsRecords>(
  state: DelegationState,
  outputs: Outputs,
  { zone, ttlSeconds = defaultTtlSeconds, tags = {} }: DelegationOptions<Parent, Zone, In, Found>,
): readonly Change[] {
  const changes: Change[] = [];
  const change = (field: string, from: ChangeValue, to: ChangeValue): void => {
    if (!isDeepStrictEqual(from, to)) changes.push({ field, from, to, effect: "in-place" });
  };
  // Other servers than the zone's own are drift, if they do not answer: then nothing depends on them.
  const wanted = outputs.find(zone)?.nameServers;
  change("name servers", state.nameServers, wanted ?? `those of ${zone.title}, once it is made`);
  change("ttl", `${state.ttlSeconds} s`, `${ttlSeconds} s`);
  for (const [key, value] of Object.entries(tags)) change(`tags.${key}`, state.tags?.[key] ?? "", value);
  const { proof } = state;
  // Written records are done only after propagation.
  if (proof.kind === "asked" && changes.length === 0) change("proof", proof.edge.state, "ok");
  return changes;
}

async function ensure<Parent, Zone extends ChildZone, In extends World, Found extends NsRecords>(
  world: In,
  observed: Observed<DelegationState>,
  outputs: Outputs,
  options: DelegationOptions<Parent, Zone, In, Found>,
): Promise<DelegationState> {
  if (observed.kind === "busy" || observed.kind === "broken") throw new FleetError("StillBusy", observed.why);
  const parent = options.parentOf(outputs.of(options.parent));
  const wanted = wantedOf(parent, outputs.of(options.zone), options);
  const written = observed.kind === "present" ? observed.state : undefined;
  const { tags = {} } = options;
  if (written === undefined || !isWritten(written, wanted, tags)) {
    world.progress(`writing NS records into ${parent.name}`);
    await options.records.write(world, parent, { ...wanted, tags });
  }
  const { skipDnsCheck } = world.options;
  if (!skipDnsCheck) world.progress("asking the name servers");
  const proof: DelegationProof = skipDnsCheck
    ? { kind: "skipped" }
    : { kind: "asked", edge: await waitForDelegation(world.dns, wanted, world) };
  return { parent, nameServers: wanted.nameServers, ttlSeconds: wanted.ttlSeconds, tags, proof };
}

function isWritten(written: DelegationState, wanted: WantedDelegation, tags: Tags): boolean {
  const { nameServers, ttlSeconds } = written;
  if (nameServers.join() !== wanted.nameServers.join() || ttlSeconds !== wanted.ttlSeconds) return false;
  return Object.keys(missingTags(written.tags ?? {}, tags)).length === 0;
}

/**
 * Also if the zone is already gone: the records would then be dangling, and the owner of another zone on one of those servers could answer
 * for the name. The zone itself must stay for one more TTL, because resolvers keep querying its servers that long.
 */
async function remove<Parent, Zone extends ChildZone, In extends World, Found extends NsRecords>(
  world: In,
  observed: Observed<DelegationState>,
  outputs: Outputs,
  options: DelegationOptions<Parent, Zone, In, Found>,
): Promise<void> {
  const held = outputs.find(options.parent);
  if (held === undefined || observed.kind === "absent") return;
  if (observed.kind === "foreign" && !world.options.adopt) throw new FleetError("ForeignResource", observed.why);
  const parent = options.parentOf(held);
  const found = await options.records.find(world, parent);
  if (found === undefined) return;
  const zone = outputs.find(options.zone);
  const mark = async (): Promise<void> => {
    if (zone !== undefined) await options.markEnd(world, zone, found.ttlSeconds);
  };
  // Before, for a run that is killed now; and after, because only then the last old answers were sent.
  await mark();
  world.progress(`deleting NS records from ${parent.name}`);
  await options.records.remove(world, parent, found);
  await mark();
}

/** The delegation as it should be. */
function wantedOf<Parent, Zone extends ChildZone, In extends World, Found extends NsRecords>(
  parent: ParentZone,
  { nameServers }: ChildZone,
  { name, ttlSeconds = defaultTtlSeconds }: DelegationOptions<Parent, Zone, In, Found>,
): WantedDelegation {
  return { parent, child: name, nameServers, ttlSeconds };
}

function health({ proof, nameServers }: DelegationState): Health {
  switch (proof.kind) {
    case "asked": {
      const summary = describeEdge(proof.edge);
      return proof.edge.state === "ok" ? { kind: "healthy", summary } : { kind: "degraded", summary };
    }
    case "skipped":
      return { kind: "healthy", summary: `to ${nameServers.length} name servers, not proved by queries` };
    case "dangling":
      return {
        kind: "degraded",
        summary: `dangling: it leads to ${nameServers.join(", ")}, and the zone is not there`,
      };
    default:
      return proof satisfies never;
  }
}
