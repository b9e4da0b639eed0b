import { join } from "node:path/posix";
import { z } from "zod";
import { type Patch, parsePatch } from "#lib/argocd/kustomize/patch.ts";
import { FleetError } from "#lib/errors.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { parseManifest } from "#lib/kubernetes/objects.ts";

/**
 * Parses the subset of kustomize that this repository uses: resources from files, folders and URLs, components,
 * patches, a namespace and labels. Other features are rejected, so that the output never differs from kustomize's.
 */
export interface Kustomization {
  /** Path of its file, for error messages. */
  readonly where: string;
  readonly resources: readonly KustomizeResource[];
  readonly components: readonly Kustomization[];
  readonly patches: readonly Patch[];
  readonly namespace: string | undefined;
  /** Labels for objects only, not for selectors or pod templates. */
  readonly labels: Readonly<Record<string, string>>;
}

export type KustomizeResource =
  | { readonly kind: "objects"; readonly objects: readonly KubernetesObject[] }
  | { readonly kind: "kustomization"; readonly kustomization: Kustomization }
  | { readonly kind: "remote"; readonly url: string };

/** Text of a file by its path from the repository's root, with slashes; undefined if it does not exist. */
export type ReadFile = (path: string) => Promise<string | undefined>;

const names = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

const schema = z.strictObject({
  apiVersion: z.enum(["kustomize.config.k8s.io/v1beta1", "kustomize.config.k8s.io/v1alpha1"]).optional(),
  kind: z.enum(["Kustomization", "Component"]).optional(),
  resources: z.array(z.string()).default([]),
  components: z.array(z.string()).default([]),
  patches: z
    .array(
      z.strictObject({
        path: z.string().optional(),
        patch: z.string().optional(),
        target: z.record(z.string(), z.string()).optional(),
      }),
    )
    .default([]),
  namespace: z.string().optional(),
  labels: z
    .array(z.strictObject({ pairs: z.record(z.string(), z.string()), includeSelectors: z.literal(false).optional() }))
    .default([]),
});

/**
 * Reads a kustomization with everything that it references. `renderKustomization` handles the URLs.
 *
 * @param folder from the repository's root, e.g. `argocd/demo`
 * @throws FleetError KustomizationInvalid
 */
export async function readKustomization(folder: string, readFile: ReadFile): Promise<Kustomization> {
  return await readFolder(join(folder, "."), readFile, "Kustomization", []);
}

async function readFolder(
  folder: string,
  readFile: ReadFile,
  kind: "Kustomization" | "Component",
  readers: readonly string[],
): Promise<Kustomization> {
  const { where, text } = await findFile(folder, readFile);
  if (readers.includes(where)) throw invalid(where, `it leads back to itself by way of ${readers.join(", ")}`);
  const data = parse(text, where);
  if ((data.kind ?? "Kustomization") !== kind) throw invalid(where, `a ${kind} is wanted here`);
  const inside = [...readers, where];
  return {
    where,
    resources: await Promise.all(data.resources.map((entry) => readResource(entry, folder, readFile, inside))),
    components: await Promise.all(
      data.components.map((entry) => readFolder(below(folder, entry, where), readFile, "Component", inside)),
    ),
    patches: (
      await Promise.all(
        data.patches.map(async ({ path, patch, target }) => {
          if ((path === undefined) === (patch === undefined)) throw invalid(where, "a patch has either path or patch");
          const from = path === undefined ? where : fileBelow(folder, path, where);
          const body = patch ?? (await need(from, readFile, where));
          return parsePatch({ text: body, where: from, ...(target === undefined ? {} : { target }) });
        }),
      )
    ).flat(),
    namespace: data.namespace,
    labels: Object.assign({}, ...data.labels.map(({ pairs }) => pairs)),
  };
}

async function findFile(
  folder: string,
  readFile: ReadFile,
): Promise<{ readonly where: string; readonly text: string }> {
  for (const name of names) {
    const where = join(folder, name);
    const text = await readFile(where);
    if (text !== undefined) return { where, text };
  }
  throw invalid(folder, `there is no ${names[0]} in it`);
}

function parse(text: string, where: string): z.infer<typeof schema> {
  let document: unknown;
  try {
    document = Bun.YAML.parse(text);
  } catch (cause) {
    throw invalid(where, `it is not YAML: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const keys = issue?.code === "unrecognized_keys" ? issue.keys : [];
  const place = [...(issue?.path ?? []), ...keys].join(".");
  throw invalid(where, `${place} is not in the part of kustomize that is known here`);
}

async function readResource(
  entry: string,
  folder: string,
  readFile: ReadFile,
  readers: readonly string[],
): Promise<KustomizeResource> {
  const where = readers.at(-1) ?? folder;
  if (/^https:\/\/\S+\.ya?ml$/.test(entry)) return { kind: "remote", url: entry };
  if (/:\/\/|\?ref=|^git@/.test(entry))
    throw invalid(where, `resource ${entry}: only URLs of single files are known here`);
  const path = below(folder, entry, where);
  if (/\.ya?ml$/.test(path)) {
    const text = await need(fileBelow(folder, entry, where), readFile, where);
    return { kind: "objects", objects: parseManifest(text, path) };
  }
  return { kind: "kustomization", kustomization: await readFolder(path, readFile, "Kustomization", readers) };
}

/** A path inside the repository. */
function below(folder: string, entry: string, where: string): string {
  const path = join(folder, entry);
  if (entry === "" || entry.startsWith("/") || path === ".." || path.startsWith("../")) {
    throw invalid(where, `"${entry}" leads out of the repository`);
  }
  return path;
}

/** kustomize accepts folders anywhere, but files only in the folder that it builds. */
function fileBelow(folder: string, entry: string, where: string): string {
  const path = below(folder, entry, where);
  if (folder !== "." && !path.startsWith(`${folder}/`))
    throw invalid(where, `"${entry}" is a file outside of its folder`);
  return path;
}

async function need(path: string, readFile: ReadFile, where: string): Promise<string> {
  const text = await readFile(path);
  if (text === undefined) throw invalid(where, `there is no ${path}`);
  return text;
}

function invalid(where: string, why: string): FleetError {
  return new FleetError("KustomizationInvalid", `${where}: ${why}`, {
    hint: "kustomize build may explain more",
  });
}
