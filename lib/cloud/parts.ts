import { type AccountOf, findManagement } from "#lib/cloud/accounts.ts";
import type { bindWorld } from "#lib/cloud/bind-world.ts";
import type { Tags } from "#lib/cloud/ownership.ts";
import type { Account, CloudProvider, CloudZones, Fleet } from "#lib/fleet/types.ts";
import type { RowRef } from "#lib/graph/resource.ts";

/** What the resources of all clouds have in common. */

/** Value of the tag `project`, and name of what accounts share. */
export const project = "k8s-multicluster-gitops";
export const minuteMs = 60_000;

/** Options of a run for one cloud, in addition to the fleet. */
export interface CloudSettings {
  /** Absolute path of another fleet's file, for the program that kubectl asks for tokens. */
  readonly fleetFile?: string | undefined;
  /** Ids named explicitly for deletion: resources shared by accounts are deleted only then. */
  readonly targets: readonly string[];
}

/** Input of all resources of a fleet in one cloud. */
export interface CloudParts<
  Name extends CloudProvider,
  Clients extends object,
  Settings extends CloudSettings = CloudSettings,
> {
  readonly fleet: Fleet;
  readonly settings: Settings;
  readonly management: AccountOf<Name>;
  readonly zones: CloudZones;
  /** Gives a resource the clients that it calls. */
  readonly withClients: ReturnType<typeof bindWorld<Clients>>;
}

/** Undefined for a fleet without management account or zones of the cloud: only one without clusters there may lack them. */
export function findParts<Name extends CloudProvider, Clients extends object, Settings extends CloudSettings>(
  provider: Name,
  fleet: Fleet,
  settings: Settings,
  withClients: ReturnType<typeof bindWorld<Clients>>,
): CloudParts<Name, Clients, Settings> | undefined {
  const management = findManagement(fleet, provider);
  const zones = fleet.zones.find((pair) => pair.provider === provider);
  if (management === undefined || zones === undefined) return undefined;
  return { fleet, settings, management, zones, withClients };
}

export function rowOf({ name, provider }: Account): RowRef {
  return { kind: "account", name, group: provider };
}

export function tagsOf({ domain }: Pick<Fleet, "domain">, more: Tags): Tags {
  return { project, fleet: domain, ...more };
}

/** Kept when clusters are deleted: without these the account can't be accessed. */
export function keptUnlessTargeted(
  { targets }: CloudSettings,
  id: string,
  why: string,
): { readonly keptOnDelete?: string } {
  return targets.includes(id) ? {} : { keptOnDelete: why };
}
