import type { CreateHostedZoneResponse } from "@aws-sdk/client-route-53";
import type { AwsActor } from "#lib/aws/clients.ts";
import { isAwsError } from "#lib/aws/explain.ts";
import { openRoute53, type Route53Calls, waitInSync } from "#lib/aws/route53/route53.ts";
import {
  type FoundZone,
  findZone,
  type HostedZoneState,
  parseZone,
  referencePrefix,
  type WantedZone,
} from "#lib/aws/route53/zone-lookup.ts";
import { removeZone } from "#lib/aws/route53/zone-removal.ts";
import { formatTags } from "#lib/aws/tags.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { cachedUntilTag } from "#lib/cloud/cached-delegation.ts";
import { describeOwner, missingTags } from "#lib/cloud/ownership.ts";
import { FleetError } from "#lib/errors.ts";
import type { AnyResource, Change, Health, Observed, Outputs, Resource, RowRef } from "#lib/graph/resource.ts";

export interface HostedZoneOptions extends WantedZone {
  readonly id: string;
  readonly title: string;
  readonly row: RowRef;
  /** In whose account the zone is. */
  readonly actor: AwsActor;
  readonly needs: readonly AnyResource[];
  /** Servers that the parent zone delegates to; they decide which of several zones is active. @default unknown */
  readonly delegatedTo?: (world: AwsWorld, outputs: Outputs) => Promise<readonly string[]>;
}

/**
 * Requests for the same zone in the same minute have the same reference, so that only one zone is created; a later request
 * finds the zone by name. Higher numbers are used only after deletions.
 */
const requestsPerMinute = 10;
/** A zone that was just created by another request may be missing in the list. */
const listingTries = 3;
const listingPollMs = 1_000;

/** A cluster's own zone, for the DNS names of its workloads. */
export function hostedZone(options: HostedZoneOptions): Resource<HostedZoneState, AwsWorld> {
  return {
    id: options.id,
    title: options.title,
    label: "zone",
    row: options.row,
    lane: "api",
    needs: options.needs,
    observe: (world, outputs) => observe(world, outputs, options),
    diff: (state) => compare(state, options),
    ensure: (world, observed, outputs) => ensure(world, observed, outputs, options),
    async remove(world, _observed, outputs) {
      const call = await openRoute53(world, options.actor);
      const found = await find(world, outputs, call, options);
      if (found === undefined) return { kind: "removed" };
      if (!found.ours && !world.options.adopt) throw foreign(found, options);
      await removeZone(world, call, found.state);
      return { kind: "removed" };
    },
    health,
  };
}

async function find(
  world: AwsWorld,
  outputs: Outputs,
  call: Route53Calls,
  options: HostedZoneOptions,
): Promise<FoundZone | undefined> {
  return await findZone(call, options, async () => (await options.delegatedTo?.(world, outputs)) ?? []);
}

async function observe(
  world: AwsWorld,
  outputs: Outputs,
  options: HostedZoneOptions,
): Promise<Observed<HostedZoneState>> {
  const found = await find(world, outputs, await openRoute53(world, options.actor), options);
  if (found === undefined) return { kind: "absent" };
  if (found.ours) return { kind: "present", state: found.state };
  return { kind: "foreign", why: foreign(found, options).message };
}

function foreign({ state }: FoundZone, { actor }: HostedZoneOptions): FleetError {
  const message = `the zone ${state.name} (${state.id}) in ${actor.account.name} is ${describeOwner(state.tags)}`;
  return new FleetError("ForeignResource", message, { hint: "rename or remove it, or take it over with --adopt" });
}

/** Foreign tags and the zone's records are ignored here. */
function compare(state: HostedZoneState, options: HostedZoneOptions): readonly Change[] {
  const change = (field: string, from = "", to = ""): Change => ({ field, from, to, effect: "in-place" });
  const tags = Object.entries(missingTags(state.tags, options.tags));
  const cached = state.tags[cachedUntilTag];
  const comment = commentOf(options);
  return [
    ...tags.map(([key, value]) => change(`tags.${key}`, state.tags[key], value)),
    // The zone is about to be delegated again.
    ...(cached === undefined ? [] : [change(`tags.${cachedUntilTag}`, cached)]),
    ...(state.comment === comment ? [] : [change("comment", state.comment, comment)]),
  ];
}

function commentOf({ tags }: WantedZone): string {
  return `made by ${tags.project} for ${tags.fleet}`;
}

