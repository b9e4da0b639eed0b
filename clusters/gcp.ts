import type { CloudZones } from "#lib/fleet/types.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";

export const zones = {
  provider: "gcp",
  primary: "gcp.mylabs.dev",
  clusters: "k8s.gcp.mylabs.dev",
} as const satisfies CloudZones;

/** Project ids that begin with `example-`, and repeated digits, are placeholders: put your own in before you leave the sandbox. */
export const accounts: readonly GcpAccount[] = [
  { provider: "gcp", name: "gcp-mgmt", role: "management", projectId: "example-mgmt", projectNumber: "111111111111" },
  { provider: "gcp", name: "gcp-01", role: "tenant", projectId: "example-01", projectNumber: "222222222222" },
  { provider: "gcp", name: "gcp-02", role: "tenant", projectId: "example-02", projectNumber: "333333333333" },
];

export const clusters: readonly GkeCluster[] = [
  { provider: "gcp", name: "k01.k8s.gcp.mylabs.dev", account: "gcp-01", region: "us-east1" },
  { provider: "gcp", name: "k02.k8s.gcp.mylabs.dev", account: "gcp-01", region: "europe-west1" },
  { provider: "gcp", name: "k03.k8s.gcp.mylabs.dev", account: "gcp-02", region: "us-east1" },
  { provider: "gcp", name: "k04.k8s.gcp.mylabs.dev", account: "gcp-02", region: "europe-west1" },
];
