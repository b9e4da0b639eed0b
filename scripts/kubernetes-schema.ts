#!/usr/bin/env bun
/**
 * Writes sandbox/kubernetes/schema/definitions.json, from which the sandbox knows the fields of Kubernetes' own kinds, out of
 * what a real API server of the version that local clusters have says of itself:
 *
 *     bun run scripts/kubernetes-schema.ts KUBECONFIG
 */
import { join } from "node:path";
import { createKubernetesApi } from "#lib/kubernetes/api.ts";
import { endpointOf, parseKubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import { projectRoot } from "#lib/paths.ts";
import { apiVersionOf, builtinKinds } from "#sandbox/kubernetes/kinds.ts";
import type { Definition, Definitions } from "#sandbox/kubernetes/schema/definitions.ts";

/** The part of OpenAPI that is read here. */
interface OpenApi {
  readonly $ref?: string;
  readonly allOf?: readonly OpenApi[];
  readonly oneOf?: readonly OpenApi[];
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, OpenApi>>;
  readonly additionalProperties?: OpenApi;
  readonly items?: OpenApi;
  readonly default?: unknown;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: "atomic" | "granular";
  readonly "x-kubernetes-group-version-kind"?: readonly {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
  }[];
}

interface OpenApiDocument {
  readonly components: { readonly schemas: Readonly<Record<string, OpenApi>> };
}

export async function readDefinitions(kubeconfig: string): Promise<Definitions> {
  const api = createKubernetesApi(
    endpointOf(parseKubeconfig(await Bun.file(kubeconfig).text(), kubeconfig), kubeconfig),
  );
  const paths = new Set(builtinKinds.map((kind) => (kind.group === "" ? "api/v1" : `apis/${apiVersionOf(kind)}`)));
  const documents = await Promise.all(
    [...paths].map((path) => api.get(`/openapi/v3/${path}`, { timeoutMs: 60_000 }) as Promise<OpenApiDocument>),
  );
  const schemas: Readonly<Record<string, OpenApi>> = Object.assign(
    {},
    ...documents.map(({ components }) => components.schemas),
  );
  const definitions = new Map<string, Definition>();
  const kinds: Record<string, string> = {};

  /** The reference that a schema is, or undefined. Defaults come in company of one. */
  const referenceIn = ({ $ref, allOf }: OpenApi): string | undefined =>
    ($ref ?? allOf?.[0]?.$ref)?.replace("#/components/schemas/", "");

  const encode = (schema: OpenApi): string => {
    const reference = referenceIn(schema);
    if (reference !== undefined) {
      const target = schemas[reference] ?? {};
      if (target.properties === undefined) return encode(target);
      define(reference, target);
      return `#${shorten(reference)}`;
    }
    if (schema.oneOf !== undefined || schema.format === "int-or-string") return "scalar";
    switch (schema.type) {
      case "string":
        return "string";
      case "integer":
      case "number":
        return "number";
      case "boolean":
        return "boolean";
      case "array": {
        const of = encode(schema.items ?? {});
        const by = schema["x-kubernetes-list-type"];
        if (by === "map") return `list[${(schema["x-kubernetes-list-map-keys"] ?? []).join()}]:${of}`;
        return `${by === "set" ? "set" : "list"}:${of}`;
      }
      default:
        if (schema.additionalProperties === undefined) return "any";
        return `${schema["x-kubernetes-map-type"] === "atomic" ? "atomic-map" : "map"}:${encode(schema.additionalProperties)}`;
    }
  };
  const define = (name: string, schema: OpenApi): void => {
    const short = shorten(name);
    if (definitions.has(short)) return;
    definitions.set(short, { fields: {} });
    const properties = Object.entries(schema.properties ?? {});
    const defaults = properties.filter(([, { default: value }]) => typeof value === "string" && value !== "");
    definitions.set(short, {
      ...(schema["x-kubernetes-map-type"] === "atomic" ? { atomic: true } : {}),
      fields: Object.fromEntries(properties.map(([field, property]) => [field, encode(property)])),
      ...(defaults.length === 0
        ? {}
        : { defaults: Object.fromEntries(defaults.map(([field, { default: value }]) => [field, value as string])) }),
    });
  };
  for (const kind of builtinKinds) {
    const found = Object.entries(schemas).find(([, schema]) =>
      schema["x-kubernetes-group-version-kind"]?.some(
        (one) => one.group === kind.group && one.version === kind.version && one.kind === kind.kind,
      ),
    );
    if (found === undefined) throw new Error(`the server has no ${kind.kind}`);
    kinds[`${apiVersionOf(kind)}/${kind.kind}`] = shorten(found[0]);
    define(...found);
  }
  return { kinds, definitions: Object.fromEntries([...definitions].sort(([a], [b]) => a.localeCompare(b))) };
}

/** `io.k8s.api.core.v1.PodSpec` -> `core.v1.PodSpec`. */
function shorten(name: string): string {
  return name.replace(/^io\.k8s\.(?:api|apimachinery\.pkg(?:\.apis)?|apiextensions-apiserver\.pkg\.apis)\./, "");
}

if (import.meta.main) {
  const [kubeconfig] = Bun.argv.slice(2);
  if (kubeconfig === undefined) throw new Error("name the kubeconfig of a cluster");
  const { kinds, definitions } = await readDefinitions(kubeconfig);
  // One line per definition: that is what a new version changes.
  const lines = Object.entries(definitions).map(([name, one]) => `    ${JSON.stringify(name)}: ${JSON.stringify(one)}`);
  const text = `{\n  "kinds": ${JSON.stringify(kinds)},\n  "definitions": {\n${lines.join(",\n")}\n  }\n}\n`;
  await Bun.write(join(projectRoot, "sandbox/kubernetes/schema/definitions.json"), text);
}
