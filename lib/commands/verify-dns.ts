import type { DnsRoot } from "#lib/dns/directory.ts";
import { type Edge, proveEdge } from "#lib/dns/prove.ts";
import type { NameServer, QueryOptions } from "#lib/dns/query.ts";
import { factsOf, type Providers } from "#lib/fleet/provider.ts";
import { type CloudZones, type Cluster, type Fleet, isCloud } from "#lib/fleet/types.ts";
import type { Provider } from "#lib/provider.ts";

/** A zone and the zones that it delegates. */
export interface ZoneTree {
  readonly name: string;
  readonly children: readonly ZoneTree[];
}

/** Verifies the delegations of a fleet's zones, except for skipped clouds. @throws FleetError DnsUnanswered, DnsDirectoryInvalid */
export async function verifyFleet(
  dns: DnsRoot,
  fleet: Fleet,
  providers: Providers<Provider>,
): Promise<readonly Edge[]> {
  const zones = fleet.zones.filter((pair) => isMade(pair, providers));
  return zones.length === 0 ? [] : await verifyZones(dns, zoneTree({ ...fleet, zones }));
}

/** Zones that are skipped because no task can create them yet. Pure. */
export function leftOutZones({ zones }: Pick<Fleet, "zones">, providers: Providers<Provider>): readonly string[] {
  return zones.filter((pair) => !isMade(pair, providers)).map(({ primary }) => primary);
}

/** The clouds for which the graph has resources. */
function isMade(zones: CloudZones, providers: Providers<Provider>): boolean {
  return factsOf(providers, zones).open !== undefined;
}

/** The zones of a fleet below its domain. Pure. */
export function zoneTree({ domain, zones, clusters }: Pick<Fleet, "domain" | "zones" | "clusters">): ZoneTree {
  const leaf = (cluster: Cluster): ZoneTree => ({ name: cluster.name, children: [] });
  return {
    name: domain,
    children: zones.map(({ provider, primary, clusters: parent }) => {
      const own = clusters.filter((cluster) => isCloud(cluster) && cluster.provider === provider);
      return { name: primary, children: [{ name: parent, children: own.map(leaf) }] };
    }),
  };
}

/**
 * Verifies every delegation of a tree at the authoritative servers, from the top down; siblings in parallel. Below a broken
 * delegation no server can be queried, which is reported for each zone.
 *
 * @throws FleetError DnsUnanswered if the domain has no name servers
 */
export async function verifyZones(dns: DnsRoot, tree: ZoneTree, options: QueryOptions = {}): Promise<readonly Edge[]> {
  return await below(dns, tree, await dns.serversOf(tree.name), options);
}

async function below(
  dns: DnsRoot,
  parent: ZoneTree,
  servers: readonly NameServer[],
  options: QueryOptions,
): Promise<readonly Edge[]> {
  const found = await Promise.all(
    parent.children.map(async (child) => {
      const { edge, servers: own } = await proveEdge(dns, parent.name, servers, child.name, options);
      return [edge, ...(await below(dns, child, own, options))];
    }),
  );
  return found.flat();
}