async function ensure(
  world: AwsWorld,
  observed: Observed<HostedZoneState>,
  outputs: Outputs,
  options: HostedZoneOptions,
): Promise<HostedZoneState> {
  const call = await openRoute53(world, options.actor);
  switch (observed.kind) {
    case "absent":
      return await sync(call, await make(world, outputs, call, options), options);
    case "present":
      return await sync(call, observed.state, options);
    case "foreign": {
      // create --adopt takes it over.
      const found = await find(world, outputs, call, options);
      return await sync(call, found?.state ?? (await make(world, outputs, call, options)), options);
    }
    case "busy":
    case "broken":
      throw new FleetError("StillBusy", observed.why);
    default:
      return observed satisfies never;
  }
}

async function make(
  world: AwsWorld,
  outputs: Outputs,
  call: Route53Calls,
  options: HostedZoneOptions,
): Promise<HostedZoneState> {
  world.progress("making the zone");
  const minute = new Date(world.clock.now()).toISOString().slice(0, "2026-01-31T23:59".length);
  for (let request = 1; request <= requestsPerMinute; request++) {
    const reference = `${referencePrefix(options)}${minute}/${request}`;
    const made = await tryMake(call, reference, options);
    if (made === undefined) {
      // A response was lost, another run was faster, or the reference belongs to a deleted zone.
      const found = await findAfterAll(world, outputs, call, options);
      if (found?.ours === false) throw foreign(found, options);
      if (found !== undefined) return found.state;
      continue;
    }
    const zone = parseZone(made, options.name);
    // Before the wait: if the run is killed meanwhile, the zone is still identified as ours.
    const tags = await addTags(call, zone, options);
    await waitInSync(world, call, made.ChangeInfo, "the zone");
    return { ...zone, tags };
  }
  const times = `${requestsPerMinute} times within a minute`;
  throw new FleetError("AwsFailed", `Route 53 was asked for the zone ${options.name} ${times}`, {
    hint: "another program keeps deleting it: CloudTrail shows who calls DeleteHostedZone",
  });
}

/** Undefined if Route 53 has seen the reference before: then it creates no second zone. */
async function tryMake(
  call: Route53Calls,
  reference: string,
  options: HostedZoneOptions,
): Promise<CreateHostedZoneResponse | undefined> {
  try {
    return await call(`making the zone ${options.name}`, (route53, http) =>
      route53.createHostedZone(
        {
          Name: options.name,
          CallerReference: reference,
          HostedZoneConfig: { Comment: commentOf(options), PrivateZone: false },
        },
        http,
      ),
    );
  } catch (error) {
    if (isAwsError(error, "HostedZoneAlreadyExists")) return undefined;
    throw error;
  }
}

async function findAfterAll(
  world: AwsWorld,
  outputs: Outputs,
  call: Route53Calls,
  options: HostedZoneOptions,
): Promise<FoundZone | undefined> {
  for (let attempt = 1; ; attempt++) {
    const found = await find(world, outputs, call, options);
    if (found !== undefined || attempt === listingTries) return found;
    world.progress("looking for the zone that the same request made before");
    await world.clock.sleep(listingPollMs, world.signal);
  }
}

/** Updates an existing zone and returns its new state. */
async function sync(call: Route53Calls, state: HostedZoneState, options: HostedZoneOptions): Promise<HostedZoneState> {
  const comment = commentOf(options);
  const { [cachedUntilTag]: cached, ...kept } = await addTags(call, state, options);
  if (cached !== undefined) {
    await call(`untagging the zone ${options.name}`, (route53, http) =>
      route53.changeTagsForResource(
        { ResourceType: "hostedzone", ResourceId: state.id, RemoveTagKeys: [cachedUntilTag] },
        http,
      ),
    );
  }
  if (state.comment !== comment) {
    await call(`commenting the zone ${options.name}`, (route53, http) =>
      route53.updateHostedZoneComment({ Id: state.id, Comment: comment }, http),
    );
  }
  return { ...state, tags: kept, comment };
}

/** Adds missing tags. Returns all tags. */
async function addTags(
  call: Route53Calls,
  { id, tags }: HostedZoneState,
  options: HostedZoneOptions,
): Promise<HostedZoneState["tags"]> {
  const missing = missingTags(tags, options.tags);
  if (Object.keys(missing).length > 0) {
    await call(`tagging the zone ${options.name}`, (route53, http) =>
      route53.changeTagsForResource({ ResourceType: "hostedzone", ResourceId: id, AddTags: formatTags(missing) }, http),
    );
  }
  return { ...tags, ...missing };
}

function health({ id, nameServers, records }: HostedZoneState): Health {
  if (nameServers.length === 0) return { kind: "degraded", summary: `${id} has no name servers` };
  const count = records.count === 1 ? "1 record" : `${records.count} records`;
  return { kind: "healthy", summary: records.count === 0 ? id : `${id} · ${count}` };
}
