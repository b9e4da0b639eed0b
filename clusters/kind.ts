import type { KindCluster } from "#lib/local/fleet/types.ts";

export const clusters: readonly KindCluster[] = [
  { provider: "kind", name: "kind01.internal", apiPort: 6551 },
  { provider: "kind", name: "kind02.internal", apiPort: 6552 },
];
