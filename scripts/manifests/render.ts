/** What Argo CD makes of argocd/ on each cluster of a fleet, without Argo CD and without a cluster. */
import { join } from "node:path";
import { clusterFacts } from "#lib/argocd/facts.ts";
import { type ReadFile, readKustomization } from "#lib/argocd/kustomization.ts";
import { type ReadRemote, renderKustomization, withPatches } from "#lib/argocd/kustomize/render.ts";
import { tryReadText } from "#lib/files.ts";
import { pathOf, revisionOf } from "#lib/fleet/defaults.ts";
import { accountId, kubernetesOf } from "#lib/fleet/provider.ts";
import type { Cluster, Fleet } from "#lib/fleet/types.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { parseManifest } from "#lib/kubernetes/objects.ts";
import { builtInProviders } from "#lib/providers.ts";
import { expandApplicationSet, type GeneratedApplication } from "#sandbox/argocd/application-set.ts";

export interface RenderedApplication {
  readonly cluster: Cluster;
  readonly application: GeneratedApplication;
  /** Of its folders in this repository; what comes of charts is not known here. */
  readonly objects: readonly KubernetesObject[];
}

/** Part of a source of an Application. */
export interface Source {
  readonly repoURL: string;
  readonly targetRevision: string;
  readonly path?: string;
  readonly chart?: string;
  readonly ref?: string;
  readonly helm?: {
    readonly releaseName: string;
    readonly valueFiles?: readonly string[];
    readonly valuesObject?: object;
  };
  readonly kustomize?: {
    readonly patches: readonly { readonly patch: string; readonly target?: Readonly<Record<string, string>> }[];
  };
}

/** Objects of argocd/apps, by file. */
export async function readApps(root: string): Promise<ReadonlyMap<string, readonly KubernetesObject[]>> {
  const files = [...new Bun.Glob("argocd/apps/*.yaml").scanSync(root)].sort();
  const read = files.map(async (path) => [path, parseManifest(await Bun.file(join(root, path)).text(), path)] as const);
  return new Map(await Promise.all(read));
}

/**
 * Every Application of every cluster.
 *
 * @param readRemote objects behind URLs; left out, folders that name one have no objects
 * @throws Error with the ApplicationSet's and the cluster's name, when it doesn't expand
 */
export async function renderFleet(
  fleet: Fleet,
  root: string,
  readRemote?: ReadRemote,
): Promise<readonly RenderedApplication[]> {
  const sets = [...(await readApps(root)).values()].flat().filter(({ kind }) => kind === "ApplicationSet");
  const readFile: ReadFile = (path) => tryReadText(join(root, path));
  const rendered = fleet.clusters.flatMap((cluster) =>
    sets.flatMap((set) =>
      expand(fleet, cluster, set).map(async (application) => {
        const folders = sourcesOf(application).filter(({ path }) => path !== undefined);
        const objects = await Promise.all(folders.map((source) => renderFolder(source, readFile, readRemote)));
        return { cluster, application, objects: objects.flat() };
      }),
    ),
  );
  return await Promise.all(rendered);
}

function expand(fleet: Fleet, cluster: Cluster, set: KubernetesObject): readonly GeneratedApplication[] {
  if (fleet.gitops === undefined) return [];
  const { repository } = fleet.gitops;
  const account = fleet.accounts.find(({ name }) => "account" in cluster && name === cluster.account);
  const subject = {
    cluster,
    accountId: account === undefined ? "" : accountId(account, builtInProviders),
    kubernetes: kubernetesOf(cluster, builtInProviders),
  };
  const facts = clusterFacts(fleet, subject, {
    repository,
    revision: revisionOf(fleet.gitops),
    path: pathOf(fleet.gitops),
  });
  const known = { name: cluster.name, server: "https://kubernetes.default.svc", ...facts };
  const expansion = expandApplicationSet(set, [known]);
  if (expansion.kind === "applications") return expansion.applications;
  throw new Error(`${set.metadata.name} on ${cluster.name}: ${expansion.kind}: ${expansion.why}`);
}

/** One source or several, as an Application has them. */
export function sourcesOf({ spec }: Pick<GeneratedApplication, "spec">): readonly Source[] {
  const { source, sources } = spec as { readonly source?: Source; readonly sources?: readonly Source[] };
  return sources ?? (source === undefined ? [] : [source]);
}

async function renderFolder(
  { path = "", kustomize }: Source,
  readFile: ReadFile,
  readRemote: ReadRemote | undefined,
): Promise<readonly KubernetesObject[]> {
  const kustomization = await readKustomization(path, readFile);
  if (readRemote === undefined && kustomization.resources.some(({ kind }) => kind === "remote")) return [];
  const patches = (kustomize?.patches ?? []).map(({ patch, target }) => ({
    text: patch,
    where: `patch of ${path}`,
    ...(target === undefined ? {} : { target }),
  }));
  return renderKustomization(withPatches(kustomization, patches), readRemote ?? (() => []));
}
