import type { ManagedCluster } from "#lib/argocd/managed-cluster.ts";
import { applicationsOf } from "#lib/fleet/applications.ts";
import { argocdOf, environmentOf } from "#lib/fleet/defaults.ts";
import { type Fleet, isCloud } from "#lib/fleet/types.ts";

/** A cluster's facts for Argo CD: switches and selectors as labels, everything else as annotations. */
export interface ClusterFacts {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The cluster, and its provider's facts. */
export interface FactsSubject extends Pick<ManagedCluster, "cluster" | "accountId" | "kubernetes"> {
  /** Id of the cloud's identity for workloads. @default none is needed */
  readonly workloadIdentity?: string;
}

/** The source that the cluster's Argo CD reads. */
export interface FactsSource {
  readonly repository: string;
  readonly revision: string;
  readonly path: string;
}

/**
 * Facts of one cluster. Every annotation is present, empty if it doesn't apply: an ApplicationSet fails on a missing
 * one. Labels without a value are omitted, because selectors also test for existence.
 */
export function clusterFacts(
  fleet: Fleet,
  { cluster, accountId, kubernetes, workloadIdentity = "" }: FactsSubject,
  source: FactsSource,
): ClusterFacts {
  const place = isCloud(cluster)
    ? { account: cluster.account, region: cluster.region, zone: cluster.name }
    : { account: "", region: "", zone: "" };
  const environment = environmentOf(cluster);
  const zones = fleet.zones.find(({ provider }) => provider === cluster.provider);
  return {
    labels: {
      provider: cluster.provider,
      environment,
      ...(isCloud(cluster) ? { account: cluster.account, region: cluster.region } : {}),
      ...Object.fromEntries(applicationsOf(fleet, cluster).map((name) => [switchLabel(name), "true"])),
    },
    annotations: {
      cluster_name: cluster.name,
      provider: cluster.provider,
      environment,
      account: place.account,
      account_id: accountId,
      workload_identity: workloadIdentity,
      region: place.region,
      zone: place.zone,
      parent_zone: zones?.clusters ?? "",
      domain: fleet.domain,
      kubernetes_version: kubernetes ?? "",
      argocd_variant: argocdOf(cluster),
      gitops_repository: source.repository,
      gitops_revision: source.revision,
      gitops_path: source.path,
    },
  };
}

/** `enable_cert_manager` for `cert-manager`. */
export function switchLabel(application: string): string {
  return `enable_${application.replaceAll("-", "_")}`;
}
