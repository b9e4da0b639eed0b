import { isObject, type Json, type JsonObject, listAt, objectAt, stringAt } from "#sandbox/json.ts";
import { definitions } from "#sandbox/kubernetes/schema/definitions.ts";

/** How values of a field are put together: what a merge, a check and the owners of fields go by. */
export type Schema =
  | { readonly kind: "scalar"; readonly type: "string" | "number" | "boolean" | "any" }
  /** Nothing is known of it: objects are merged, lists replaced. */
  | { readonly kind: "any" }
  | MapSchema
  | ListSchema;

export interface MapSchema {
  readonly kind: "map";
  /** Replaced as a whole, and owned so. */
  readonly atomic: boolean;
  /** Names that the type declares; undefined for a map of any names. */
  readonly fields: ReadonlyMap<string, () => Schema> | undefined;
  /** Of names that are not declared; undefined where there can't be others. */
  readonly others: (() => Schema) | undefined;
}

export interface ListSchema {
  readonly kind: "list";
  readonly by: "whole" | "value" | readonly string[];
  readonly of: () => Schema;
  /** Values of keys that an item leaves out. */
  readonly defaults: Readonly<Record<string, Json>>;
}

export const anything: Schema = { kind: "any" };
const text: Schema = { kind: "scalar", type: "string" };

/** Schema of one of Kubernetes' own kinds. @param kind as `apps/v1/Deployment` */
export function builtinSchema(kind: string): Schema {
  const name = definitions.kinds[kind];
  if (name === undefined) throw new Error(`definitions.json has no ${kind}`);
  return parseType(`#${name}`);
}

const parsed = new Map<string, Schema>();

function parseType(type: string): Schema {
  const known = parsed.get(type);
  if (known !== undefined) return known;
  const schema = parse(type);
  parsed.set(type, schema);
  return schema;
}

function parse(type: string): Schema {
  if (type === "string" || type === "number" || type === "boolean") return { kind: "scalar", type };
  if (type === "scalar") return { kind: "scalar", type: "any" };
  if (type === "any") return anything;
  if (type.startsWith("#")) {
    const { fields, atomic = false } = definitionOf(type);
    const declared = Object.entries(fields).map(([name, of]) => [name, () => parseType(of)] as const);
    return { kind: "map", atomic, fields: new Map(declared), others: undefined };
  }
  const [head, of] = [type.slice(0, type.indexOf(":")), type.slice(type.indexOf(":") + 1)];
  const inner = () => parseType(of);
  if (head.endsWith("map")) return { kind: "map", atomic: head === "atomic-map", fields: undefined, others: inner };
  const keys = /^list\[(.*)\]$/.exec(head)?.[1]?.split(",");
  const defaults = keys === undefined ? {} : (definitionOf(of).defaults ?? {});
  return { kind: "list", by: keys ?? (head === "set" ? "value" : "whole"), of: inner, defaults };
}

function definitionOf(type: string) {
  const found = definitions.definitions[type.slice(1)];
  if (found === undefined) throw new Error(`definitions.json has no ${type}`);
  return found;
}

const metadata = parseType("#meta.v1.ObjectMeta");

/**
 * Schema of a custom resource, from its definition.
 *
 * Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 */
export function customSchema(openApi: JsonObject): Schema {
  const schema = customType(openApi);
  if (schema.kind !== "map") return anything;
  const common = [
    ["apiVersion", () => text],
    ["kind", () => text],
    ["metadata", () => metadata],
  ] as const;
  return { ...schema, fields: new Map([...(schema.fields ?? []), ...common]) };
}

function customType(openApi: JsonObject): Schema {
  if (openApi["x-kubernetes-int-or-string"] === true) return { kind: "scalar", type: "any" };
  const preserves = openApi["x-kubernetes-preserve-unknown-fields"] === true;
  switch (openApi.type) {
    case "string":
    case "boolean":
      return { kind: "scalar", type: openApi.type };
    case "integer":
    case "number":
      return { kind: "scalar", type: "number" };
    case "array": {
      const items = objectAt(openApi, "items");
      const by = stringAt(openApi, "x-kubernetes-list-type");
      const keys = listAt(openApi, "x-kubernetes-list-map-keys").map(String);
      const defaults = keys.flatMap((key) => {
        const value = objectAt(items, "properties", key).default;
        return value === undefined ? [] : [[key, value] as const];
      });
      return {
        kind: "list",
        by: by === "map" ? keys : by === "set" ? "value" : "whole",
        of: () => customType(items),
        defaults: Object.fromEntries(defaults),
      };
    }
    case "object": {
      const properties = Object.entries(objectAt(openApi, "properties"));
      const { additionalProperties } = openApi;
      if (properties.length === 0 && additionalProperties === undefined && preserves) return anything;
      const more = isObject(additionalProperties) ? () => customType(additionalProperties) : () => anything;
      const embedded = openApi["x-kubernetes-embedded-resource"] === true;
      return {
        kind: "map",
        atomic: openApi["x-kubernetes-map-type"] === "atomic",
        fields:
          properties.length === 0 && additionalProperties !== undefined
            ? undefined
            : new Map([
                ...properties.map(([name, of]) => [name, () => customType(isObject(of) ? of : {})] as const),
                ...(embedded
                  ? (["apiVersion", "kind", "metadata"] as const).map((name) => [name, () => anything] as const)
                  : []),
              ]),
        others: preserves || (additionalProperties !== undefined && additionalProperties !== false) ? more : undefined,
      };
    }
    default:
      return anything;
  }
}

/** Schema of a field; undefined when the type has no such field. */
export function fieldSchema(schema: MapSchema, name: string): Schema | undefined {
  return (schema.fields?.get(name) ?? schema.others)?.();
}

/** What stands for `any`, once there is a value. */
export function settle(schema: Schema, value: unknown): Exclude<Schema, { readonly kind: "any" }> {
  if (schema.kind !== "any") return schema;
  if (isObject(value)) return { kind: "map", atomic: false, fields: undefined, others: () => anything };
  if (Array.isArray(value)) return { kind: "list", by: "whole", of: () => anything, defaults: {} };
  return { kind: "scalar", type: "any" };
}
