import type { AksCluster } from "#lib/azure/fleet/types.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { inSandbox, type Story } from "#tests/support/story.ts";

/** Subscriptions of `fleetOf`, all in one tenant. */
export const subscriptions = {
  "azure-mgmt": "11111111-1111-1111-1111-111111111111",
  "azure-01": "22222222-2222-2222-2222-222222222222",
  "azure-02": "33333333-3333-3333-3333-333333333333",
} as const;
export type AccountName = keyof typeof subscriptions;
export const tenantId = "99999999-9999-9999-9999-999999999999";

const publicAccessCidrs = ["203.0.113.0/24"];

export function aks(
  number: 1 | 2 | 3,
  account: AccountName = "azure-01",
  others: Partial<Omit<AksCluster, "provider" | "name">> = {},
): AksCluster {
  const name = `k0${number}.k8s.az.mylabs.dev` as const;
  return { provider: "azure", name, account, region: "eastus2", publicAccessCidrs, ...others };
}

/** A fleet in Azure alone, without Argo CD: what it is about is Azure, and it is made in seconds. */
export function fleetOf(...clusters: readonly AksCluster[]): Fleet {
  const used = new Set<string>(["azure-mgmt", ...clusters.map(({ account }) => account)]);
  return {
    domain: "mylabs.dev",
    zones: [{ provider: "azure", primary: "az.mylabs.dev", clusters: "k8s.az.mylabs.dev" }],
    accounts: Object.entries(subscriptions)
      .filter(([name]) => used.has(name))
      .map(([name, subscriptionId]) => ({
        provider: "azure",
        name,
        role: name === "azure-mgmt" ? "management" : "tenant",
        subscriptionId,
        tenantId,
      })),
    clusters,
  };
}

/** @param speed as of openCloudSandbox */
export async function inAzure(story: (azure: Story) => Promise<void>, speed?: number): Promise<void> {
  await inSandbox("azure", story, speed);
}
