import { type FaultFields, GcpFault, type Json } from "#sandbox/gcp/api/behaviour.ts";

/** HTTP status by google.rpc.Code. */
const statuses: Readonly<Record<string, number>> = {
  ABORTED: 409,
  ALREADY_EXISTS: 409,
  DEADLINE_EXCEEDED: 504,
  INTERNAL: 500,
  NOT_FOUND: 404,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  UNAUTHENTICATED: 401,
  UNAVAILABLE: 503,
  UNIMPLEMENTED: 501,
  UNKNOWN: 500,
};

export function statusOf(code: string): number {
  return statuses[code] ?? 400;
}

/** @param code of google.rpc: `NOT_FOUND`; it decides about the HTTP status */
export function fault(code: string, message: string, fields: FaultFields = {}): GcpFault {
  return new GcpFault(statusOf(code), code, message, fields);
}

export function invalidArgument(message: string, reason = "badRequest"): GcpFault {
  return fault("INVALID_ARGUMENT", message, { reason });
}

export function failedPrecondition(message: string): GcpFault {
  return fault("FAILED_PRECONDITION", message);
}

export function forbidden(message: string, details: readonly Json[] = [], reason = "forbidden"): GcpFault {
  return fault("PERMISSION_DENIED", message, { reason, details });
}

/** IAM's words, which do not tell whether the resource exists. */
export function permissionDenied(permission: string): GcpFault {
  return forbidden(`Permission '${permission}' denied on resource (or it may not exist).`, [
    errorInfo("IAM_PERMISSION_DENIED", { permission }, "iam.googleapis.com"),
  ]);
}

/** Somebody else changed it since it was read. */
export function concurrentChanges(what: string): GcpFault {
  const advice = "Please retry the whole read-modify-write with exponential backoff.";
  return fault("ABORTED", `There were concurrent ${what} changes. ${advice}`);
}

/** @param what that Google has and the sandbox does not */
export function unsupported(what: string): GcpFault {
  return fault("UNIMPLEMENTED", `the sandbox does not know ${what}`);
}

/** @param what `Request had invalid authentication credentials` */
export function unauthenticated(what: string, fields: FaultFields): GcpFault {
  const expected = "Expected OAuth 2 access token, login cookie or other valid authentication credential.";
  const more = "https://developers.google.com/identity/sign-in/web/devconsole-project";
  return fault("UNAUTHENTICATED", `${what}. ${expected} See ${more}.`, fields);
}

/** Why a call was refused, for programs. */
export function errorInfo(reason: string, metadata: Readonly<Record<string, string>>, domain = "googleapis.com"): Json {
  return { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain, metadata };
}
