import { isObject, type JsonObject, listAt, numberAt, objectAt, stringAt, valueAt } from "#sandbox/json.ts";
import { conditionStatus } from "#sandbox/kubernetes/behaviours/conditions.ts";
import { apiVersionOf, builtinKinds, type Kind, type KubernetesObject, kindKey } from "#sandbox/kubernetes/kinds.ts";
import { anything, builtinSchema, customSchema, type Schema } from "#sandbox/kubernetes/schema/schema.ts";
import type { KnownKinds } from "#sandbox/kubernetes/store.ts";

/** The kinds that one API server serves: Kubernetes' own, and those of definitions that are established. */
export class KindRegistry implements KnownKinds {
  readonly #custom = new Map<string, { readonly kind: Kind; readonly schema: Schema; readonly openApi: JsonObject }>();

  get all(): readonly Kind[] {
    return [...builtinKinds, ...[...this.#custom.values()].map(({ kind }) => kind)];
  }

  /** @param key as `kindKey` gives it */
  find(key: string): Kind | undefined {
    return this.#custom.get(key)?.kind ?? builtinKinds.find((kind) => kindKey(kind) === key);
  }

  schemaOf(kind: Kind): Schema {
    const own = this.#custom.get(kindKey(kind));
    if (own !== undefined) return own.schema;
    return builtinKinds.includes(kind) ? builtinSchema(`${apiVersionOf(kind)}/${kind.kind}`) : anything;
  }

  /** What a definition says of its objects; undefined for Kubernetes' own kinds. */
  openApiOf(kind: Kind): JsonObject | undefined {
    return this.#custom.get(kindKey(kind))?.openApi;
  }

  /** Serves what the definition defines, once it is established. A kind stays the same object while nothing of it changes. */
  define(definition: KubernetesObject): void {
    if (conditionStatus(definition, "Established") !== "True") return;
    const kind = customKind(definition);
    const key = kindKey(kind);
    const before = this.#custom.get(key)?.kind;
    const openApi = objectAt(versionOf(definition), "schema", "openAPIV3Schema");
    const same = before !== undefined && Bun.deepEquals(before, kind) ? before : kind;
    this.#custom.set(key, { kind: same, schema: customSchema(openApi), openApi });
  }

  forget(definition: KubernetesObject): void {
    this.#custom.delete(kindKey(customKind(definition)));
  }
}

/** The kind that a definition defines. */
export function customKind(definition: KubernetesObject): Kind {
  const version = versionOf(definition);
  const names = objectAt(definition, "spec", "names");
  return {
    group: stringAt(definition, "spec", "group"),
    version: stringAt(version, "name"),
    kind: stringAt(names, "kind"),
    resource: stringAt(names, "plural"),
    singular: stringAt(names, "singular") || stringAt(names, "kind").toLowerCase(),
    shortNames: listAt(names, "shortNames").map(String),
    namespaced: stringAt(definition, "spec", "scope") === "Namespaced",
    hasStatus: isObject(valueAt(version, "subresources", "status")),
    categories: listAt(names, "categories").map(String),
    printed: listAt(version, "additionalPrinterColumns").map((column) => ({
      name: stringAt(column, "name"),
      type: stringAt(column, "type"),
      jsonPath: stringAt(column, "jsonPath"),
      priority: numberAt(column, "priority") ?? 0,
    })),
  };
}

/** The one version that is served: a definition with several is refused. */
function versionOf(definition: KubernetesObject): JsonObject {
  const [version] = listAt(definition, "spec", "versions").filter((one) => valueAt(one, "served") === true);
  return isObject(version) ? version : {};
}

/** The first fault of a definition, as field and problem. */
export function checkDefinition(definition: {
  readonly [key: string]: unknown;
}): readonly [string, string] | undefined {
  const [group, plural] = [stringAt(definition, "spec", "group"), stringAt(definition, "spec", "names", "plural")];
  if (group === "") return ["spec.group", "Required value"];
  if (plural === "") return ["spec.names.plural", "Required value"];
  if (stringAt(definition, "spec", "names", "kind") === "") return ["spec.names.kind", "Required value"];
  const name = stringAt(definition, "metadata", "name");
  if (name !== `${plural}.${group}`) {
    return ["metadata.name", `Invalid value: "${name}": must be spec.names.plural+"."+spec.group`];
  }
  const scope = stringAt(definition, "spec", "scope");
  if (scope !== "Namespaced" && scope !== "Cluster") {
    return ["spec.scope", `Unsupported value: "${scope}": supported values: "Cluster", "Namespaced"`];
  }
  const served = listAt(definition, "spec", "versions").filter((one) => valueAt(one, "served") === true);
  const [version] = served;
  if (served.length !== 1 || valueAt(version, "storage") !== true) {
    return ["spec.versions", "Forbidden: the sandbox serves definitions with one version, which is the stored one"];
  }
  if (!isObject(valueAt(version, "schema", "openAPIV3Schema"))) {
    return ["spec.versions[0].schema.openAPIV3Schema", "Required value: schemas are required"];
  }
  const strategy = stringAt(definition, "spec", "conversion", "strategy") || "None";
  if (strategy !== "None") return ["spec.conversion.strategy", "Forbidden: the sandbox converts nothing"];
  return undefined;
}
