/** Condition keys of a request and their values; names in lower case, as their case does not count. */
export type RequestContext = ReadonlyMap<string, readonly string[]>;

export type ContextValues = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Later sources win. An undefined value is a missing key, an empty list a key without values. */
export function contextOf(...sources: readonly ContextValues[]): RequestContext {
  const context = new Map<string, readonly string[]>();
  for (const source of sources) {
    for (const [name, value] of Object.entries(source)) {
      if (value !== undefined) context.set(name.toLowerCase(), typeof value === "string" ? [value] : value);
    }
  }
  return context;
}

/** What every request says about tags: their values by key, and their keys. */
export function requestTags(tags: Readonly<Record<string, string>>): ContextValues {
  const values = Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value] as const);
  return Object.keys(tags).length === 0 ? {} : { ...Object.fromEntries(values), "aws:TagKeys": Object.keys(tags) };
}

/** What a request says about the tags of what it is for. `service` has its own name for the same: `iam:ResourceTag/…`. */
export function resourceTags(tags: Readonly<Record<string, string>>, service?: string): ContextValues {
  const prefixes = service === undefined ? ["aws"] : ["aws", service];
  return Object.fromEntries(
    prefixes.flatMap((prefix) => Object.entries(tags).map(([key, value]) => [`${prefix}:ResourceTag/${key}`, value])),
  );
}
