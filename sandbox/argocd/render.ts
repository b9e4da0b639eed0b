import { z } from "zod";
import { readKustomization } from "#lib/argocd/kustomization.ts";
import { renderKustomization, withPatches } from "#lib/argocd/kustomize/render.ts";
import { FleetError } from "#lib/errors.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { parseManifest } from "#lib/kubernetes/objects.ts";
import { mergeValues, renderChart } from "#sandbox/argocd/charts.ts";
import type { Commit, Files, Repository } from "#sandbox/argocd/repository.ts";
import { Failed, Refused } from "#sandbox/argocd/verdict.ts";
import { isObject, type JsonObject } from "#sandbox/json.ts";
import { refusedField } from "#sandbox/unknown-field.ts";

/** The part of an Application's sources that is known here. Anything else is refused by its name. */
const folderSchema = z.strictObject({
  repoURL: z.string(),
  targetRevision: z.string(),
  path: z.string().optional(),
  ref: z.string().optional(),
  kustomize: z
    .strictObject({
      patches: z
        .array(z.strictObject({ patch: z.string(), target: z.record(z.string(), z.string()).exactOptional() }))
        .default([]),
    })
    .optional(),
});
const chartSchema = z.strictObject({
  repoURL: z.string(),
  targetRevision: z.string(),
  chart: z.string(),
  helm: z
    .strictObject({
      releaseName: z.string().optional(),
      valueFiles: z.array(z.string()).default([]),
      valuesObject: z.record(z.string(), z.unknown()).default({}),
    })
    .default({ valueFiles: [], valuesObject: {} }),
});
type FolderSource = z.infer<typeof folderSchema>;
type ChartSource = z.infer<typeof chartSchema>;
type Source =
  | { readonly kind: "folder"; readonly of: FolderSource }
  | { readonly kind: "chart"; readonly of: ChartSource };

export interface Rendered {
  readonly objects: readonly KubernetesObject[];
  /** Of each source: a commit, or a chart's version. */
  readonly revisions: readonly string[];
  readonly sourceType: "Kustomize" | "Directory" | "Helm";
}

export interface RenderOptions {
  readonly repository: Repository;
  /** Whether a revision of a repository was fetched before. */
  readonly known: (url: string, revision: string) => boolean;
  /** Header by which the cluster's credentials open a repository; undefined where it has none for it. */
  readonly authorization: (url: string) => string | undefined;
  /** Objects behind a URL that a kustomization names; undefined when it is none that stands for something here. */
  readonly remote: (url: string) => readonly KubernetesObject[] | undefined;
}

/** What the sources of an Application make. @throws Failed, Refused */
export async function renderSources(
  spec: Readonly<Record<string, unknown>>,
  options: RenderOptions,
): Promise<Rendered> {
  const several = Array.isArray(spec.sources);
  const given: readonly unknown[] = Array.isArray(spec.sources) ? spec.sources : [spec.source];
  const sources = given.map((source, index) => parseSource(source, several ? `sources.${index}` : "source"));
  const { repository, known, authorization } = options;
  const commits = await Promise.all(
    sources.map(async ({ kind, of }) => {
      if (kind === "chart") return undefined;
      return await repository.fetch(of.repoURL, of.targetRevision, {
        known: known(of.repoURL, of.targetRevision),
        authorization: authorization(of.repoURL),
      });
    }),
  );
  const rendered = await Promise.all(
    sources.map(async (source, index): Promise<Pick<Rendered, "objects" | "sourceType"> | undefined> => {
      if (source.kind === "chart") return await renderRelease(source.of, sources, commits);
      const commit = commits[index];
      // A source that others refer to may make nothing itself.
      if (commit === undefined || source.of.path === undefined) return undefined;
      return await renderFolder(commit.files, source.of.path, source.of, options);
    }),
  );
  const made = rendered.filter((one) => one !== undefined);
  return {
    objects: made.flatMap(({ objects }) => objects),
    revisions: sources.map(({ of }, index) => commits[index]?.revision ?? of.targetRevision),
    sourceType: made[0]?.sourceType ?? "Directory",
  };
}

function parseSource(source: unknown, where: string): Source {
  const isChart = isObject(source) && "chart" in source;
  const parsed = (isChart ? chartSchema : folderSchema).safeParse(source);
  if (parsed.success) {
    return isChart
      ? { kind: "chart", of: parsed.data as ChartSource }
      : { kind: "folder", of: parsed.data as FolderSource };
  }
  const place = `spec.${where}.${refusedField(parsed.error)}`;
  throw new Refused(`${place} is not in the part of Applications that the sandbox knows`);
}

/** Values come of files of other sources, in their order, and then of the Application itself. */
async function renderRelease(
  { helm, ...chart }: ChartSource,
  sources: readonly Source[],
  commits: readonly (Commit | undefined)[],
): Promise<Pick<Rendered, "objects" | "sourceType">> {
  const files = helm.valueFiles.map((file) => readValues(file, sources, commits));
  const values = [...files, helm.valuesObject as JsonObject].reduce(mergeValues, {});
  return { objects: await renderChart({ ...chart, values }), sourceType: "Helm" };
}

function readValues(file: string, sources: readonly Source[], commits: readonly (Commit | undefined)[]): JsonObject {
  const [, ref, path] = /^\$([\w-]+)\/(.+)$/.exec(file) ?? [];
  if (ref === undefined || path === undefined)
    throw new Refused(`the sandbox reads values of other sources only: ${file}`);
  const index = sources.findIndex(({ kind, of }) => kind === "folder" && of.ref === ref);
  const text = commits[index]?.files.get(path);
  if (text === undefined) throw new Failed(`failed to read ${file}: there is no such file`);
  const values = Bun.YAML.parse(text);
  return isObject(values) ? values : {};
}

async function renderFolder(
  files: Files,
  path: string,
  { kustomize }: FolderSource,
  { remote }: RenderOptions,
): Promise<Pick<Rendered, "objects" | "sourceType">> {
  const isKustomization = ["kustomization.yaml", "kustomization.yml", "Kustomization"].some((name) =>
    files.has(`${path}/${name}`),
  );
  try {
    if (!isKustomization) {
      if (kustomize !== undefined) throw new Failed(`${path}: there is no kustomization.yaml in it`);
      return { objects: readFolder(files, path), sourceType: "Directory" };
    }
    const kustomization = withPatches(
      await readKustomization(path, (file) => Promise.resolve(files.get(file))),
      (kustomize?.patches ?? []).map(({ patch, target }) => ({
        text: patch,
        where: "spec.source.kustomize.patches",
        ...(target === undefined ? {} : { target }),
      })),
    );
    const objects = renderKustomization(kustomization, (url) => {
      const found = remote(url);
      if (found === undefined) throw new Refused(`the sandbox fetches nothing, and ${path} wants ${url}`);
      return found;
    });
    return { objects, sourceType: "Kustomize" };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    throw new Failed(`failed to generate manifests: ${error.message}`);
  }
}

/** Files of one folder, not of those in it. */
function readFolder(files: Files, path: string): readonly KubernetesObject[] {
  const prefix = path === "." ? "" : `${path}/`;
  const inside = [...files.keys()].filter((file) => file.startsWith(prefix));
  if (inside.length === 0) throw new Failed(`${path}: app path does not exist`);
  const manifests = inside.filter((file) => /^[^/]+\.(ya?ml|json)$/.test(file.slice(prefix.length)));
  return manifests.sort().flatMap((file) => parseManifest(files.get(file) ?? "", file));
}
