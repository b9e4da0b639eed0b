import { z } from "zod";
import { readKustomization } from "#lib/argocd/kustomization.ts";
import { renderKustomization, withPatches } from "#lib/argocd/kustomize/render.ts";
import { FleetError } from "#lib/errors.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { parseManifest } from "#lib/kubernetes/objects.ts";
import type { Commit, Repository } from "#sandbox/argocd/repository.ts";
import { Failed, Refused } from "#sandbox/argocd/verdict.ts";

/** The part of an Application's source that is known here. Anything else is refused by its name. */
const sourceSchema = z.strictObject({
  repoURL: z.string(),
  targetRevision: z.string(),
  path: z.string(),
  kustomize: z
    .strictObject({
      patches: z
        .array(z.strictObject({ patch: z.string(), target: z.record(z.string(), z.string()).exactOptional() }))
        .default([]),
    })
    .optional(),
});

export interface Rendered {
  readonly objects: readonly KubernetesObject[];
  readonly revision: string;
  readonly sourceType: "Kustomize" | "Directory";
}

/** What the source of an Application makes. @throws Failed, Refused */
export async function renderSource(
  spec: Readonly<Record<string, unknown>>,
  repository: Repository,
  /** Whether a revision of a repository was fetched before. */
  known: (url: string, revision: string) => boolean,
): Promise<Rendered> {
  const { source, sources } = spec;
  if (Array.isArray(sources))
    throw new Refused(`the sandbox renders no application of several sources${chartIn(sources)}`);
  if (isChart(source)) throw new Refused(`the sandbox renders no Helm charts${chartIn([source])}`);
  const parsed = sourceSchema.safeParse(source);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const keys = issue?.code === "unrecognized_keys" ? issue.keys : [];
    const place = ["spec", "source", ...(issue?.path ?? []), ...keys].join(".");
    throw new Refused(`${place} is not in the part of Applications that the sandbox knows`);
  }
  const { repoURL, targetRevision, path, kustomize } = parsed.data;
  const commit = await repository.fetch(repoURL, targetRevision, known(repoURL, targetRevision));
  const isKustomization = ["kustomization.yaml", "kustomization.yml", "Kustomization"].some((name) =>
    commit.has(`${path}/${name}`),
  );
  try {
    if (!isKustomization) {
      if (kustomize !== undefined) throw new Failed(`${path}: there is no kustomization.yaml in it`);
      return { objects: readFolder(commit, path), revision: targetRevision, sourceType: "Directory" };
    }
    const kustomization = withPatches(
      await readKustomization(path, (file) => Promise.resolve(commit.get(file))),
      (kustomize?.patches ?? []).map(({ patch, target }) => ({
        text: patch,
        where: "spec.source.kustomize.patches",
        ...(target === undefined ? {} : { target }),
      })),
    );
    const objects = renderKustomization(kustomization, (url) => {
      throw new Refused(`the sandbox fetches nothing, and ${path} wants ${url}`);
    });
    return { objects, revision: targetRevision, sourceType: "Kustomize" };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    throw new Failed(`failed to generate manifests: ${error.message}`);
  }
}

/** Files of one folder, not of those in it. */
function readFolder(commit: Commit, path: string): readonly KubernetesObject[] {
  const prefix = path === "." ? "" : `${path}/`;
  const inside = [...commit.keys()].filter((file) => file.startsWith(prefix));
  if (inside.length === 0) throw new Failed(`${path}: app path does not exist`);
  const manifests = inside.filter((file) => /^[^/]+\.(ya?ml|json)$/.test(file.slice(prefix.length)));
  return manifests.sort().flatMap((file) => parseManifest(commit.get(file) ?? "", file));
}

function isChart(source: unknown): boolean {
  return typeof source === "object" && source !== null && ("chart" in source || "helm" in source);
}

function chartIn(sources: readonly unknown[]): string {
  const charts = sources.flatMap((source) => {
    const { chart, targetRevision } = (source ?? {}) as Readonly<Record<string, unknown>>;
    return typeof chart === "string" ? [`${chart} ${String(targetRevision)}`] : [];
  });
  return charts.length === 0 ? "" : ` (${charts.join(", ")})`;
}
