import type { ManagedCluster } from "#lib/argocd/managed-cluster.ts";
import type { Clock } from "#lib/clock.ts";
import type { Hop } from "#lib/cloud/hops.ts";
import type { Environment } from "#lib/environment.ts";
import type { FleetError } from "#lib/errors.ts";
import type { ProviderFacts } from "#lib/fleet/provider.ts";
import type { Account, Cluster, Fleet } from "#lib/fleet/types.ts";
import type { VerbName } from "#lib/graph/events.ts";
import type { AnyResource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import type { Described, Generator } from "#lib/render/generator.ts";
import type { Flowchart } from "#lib/render/mermaid.ts";

/** A cloud, or a tool that creates clusters on this computer: all that the rest of the program knows of it. */
export interface Provider<A extends Account = Account, C extends Cluster = Cluster> extends ProviderFacts<A, C> {
  /** Work that runs at once in each of its lanes. Remote lanes never wait for local ones. */
  readonly lanes?: Readonly<Record<string, LaneLimit>>;
  /** Loads what writes files that follow from its entries, beside its tasks. @default none */
  generate?(): Promise<Generated>;
  /** Loads what calls it. @default its entries may stand in a fleet, and nothing of them can be created */
  open?(context: ProviderContext): Promise<OpenProvider<C>>;
}

export interface Generated {
  readonly generators?: readonly Generator[];
  /** Its section of docs/diagrams.md; undefined for a fleet without its accounts. */
  diagram?(described: Described): DiagramSection | undefined;
}

export interface DiagramSection {
  /** One paragraph of Markdown. */
  readonly text: string;
  readonly chart: Flowchart;
}

export interface LaneLimit {
  readonly limit: number;
  /** `--jobs` sets it. */
  readonly jobs?: true;
}

/** Where a provider acts, and on what. */
export interface ProviderContext {
  readonly fleet: Fleet;
  readonly environment: Environment;
  readonly clock: Clock;
  /** Absolute path of another fleet's file, for programs that kubectl starts. */
  readonly fleetFile?: string;
  /** Asks the person at the terminal for a code; undefined where there is none. */
  readonly askMfaCode?: ((serial: string) => Promise<string>) | undefined;
}

/** A provider of one fleet. Nothing is called before a method is. */
export interface OpenProvider<C extends Cluster = Cluster> {
  /** What must be put into the fleet before the cloud is called: for a cluster, or for what all of them need. */
  placeholder?(cluster?: C): string | undefined;
  /** Ids of the resources that accounts share, for their own tasks. `accounts` empty: those with credentials here. */
  targets?(of: "management" | "tenants", accounts: readonly string[]): Promise<readonly string[]>;
  /** One caller acts in all accounts, so that tasks of tenants also create what these need in the management account. @default false */
  readonly sharesCaller?: true;
  /** `targets`: ids that a delete was asked for; what accounts share goes only then. Pure. */
  graph(targets: readonly string[]): ProviderGraph<C>;
  /**
   * Clusters of this fleet by their marks of ownership, with the properties that can be read from them; those that the fleet names may be left out.
   *
   * @param notSearched is told why one account can't be searched, while others are
   * @throws FleetError where nothing can be searched
   */
  inventory?(world: World, notSearched: (why: FleetError) => void): Promise<readonly C[]>;
  /**
   * Finds a cluster of the fleet in another place than its entry says (region, account or tool). Called only if something of it is missing.
   * @throws FleetError where it can't be looked
   */
  findElsewhere?(world: World, cluster: C): Promise<FoundElsewhere | undefined>;
  /** Asks what only a person can answer, before the tree is drawn. */
  signIn?(): Promise<void>;
  /** Looks whether there is room for what is to be created. @throws FleetError where nothing could be */
  prepare?(world: World, run: PreparedRun): Promise<Preparation>;
  /** Who calls, in each account, and whom its roles let in. Changes nothing. */
  whoami?(): Promise<readonly Hop[]>;
}

/** A cluster of the fleet in another place than the fleet says. */
export interface FoundElsewhere {
  /** The entry that matches its actual place. */
  readonly cluster: Cluster;
  /** Ids of resources of this entry that also belong to the cluster's place in the fleet, e.g. its zone. @default none */
  readonly kept?: readonly string[];
}

export interface ProviderGraph<C extends Cluster = Cluster> {
  /** What the clusters of an account share: roles, zones. */
  readonly accounts: readonly AnyResource[];
  cluster(cluster: C): ClusterResources;
}

/** The resources of one cluster, and the cluster as what is inside of it sees it. */
export interface ClusterResources {
  readonly resources: readonly AnyResource[];
  readonly managed: ManagedCluster;
}

export interface PreparedRun {
  readonly verb: VerbName;
  readonly resources: readonly AnyResource[];
  /** Selected clusters of all providers. */
  readonly clusters: readonly Cluster[];
  /** `--jobs` */
  readonly jobs: number | undefined;
}

export interface Preparation {
  /** Limits that take the place of the provider's own. */
  readonly lanes: Readonly<Record<string, number>>;
  readonly notices: readonly { readonly level: "info" | "warning"; readonly message: string; readonly hint?: string }[];
}
