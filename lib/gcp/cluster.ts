import type { ManagedCluster } from "#lib/argocd/managed-cluster.ts";
import { accessBy } from "#lib/cloud/exec-kubeconfig.ts";
import { throughRole } from "#lib/cloud/through-role.ts";
import { access as accessTo } from "#lib/gcp/access.ts";
import type { AccountAccess } from "#lib/gcp/account-access.ts";
import type { GcpActor, Json } from "#lib/gcp/clients.ts";
import { clusterNat } from "#lib/gcp/compute/nat.ts";
import { clusterNetwork } from "#lib/gcp/compute/network.ts";
import { clusterSubnetwork } from "#lib/gcp/compute/subnetwork.ts";
import { delegationTagsOf } from "#lib/gcp/delegated-accounts.ts";
import { kubernetesOfGke } from "#lib/gcp/fleet/defaults.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";
import { type GkeState, gkeCluster } from "#lib/gcp/gke/cluster.ts";
import { type GkeKubeconfigState, gkeKubeconfig } from "#lib/gcp/gke/kubeconfig.ts";
import { type ManagementAccount, parentZone } from "#lib/gcp/management.ts";
import {
  accountActor,
  clusterIds,
  clustersActor,
  labelsOf,
  managementActor,
  markOf,
  type Parts,
  zoneNameOf,
} from "#lib/gcp/names.ts";
import { projectPolicy, zonePolicy } from "#lib/gcp/policy.ts";
import { absentWhileDisabled } from "#lib/gcp/services.ts";
import { zoneReaders, zoneWriters } from "#lib/gcp/workloads.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import { delegation } from "#lib/gcp/zones/delegation.ts";
import { type ZoneState, zone } from "#lib/gcp/zones/zone.ts";
import type { AnyResource, Resource, RowRef } from "#lib/graph/resource.ts";
import type { ClusterResources } from "#lib/provider.ts";

export function gkeResources(
  parts: Parts,
  cluster: GkeCluster,
  account: GcpAccount,
  access: AccountAccess,
  shared: Pick<ManagementAccount, "clustersZone" | "serviceAccount" | "access">,
): ClusterResources {
  const { fleet, settings, management } = parts;
  const ids = clusterIds(cluster);
  const row: RowRef = { kind: "cluster", name: cluster.name, group: "gcp" };
  const labels = labelsOf(fleet, { cluster: cluster.name });
  const common = { row, labels, needs: [...access.resources, ...shared.access] };
  const inAccount = actAs(parts, access.serviceAccount, clustersActor(account), accountActor(account));
  const inParent = actAs(
    parts,
    shared.serviceAccount,
    { account: management, as: "management" },
    managementActor(management),
  );
  const own = inAccount((actor) =>
    zone({
      ...common,
      id: ids.zone,
      title: `${cluster.name}: zone`,
      label: "zone",
      actor,
      dnsName: cluster.name,
    }),
  );
  const led = inParent((parentActor) =>
    delegation({
      id: ids.delegation,
      title: `${cluster.name}: delegation`,
      row,
      place: { actor: clustersActor(account), dnsName: cluster.name },
      parentActor,
      zone: own,
      parent: shared.clustersZone,
      parentOf: parentZone,
      needs: [shared.serviceAccount, access.serviceAccount],
      tags: delegationTagsOf(fleet, account),
    }),
  );
  const part = { row, cluster, mark: markOf(fleet) };
  // After the zone, which is what finds a cluster that the fleet no longer names: so it is deleted last.
  const network = inAccount((actor) =>
    clusterNetwork({
      ...part,
      id: ids.network,
      title: `${cluster.name}: network`,
      label: "network",
      needs: [...common.needs, own],
      actor,
    }),
  );
  const subnetwork = inAccount((actor) =>
    clusterSubnetwork({
      ...part,
      id: ids.subnetwork,
      title: `${cluster.name}: subnetwork`,
      label: "subnetwork",
      needs: [network, access.serviceAccount],
      actor,
    }),
  );
  const gke = inAccount((actor) =>
    gkeCluster({
      ...common,
      id: ids.cluster,
      title: `${cluster.name}: GKE cluster`,
      needs: [...common.needs, subnetwork],
      actor,
      cluster,
    }),
  );
  const nat = inAccount((actor) =>
    clusterNat({
      ...part,
      id: ids.nat,
      title: `${cluster.name}: NAT`,
      label: "NAT",
      needs: [subnetwork, access.serviceAccount],
      actor,
    }),
  );
  const workloads = workloadAccess(cluster, account, inAccount, own, gke, access.serviceAccount);
  const kubeconfig = parts.withClients(
    gkeKubeconfig({
      cluster,
      account,
      management,
      gke,
      fleetFile: settings.fleetFile,
    }),
  );
  // A cluster whose delete fails still runs, and needs the internet.
  const gateway = { ...nat, removedAfter: [gke] };
  // What runs in the cluster comes from registries in the internet.
  const running = { ...kubeconfig, needs: [...kubeconfig.needs, gateway] };
  return {
    resources: [own, led, network, subnetwork, gateway, gke, workloads, running],
    managed: managedGke(cluster, account, row, running),
  };
}

/** Builds resources for a service account; while it does not exist, they are observed by an administrator, if one runs this. */
function actAs({ withClients }: Parts, serviceAccount: Resource<Json>, actor: GcpActor, administrator: GcpActor) {
  return <State>(build: (actor: GcpActor) => Resource<State, GcpWorld>): Resource<State> => {
    const as = (one: GcpActor): Resource<State> => withClients(absentWhileDisabled(build(one)));
    return throughRole(serviceAccount, as(actor), as(administrator));
  };
}

/** What external-dns and cert-manager may do: their pods are known to IAM by their names, once GKE has a cluster in the project. */
function workloadAccess(
  cluster: GkeCluster,
  account: GcpAccount,
  inAccount: ReturnType<typeof actAs>,
  own: Resource<ZoneState>,
  gke: Resource<GkeState>,
  serviceAccount: AnyResource,
): AnyResource {
  return inAccount((actor) =>
    accessTo({
      id: clusterIds(cluster).workloads,
      title: `${cluster.name}: access of workloads to zones`,
      label: "access of workloads",
      row: own.row,
      needs: [gke, serviceAccount],
      actor,
      target: (outputs) => zonePolicy(account, outputs.find(own)?.name ?? zoneNameOf(cluster.name)),
      of: own,
      grants: () => zoneWriters(account),
      shared: { target: projectPolicy(account), grants: zoneReaders(account) },
    }),
  );
}

/** The content is deleted before the cluster: its DNS records are in the account. */
function managedGke(
  cluster: GkeCluster,
  account: GcpAccount,
  row: RowRef,
  kubeconfig: Resource<GkeKubeconfigState>,
): ManagedCluster {
  return {
    cluster,
    accountId: account.projectId,
    kubernetes: kubernetesOfGke(cluster),
    row,
    prefix: `gcp/${account.name}/${cluster.name}`,
    running: kubeconfig,
    access: (outputs) => accessBy(kubeconfig, outputs),
  };
}
