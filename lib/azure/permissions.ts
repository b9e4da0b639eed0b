/** Ids of Azure's built-in roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles */
export const builtInRoles = {
  reader: "acdd72a7-3385-48ef-bd42-f606fba81ae7",
  dnsZoneContributor: "befefa01-2a29-4197-83a8-272ff33ce314",
  aksClusterUser: "4abbcc35-e782-43d8-92c5-2d3f1bd2253f",
  aksRbacClusterAdmin: "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b",
} as const;

/** What a custom role allows, in the order of Azure's documentation. */
export interface Permissions {
  readonly name: string;
  readonly description: string;
  readonly actions: readonly string[];
}

/** NS records below the clusters' zone: the only change that clusters need in the management account. Reading is the role Reader's. */
export const delegationsRole: Permissions = {
  name: "k8s-multicluster-gitops delegations",
  description: "NS records of clusters in the zone that this role is assigned on",
  actions: ["Microsoft.Network/dnszones/NS/delete", "Microsoft.Network/dnszones/NS/write"],
};

/** What creates, changes and deletes clusters with their zones and identities: the calls of lib/azure, and no others. */
export const clustersRole: Permissions = {
  name: "k8s-multicluster-gitops clusters",
  description: "AKS clusters with their resource groups, zones and identities",
  actions: [
    // AKS Automatic assigns the policies of its deployment safeguards in the name of the caller.
    "Microsoft.Authorization/policyAssignments/read",
    "Microsoft.Authorization/policyAssignments/write",
    // Limited to two roles by the condition below.
    "Microsoft.Authorization/roleAssignments/delete",
    "Microsoft.Authorization/roleAssignments/read",
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleDefinitions/read",
    "Microsoft.ContainerService/locations/kubernetesVersions/read",
    "Microsoft.ContainerService/managedClusters/delete",
    "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action",
    "Microsoft.ContainerService/managedClusters/read",
    "Microsoft.ContainerService/managedClusters/write",
    "Microsoft.ContainerService/register/action",
    "Microsoft.ManagedIdentity/register/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/delete",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/delete",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/read",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
    "Microsoft.ManagedIdentity/userAssignedIdentities/read",
    "Microsoft.ManagedIdentity/userAssignedIdentities/write",
    "Microsoft.Network/dnszones/delete",
    "Microsoft.Network/dnszones/read",
    "Microsoft.Network/dnszones/recordsets/read",
    "Microsoft.Network/dnszones/write",
    "Microsoft.Network/register/action",
    "Microsoft.Resources/subscriptions/providers/read",
    "Microsoft.Resources/subscriptions/read",
    "Microsoft.Resources/subscriptions/resourceGroups/delete",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
    "Microsoft.Resources/subscriptions/resourceGroups/write",
  ],
};

/** The roles that the clusters role may hand out: records of a cluster's zone, and the administration of a cluster. */
const grantable = [builtInRoles.dnsZoneContributor, builtInRoles.aksRbacClusterAdmin];

/**
 * Limits the assignments of the clusters role to these roles. It belongs to every assignment whose role can assign others.
 * https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples
 */
export const grantingCondition = (
  [
    ["write", "@Request"],
    ["delete", "@Resource"],
  ] as const
)
  .map(
    ([action, source]) =>
      `((!(ActionMatches{'Microsoft.Authorization/roleAssignments/${action}'})) OR ` +
      `(${source}[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${grantable.join(", ")}}))`,
  )
  .join(" AND ");
