import { type ArmCall, ArmFault, type Json, type StoredResource } from "#sandbox/azure/arm/kind.ts";

/** Of most providers; a client's `$top` may ask for fewer. */
const membersPerPage = 100;

/** One page of a collection, ordered by id. */
export function pageOf(
  { at, endpoint, query }: ArmCall,
  members: readonly StoredResource[],
  format: (stored: StoredResource) => Json,
): Json {
  const size = Math.min(Number(query.get("$top") ?? membersPerPage), membersPerPage);
  if (!(Number.isInteger(size) && size > 0)) throw new ArmFault(400, "BadRequest", "The value of $top is invalid.");
  const after = Buffer.from(query.get("$skiptoken") ?? "", "base64url").toString();
  const keyOf = ({ id }: StoredResource): string => id.toLowerCase();
  const left = members.filter((member) => keyOf(member) > after).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const value = left.slice(0, size);
  const last = value.at(-1);
  if (left.length <= size || last === undefined) return { value: value.map(format) };
  const next = new URLSearchParams(query);
  next.set("$skiptoken", Buffer.from(keyOf(last)).toString("base64url"));
  return { value: value.map(format), nextLink: `${endpoint}${encodeURI(at.id)}?${next}` };
}
