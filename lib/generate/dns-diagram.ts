import type { Account, CloudProvider, CloudZones, Fleet } from "#lib/fleet/types.ts";
import { accountTitle, cloudTitles, clustersIn } from "#lib/generate/accounts.ts";
import type { Flowchart, MermaidEdge, MermaidGroup, MermaidNode } from "#lib/generate/mermaid.ts";

const icons: Readonly<Record<CloudProvider, string>> = { aws: "aws-route53", azure: "azure-icon", gcp: "google-cloud" };

/** Who delegates which zone to whom, from the fleet's domain down to the zone of each cluster. */
export function dnsDiagram(fleet: Fleet): Flowchart {
  return {
    groups: [
      { title: "Cloudflare", nodes: [{ id: fleet.domain, icon: "cloudflare-icon", form: "square" }] },
      ...fleet.zones.map((zones) => cloudGroup(zones, fleet)),
    ],
    edges: fleet.zones.flatMap((zones) => delegations(zones, fleet)),
  };
}

function cloudGroup(zones: CloudZones, fleet: Fleet): MermaidGroup {
  const accounts = fleet.accounts.filter(({ provider }) => provider === zones.provider);
  const management = accounts.filter(({ role }) => role === "management");
  // last first, as Mermaid lays groups out from right to left
  const tenants = accounts.filter(({ role }) => role === "tenant").toReversed();
  return {
    title: cloudTitles[zones.provider],
    groups: [...management, ...tenants].map((account) => ({
      title: accountTitle(account),
      nodes: zoneNodes(account, zones, fleet),
    })),
  };
}

function zoneNodes(account: Account, zones: CloudZones, fleet: Fleet): readonly MermaidNode[] {
  const icon = icons[zones.provider];
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
