import { accountId, factsOf, kubernetesOf, type Providers } from "#lib/fleet/provider.ts";
import { type Fleet, isLocal } from "#lib/fleet/types.ts";
import { formatTable } from "#lib/table.ts";

/** Formats the fleet for people: clusters, accounts, zones. */
export function formatFleet(fleet: Fleet, providers: Providers): string {
  const clusters = fleet.clusters.map((cluster) => [
    cluster.name,
    cluster.provider,
    isLocal(cluster) ? "this computer" : cluster.account,
    isLocal(cluster) ? `127.0.0.1:${cluster.apiPort}` : cluster.region,
    kubernetesOf(cluster, providers) ?? "",
  ]);
  const accounts = fleet.accounts.map((account) => [
    account.name,
    account.provider,
    account.role,
    `${accountId(account, providers)}${factsOf(providers, account).isPlaceholder?.(account) === true ? " (placeholder)" : ""}`,
  ]);
  const zones = fleet.zones.map((zone) => [zone.provider, zone.primary, zone.clusters]);
  return [
    formatTable(["cluster", "provider", "account", "place", "kubernetes"], clusters),
    formatTable(["account", "provider", "role", "id"], accounts),
    formatTable(["zones", "primary", "clusters"], zones),
  ].join("\n");
}
