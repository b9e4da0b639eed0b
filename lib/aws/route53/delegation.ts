import { isDeepStrictEqual } from "node:util";
import {
  type DelegationOptions,
  type DelegationProof,
  type DelegationState,
  defaultTtlSeconds,
  findDelegation,
  type ParentZone,
  serversOf,
  wantedOf,
} from "#lib/aws/route53/delegation-model.ts";
import { removeDelegation } from "#lib/aws/route53/delegation-removal.ts";
import { changeRecords, openRoute53, waitInSync } from "#lib/aws/route53/route53.ts";
import type { HostedZoneState } from "#lib/aws/route53/zone-lookup.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { describeEdge, lookAtDelegation, type WantedDelegation, waitForDelegation } from "#lib/dns/wait.ts";
import { FleetError } from "#lib/errors.ts";
import type { Change, ChangeValue, Health, Observed, Outputs, Resource } from "#lib/graph/resource.ts";

/** NS records in a parent zone that delegate a name to its own zone; verified with queries to the servers of both. */
export function delegation<Parent>(options: DelegationOptions<Parent>): Resource<DelegationState, AwsWorld> {
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
      await removeDelegation(world, observed, outputs, options);
      return { kind: "removed" };
    },
    health,
  };
}

async function observe<Parent>(
  world: AwsWorld,
  outputs: Outputs,
  options: DelegationOptions<Parent>,
): Promise<Observed<DelegationState>> {
  const found = outputs.find(options.parent);
  if (found === undefined) return { kind: "absent" };
  const parent = options.parentOf(found);
  const set = await findDelegation(world, options.actor, parent, options.name);
  if (set === undefined) return { kind: "absent" };
  const state = { parent, nameServers: serversOf(set), ttlSeconds: set.TTL ?? 0 };
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

/** Missing outputs mean absent or foreign, which must be distinguished here. */
async function lookAtZone<Parent>(
  world: AwsWorld,
  outputs: Outputs,
  { zone }: DelegationOptions<Parent>,
): Promise<Observed<HostedZoneState>> {
  const known = outputs.find(zone);
  return known === undefined ? await zone.observe(world, outputs) : { kind: "present", state: known };
}

/** Records that delegate to no zone of this account: stale, or of a zone hosted elsewhere. */
async function observeWithoutZone<Parent>(
  world: AwsWorld,
  state: Omit<DelegationState, "proof">,
  { name }: DelegationOptions<Parent>,
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

async function prove(world: AwsWorld, wanted: WantedDelegation): Promise<DelegationProof> {
  if (world.options.skipDnsCheck) return { kind: "skipped" };
  return { kind: "asked", edge: await lookAtDelegation(world.dns, wanted, { signal: world.signal }) };
}

function compare<Parent>(
  state: DelegationState,
  outputs: Outputs,
  { zone, ttlSeconds = defaultTtlSeconds }: DelegationOptions<Parent>,
): readonly Change[] {
  const changes: Change[] = [];
  const change = (field: string, from: ChangeValue, to: ChangeValue): void => {
    if (!isDeepStrictEqual(from, to)) changes.push({ field, from, to, effect: "in-place" });
  };
  // Other servers than the zone's own are drift, if they do not answer: then nothing depends on them.
  const wanted = outputs.find(zone)?.nameServers;
  change("name servers", state.nameServers, wanted ?? `those of ${zone.title}, once it is made`);
  change("ttl", `${state.ttlSeconds} s`, `${ttlSeconds} s`);
  const { proof } = state;
  // Written records are done only after propagation.
  if (proof.kind === "asked" && changes.length === 0) change("proof", proof.edge.state, "ok");
  return changes;
}

async function ensure<Parent>(
  world: AwsWorld,
  observed: Observed<DelegationState>,
  outputs: Outputs,
  options: DelegationOptions<Parent>,
): Promise<DelegationState> {
  if (observed.kind === "busy" || observed.kind === "broken") throw new FleetError("StillBusy", observed.why);
  const parent = options.parentOf(outputs.of(options.parent));
  const wanted = wantedOf(parent, outputs.of(options.zone), options);
  const written = observed.kind === "present" ? observed.state : undefined;
  if (written === undefined || !isWritten(written, wanted)) {
    await write(world, parent, wanted, options);
  }
  const { skipDnsCheck } = world.options;
  if (!skipDnsCheck) world.progress("asking the name servers");
  const proof: DelegationProof = skipDnsCheck
    ? { kind: "skipped" }
    : { kind: "asked", edge: await waitForDelegation(world.dns, wanted, world) };
  return { parent, nameServers: wanted.nameServers, ttlSeconds: wanted.ttlSeconds, proof };
}

function isWritten({ nameServers, ttlSeconds }: DelegationState, wanted: WantedDelegation): boolean {
  return nameServers.join() === wanted.nameServers.join() && ttlSeconds === wanted.ttlSeconds;
}

async function write<Parent>(
  world: AwsWorld,
  { zoneId, name: parentName }: ParentZone,
  { child, nameServers, ttlSeconds }: WantedDelegation,
  { actor }: DelegationOptions<Parent>,
): Promise<void> {
  if (nameServers.length === 0) {
    throw new FleetError("AwsFailed", `Route 53 names no servers for ${child}`, {
      hint: "delete the zone and run again",
    });
  }
  const call = await openRoute53(world, actor);
  world.progress(`writing NS records into ${parentName}`);
  const set = {
    Name: child,
    Type: "NS",
    TTL: ttlSeconds,
    ResourceRecords: nameServers.map((Value) => ({ Value })),
  } as const;
  const change = await changeRecords(call, zoneId, `delegating ${child} in ${parentName}`, [
    { Action: "UPSERT", ResourceRecordSet: set },
  ]);
  await waitInSync(world, call, change, "the delegation");
}

function health({ proof, nameServers }: DelegationState): Health {
  switch (proof.kind) {
    case "asked": {
      const summary = describeEdge(proof.edge);
      return proof.edge.state === "ok" ? { kind: "healthy", summary } : { kind: "degraded", summary };
    }
    case "skipped":
      return { kind: "healthy", summary: `to ${nameServers.length} name servers, by Route 53's word: not proved` };
    case "dangling":
      return {
        kind: "degraded",
        summary: `dangling: it leads to ${nameServers.join(", ")}, and the zone is not there`,
      };
    default:
      return proof satisfies never;
  }
}
