import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { clusterBody } from "#lib/azure/aks/cluster-body.ts";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { groupId, homeRegionOf, managementGroup, subscriptionId } from "#lib/azure/names.ts";
import { clustersRole, delegationsRole, grantingCondition, type Permissions } from "#lib/azure/permissions.ts";
import { roleIdOf } from "#lib/azure/role.ts";
import { subjectsOf } from "#lib/fleet/github.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { administratorOf } from "#sandbox/azure/entra/administrators.ts";

/** The fields of a cluster that the script passes on. */
interface ClusterBody {
  readonly properties: {
    readonly kubernetesVersion: string;
    readonly apiServerAccessProfile: { readonly authorizedIPRanges: readonly string[] };
    readonly networkProfile: Readonly<Record<"podCidr" | "serviceCidr" | "dnsServiceIP", string>>;
    readonly agentPoolProfiles: readonly { readonly count: number; readonly vmSize: string }[];
  };
}

/** Variables of azure-fleet.sh. Writes its files into `folder`. */
export async function scriptVariables(fleet: Fleet, folder: string): Promise<Readonly<Record<string, string>>> {
  const accounts = azureAccountsOf(fleet);
  const management = accounts.find(({ role }) => role === "management");
  const [zones] = fleet.zones;
  const clusters = fleet.clusters.filter((cluster): cluster is AksCluster => cluster.provider === "azure");
  const [first] = clusters;
  if (management === undefined || zones === undefined || fleet.github === undefined || first === undefined)
    throw new Error("the fleet has no management account, zones, jobs or clusters of Azure");
  const subscriptionOf = (name: string) => accounts.find((account) => account.name === name)?.subscriptionId;
  const tenants = accounts.filter(({ name }) => clusters.some(({ account }) => account === name));
  const roles = join(folder, "roles");
  const kubeconfigs = join(folder, "kubeconfigs");
  await mkdir(kubeconfigs, { recursive: true });
  await Bun.write(
    join(roles, "delegations.json"),
    formatRole(management, delegationsRole, groupId(management, managementGroup)),
  );
  for (const account of tenants)
    await Bun.write(
      join(roles, `${account.subscriptionId}.json`),
      formatRole(account, clustersRole, subscriptionId(account)),
    );
  // All clusters of the fleet have the same.
  const { properties } = clusterBody(first) as unknown as ClusterBody;
  const { podCidr, serviceCidr, dnsServiceIP } = properties.networkProfile;
  const [nodes] = properties.agentPoolProfiles;
  return {
    DOMAIN: fleet.domain,
    PRIMARY_DOMAIN: zones.primary,
    K8S_DOMAIN: zones.clusters,
    HOME_REGION: homeRegionOf(management),
    KUBECONFIGS: kubeconfigs,
    MANAGEMENT: `${management.name}:${management.subscriptionId}`,
    ACCOUNTS: tenants.map(({ name, subscriptionId: id }) => `${name}:${id}`).join(" "),
    CLUSTERS: clusters.map(({ name, account, region }) => `${name}:${subscriptionOf(account)}:${region}`).join(" "),
    CALLER: administratorOf(management.tenantId).objectId,
    SUBJECTS: subjectsOf(fleet.github).join(" "),
    ROLES: roles,
    CONDITION: grantingCondition,
    KUBERNETES: properties.kubernetesVersion,
    RANGES: properties.apiServerAccessProfile.authorizedIPRanges.join(","),
    POD_CIDR: podCidr,
    SERVICE_CIDR: serviceCidr,
    DNS_SERVICE_IP: dnsServiceIP,
    NODE_COUNT: String(nodes?.count),
    NODE_SIZE: String(nodes?.vmSize),
  };
}

export function azureAccountsOf(fleet: Fleet): readonly AzureAccount[] {
  return fleet.accounts.filter((account): account is AzureAccount => account.provider === "azure");
}

/** As `az role definition update` reads it. The id is that of our task. */
function formatRole(account: AzureAccount, permissions: Permissions, scope: string): string {
  const role = {
    // az takes an id below the subscription for one, any other for a name.
    id: `${subscriptionId(account)}/providers/Microsoft.Authorization/roleDefinitions/${roleIdOf(account, permissions)}`,
    roleName: `${permissions.name} ${account.subscriptionId}`,
    description: permissions.description,
    actions: permissions.actions,
    assignableScopes: [scope],
  };
  return JSON.stringify(role, undefined, 2);
}
