/** What a cluster has where its entry says nothing. */

import type { ArgocdVariant, Cluster, GitOps } from "#lib/fleet/types.ts";

/** Kubernetes of the cloud clusters. The same minor as the local images, so that what works here works there. */
export const cloudKubernetes = "1.36";

/**
 * Minors that Argo CD 3.6 is tested on, oldest first: https://argo-cd.readthedocs.io/en/stable/operator-manual/installation/#supported-versions.
 * kind has images of them.
 */
export const testedVersions: readonly string[] = ["1.34", "1.35", "1.36", "1.37"];

/** Near the API ports of local clusters (6551 …), and nobody's by IANA's list. */
const defaultGitPort = 6580;

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
