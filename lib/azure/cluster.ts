import type { ManagedCluster } from "#lib/argocd/managed-cluster.ts";
import type { AccountAccess } from "#lib/azure/account-access.ts";
import { type AksState, aksCluster as managedCluster } from "#lib/azure/aks/cluster.ts";
import { type AksKubeconfigState, aksKubeconfig } from "#lib/azure/aks/kubeconfig.ts";
import type { ArmResource } from "#lib/azure/clients.ts";
import { subscriptionKey } from "#lib/azure/delegated-accounts.ts";
import { federatedCredentials, workloadCredential } from "#lib/azure/federated-credentials.ts";
import { kubernetesOfAks } from "#lib/azure/fleet/defaults.ts";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { type IdentityState, identity } from "#lib/azure/identity.ts";
import { type ManagementAccount, parentZone } from "#lib/azure/management.ts";
import { grant, identityMember } from "#lib/azure/members.ts";
import { aksNameOf, clusterIds, groupOf, managementGroup, type Parts, workloadIdentityOf } from "#lib/azure/names.ts";
import { builtInRoles } from "#lib/azure/permissions.ts";
import { resourceGroup } from "#lib/azure/resource-group.ts";
import { delegation } from "#lib/azure/zones/delegation.ts";
import { type ZoneState, zone } from "#lib/azure/zones/zone.ts";
import { accessBy } from "#lib/cloud/exec-kubeconfig.ts";
import { tagsOf } from "#lib/cloud/parts.ts";
import type { AnyResource, Resource, RowRef } from "#lib/graph/resource.ts";
import type { ClusterResources } from "#lib/provider.ts";

/** Namespaces and service accounts of the applications that write records into the cluster's zone: see argocd/apps. */
const recordWriters = ["cert-manager", "external-dns"];

export function aksCluster(
  parts: Parts,
  cluster: AksCluster,
  account: AzureAccount,
  access: AccountAccess,
  shared: Pick<ManagementAccount, "clustersZone" | "delegationAccess" | "readers">,
): ClusterResources {
  const { fleet, settings, management, withClients } = parts;
  const ids = clusterIds(cluster);
  const row: RowRef = { kind: "cluster", name: cluster.name, group: "azure" };
  const place = { account, group: groupOf(cluster), name: cluster.name };
  const common = { account, row, tags: tagsOf(fleet, { cluster: cluster.name }) };
  const group = withClients(
    resourceGroup({
      ...common,
      id: ids.group,
      title: `${cluster.name}: resource group`,
      needs: access.resources,
      name: place.group,
      region: cluster.region,
      contents: [cluster.name, aksNameOf(cluster), workloadIdentityOf(cluster)],
    }),
  );
  const own = withClients(zone({ ...common, ...place, id: ids.zone, title: `${cluster.name}: zone`, needs: [group] }));
  const led = withClients(
    delegation({
      id: ids.delegation,
      title: `${cluster.name}: delegation`,
      row,
      place,
      parentPlace: { account: management, group: managementGroup },
      zone: own,
      parent: shared.clustersZone,
      parentOf: parentZone,
      needs: shared.delegationAccess,
      tags: { ...common.tags, [subscriptionKey]: account.subscriptionId },
    }),
  );
  const aks = withClients(
    managedCluster({ ...common, id: ids.cluster, title: `${cluster.name}: AKS cluster`, needs: [group], cluster }),
  );
  const workloads = workloadIdentity(parts, cluster, common, group, own, aks);
  const admins = grant(parts, {
    id: ids.administrators,
    roleName: "AKS RBAC Cluster Admin",
    row,
    account,
    needs: [aks],
    scope: (outputs) => outputs.find(aks)?.id,
    role: builtInRoles.aksRbacClusterAdmin,
    members: access.administrators,
  });
  const kubeconfig = withClients(
    aksKubeconfig({
      cluster,
      account,
      aks,
      admins,
      readers: shared.readers,
      fleetFile: settings.fleetFile,
    }),
  );
  return {
    resources: [group, own, led, aks, ...workloads.resources, ...admins, kubeconfig],
    managed: managedAks(cluster, account, row, kubeconfig, workloads.identity),
  };
}

interface Common {
  readonly account: AzureAccount;
  readonly row: RowRef;
  readonly tags: Readonly<Record<string, string>>;
}

/** What external-dns and cert-manager act as: it may write records into the cluster's zone. */
function workloadIdentity(
  parts: Parts,
  cluster: AksCluster,
  common: Common,
  group: Resource<ArmResource>,
  own: Resource<ZoneState>,
  aks: Resource<AksState>,
): { readonly identity: Resource<IdentityState>; readonly resources: readonly AnyResource[] } {
  const { withClients } = parts;
  const { account, row } = common;
  const ids = clusterIds(cluster);
  const made = withClients(
    identity({
      ...common,
      id: ids.identity,
      title: `${cluster.name}: identity of workloads`,
      label: "identity of workloads",
      needs: [group],
      group: groupOf(cluster),
      name: workloadIdentityOf(cluster),
      region: cluster.region,
    }),
  );
  const credentials = withClients(
    federatedCredentials({
      id: `${ids.identity}/credentials`,
      title: `${cluster.name}: federated credentials of workloads`,
      label: "credentials of workloads",
      needs: [aks],
      account,
      identity: made,
      credentials(outputs) {
        const issuer = outputs.find(aks)?.issuer;
        return issuer === undefined ? [] : recordWriters.map((name) => workloadCredential(issuer, name, name));
      },
    }),
  );
  const writing = grant(parts, {
    id: `${ids.identity}/access`,
    roleName: "DNS Zone Contributor",
    row,
    account,
    needs: [own],
    scope: (outputs) => outputs.find(own)?.id,
    role: builtInRoles.dnsZoneContributor,
    members: [identityMember(made, "zone", "workloads")],
  });
  return { identity: made, resources: [made, ...writing, credentials] };
}

/** The content is deleted before the cluster: its DNS records are in the account. */
function managedAks(
  cluster: AksCluster,
  account: AzureAccount,
  row: RowRef,
  kubeconfig: Resource<AksKubeconfigState>,
  workloads: Resource<IdentityState>,
): ManagedCluster {
  return {
    cluster,
    accountId: account.subscriptionId,
    kubernetes: kubernetesOfAks(cluster),
    row,
    prefix: `azure/${account.name}/${cluster.name}`,
    running: kubeconfig,
    workloadIdentity: (outputs) => outputs.find(workloads)?.clientId,
    access: (outputs) => accessBy(kubeconfig, outputs),
  };
}
