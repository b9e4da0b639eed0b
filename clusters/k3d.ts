import type { K3dCluster } from "#lib/local/fleet/types.ts";

export const clusters: readonly K3dCluster[] = [
  { provider: "k3d", name: "k3d01.internal", apiPort: 6561 },
  { provider: "k3d", name: "k3d02.internal", apiPort: 6562 },
];
