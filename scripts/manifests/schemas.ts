/** JSON schemas for kubeconform, out of the schemas that CustomResourceDefinitions hold. */
import { z } from "zod";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";

const definition = z.object({
  kind: z.literal("CustomResourceDefinition"),
  spec: z.object({
    group: z.string(),
    names: z.object({ kind: z.string() }),
    versions: z.array(
      z.object({ name: z.string(), schema: z.object({ openAPIV3Schema: z.record(z.string(), z.unknown()) }) }),
    ),
  }),
});

export interface SchemaFile {
  /** `argoproj.io/application_v1alpha1.json`: the form `{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json`. */
  readonly path: string;
  readonly schema: unknown;
}

/** One file per version of each definition. Fields that it doesn't know are faults: an API server would drop them in silence. */
export function schemasOf(object: KubernetesObject): readonly SchemaFile[] {
  const parsed = definition.safeParse(object);
  if (!parsed.success) return [];
  const { group, names, versions } = parsed.data.spec;
  return versions.map(({ name, schema }) => ({
    path: `${group}/${names.kind.toLowerCase()}_${name}.json`,
    schema: close(schema.openAPIV3Schema, true),
  }));
}

function close(schema: unknown, isRoot = false): unknown {
  if (!isRecord(schema)) return schema;
  const properties = isRecord(schema.properties) ? mapValues(schema.properties, (one) => close(one)) : undefined;
  const open =
    properties === undefined ||
    schema.additionalProperties !== undefined ||
    schema["x-kubernetes-preserve-unknown-fields"] === true;
  const kept = Object.fromEntries(
    Object.entries(schema).filter(([key]) => !key.startsWith("x-") && key !== "description"),
  );
  return {
    ...kept,
    ...(schema["x-kubernetes-int-or-string"] === true ? { type: ["string", "integer"], anyOf: undefined } : {}),
    ...(schema.items === undefined ? {} : { items: close(schema.items) }),
    ...(isRecord(schema.additionalProperties) ? { additionalProperties: close(schema.additionalProperties) } : {}),
    ...(properties === undefined
      ? {}
      : { properties: isRoot ? { ...properties, metadata: { type: "object" } } : properties }),
    ...(open ? {} : { additionalProperties: false }),
  };
}

function mapValues(record: Readonly<Record<string, unknown>>, change: (value: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
