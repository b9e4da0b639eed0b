import { FleetError } from "#lib/errors.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";

/** Selects the objects of a patch. Values are regular expressions for the whole value, as in kustomize. */
export interface Selector {
  readonly fields: readonly { readonly field: Field; readonly pattern: RegExp }[];
  readonly labels: readonly Requirement[];
  readonly annotations: readonly Requirement[];
}

interface Requirement {
  readonly key: string;
  readonly operator: "=" | "!=" | "exists" | "absent";
  readonly value: string;
}

const fields = ["group", "version", "kind", "name", "namespace"] as const;
type Field = (typeof fields)[number];

/** @throws FleetError KustomizationInvalid */
export function parseSelector(target: Readonly<Record<string, string>>, where: string): Selector {
  const unknown = Object.keys(target).find(
    (key) => !(fields as readonly string[]).includes(key) && key !== "labelSelector" && key !== "annotationSelector",
  );
  if (unknown !== undefined)
    throw new FleetError("KustomizationInvalid", `${where}: unknown target field "${unknown}"`);
  return {
    fields: fields.flatMap((field) => {
      const text = target[field];
      return text === undefined || text === "" ? [] : [{ field, pattern: new RegExp(`^(?:${text})$`) }];
    }),
    labels: parseRequirements(target.labelSelector, where),
    annotations: parseRequirements(target.annotationSelector, where),
  };
}

function parseRequirements(text: string | undefined, where: string): readonly Requirement[] {
  if (text === undefined || text === "") return [];
  return text.split(",").map((part): Requirement => {
    const match = /^(!?)([\w./-]+)(?:(==?|!=)([\w.-]*))?$/.exec(part.trim());
    const [, not = "", key = "", operator, value = ""] = match ?? [];
    if (match === null || (not !== "" && operator !== undefined)) {
      throw new FleetError(
        "KustomizationInvalid",
        `${where}: selector "${text}" is not key=value, key!=value, key or !key`,
      );
    }
    if (operator === undefined) return { key, operator: not === "" ? "exists" : "absent", value };
    return { key, operator: operator === "!=" ? "!=" : "=", value };
  });
}

export function select(objects: readonly KubernetesObject[], selector: Selector): ReadonlySet<KubernetesObject> {
  return new Set(
    objects.filter(
      (object) =>
        selector.fields.every(({ field, pattern }) => pattern.test(fieldOf(object, field))) &&
        selector.labels.every((requirement) => fits(object.metadata.labels ?? {}, requirement)) &&
        selector.annotations.every((requirement) => fits(object.metadata.annotations ?? {}, requirement)),
    ),
  );
}

function fieldOf({ apiVersion, kind, metadata }: KubernetesObject, field: Field): string {
  switch (field) {
    case "group":
      return apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
    case "version":
      return apiVersion.slice(apiVersion.indexOf("/") + 1);
    case "kind":
      return kind;
    case "name":
      return metadata.name;
    case "namespace":
      return metadata.namespace ?? "";
    default:
      return field satisfies never;
  }
}

function fits(values: Readonly<Record<string, string>>, { key, operator, value }: Requirement): boolean {
  switch (operator) {
    case "=":
      return values[key] === value;
    case "!=":
      return values[key] !== value;
    case "exists":
      return key in values;
    case "absent":
      return !(key in values);
    default:
      return operator satisfies never;
  }
}
