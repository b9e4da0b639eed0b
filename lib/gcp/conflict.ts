import { type ErrorCode, FleetError } from "#lib/errors.ts";
import type { Calling } from "#lib/gcp/clients.ts";
import {
  findGoogleError,
  isForbiddenByPolicy,
  isGcpError,
  isMissing,
  isUnknownServiceAccount,
} from "#lib/gcp/error-kinds.ts";

/** Somebody else wrote it in between: a policy, a record set, or what was about to be created. */
export function isConflict(error: unknown): boolean {
  const found = findGoogleError(error);
  // Told as a condition that is not met, too.
  if (found !== undefined && isForbiddenByPolicy(found)) return false;
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

/** Runs that meet each other, and outages, end sooner. */
const mostAttempts = 5;

/**
 * Reads, and writes what is missing: again if somebody else wrote or deleted it in between, or if Google's answer to the write was lost.
 *
 * @param write based on what was read; writes nothing when that is as wanted
 */
export async function readAndWrite<Found, Done>(
  { progress }: Pick<Calling, "progress">,
  read: () => Promise<Found>,
  write: (found: Found) => Promise<Done>,
): Promise<Done> {
  for (let attempt = 1; ; attempt++) {
    const found = await read();
    try {
      return await write(found);
    } catch (error) {
      const isLost = hasCode(error, "GcpUnreachable");
      if (attempt === mostAttempts || !(isLost || isConflict(error) || isMissing(error))) throw error;
      progress(`reading it again: ${isLost ? "Google's answer was lost" : "it was changed meanwhile"}`);
    }
  }
}
