/** Defaults of clusters. */

import type { ArgocdVariant, Cluster, GitOps } from "#lib/fleet/types.ts";

/** Kubernetes version of cloud clusters. The same minor as the local images, so that both behave the same. */
export const cloudKubernetes = "1.36";

/**
 * Minors that Argo CD 3.6 is tested on, oldest first: https://argo-cd.readthedocs.io/en/stable/operator-manual/installation/#supported-versions.
 * kind has images of them.
 */
export const testedVersions: readonly string[] = ["1.34", "1.35", "1.36", "1.37"];

/** Near the API ports of local clusters (6551 …), and unassigned by IANA. */
const defaultGitPort = 6580;

export function environmentOf(cluster: Cluster): string {
  return cluster.environment ?? "dev";
}

/** The cluster's variant; without `gitops` in the fleet there is no Argo CD. */
export function argocdOf(cluster: Cluster): ArgocdVariant | "none" {
  return cluster.argocd ?? "standard";
}

/** The default branch name of Git hosts. */
export function revisionOf(gitops: GitOps): string {
  return gitops.revision ?? "main";
}

export function pathOf(gitops: GitOps): string {
  return gitops.path ?? "argocd/apps";
}

/** The source of local clusters. */
export function localSourceOf(gitops: GitOps): "checkout" | "repository" {
  return gitops.local ?? "checkout";
}

export function gitPortOf(gitops: GitOps): number {
  return gitops.port ?? defaultGitPort;
}
