import type { World } from "#lib/graph/world.ts";

/** Stable, unique, readable: `local/kind01.internal/cluster`. The key in events, the journal and `--target`. */
export type ResourceId = string;

/** The row of the view that shows a resource. */
export interface RowRef {
  /** `shared`: needed by several clusters (a Docker network, an image). */
  readonly kind: "cluster" | "account" | "shared";
  /** Name of the cluster or account; for shared resources the group, e.g. `docker`. */
  readonly name: string;
  /** Headline of the view: `aws`, `azure`, `gcp` or `local`. */
  readonly group: string;
}

/** A pool of slots: `api`, `cluster`, `file`. Each cloud and this computer have their own lanes, each with its own limit. */
export type Lane = string;

/** What was observed. `state` is defined by the resource. */
export type Observed<State> =
  | { readonly kind: "absent" }
  | { readonly kind: "present"; readonly state: State }
  /** Another operation is in progress: wait for it. */
  | {
      readonly kind: "busy";
      readonly why: string;
      /** A cloud operation, which continues when this program ends. */
      readonly inCloud?: true;
    }
  /** Left incomplete by an interrupted run: ensure removes and recreates it. */
  | { readonly kind: "broken"; readonly why: string }
  /** Has our name but isn't ours: refused unless adopted explicitly. */
  | { readonly kind: "foreign"; readonly why: string };

/** One value, or the elements of a list. Empty if there is none. */
export type ChangeValue = string | readonly string[];

/** One difference between the observed and the desired state. */
export interface Change {
  /** The changed field, e.g. `workers`, `Resources.Cluster.Version`. Empty for a whole resource. */
  readonly field: string;
  readonly from: ChangeValue;
  readonly to: ChangeValue;
  /** `replace`: can't be changed in place; requires `--allow-replacement`. */
  readonly effect: "in-place" | "replace";
}

/** Result of a delete. `kept` contains the reason why something was left on purpose. */
export type Removal = { readonly kind: "removed" } | { readonly kind: "kept"; readonly why: string };

/** The columns of `status`. */
export interface ClusterFigures {
  /** Kubernetes version. */
  readonly kubernetes?: string | undefined;
  /** `2`, or `1 of 2` while some are not Ready. */
  readonly nodes?: string | undefined;
}

/** Health of a present resource. Shown by `status`. */
export type Health = { readonly summary: string; readonly cluster?: ClusterFigures } & (
  | /**
   * `warning`: why it may not become what is wanted; shown where it differs from the fleet. `next`: a command for the person who created
   * it, because something elsewhere needs what the cloud chose.
   */
  { readonly kind: "healthy"; readonly warning?: string; readonly next?: string }
  | { readonly kind: "degraded" }
);

/** Outputs of needs. Looked up by reference, which carries the type. */
export interface Outputs {
  /** State of a need. Throws OutputMissing while it is absent. */
  of<State>(need: Resource<State>): State;
  /** State of a need, undefined while it is absent. */
  find<State>(need: Resource<State>): State | undefined;
}

/** One thing with a desired state in the fleet: it can be observed, compared, created, changed and removed. */
export interface Resource<State, In extends World = World> {
  readonly id: ResourceId;
  /** Starts with the name of the cluster or account. */
  readonly title: string;
  /** Short label in its owner's row: `kind`, `kubeconfig`. */
  readonly label: string;
  readonly row: RowRef;
  readonly lane: Lane;
  readonly needs: readonly AnyResource[];
  /** Set if a delete keeps it by design, with the reason (an image kept for the next create). */
  readonly keptOnDelete?: string;
  /** Show its health after a create too, not only by `status`. */
  readonly showsHealth?: true;
  /** Resource that contains this one: a delete of both removes only the container (e.g. everything in a local cluster). */
  readonly goesWith?: AnyResource;
  /** Deleted before this one, although neither needs the other: both are created at once. @default none */
  readonly removedAfter?: readonly AnyResource[];
  /** Shared with other checkouts on this computer: their work on it is awaited too. */
  readonly onMachine?: true;
  /** A property and not a method, so that the compiler checks its world contravariantly. */
  readonly observe: (world: In, outputs: Outputs) => Promise<Observed<State>>;
  /** Pure. Empty means nothing to do; called only if the resource is present. */
  diff(state: State, outputs: Outputs): readonly Change[];
  /** Throws what `ensure` would refuse before it changes anything, so that a plan reports it. @default nothing is refused */
  refuse?(world: In, state: State, outputs: Outputs): Promise<void>;
  /** Acts on the observed state and returns the new state. Idempotent. */
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
 * A resource of any state, for collections. Only the resource itself writes its state, and typed references read it,
 * so the type may be erased here.
 */
// biome-ignore lint/suspicious/noExplicitAny: the only place that erases the state's type
export type AnyResource = Resource<any>;
