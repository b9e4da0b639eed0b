import { z } from "zod";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { tryExplain } from "#lib/kubernetes/retry.ts";

const statusSchema = z.object({
  status: z.object({
    conditions: z.array(
      // The conditions of an Argo CD application have no status.
      z.object({ type: z.string(), status: z.string().default("True"), message: z.string().default("") }),
    ),
  }),
});
type Condition = z.infer<typeof statusSchema>["status"]["conditions"][number];

const definitionSchema = z.object({
  spec: z.object({
    group: z.string(),
    names: z.object({ plural: z.string() }),
    versions: z.array(z.object({ name: z.string(), served: z.boolean() })),
  }),
});
const groupSchema = z.object({ preferredVersion: z.object({ groupVersion: z.string() }) });
const listSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({
        name: z.string(),
        namespace: z.string().optional(),
        finalizers: z.array(z.string()).default([]),
      }),
    }),
  ),
});

const shown = 3;

/** What blocks the deletion of an object, as the end of a sentence: `, held by configmaps held (example.org/hold)`. */
export async function describeHold(api: KubernetesApi, left: KubernetesObject, signal: AbortSignal): Promise<string> {
  const finalizers = (left.metadata.finalizers ?? []).join(", ");
  const conditions = (statusSchema.safeParse(left).data?.status.conditions ?? []).filter(
    ({ status }) => status === "True",
  );
  const holders = (await tryExplain(() => findHolders(api, left, conditions, signal))) ?? [];
  const reported = conditions
    .filter(
      ({ type }) =>
        /^NamespaceDeletion|^DeletionError$/.test(type) ||
        (holders.length === 0 && /^Namespace(Content|Finalizers)Remaining$/.test(type)),
    )
    .map(({ message }) => message);
  const held = [...(finalizers === "" ? [] : [finalizers]), ...holders.slice(0, shown)];
  if (holders.length > shown) held.push(`${holders.length - shown} more`);
  return [...(held.length === 0 ? [] : [`held by ${held.join(", ")}`]), ...reported]
    .map((part) => `, ${part}`)
    .join("");
}

/** The objects with finalizers in a namespace, or of a kind whose definition is being deleted. */
async function findHolders(
  api: KubernetesApi,
  left: KubernetesObject,
  conditions: readonly Condition[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const message = (type: string): string => conditions.find((one) => one.type === type)?.message ?? "";
  const found: string[] = [];
  for (const { base, resource } of await collections()) {
    const list = listSchema.safeParse(await api.find(`${base}/${resource}`, { signal })).data?.items ?? [];
    for (const { metadata } of list) {
      if (metadata.finalizers.length === 0) continue;
      const name = left.kind === "Namespace" ? metadata.name : [metadata.namespace, metadata.name].join("/");
      found.push(`${resource} ${name} (${metadata.finalizers.join(", ")})`);
    }
  }
  return found;

  async function collections(): Promise<readonly { readonly base: string; readonly resource: string }[]> {
    if (left.kind === "CustomResourceDefinition" && left.metadata.deletionTimestamp !== undefined) {
      const spec = definitionSchema.safeParse(left).data?.spec;
      const version = spec?.versions.find(({ served }) => served);
      if (spec === undefined || version === undefined) return [];
      return [{ base: `/apis/${spec.group}/${version.name}`, resource: spec.names.plural }];
    }
    if (left.kind !== "Namespace" || message("NamespaceFinalizersRemaining") === "") return [];
    // The namespace controller's message: `configmaps. has 1 resource instances, widgets.example.org has 2 …`.
    const remaining = message("NamespaceContentRemaining").matchAll(/([a-z0-9-]+)\.([a-z0-9.-]*) has \d+ resource/g);
    const found = await Promise.all(
      [...remaining].map(async ([, resource = "", group = ""]) => {
        const version = group === "" ? "/api/v1" : await versionOf(group);
        return version === undefined ? [] : [{ base: `${version}/namespaces/${left.metadata.name}`, resource }];
      }),
    );
    return found.flat();
  }

  async function versionOf(group: string): Promise<string | undefined> {
    const version = groupSchema.safeParse(await api.find(`/apis/${group}`, { signal })).data?.preferredVersion;
    return version === undefined ? undefined : `/apis/${version.groupVersion}`;
  }
}
