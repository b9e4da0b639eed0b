/** What a cluster has where its entry says nothing. */

import { k3sNode, kindNode } from "#clusters/images.ts";
import type { ArgocdVariant, Cluster, GitOps, LocalCluster, Provider } from "#lib/fleet/types.ts";
import { isLocal } from "#lib/fleet/types.ts";

/** Kubernetes of the cloud clusters. The same minor as the local images, so that what works here works there. */
export const cloudKubernetes = "1.36";

/** One node for the control plane and one for the work: the least that shows a cluster, and what upstream makes. */
const defaultWorkers = 1;

interface Ranges {
  readonly pods: string;
  readonly services: string;
}

/**
 * What each provider uses unless told otherwise. EKS gives pods addresses of the VPC, whose range we choose; GKE picks a range
 * itself, so that it isn't known before the cluster exists.
 * kind: https://kind.sigs.k8s.io/docs/user/configuration/#pod-subnet · k3s: https://docs.k3s.io/cli/server#networking
 * AKS: https://learn.microsoft.com/azure/aks/azure-cni-overlay
 */
const defaultRanges: Readonly<Partial<Record<Provider, Ranges>>> = {
  aws: { pods: "10.0.0.0/16", services: "172.20.0.0/16" },
  azure: { pods: "10.244.0.0/16", services: "10.0.0.0/16" },
  kind: { pods: "10.244.0.0/16", services: "10.96.0.0/16" },
  k3d: { pods: "10.42.0.0/16", services: "10.43.0.0/16" },
};

/** Near the API ports of local clusters (6551 …), and nobody's by IANA's list. */
const defaultGitPort = 6580;

export function workersOf(cluster: LocalCluster): number {
  return cluster.workers ?? defaultWorkers;
}

export function imageOf(cluster: LocalCluster): string {
  return cluster.image ?? (cluster.provider === "kind" ? kindNode : k3sNode);
}

export function environmentOf(cluster: Cluster): string {
  return cluster.environment ?? "dev";
}

/** What the entry says; a fleet without `gitops` has no Argo CD at all. */
export function argocdOf(cluster: Cluster): ArgocdVariant | "none" {
  return cluster.argocd ?? "standard";
}

/** The branch that hosts of repositories make first. */
export function revisionOf(gitops: GitOps): string {
  return gitops.revision ?? "main";
}

export function pathOf(gitops: GitOps): string {
  return gitops.path ?? "argocd/apps";
}

/** What clusters on this computer read. */
export function localSourceOf(gitops: GitOps): "checkout" | "repository" {
  return gitops.local ?? "checkout";
}

export function gitPortOf(gitops: GitOps): number {
  return gitops.port ?? defaultGitPort;
}

/** `major.minor`; undefined only for an own node image whose tag doesn't tell. */
export function kubernetesOf(cluster: Cluster): string | undefined {
  if (cluster.kubernetes !== undefined) return cluster.kubernetes;
  return isLocal(cluster) ? tryImageKubernetes(imageOf(cluster)) : cloudKubernetes;
}

/** Undefined while only the cloud can know it. */
export function podCidrOf(cluster: Cluster): string | undefined {
  return cluster.podCidr ?? defaultRanges[cluster.provider]?.pods;
}

/** Undefined while only the cloud can know it. */
export function serviceCidrOf(cluster: Cluster): string | undefined {
  return cluster.serviceCidr ?? defaultRanges[cluster.provider]?.services;
}

/** `1.36` of `kindest/node:v1.36.1@sha256:…`; undefined when the tag names no version. */
export function tryImageKubernetes(image: string): string | undefined {
  return /:v?(\d+\.\d+)\.\d/.exec(image)?.[1];
}
