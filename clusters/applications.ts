import type { ApplicationSwitch, CloudProvider, LocalProvider } from "#lib/fleet/types.ts";

const clouds: readonly CloudProvider[] = ["aws", "azure", "gcp"];
const local: readonly LocalProvider[] = ["kind", "k3d"];

/**
 * Which applications run where: the only place to enable them. Local clusters get only what needs no internet access,
 * so a laptop without a network is enough.
 */
export const applications: readonly ApplicationSwitch[] = [
  { name: "cluster-info", on: [{}] },
  { name: "demo", on: [{ providers: local }] },
  // Reads Argo CD's manifest from the internet; on this computer, create installs what the checkout pins.
  { name: "argo-cd", on: [{ providers: clouds }] },
  { name: "cert-manager", on: [{ providers: clouds }] },
  { name: "external-dns", on: [{ providers: clouds }] },
  // AKS and GKE include their own.
  { name: "metrics-server", on: [{ providers: ["aws"] }] },
];
