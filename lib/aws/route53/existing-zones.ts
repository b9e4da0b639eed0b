import type { AwsActor } from "#lib/aws/clients.ts";
import { hasStack } from "#lib/aws/cloudformation/has-stack.ts";
import { bareId, decodeName, openRoute53, type Route53Calls } from "#lib/aws/route53/route53.ts";
import { parseTags } from "#lib/aws/tags.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { isOfFleet, type Tags } from "#lib/cloud/ownership.ts";
import { FleetError } from "#lib/errors.ts";
import { lookup } from "#lib/graph/lookup.ts";
import type { Resource, RowRef } from "#lib/graph/resource.ts";

export interface ExistingZonesState {
  /** Ids, by name, of zones that a stack uses instead of creating them. */
  readonly ids: Readonly<Record<string, string>>;
}

export interface ExistingZonesOptions {
  readonly id: string;
  readonly title: string;
  readonly row: RowRef;
  readonly actor: AwsActor;
  readonly names: readonly string[];
  /** The stack with zones of these names. Once it exists, its parameters name them. */
  readonly stack: { readonly name: string; readonly region: string };
  readonly tags: Tags;
}

/**
 * Existing zones with names of the fleet. Route 53 would silently create a second one of the same name that receives no
 * queries: so they are taken over with `--adopt`, or rejected. Read-only: the stack uses them.
 */
export function existingZones(options: ExistingZonesOptions): Resource<ExistingZonesState, AwsWorld> {
  const look = async (world: AwsWorld): Promise<ExistingZonesState> => {
    if (await hasStack(world, options.actor, options.stack)) return { ids: {} };
    const found = await findZones(world, options);
    const [first] = Object.entries(found);
    if (first === undefined || world.options.adopt) return { ids: found };
    throw new FleetError(
      "ForeignResource",
      `the zone ${first[0]} (${first[1]}) is there already, in ${options.actor.account.name}`,
      { hint: "go on with it by --adopt, or remove it" },
    );
  };
  return lookup({
    id: options.id,
    title: options.title,
    label: "existing zones",
    row: options.row,
    needs: [],
    read: look,
    health: ({ ids }) => ({ kind: "healthy", summary: Object.keys(ids).join(", ") || "none" }),
  });
}

/** Zones of that name which are not this fleet's: those are the remains of a stack. */
async function findZones(
  world: AwsWorld,
  { actor, names, tags }: ExistingZonesOptions,
): Promise<Readonly<Record<string, string>>> {
  const call = await openRoute53(world, actor);
  const found = await Promise.all(
    names.map(async (name) => {
      const { HostedZones = [] } = await call(`looking for the zone ${name}`, (route53, http) =>
        route53.listHostedZonesByName({ DNSName: name, MaxItems: 10 }, http),
      );
      const zones = HostedZones.filter((zone) => decodeName(zone.Name) === name && zone.Config?.PrivateZone !== true);
      const ids = zones.map(({ Id }) => bareId(Id));
      if (ids.length > 1) {
        throw new FleetError("ZoneAmbiguous", `${actor.account.name} has several zones ${name}: ${ids.join(", ")}`, {
          hint: "remove all but the one that is delegated to",
        });
      }
      return ids.map((id) => [name, id] as const);
    }),
  );
  const entries = await Promise.all(
    found.flat().map(async (entry) => ((await isOurs(call, entry[1], tags)) ? [] : [entry])),
  );
  return Object.fromEntries(entries.flat());
}

async function isOurs(call: Route53Calls, id: string, tags: Tags): Promise<boolean> {
  const { ResourceTagSet } = await call(`reading the tags of the zone ${id}`, (route53, http) =>
    route53.listTagsForResource({ ResourceType: "hostedzone", ResourceId: id }, http),
  );
  return isOfFleet(parseTags(ResourceTagSet?.Tags), tags);
}
