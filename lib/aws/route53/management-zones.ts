import type { AwsActor } from "#lib/aws/clients.ts";
import type { StackState } from "#lib/aws/cloudformation/model.ts";
import { openRoute53 } from "#lib/aws/route53/route53.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import type { ParentZone } from "#lib/cloud/delegation.ts";
import { normalize } from "#lib/dns/query.ts";
import type { CloudZones } from "#lib/fleet/types.ts";
import { lookup } from "#lib/graph/lookup.ts";
import type { Outputs, Resource, RowRef } from "#lib/graph/resource.ts";

/** The two zones of the management account, as others refer to them. */
export interface ManagementZonesState {
  readonly primary: ParentZone;
  readonly clusters: ParentZone;
}

export interface ManagementZonesOptions {
  readonly id: string;
  readonly title: string;
  readonly row: RowRef;
  readonly actor: AwsActor;
  readonly zones: CloudZones;
  readonly stack: Resource<StackState>;
}

/**
 * The management account's zones. They come from their stack's outputs, except for the name servers of adopted
 * zones: CloudFormation can't read those, so Route 53 is queried. Read-only: the stack creates and deletes them.
 */
export function managementZones(options: ManagementZonesOptions): Resource<ManagementZonesState, AwsWorld> {
  return lookup<ManagementZonesState, AwsWorld>({
    id: options.id,
    title: options.title,
    label: "zones",
    row: options.row,
    needs: [options.stack],
    read: async (world, outputs) =>
      outputs.find(options.stack) === undefined ? undefined : await look(world, outputs, options),
    health: ({ primary, clusters }) => ({ kind: "healthy", summary: `${primary.name}, ${clusters.name}` }),
  });
}

async function look(world: AwsWorld, outputs: Outputs, options: ManagementZonesOptions): Promise<ManagementZonesState> {
  const { outputs: told } = outputs.of(options.stack);
  const complete = async (name: string, zoneId = "", servers = ""): Promise<ParentZone> => ({
    zoneId,
    name,
    nameServers: servers === "" ? await askServers(world, options, name, zoneId) : servers.split(","),
  });
  const [primary, clusters] = await Promise.all([
    complete(options.zones.primary, told.PrimaryZoneId, told.PrimaryZoneNameServers),
    complete(options.zones.clusters, told.K8sZoneId, told.K8sZoneNameServers),
  ]);
  return { primary, clusters };
}

async function askServers(
  world: AwsWorld,
  { actor }: ManagementZonesOptions,
  name: string,
  zoneId: string,
): Promise<readonly string[]> {
  const call = await openRoute53(world, actor);
  const { DelegationSet } = await call(`reading the zone ${name}`, (route53, http) =>
    route53.getHostedZone({ Id: zoneId }, http),
  );
  return (DelegationSet?.NameServers ?? []).map(normalize).sort();
}
