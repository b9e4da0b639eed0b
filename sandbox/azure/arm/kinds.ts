import type { Kind, Listing } from "#sandbox/azure/arm/kind.ts";
import { managedClusters } from "#sandbox/azure/kinds/aks/clusters.ts";
import { agentPools } from "#sandbox/azure/kinds/aks/pools.ts";
import { kubernetesVersions } from "#sandbox/azure/kinds/aks/versions.ts";
import { recordSetListings, recordSets } from "#sandbox/azure/kinds/dns/record-sets.ts";
import { dnsZones } from "#sandbox/azure/kinds/dns/zones.ts";
import { federatedCredentials } from "#sandbox/azure/kinds/federated-credentials.ts";
import { identities } from "#sandbox/azure/kinds/identities.ts";
import { locks } from "#sandbox/azure/kinds/locks.ts";
import { resourceGroups } from "#sandbox/azure/kinds/resource-groups.ts";
import { roleAssignments } from "#sandbox/azure/kinds/role-assignments.ts";
import { roleDefinitions } from "#sandbox/azure/kinds/role-definitions.ts";

/** All types of resources that the sandbox has. */
export const kinds: readonly Kind[] = [
  resourceGroups,
  locks,
  dnsZones,
  ...recordSets,
  identities,
  federatedCredentials,
  roleDefinitions,
  roleAssignments,
  managedClusters,
  agentPools,
];

export const listings: readonly Listing[] = [...recordSetListings, kubernetesVersions];
