/** An operation that requests name by method and path. */
export interface RestOperation {
  /** As the API calls it: `GetHostedZone`. */
  readonly name: string;
  readonly method: string;
  /** `hostedzone/:id/rrset`, with a name for each variable part. */
  readonly path: string;
}

export interface RestMatch<Operation extends RestOperation> {
  readonly operation: Operation;
  /** Variable parts of the path by name, decoded. */
  readonly parts: Readonly<Record<string, string>>;
}

/** The operation of a request; undefined for one that the service does not have here. */
export function matchRest<Operation extends RestOperation>(
  operations: readonly Operation[],
  method: string,
  { pathname }: URL,
): RestMatch<Operation> | undefined {
  const segments = pathname.replace(/^\/|\/$/g, "").split("/");
  for (const operation of operations) {
    const pattern = operation.path.split("/");
    const fits = pattern.every((part, index) => part.startsWith(":") || part === segments[index]);
    if (operation.method !== method || pattern.length !== segments.length || !fits) continue;
    const named = pattern.flatMap((part, index) =>
      part.startsWith(":") ? [[part.slice(1), decodeURIComponent(segments[index] ?? "")] as const] : [],
    );
    return { operation, parts: Object.fromEntries(named) };
  }
  return undefined;
}
