import { same } from "#sandbox/aws/cloudformation/engine/plan.ts";
import type { ResourceType } from "#sandbox/aws/cloudformation/types/type.ts";
import { type JsonObject, valueAt } from "#sandbox/json.ts";

/** Dotted paths of properties that can't change on a resource that exists. */
export function createOnlyPaths(type: ResourceType): readonly string[] {
  return [...type.schema.createOnly, ...type.createOnly];
}

/** Whether the way from one set of properties to another leads over a new resource, and by which property. */
export function replacementOf(type: ResourceType, before: JsonObject, after: JsonObject): string {
  const changed = createOnlyPaths(type).find((path) => {
    const keys = path.split(".");
    return !same(valueAt(before, ...keys), valueAt(after, ...keys));
  });
  return changed ?? "none";
}
