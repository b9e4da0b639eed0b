import { accountTitle, clustersIn } from "#lib/fleet/accounts.ts";
import { factsOf, type Providers } from "#lib/fleet/provider.ts";
import type { Account, CloudZones, Fleet } from "#lib/fleet/types.ts";
import type { Described } from "#lib/render/generator.ts";
import type { Flowchart, MermaidEdge, MermaidGroup, MermaidNode } from "#lib/render/mermaid.ts";

/** The delegations from the fleet's domain down to the zone of each cluster. */
export function dnsDiagram({ fleet, providers }: Described): Flowchart {
  return {
    groups: [
      { title: "Cloudflare", nodes: [{ id: fleet.domain, icon: "cloudflare-icon", form: "square" }] },
      ...fleet.zones.map((zones) => cloudGroup(zones, fleet, providers)),
    ],
    edges: fleet.zones.flatMap((zones) => delegations(zones, fleet)),
  };
}

function cloudGroup(zones: CloudZones, fleet: Fleet, providers: Providers): MermaidGroup {
  const { title, icon = "" } = factsOf(providers, zones);
  const accounts = fleet.accounts.filter(({ provider }) => provider === zones.provider);
  const management = accounts.filter(({ role }) => role === "management");
  // last first, because Mermaid lays groups out from right to left
  const tenants = accounts.filter(({ role }) => role === "tenant").toReversed();
  return {
    title,
    groups: [...management, ...tenants].map((account) => ({
      title: accountTitle(account, providers),
      nodes: zoneNodes(account, zones, icon, fleet),
    })),
  };
}

function zoneNodes(account: Account, zones: CloudZones, icon: string, fleet: Fleet): readonly MermaidNode[] {
  const square = (id: string): MermaidNode => ({ id, icon, form: "square" });
  const held: readonly MermaidNode[] =
    account.role === "management" ? [{ id: zones.primary, icon, form: "circle" }, square(zones.clusters)] : [];
  return [...held, ...clustersIn(account, fleet).map(square)];
}

function delegations(zones: CloudZones, fleet: Fleet): readonly MermaidEdge[] {
  return [
    { from: fleet.domain, to: zones.primary },
    { from: zones.primary, to: zones.clusters },
    ...fleet.clusters
      .filter(({ provider }) => provider === zones.provider)
      .map(({ name }) => ({ from: zones.clusters, to: name })),
  ];
}
