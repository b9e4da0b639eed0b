import type { Kind, Listing } from "#sandbox/azure/arm/kind.ts";
import { recordSetListings, recordSets } from "#sandbox/azure/kinds/dns/record-sets.ts";
import { dnsZones } from "#sandbox/azure/kinds/dns/zones.ts";
import { locks } from "#sandbox/azure/kinds/locks.ts";
import { resourceGroups } from "#sandbox/azure/kinds/resource-groups.ts";

/** All types of resources that the sandbox has. */
export const kinds: readonly Kind[] = [resourceGroups, locks, dnsZones, ...recordSets];

export const listings: readonly Listing[] = [...recordSetListings];
