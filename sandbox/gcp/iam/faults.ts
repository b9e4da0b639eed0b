import { GcpFault } from "#sandbox/gcp/api/behaviour.ts";

export function invalidArgument(message: string): GcpFault {
  return new GcpFault(400, "INVALID_ARGUMENT", message, { reason: "badRequest" });
}

export function failedPrecondition(message: string): GcpFault {
  return new GcpFault(400, "FAILED_PRECONDITION", message);
}

/** Somebody else changed it since it was read. */
export function concurrentChanges(what: string): GcpFault {
  return new GcpFault(
    409,
    "ABORTED",
    `There were concurrent ${what} changes. Please retry the whole read-modify-write with exponential backoff.`,
  );
}
