import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import type { CloudZones } from "#lib/fleet/types.ts";

export const zones = {
  provider: "azure",
  primary: "az.mylabs.dev",
  clusters: "k8s.az.mylabs.dev",
} as const satisfies CloudZones;

/** The Entra tenant that all subscriptions below trust. */
const tenantId = "99999999-9999-9999-9999-999999999999";

/** Ids of one repeated digit are placeholders: put your own in before you leave the sandbox. */
export const accounts: readonly AzureAccount[] = [
  {
    provider: "azure",
    name: "azure-mgmt",
    role: "management",
    subscriptionId: "11111111-1111-1111-1111-111111111111",
    tenantId,
  },
  {
    provider: "azure",
    name: "azure-01",
    role: "tenant",
    subscriptionId: "22222222-2222-2222-2222-222222222222",
    tenantId,
  },
  {
    provider: "azure",
    name: "azure-02",
    role: "tenant",
    subscriptionId: "33333333-3333-3333-3333-333333333333",
    tenantId,
  },
];

/**
 * Public addresses of your people and your CI: only they can reach the API servers over the internet. This range is an example
 * for documentation (RFC 5737); replace it.
 */
const publicAccessCidrs = ["203.0.113.0/24"];

export const clusters: readonly AksCluster[] = [
  { provider: "azure", name: "k01.k8s.az.mylabs.dev", account: "azure-01", region: "eastus2", publicAccessCidrs },
  { provider: "azure", name: "k02.k8s.az.mylabs.dev", account: "azure-01", region: "westeurope", publicAccessCidrs },
  { provider: "azure", name: "k03.k8s.az.mylabs.dev", account: "azure-02", region: "eastus2", publicAccessCidrs },
  { provider: "azure", name: "k04.k8s.az.mylabs.dev", account: "azure-02", region: "westeurope", publicAccessCidrs },
];
