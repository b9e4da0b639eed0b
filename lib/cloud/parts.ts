import type { Tags } from "#lib/cloud/ownership.ts";
import type { Account, Fleet } from "#lib/fleet/types.ts";
import type { RowRef } from "#lib/graph/resource.ts";

/** What the resources of all clouds have in common. */

/** Value of the tag `project`, and name of what accounts share. */
export const project = "k8s-multicluster-gitops";
export const minuteMs = 60_000;

/** Options of a run for one cloud, in addition to the fleet. */
export interface CloudSettings {
  /** Absolute path of another fleet's file, for the program that kubectl asks for tokens. */
  readonly fleetFile?: string;
  /** Ids named explicitly for deletion: resources shared by accounts are deleted only then. */
  readonly targets: readonly string[];
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
