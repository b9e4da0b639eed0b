import { type ErrorCode, FleetError } from "#lib/errors.ts";
import { findGoogleError, isGcpError, isUnknownServiceAccount } from "#lib/gcp/explain.ts";

/** Somebody else wrote it in between: a policy, a record set, or what was about to be created. */
export function isConflict(error: unknown): boolean {
  return ["ABORTED", "ALREADY_EXISTS", "alreadyExists", "conditionNotMet"].some((reason) => isGcpError(error, reason));
}

/** A policy names a service account, a role or a pool that was made a moment ago. Google's code for it says less than its words. */
export function isUnknownMember(error: unknown): boolean {
  const found = findGoogleError(error);
  if (found === undefined) return false;
  return (
    isUnknownServiceAccount(found) || (found.status === 400 && /does not exist|not supported/i.test(found.message))
  );
}

export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): boolean {
  return error instanceof FleetError && codes.some((code) => code === error.code);
}
