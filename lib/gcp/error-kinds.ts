import { GoogleError } from "#lib/gcp/google-error.ts";

/** Google's own error, also below a FleetError that explains it. */
export function findGoogleError(thrown: unknown): GoogleError | undefined {
  if (thrown instanceof GoogleError) return thrown;
  return thrown instanceof Error && thrown.cause !== undefined ? findGoogleError(thrown.cause) : undefined;
}

/**
 * Whether this error, or its cause, is an error of Google with that code or reason, in any case: `ABORTED`, `conditionNotMet`.
 *
 * @param reason @default any error of Google
 */
export function isGcpError(thrown: unknown, reason?: string): boolean {
  const error = findGoogleError(thrown);
  if (error === undefined || reason === undefined) return error !== undefined;
  return [error.code, ...error.reasons].some((one) => one.toLowerCase() === reason.toLowerCase());
}

/** Whether what was asked for, or what it is in, does not exist. */
export function isMissing(thrown: unknown): boolean {
  return findGoogleError(thrown)?.status === 404;
}

/** Others use what is to be deleted. Compute Engine says so at once, or at the end of an operation. */
export function isInUse(thrown: unknown): boolean {
  return ["resourceInUseByAnotherResource", "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"].some((one) =>
    isGcpError(thrown, one),
  );
}

export function isApiDisabled({ status, reasons, message }: GoogleError): boolean {
  if (status !== 403) return false;
  if (reasons.some((reason) => /^(SERVICE_DISABLED|accessNotConfigured)$/i.test(reason))) return true;
  return /has not been used in project .* before or it is disabled/i.test(message);
}

/** A service account that was just created is not known to all of Google. */
export function isUnknownServiceAccount({ status, message }: GoogleError): boolean {
  return status === 400 && /service ?account .*does not exist/i.test(message);
}

/** An organization's policies forbid it, whoever calls: https://cloud.google.com/resource-manager/docs/organization-policy/overview */
export function isForbiddenByPolicy({ message }: GoogleError): boolean {
  return policyWords.test(message);
}

/** Words of an organization policy. */
export const policyWords = /constraints\/[a-z]+\.\w+|violates constraint|organization policy/i;

export function isThrottled({ status, reasons, message }: GoogleError): boolean {
  // IAM answers 429 and asks to wait for a day when a project is full of service accounts: kubeflow/pipelines#1052
  if (limitWords.test(message)) return false;
  if (reasons.some((reason) => /^(userR|r)ateLimitExceeded$|^RATE_LIMIT_EXCEEDED$/.test(reason))) return true;
  return status === 429 && !reasons.some((reason) => /^quotaExceeded$/.test(reason));
}

/** Words of a limit that waiting does not raise. */
export const limitWords = /maximum number of .* reached/i;

export function isUnavailable({ status }: GoogleError): boolean {
  return status === 408 || (status >= 500 && status !== 501);
}

/** Billing is off, or the project is being deleted. */
export function isUnusable({ reasons, message }: GoogleError): boolean {
  return (
    reasons.some((reason) => /^(BILLING_DISABLED|UREQ_PROJECT_BILLING_NOT_FOUND)$/.test(reason)) ||
    /requires billing to be enabled|billing (account )?.*(is disabled|is closed)|project .*(has been deleted|pending deletion|marked for deletion)/i.test(
      message,
    )
  );
}
