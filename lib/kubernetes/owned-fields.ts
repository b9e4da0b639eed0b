import type { KubernetesObject } from "#lib/kubernetes/object.ts";

/** Field sets in Kubernetes' format: `f:` a field, `k:` an item by its keys, `v:` an item by its value, `.` itself. */
interface FieldSet {
  readonly [element: string]: FieldSet;
}

interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  readonly fieldsV1?: FieldSet;
}

/**
 * The fields that a manager has applied, with their values. Fields written by controllers, such as status and
 * their own annotations, are not included.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
export function ownedFields({ metadata, ...rest }: KubernetesObject, manager: string): unknown {
  const entries = (metadata.managedFields ?? []) as readonly ManagedFields[];
  const own = entries.find(
    (entry) => entry.manager === manager && entry.operation === "Apply" && (entry.subresource ?? "") === "",
  );
  const set = own?.fieldsV1;
  return set === undefined ? undefined : valuesOf({ ...rest, metadata }, set);
}

function valuesOf(value: unknown, set: FieldSet): unknown {
  const elements = Object.entries(set);
  if (elements.length === 0) return value;
  // An empty map or list: only its existence is owned.
  return Object.fromEntries(
    elements.map(([element, below]) => [element, element === "." ? true : valuesOf(find(value, element), below)]),
  );
}

function find(value: unknown, element: string): unknown {
  const [kind, name] = [element.slice(0, 2), element.slice(2)];
  if (kind === "f:") return (value as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  if (!Array.isArray(value)) return undefined;
  const wanted: unknown = JSON.parse(name);
  if (kind === "i:") return value[Number(wanted)];
  if (kind === "v:") return value.find((item) => Bun.deepEquals(item, wanted));
  return value.find((item) =>
    Object.entries(wanted as object).every(([key, of]) => (item as Record<string, unknown>)[key] === of),
  );
}
