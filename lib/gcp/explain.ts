import { type CloudErrors, explainWith, type Failing } from "#lib/cloud/ask.ts";
import { FleetError } from "#lib/errors.ts";
import { describeError } from "#lib/gcp/describe-error.ts";
import { findGoogleError, isThrottled, isUnavailable } from "#lib/gcp/error-kinds.ts";
import { GoogleError } from "#lib/gcp/google-error.ts";
import { findNetworkFailure } from "#lib/network-failure.ts";

/** Errors of Google, for calls and their failures. */
export const googleErrors: CloudErrors = {
  cloud: "Google",
  unreachable: "GcpUnreachable",
  find(thrown) {
    const error = findGoogleError(thrown);
    if (error === undefined) return undefined;
    const { code, retryAfterMs } = error;
    return { code, retryAfterMs, isThrottled: isThrottled(error), isUnavailable: isUnavailable(error) };
  },
  describe(thrown) {
    const error = findGoogleError(thrown);
    if (error === undefined) return undefined;
    const reasons = error.reasons.length === 0 ? "" : ` (${[...new Set(error.reasons)].join(", ")})`;
    return { ...describeError(error), details: [`${error.code}${reasons}: ${error.message}`] };
  },
};

/** Errors from neither Google nor the network pass unchanged. */
export const explain = explainWith(googleErrors);

/** The error of an operation, as its `error` tells it, in our words. @param error `google.rpc.Status` */
export function explainOperation(
  error: { readonly code?: unknown; readonly message?: unknown },
  asked: Failing,
): FleetError {
  const code = rpcCodes[Number(error.code)] ?? "UNKNOWN";
  const message = String(error.message ?? "Google gives no reason");
  return explain(new GoogleError({ code, message }, { status: 200 }), asked) as FleetError;
}

/** Whether a retry may succeed, so that a wait continues. */
export function isPassing(thrown: unknown): boolean {
  if (!(thrown instanceof FleetError)) return false;
  if (thrown.code === "GcpThrottled" || thrown.code === "GcpBusy") return true;
  return thrown.code === "GcpUnreachable" && findNetworkFailure(thrown.cause)?.transient !== false;
}

/** https://cloud.google.com/apis/design/errors#handling_errors */
const rpcCodes: Readonly<Record<number, string>> = {
  3: "INVALID_ARGUMENT",
  4: "DEADLINE_EXCEEDED",
  5: "NOT_FOUND",
  6: "ALREADY_EXISTS",
  7: "PERMISSION_DENIED",
  8: "RESOURCE_EXHAUSTED",
  9: "FAILED_PRECONDITION",
  10: "ABORTED",
  13: "INTERNAL",
  14: "UNAVAILABLE",
};
