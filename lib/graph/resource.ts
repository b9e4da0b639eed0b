import type { World } from "#lib/graph/world.ts";

/** Stable, unique, readable: `local/kind01.internal/cluster`. The key of events, journal and `--target`. */
export type ResourceId = string;

/** In whose row of the view a resource is shown. */
export interface RowRef {
  /** `shared`: needed by several clusters (a Docker network, an image). */
  readonly kind: "cluster" | "account" | "shared";
  /** Name of the cluster or account; for shared resources the group, e.g. `docker`. */
  readonly name: string;
  /** Headline of the view: `aws`, `azure`, `gcp` or `local`. */
  readonly group: string;
}

/** What a resource competes for: `api`, `cluster`, `file`. Every cloud and this computer has lanes of its own, each with its own limit. */
export type Lane = string;

/** What was found. `state` is the resource's own idea of itself. */
export type Observed<State> =
  | { readonly kind: "absent" }
  | { readonly kind: "present"; readonly state: State }
  /** Somebody is at work on it; wait, never fight. */
  | {
      readonly kind: "busy";
      readonly why: string;
      /** A cloud is at work, and goes on when this program ends. */
      readonly inCloud?: true;
    }
  /** Half-made by a run that died: ensure removes the rest and creates it again. */
  | { readonly kind: "broken"; readonly why: string }
  /** Has our name but isn't ours: refused unless adopted explicitly. */
  | { readonly kind: "foreign"; readonly why: string };

/** One value, or the elements of a list. Empty where there is none. */
export type ChangeValue = string | readonly string[];

/** One difference between what is and what is wanted. */
export interface Change {
  /** Where, e.g. `workers`, `Resources.Cluster.Version`. Empty for a whole resource. */
  readonly field: string;
  readonly from: ChangeValue;
  readonly to: ChangeValue;
  /** `replace`: can't be done in place, so that it needs `--allow-replacement`. */
  readonly effect: "in-place" | "replace";
}

/** What a delete did: `kept` says why something was left on purpose. */
export type Removal = { readonly kind: "removed" } | { readonly kind: "kept"; readonly why: string };

/** What people look for first in a cluster; each in a column of `status`. */
export interface ClusterFigures {
  /** Version of Kubernetes. */
  readonly kubernetes?: string | undefined;
  /** `2`, or `1 of 2` while some are not Ready. */
  readonly nodes?: string | undefined;
}

/** Is a present resource fit for use? Shown by `status`. */
export type Health = { readonly summary: string; readonly cluster?: ClusterFigures } & (
  | /** `warning`: why it may not become what is wanted; shown where it differs from the fleet. */
  { readonly kind: "healthy"; readonly warning?: string }
  | { readonly kind: "degraded" }
);

/** What resources hand to those that need them, by reference so that it is typed. */
export interface Outputs {
  /** State of a need. Throws OutputMissing while it is absent. */
  of<State>(need: Resource<State>): State;
  /** State of a need, undefined while it is absent. */
  find<State>(need: Resource<State>): State | undefined;
}

/** One thing that exists or not, and can be made to match what the fleet says. */
export interface Resource<State, In extends World = World> {
  readonly id: ResourceId;
  /** Begins with the cluster's or account's name. */
  readonly title: string;
  /** Short word for the row of its owner: `kind`, `kubeconfig`. */
  readonly label: string;
  readonly row: RowRef;
  readonly lane: Lane;
  readonly needs: readonly AnyResource[];
  /** Set on what a delete leaves alone by design, with the reason (an image kept for the next create). */
  readonly keptOnDelete?: string;
  /** Its health is shown after a create too, not by `status` alone. */
  readonly showsHealth?: true;
  /** Set on what is gone once this is gone, so that a delete of both removes this alone (what is in a local cluster). */
  readonly goesWith?: AnyResource;
  /** Other checkouts on this computer see the same one: their work on it is waited for too. */
  readonly onMachine?: true;
  /** A property, so that a resource whose world must have more is no resource of any world. */
  readonly observe: (world: In, outputs: Outputs) => Promise<Observed<State>>;
  /** Pure. Empty means nothing to do; asked only of what is present. */
  diff(state: State, outputs: Outputs): readonly Change[];
  /** Throws what `ensure` would refuse before it changes anything, so that a plan says it, too. @default nothing is refused */
  refuse?(world: In, state: State, outputs: Outputs): Promise<void>;
  /** Acts on what `observe` saw and returns fresh state. Running it twice changes nothing. */
  ensure(world: In, observed: Observed<State>, outputs: Outputs): Promise<State>;
  /** "Already gone" is success. */
  remove(world: In, observed: Observed<State>, outputs: Outputs): Promise<Removal>;
  health(state: State): Health;
}

/** Key of the lane: work in one place never waits for work in another. */
export function laneOf({ row, lane }: Pick<AnyResource, "row" | "lane">): string {
  return `${row.group} ${lane}`;
}

/**
 * A resource of any state. The state is written only by the resource itself and read only through typed references,
 * so that a collection may forget it.
 */
// biome-ignore lint/suspicious/noExplicitAny: the one place where the state's type is forgotten on purpose
export type AnyResource = Resource<any>;
