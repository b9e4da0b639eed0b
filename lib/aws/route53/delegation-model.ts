import type { ResourceRecordSet } from "@aws-sdk/client-route-53";
import type { AwsActor } from "#lib/aws/clients.ts";
import { findRecordSet, isNoSuchZone, openRoute53 } from "#lib/aws/route53/route53.ts";
import type { HostedZoneState } from "#lib/aws/route53/zone-lookup.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import type { Edge } from "#lib/dns/prove.ts";
import { normalize } from "#lib/dns/query.ts";
import type { WantedDelegation } from "#lib/dns/wait.ts";
import type { AnyResource, Resource, RowRef } from "#lib/graph/resource.ts";

/** A zone in which others are delegated. */
export interface ParentZone {
  readonly zoneId: string;
  readonly name: string;
  readonly nameServers: readonly string[];
}

export interface DelegationOptions<Parent> {
  readonly id: string;
  readonly title: string;
  readonly row: RowRef;
  /** The resource with the parent zone, and how to read the zone from its state. */
  readonly parent: Resource<Parent>;
  readonly parentOf: (state: Parent) => ParentZone;
  /** Who may write NS records into the parent. */
  readonly actor: AwsActor;
  /** Name of the zone that is delegated. */
  readonly name: string;
  readonly zone: Resource<HostedZoneState>;
  readonly zoneActor: AwsActor;
  /** Beside parent and zone. @default none */
  readonly needs?: readonly AnyResource[];
  /** Of the NS records, in seconds. @default 300 */
  readonly ttlSeconds?: number;
}

export interface DelegationState {
  readonly parent: ParentZone;
  /** Where the parent leads to: sorted, lower case, without the last dot. */
  readonly nameServers: readonly string[];
  readonly ttlSeconds: number;
  readonly proof: DelegationProof;
}

export type DelegationProof =
  /** The answers of the name servers. */
  | { readonly kind: "asked"; readonly edge: Edge }
  /** The run doesn't ask them. */
  | { readonly kind: "skipped" }
  /** The zone isn't there: there is nothing that could be proved. */
  | { readonly kind: "dangling" };

/**
 * A cluster may be recreated within an hour, and its zone must outlive cached delegations in resolvers. Zones that
 * stay have a day; five minutes are what Route 53 itself proposes for records.
 */
export const defaultTtlSeconds = 300;

/** The delegation as it should be. */
export function wantedOf<Parent>(
  parent: ParentZone,
  { nameServers }: HostedZoneState,
  { name, ttlSeconds = defaultTtlSeconds }: DelegationOptions<Parent>,
): WantedDelegation {
  return { parent, child: name, nameServers, ttlSeconds };
}

/** The NS records of a name in its parent; undefined while there are none. */
export async function findDelegation(
  world: AwsWorld,
  actor: AwsActor,
  parent: Pick<ParentZone, "zoneId">,
  name: string,
): Promise<ResourceRecordSet | undefined> {
  const call = await openRoute53(world, actor);
  try {
    return await findRecordSet(call, parent.zoneId, name, "NS");
  } catch (error) {
    // The zone's stack exists, but the zone was deleted by hand.
    if (isNoSuchZone(error)) return undefined;
    throw error;
  }
}

/** Sorted, lower case, without the last dot: two are compared as sets. */
export function serversOf(set: ResourceRecordSet | undefined): readonly string[] {
  return [...new Set((set?.ResourceRecords ?? []).map(({ Value = "" }) => normalize(Value)))].sort();
}

/** Servers that a parent zone names for a name; empty while it names none. */
export async function delegatedServers(
  world: AwsWorld,
  actor: AwsActor,
  parent: Pick<ParentZone, "zoneId">,
  name: string,
): Promise<readonly string[]> {
  return serversOf(await findDelegation(world, actor, parent, name));
}
