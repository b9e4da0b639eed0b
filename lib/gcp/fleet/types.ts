import type { AccountBase, CloudClusterBase } from "#lib/fleet/types.ts";

declare module "#lib/fleet/types.ts" {
  interface ProviderEntries {
    readonly gcp: { readonly account: GcpAccount; readonly cluster: GkeCluster };
  }
}

export interface GcpAccount extends AccountBase {
  readonly provider: "gcp";
  /** Id of the project: 6 to 30 lower-case letters, digits and hyphens. */
  readonly projectId: string;
  /** Number of the project, in decimal digits: identities of jobs and pods are named by it. */
  readonly projectNumber: string;
  /**
   * In the management account: those who manage the fleet's clusters, as IAM writes them: `group:platform@example.org` or
   * `user:ann@example.org`. They may act as its service account. @default none: only jobs of GitHub
   */
  readonly operators?: string;
}

export interface GkeCluster extends CloudClusterBase {
  readonly provider: "gcp";
  readonly name: `${string}.k8s.gcp.${string}`;
  /**
   * Ranges in CIDR form from which the API server's public address may be reached: those of your people and of CI.
   * @default none: it has no address, and is reached through Google's DNS endpoint, which admits by IAM
   */
  readonly publicAccessCidrs?: readonly string[];
  /**
   * `autopilot`: GKE manages the nodes. `standard`: a node pool of a fixed size. A change replaces the cluster.
   * @default "autopilot"
   */
  readonly mode?: GkeMode;
  /** How soon GKE installs new versions. The fleet's version stays the lower bound. @default "regular" */
  readonly releaseChannel?: GkeReleaseChannel;
  /** Nodes of a `standard` cluster. @default { machineType: "e2-standard-4", countPerZone: 1 } */
  readonly nodePool?: GkeNodePool;
}

export type GkeMode = "autopilot" | "standard";

/** https://cloud.google.com/kubernetes-engine/docs/concepts/release-channels */
export type GkeReleaseChannel = "rapid" | "regular" | "stable" | "extended";

/** Nodes of one machine type. */
export interface GkeNodePool {
  /** As Compute Engine spells it, e.g. `e2-standard-4`. */
  readonly machineType: string;
  /** GKE spreads regional clusters over three zones. */
  readonly countPerZone: number;
}
