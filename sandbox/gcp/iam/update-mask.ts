import type { Json } from "#sandbox/gcp/api/behaviour.ts";
import { invalidArgument } from "#sandbox/gcp/api/faults.ts";
import { isObject } from "#sandbox/json.ts";

/**
 * Changes the fields that a mask names: `displayName,oidc.allowedAudiences`, in camel or snake case.
 *
 * @param fields that may be changed
 * @returns `before` with the fields of `change`, without those that it lacks
 * @throws GcpFault 400 for other fields
 */
export function applyMask(before: Json, change: Json, mask: string, fields: readonly string[]): Json {
  const paths = mask
    .split(",")
    .map((path) => path.trim().replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase()));
  if (mask === "") throw invalidArgument("The update mask is required.");
  return paths.reduce<Json>((now, path) => {
    const keys = path.split(".");
    if (!fields.includes(keys[0] ?? "")) throw invalidArgument(`Invalid field in the update mask: ${path}`);
    return copyAt(now, change, keys);
  }, before);
}

function copyAt(before: Json, change: Json, [key = "", ...others]: readonly string[]): Json {
  const [{ [key]: old, ...rest }, next] = [before, change[key]];
  if (others.length === 0) return next === undefined ? rest : { ...rest, [key]: next };
  return { ...rest, [key]: copyAt(isObject(old) ? old : {}, isObject(next) ? next : {}, others) };
}
