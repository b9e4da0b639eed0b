import { applications } from "#lib/argocd/applications.ts";
import { checkout } from "#lib/argocd/checkout.ts";
import { factsSecret } from "#lib/argocd/facts-secret.ts";
import type { GitSource, GitSourceOf } from "#lib/argocd/git-source.ts";
import { argocdInstall } from "#lib/argocd/install.ts";
import type { ManagedCluster } from "#lib/argocd/managed-cluster.ts";
import { argocdManifest, type ManifestState } from "#lib/argocd/manifest.ts";
import { type RepositoryCredentialsOf, repositoryCredentials } from "#lib/argocd/repository-credentials.ts";
import type { GitCredentials } from "#lib/environment.ts";
import { argocdOf, gitPortOf, localSourceOf, pathOf, revisionOf } from "#lib/fleet/defaults.ts";
import type { ArgocdVariant, Fleet, GitOps } from "#lib/fleet/types.ts";
import type { AnyResource, Resource } from "#lib/graph/resource.ts";

/** Options of a run for Argo CD, in addition to the fleet. */
export interface GitOpsSettings {
  /** Branch, tag or commit instead of the fleet's. */
  readonly revision?: string;
  /** File to use instead of the pinned manifest. */
  readonly manifest?: string;
  /** Credentials of the repository, for clusters that read it. */
  readonly credentials?: GitCredentials;
  /** Wait until every application is synced and healthy. @default true */
  readonly wait?: boolean;
}

export interface GitOpsGraph {
  /** All Argo CD resources of one cluster; empty if the fleet disables Argo CD. */
  inside(managed: ManagedCluster): readonly AnyResource[];
}

/** Argo CD on every cluster, with its facts and applications. Pure. */
export function gitopsGraph(fleet: Fleet, gitops: GitOps, settings: GitOpsSettings): GitOpsGraph {
  const manifests = new Map<ArgocdVariant, Resource<ManifestState>>();
  const shareManifest = (variant: ArgocdVariant): Resource<ManifestState> => {
    const file = settings.manifest === undefined ? {} : { file: settings.manifest };
    const shared = manifests.get(variant) ?? argocdManifest({ variant, ...file });
    manifests.set(variant, shared);
    return shared;
  };
  const path = pathOf(gitops);
  const remote: GitSource = {
    repository: gitops.repository,
    revision: settings.revision ?? revisionOf(gitops),
    path,
  };
  let shared: Resource<GitSource> | undefined;
  const shareCheckout = (findHost: NonNullable<ManagedCluster["findHost"]>): Resource<GitSource> => {
    const revision = settings.revision === undefined ? {} : { revision: settings.revision };
    shared ??= checkout({ port: gitPortOf(gitops), path, findHost, ...revision });
    return shared;
  };
  const sourceFor = ({ findHost }: ManagedCluster): GitSourceOf =>
    findHost !== undefined && localSourceOf(gitops) === "checkout"
      ? { kind: "checkout", resource: shareCheckout(findHost) }
      : { kind: "remote", source: remote };
  const credentialsFor = (source: GitSourceOf): RepositoryCredentialsOf | undefined => {
    if (source.kind === "checkout") return source;
    const given = settings.credentials;
    return given === undefined ? undefined : { kind: "remote", repository: remote.repository, given };
  };
  return {
    inside(managed) {
      const variant = argocdOf(managed.cluster);
      if (variant === "none") return [];
      const source = sourceFor(managed);
      const looked = source.kind === "checkout" ? [source.resource] : [];
      const install = argocdInstall(managed, shareManifest(variant));
      const facts = factsSecret({ managed, fleet, source, needs: [managed.running, install, ...looked] });
      const credentials = credentialsFor(source);
      const opened =
        credentials === undefined
          ? []
          : [repositoryCredentials({ managed, credentials, needs: [managed.running, install, ...looked] })];
      const wait = settings.wait === undefined ? {} : { wait: settings.wait };
      const children = applications({
        managed,
        fleet,
        source,
        needs: [managed.running, install, facts, ...opened, ...looked],
        ...wait,
      });
      return [install, facts, ...opened, children];
    },
  };
}
