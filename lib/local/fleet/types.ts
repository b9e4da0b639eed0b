import type { LocalClusterBase } from "#lib/fleet/types.ts";

declare module "#lib/fleet/types.ts" {
  interface ProviderEntries {
    readonly kind: { readonly account: never; readonly cluster: KindCluster };
    readonly k3d: { readonly account: never; readonly cluster: K3dCluster };
  }
}

export interface KindCluster extends LocalClusterBase {
  readonly provider: "kind";
}

export interface K3dCluster extends LocalClusterBase {
  readonly provider: "k3d";
}
