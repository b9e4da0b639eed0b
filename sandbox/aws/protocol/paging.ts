/** One page of a list, and the token of the next. Undefined for a token that no page has given. */
export function pageOf<Item>(
  items: readonly Item[],
  size: number,
  token: string | undefined,
): { readonly items: readonly Item[]; readonly next: string | undefined } | undefined {
  const start = token === undefined || token === "" ? 0 : Number(Buffer.from(token, "base64url").toString());
  if (!Number.isInteger(start) || start < 0) return undefined;
  const end = start + size;
  const next = end < items.length ? Buffer.from(String(end)).toString("base64url") : undefined;
  return { items: items.slice(start, end), next };
}
