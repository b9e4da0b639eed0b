const recordTypes = ["A", "AAAA", "CAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"];

/**
 * Actions that custom roles may name, by what they are of: those of the emulated types, from the documentation of resource
 * provider operations.
 */
const known: Readonly<Record<string, string>> = {
  "Microsoft.Authorization/locks": "read write delete",
  "Microsoft.Authorization/permissions": "read",
  "Microsoft.Authorization/policyAssignments": "read write delete",
  "Microsoft.Authorization/roleAssignments": "read write delete",
  "Microsoft.Authorization/roleDefinitions": "read write delete",
  "Microsoft.ContainerService": "register/action unregister/action",
  "Microsoft.ContainerService/locations/kubernetesVersions": "read",
  "Microsoft.ContainerService/locations/operationresults": "read",
  "Microsoft.ContainerService/locations/operations": "read",
  "Microsoft.ContainerService/managedClusters":
    "read write delete start/action stop/action abort/action runCommand/action listClusterAdminCredential/action listClusterUserCredential/action listClusterMonitoringUserCredential/action rotateClusterCertificates/action rotateServiceAccountSigningKeys/action resetAADProfile/action resetServicePrincipalProfile/action",
  "Microsoft.ContainerService/managedClusters/accessProfiles": "read listCredential/action",
  "Microsoft.ContainerService/managedClusters/agentPools":
    "read write delete abort/action deleteMachines/action upgradeNodeImageVersion/action",
  "Microsoft.ContainerService/managedClusters/agentPools/upgradeProfiles": "read",
  "Microsoft.ContainerService/managedClusters/availableAgentPoolVersions": "read",
  "Microsoft.ContainerService/managedClusters/commandResults": "read",
  "Microsoft.ContainerService/managedClusters/maintenanceConfigurations": "read write delete",
  "Microsoft.ContainerService/managedClusters/upgradeProfiles": "read",
  "Microsoft.ManagedIdentity": "register/action",
  "Microsoft.ManagedIdentity/userAssignedIdentities":
    "read write delete assign/action revokeTokens/action listAssociatedResources/action",
  "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": "read write delete",
  "Microsoft.Network": "register/action unregister/action",
  "Microsoft.Network/dnsZones": "read write delete",
  "Microsoft.Network/dnsZones/all": "read",
  "Microsoft.Network/dnsZones/recordsets": "read",
  ...Object.fromEntries(recordTypes.map((type) => [`Microsoft.Network/dnsZones/${type}`, "read write delete"])),
  "Microsoft.Network/virtualNetworks": "read",
  "Microsoft.Network/virtualNetworks/subnets": "read join/action",
  "Microsoft.Resources/deployments": "read write delete validate/action",
  "Microsoft.Resources/subscriptions": "read",
  "Microsoft.Resources/subscriptions/locations": "read",
  "Microsoft.Resources/subscriptions/operationresults": "read",
  "Microsoft.Resources/subscriptions/providers": "read",
  "Microsoft.Resources/subscriptions/resourceGroups": "read write delete",
  "Microsoft.Resources/subscriptions/resourceGroups/resources": "read",
  "Microsoft.Resources/subscriptions/resources": "read",
  "Microsoft.Resources/tags": "read write delete",
};

const knownActions = Object.entries(known).flatMap(([type, verbs]) =>
  verbs.split(" ").map((verb) => `${type}/${verb}`),
);

/** Whether an action of a role, which may hold `*`, means one that exists. */
export function isKnownAction(pattern: string): boolean {
  return knownActions.some((action) => matchesAction(pattern, action));
}

export function matchesAction(pattern: string, action: string): boolean {
  const source = pattern.replaceAll(/[\\^$.+?()[\]{}|]/g, "\\$&").replaceAll("*", ".*");
  return new RegExp(`^${source}$`, "i").test(action);
}
