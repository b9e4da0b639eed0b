import type { AccountBase, CloudClusterBase } from "#lib/fleet/types.ts";

declare module "#lib/fleet/types.ts" {
  interface ProviderEntries {
    readonly gcp: { readonly account: GcpAccount; readonly cluster: GkeCluster };
  }
}

export interface GcpAccount extends AccountBase {
  readonly provider: "gcp";
  /** Project id (not its number): 6 to 30 lower-case letters, digits and hyphens. */
  readonly projectId: string;
}

export interface GkeCluster extends CloudClusterBase {
  readonly provider: "gcp";
  readonly name: `${string}.k8s.gcp.${string}`;
}
