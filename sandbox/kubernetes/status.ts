import { type Kind, qualifiedName } from "#sandbox/kubernetes/kinds.ts";

/** What the API server answers when it refuses: a `Status` object, thrown by whoever finds the fault. */
export class StatusError extends Error {
  readonly code: number;
  /** Empty where the real server gives none. */
  readonly reason: string;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: number, reason: string, message: string, details?: Readonly<Record<string, unknown>>) {
    super(message);
    this.name = "StatusError";
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  toJSON(): Record<string, unknown> {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: this.message,
      ...(this.reason === "" ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

export const unauthorized = () => new StatusError(401, "Unauthorized", "Unauthorized");

/** A path that nothing answers to. */
export const noSuchPath = () =>
  new StatusError(404, "NotFound", "the server could not find the requested resource", {});

export const notFound = (kind: Kind, name: string) =>
  new StatusError(404, "NotFound", `${qualifiedName(kind)} "${name}" not found`, detailsOf(kind, name));

export const alreadyExists = (kind: Kind, name: string) =>
  new StatusError(409, "AlreadyExists", `${qualifiedName(kind)} "${name}" already exists`, detailsOf(kind, name));

export const modified = (kind: Kind, name: string) =>
  new StatusError(
    409,
    "Conflict",
    `Operation cannot be fulfilled on ${qualifiedName(kind)} "${name}": the object has been modified; ` +
      "please apply your changes to the latest version and try again",
    detailsOf(kind, name),
  );

export const preconditionFailed = (kind: Kind, name: string, what: string) =>
  new StatusError(
    409,
    "Conflict",
    `Operation cannot be fulfilled on ${qualifiedName(kind)} "${name}": ${what}`,
    detailsOf(kind, name),
  );

/** One field is wrong. */
export function invalid(kind: Kind, name: string, field: string, problem: string): StatusError {
  return new StatusError(
    422,
    "Invalid",
    `${kind.kind}${groupSuffix(kind)} "${name}" is invalid: ${field}: ${problem}`,
    {
      ...(name === "" ? {} : { name }),
      group: kind.group === "" ? undefined : kind.group,
      kind: kind.kind,
      causes: [{ reason: "FieldValueInvalid", message: problem, field }],
    },
  );
}

/** Fields that a manager may not take from their owners without force. */
export function applyConflict(conflicts: readonly { readonly owner: string; readonly field: string }[]): StatusError {
  const causes = conflicts.map(({ owner, field }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${owner}`,
    field,
  }));
  const [first] = conflicts;
  const byOwner = Map.groupBy(conflicts, ({ owner }) => owner);
  const lists = [...byOwner.keys()].sort().map((owner) => {
    const fields = (byOwner.get(owner) ?? []).map(({ field }) => `- ${field}`);
    return `conflicts with ${owner}:\n${fields.join("\n")}`;
  });
  const said =
    conflicts.length === 1 && first !== undefined
      ? `Apply failed with 1 conflict: conflict with ${first.owner}: ${first.field}`
      : `Apply failed with ${conflicts.length} conflicts: ${lists.join("\n")}`;
  return new StatusError(409, "Conflict", said, { causes });
}

/** A parameter of a patch that doesn't go with it. */
export function invalidPatchOption(
  field: string,
  reason: "FieldValueRequired" | "FieldValueForbidden",
  problem: string,
) {
  return new StatusError(422, "Invalid", `PatchOptions.meta.k8s.io "" is invalid: ${field}: ${problem}`, {
    group: "meta.k8s.io",
    kind: "PatchOptions",
    causes: [{ reason, message: problem, field }],
  });
}

export const badRequest = (message: string) => new StatusError(400, "BadRequest", message);

export const methodNotAllowed = () =>
  new StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {});

export const unsupportedMediaType = (message: string) => new StatusError(415, "UnsupportedMediaType", message);

export const notAcceptable = () =>
  new StatusError(406, "NotAcceptable", "only the following media types are accepted: application/json");

export const expired = (version: string) => new StatusError(410, "Expired", `too old resource version: ${version}`);

export const forbidden = (kind: Kind, name: string, why: string) =>
  new StatusError(403, "Forbidden", `${qualifiedName(kind)} "${name}" is forbidden: ${why}`, detailsOf(kind, name));

function groupSuffix(kind: Kind): string {
  return kind.group === "" ? "" : `.${kind.group}`;
}

function detailsOf(kind: Kind, name: string): Record<string, unknown> {
  return { name, ...(kind.group === "" ? {} : { group: kind.group }), kind: kind.resource };
}
