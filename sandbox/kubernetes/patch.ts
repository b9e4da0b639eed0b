import { isObject, type Json, type JsonObject } from "#sandbox/json.ts";
import { unsupportedMediaType } from "#sandbox/kubernetes/status.ts";

/** JSON merge patch (RFC 7386): null removes, objects merge, everything else replaces. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (value !== undefined) result[key] = mergePatch(result[key], value);
  }
  return result;
}

/**
 * A strategic merge patch does the same as a merge patch as long as it holds no list (lists merge by key there) and no
 * `$` directive. Any other is refused, since applying it as a merge patch would lose list items.
 */
export function refuseUnlessPlain(patch: Json, path = ""): void {
  if (Array.isArray(patch)) {
    throw unsupportedMediaType(`the sandbox refuses a strategic merge patch with a list (${path}): send a merge patch`);
  }
  if (!isObject(patch)) return;
  for (const [key, value] of Object.entries(patch)) {
    const below = path === "" ? key : `${path}.${key}`;
    if (key.startsWith("$")) {
      throw unsupportedMediaType(`the sandbox refuses a strategic merge patch with a directive (${below})`);
    }
    if (value !== undefined) refuseUnlessPlain(value, below);
  }
}
