import type { StoredResource } from "#sandbox/azure/arm/kind.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";

interface ArmState {
  /** By id in lower case. */
  readonly resources: Record<string, StoredResource>;
}

/** Resources of one subscription; those outside of subscriptions are under "". */
function stateOf(cloud: AzureCloud, id: string): ArmState["resources"] {
  const subscription = /^\/subscriptions\/([^/]+)/i.exec(id)?.[1]?.toLowerCase() ?? "";
  return cloud.slice<ArmState>("arm", subscription, "global", () => ({ resources: {} })).resources;
}

export function findResource(cloud: AzureCloud, id: string): StoredResource | undefined {
  return stateOf(cloud, id)[id.toLowerCase()];
}

/** Adds it or replaces what has its id. */
export function storeResource(cloud: AzureCloud, resource: StoredResource): void {
  stateOf(cloud, resource.id)[resource.id.toLowerCase()] = resource;
  cloud.save();
}

export function dropResource(cloud: AzureCloud, id: string): void {
  delete stateOf(cloud, id)[id.toLowerCase()];
  cloud.save();
}

/** All below an id in its subscription, the id's own resource left out; the oldest first. */
export function resourcesBelow(cloud: AzureCloud, id: string): readonly StoredResource[] {
  const above = `${id.toLowerCase()}/`;
  return Object.entries(stateOf(cloud, id)).flatMap(([key, resource]) => (key.startsWith(above) ? [resource] : []));
}

/** All of one type in all subscriptions. @param type `Microsoft.Network/dnsZones`, in any case */
export function resourcesOfType(cloud: AzureCloud, type: string): readonly StoredResource[] {
  const wanted = type.toLowerCase();
  return cloud
    .slices<ArmState>("arm")
    .flatMap(({ state }) => Object.values(state.resources).filter((one) => one.type.toLowerCase() === wanted));
}
