import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isObject, type JsonObject, listAt, objectAt, stringAt } from "#sandbox/json.ts";

/** What CloudFormation's registry says of a resource type. Where it comes from: `update.ts`. */
export interface TypeSchema {
  readonly name: string;
  /** Its properties, as JSON Schema with CloudFormation's additions. */
  readonly root: JsonObject;
  /** Dotted paths of properties that nobody may set; those without a dot are what `Fn::GetAtt` gives. */
  readonly readOnly: readonly string[];
  /** Dotted paths of properties whose change makes a new resource. */
  readonly createOnly: readonly string[];
  /** Dotted paths of properties that can't be read back, and so never drift. */
  readonly writeOnly: readonly string[];
  /** Name of the property with the resource's tags. */
  readonly tagProperty: string | undefined;
  /** Whether CloudFormation puts its own tags on it too. */
  readonly systemTags: boolean;
  /** What each operation may call, in all. */
  readonly actions: Readonly<Record<"create" | "read" | "update" | "delete", readonly string[]>>;
}

let known: ReadonlyMap<string, TypeSchema> | undefined;

/** Schema of a type that `types.jsonl` holds. */
export function schemaOf(type: string): TypeSchema {
  known ??= load();
  const found = known.get(type);
  if (found === undefined) throw new Error(`types.jsonl has no ${type}`);
  return found;
}

function load(): ReadonlyMap<string, TypeSchema> {
  const text = readFileSync(join(import.meta.dir, "types.jsonl"), "utf8");
  const schemas = text
    .trim()
    .split("\n")
    .map((line) => parse(objectAt(JSON.parse(line))));
  return new Map(schemas.map((schema) => [schema.name, schema]));
}

function parse(root: JsonObject): TypeSchema {
  const paths = (key: string) =>
    strings(root, key).map((path) => path.replace("/properties/", "").replaceAll("/", "."));
  const { taggable, cloudFormationSystemTags, tagProperty = "/properties/Tags" } = objectAt(root, "tagging");
  return {
    name: stringAt(root, "typeName"),
    root,
    readOnly: paths("readOnlyProperties"),
    createOnly: [...paths("createOnlyProperties"), ...paths("conditionalCreateOnlyProperties")],
    writeOnly: paths("writeOnlyProperties"),
    tagProperty: taggable === false ? undefined : String(tagProperty).replace("/properties/", ""),
    systemTags: cloudFormationSystemTags !== false,
    actions: {
      create: strings(root, "handlers", "create"),
      read: strings(root, "handlers", "read"),
      update: strings(root, "handlers", "update"),
      delete: strings(root, "handlers", "delete"),
    },
  };
}

function strings(value: JsonObject, ...keys: readonly string[]): readonly string[] {
  return listAt(value, ...keys).map(String);
}

/** A schema with its `$ref` followed. */
export function follow(root: JsonObject, schema: JsonObject): JsonObject {
  const { $ref } = schema;
  if (typeof $ref !== "string") return schema;
  const target = objectAt(root, ...$ref.replace("#/", "").split("/"));
  return isObject(target) ? follow(root, target) : {};
}
