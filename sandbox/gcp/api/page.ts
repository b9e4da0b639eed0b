import type { GcpCall, Json } from "#sandbox/gcp/api/behaviour.ts";
import { invalid } from "#sandbox/gcp/api/schema.ts";

/**
 * A page of a list: the fields `field` and `nextPageToken`, which are left out when they are empty, as Google does it.
 *
 * @param largest Google's own limit for the size of a page
 */
export function pageOf<Item>(
  { query }: Pick<GcpCall, "query">,
  field: string,
  items: readonly Item[],
  largest: number,
  format: (item: Item) => Json,
): Json {
  const asked = query.get("pageSize") ?? query.get("maxResults") ?? "0";
  const size = Number(asked);
  if (!Number.isInteger(size) || size < 0) throw invalid(`Invalid value for page size: ${asked}`, "page_size");
  const token = query.get("pageToken") ?? "";
  const begin = token === "" ? 0 : Number(Buffer.from(token, "base64url").toString());
  if (!Number.isInteger(begin)) throw invalid(`Invalid value for page token: ${token}`, "page_token");
  const end = begin + Math.min(size === 0 ? largest : size, largest);
  const page = items.slice(begin, end).map(format);
  return {
    ...(page.length === 0 ? {} : { [field]: page }),
    ...(end < items.length ? { nextPageToken: Buffer.from(String(end)).toString("base64url") } : {}),
  };
}
