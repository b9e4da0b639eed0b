import { AwsFault, type Call, type Cloud } from "#sandbox/aws/cloud.ts";
import { type ContextValues, resourceTags } from "#sandbox/aws/policy/context.ts";
import { integerAt, type QueryInput, tryTextAt } from "#sandbox/aws/protocol/query.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";

/** What the actions of IAM have in common. */

/** @param action without `iam:` @throws AwsFault AccessDenied */
export function permit(
  cloud: Cloud,
  { caller }: Call,
  action: string,
  resource: string,
  context: ContextValues = {},
): void {
  const known = Object.entries(context).filter((pair): pair is [string, string | readonly string[]] => {
    return pair[1] !== undefined;
  });
  cloud.authorize(caller, `iam:${action}`, resource, Object.fromEntries(known));
}

/** ARN of something that may not be there: policies are asked before existence is told. */
export function arnOf(
  kind: "role" | "user" | "policy" | "oidc-provider",
  account: string,
  name: string,
  found: { readonly arn: string } | undefined,
  path = "/",
): string {
  return found?.arn ?? `arn:aws:iam::${account}:${kind}${path}${name}`;
}

/** What conditions may ask of something that has tags. */
export function tagsOf(found: { readonly tags: Readonly<Record<string, string>> } | undefined): ContextValues {
  return found === undefined ? {} : resourceTags(found.tags, "iam");
}

/** Tags as answers have them. */
export function formatTags(tags: Readonly<Record<string, string>>): readonly XmlValue[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** Policies are told with percent signs, as RFC 3986 has it. */
export function formatDocument(document: string): string {
  return encodeURIComponent(document).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** One page of a list, as `Marker` and `MaxItems` ask for it, under its name. @throws AwsFault ValidationError, InvalidInput */
export function page(
  name: string,
  items: readonly XmlValue[],
  input: QueryInput,
): { readonly [key: string]: XmlValue } {
  const size = integerAt(input, "MaxItems") ?? 100;
  if (size < 1 || size > 1_000) {
    throw new AwsFault(
      "ValidationError",
      `1 validation error detected: Value '${size}' at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 1000`,
    );
  }
  const marker = tryTextAt(input, "Marker");
  const start = marker === undefined ? 0 : Number(Buffer.from(marker, "base64").toString());
  if (!Number.isInteger(start) || start < 0) throw new AwsFault("InvalidInput", `Invalid Marker ${marker}`);
  const end = start + size;
  const isTruncated = end < items.length;
  return {
    [name]: items.slice(start, end),
    IsTruncated: isTruncated,
    ...(isTruncated ? { Marker: Buffer.from(String(end)).toString("base64") } : {}),
  };
}

/** Items below a path. @throws AwsFault ValidationError */
export function belowPath<Item extends { readonly path: string }>(
  items: readonly Item[],
  input: QueryInput,
): readonly Item[] {
  const prefix = tryTextAt(input, "PathPrefix") ?? "/";
  if (!prefix.startsWith("/")) {
    throw new AwsFault("ValidationError", "The specified value for pathPrefix is invalid. It must begin with /");
  }
  return items.filter(({ path }) => path.startsWith(prefix));
}
