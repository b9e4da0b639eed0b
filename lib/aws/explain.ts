import { findUnreachable } from "#lib/aws/credentials/unreachable.ts";
import { type Attempts, pauseWhileAway, withPatience } from "#lib/cloud/patience.ts";
import { type ErrorCode, FleetError } from "#lib/errors.ts";
import type { World } from "#lib/graph/world.ts";
import { command, type Hint } from "#lib/hint.ts";
import { findNetworkFailure } from "#lib/network-failure.ts";

/** One question to AWS, as its failure names it. */
export interface Asked {
  /** The caller: the account and, if it matters, its role. Starts the message: `aws-01`. */
  readonly account: string;
  /** What for, as a gerund: `reading the stack k01-eks`. */
  readonly what: string;
  /** Of the run: a call that it cuts short ends with its reason. */
  readonly signal?: AbortSignal;
  /** The run: waits during network outages, and reports them. Without it the call fails immediately. */
  readonly world?: Pick<World, "clock" | "signal" | "progress">;
}

/** Fields of AWS client errors, for all services. */
export interface AwsError extends Error {
  readonly $fault: "client" | "server";
  readonly $metadata: { readonly httpStatusCode?: number; readonly requestId?: string };
}

/**
 * Makes a call and describes its failure in our words; AWS's own error stays as `cause`, for `isAwsError`. A request that could not
 * be sent is sent again while the network is away.
 *
 * @throws FleetError AwsDenied, AwsFailed, AwsThrottled, AwsUnreachable, ClockSkewed, QuotaExceeded, SessionExpired
 */
export async function ask<Answer>(asked: Asked, call: () => Promise<Answer>): Promise<Answer> {
  const { world, signal = world?.signal } = asked;
  try {
    signal?.throwIfAborted();
    if (world === undefined) return await call();
    const pauseAfter = (thrown: unknown, attempts: Attempts) =>
      thrown instanceof FleetError ? undefined : pauseWhileAway("AWS", thrown, attempts);
    return await withPatience(world, pauseAfter, call);
  } catch (thrown) {
    signal?.throwIfAborted();
    throw explain(thrown, asked);
  }
}

/** Errors from neither AWS nor the network pass unchanged. */
export function explain(thrown: unknown, { account, what }: Asked): unknown {
  if (thrown instanceof FleetError) return thrown;
  const unreachable = findUnreachable(thrown);
  if (unreachable !== undefined) {
    const { message, hint } = unreachable;
    return new FleetError("AwsUnreachable", `${account}: ${message} (${what})`, { hint, cause: thrown });
  }
  const error = findAwsError(thrown);
  if (error === undefined) return thrown;
  const { code, message, hint } = describe(error);
  const details = [`${error.name}: ${error.message}`, ...formatRequest(error)];
  return new FleetError(code, `${account}: ${message} (${what})`, { hint, details, cause: thrown });
}

/** Whether this error, or its cause, is the AWS error with that name and, if given, a matching message. */
export function isAwsError(thrown: unknown, name: string, message?: RegExp): boolean {
  const error = findAwsError(thrown);
  return error !== undefined && error.name === name && (message === undefined || message.test(error.message));
}

/** AWS's own error, also below a FleetError that explains it. */
export function findAwsError(thrown: unknown): AwsError | undefined {
  if (!(thrown instanceof Error)) return undefined;
  if ("$fault" in thrown && "$metadata" in thrown) return thrown as AwsError;
  return thrown instanceof FleetError ? findAwsError(thrown.cause) : undefined;
}

/** Whether a retry may succeed, so that a wait continues. */
export function isPassing(thrown: unknown): boolean {
  if (!(thrown instanceof FleetError)) return false;
  if (thrown.code === "AwsThrottled") return true;
  return thrown.code === "AwsUnreachable" && findNetworkFailure(thrown.cause)?.transient !== false;
}

/**
 * Whether AWS rejected the session itself, because it expired or its role was recreated. Then nothing else was
 * evaluated.
 */
export function isSessionRefused(thrown: unknown): boolean {
  const error = findAwsError(thrown);
  return error !== undefined && (expired.test(error.name) || stale.test(error.name));
}

/** Whether the denial may be caused by IAM's propagation delay, for the caller's role or the passed one. */
export function isUnsettled(thrown: unknown): boolean {
  const error = findAwsError(thrown);
  if (error === undefined) return false;
  const { name, message } = error;
  return (denied.test(name) && !/explicit deny/i.test(message)) || /is invalid or cannot be assumed/.test(message);
}

interface Described {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: Hint;
}

/** Names are those of CloudFormation, Route 53, IAM, EKS, STS and EC2: each spells the same few things in its own way. */
const throttled = /^(Throttling|ThrottledException|.*Throttl\w*|TooManyRequests\w*|RequestLimitExceeded|SlowDown)$/;
const passing = /^(PriorRequestNotComplete|ServiceUnavailable\w*|InternalFailure|InternalServer\w*|ServiceFailure\w*)$/;
const expired = /^(ExpiredToken\w*|RequestExpired|TokenRefreshRequired)$/;
/** Errors of a session whose role was deleted. */
const stale = /^(InvalidClientTokenId|UnrecognizedClient\w*)$/;
const unknown =
  /^(InvalidClientTokenId|UnrecognizedClient\w*|SignatureDoesNotMatch|InvalidSignature\w*|MissingAuthenticationToken\w*|AuthFailure|IncompleteSignature)$/;
const denied = /^(AccessDenied\w*|UnauthorizedOperation|NotAuthorized\w*|Forbidden\w*|AuthorizationError\w*)$/;
const quota = /(Limit|Quota)\w*Exceeded|^(LimitsExceeded|TooManyHostedZones|TooMany\w+|InsufficientAddressCapacity)$/;

function describe(error: AwsError): Described {
  const { name, message } = error;
  if (throttled.test(name) || /^Rate exceeded/i.test(message)) {
    return {
      code: "AwsThrottled",
      message: `AWS throttles the requests: ${name}`,
      hint: "wait a minute and run the same command again, with fewer at once by --jobs",
    };
  }
  if (expired.test(name)) {
    return {
      code: "SessionExpired",
      message: "the session has ended",
      hint: "log in again and run the same command again: it continues from there",
    };
  }
  if (unknown.test(name)) {
    return {
      code: "AwsDenied",
      message: `AWS does not accept the credentials: ${name}`,
      hint: [
        "check that they are valid and that this computer's clock is right; ",
        command("whoami"),
        " shows each step",
      ],
    };
  }
  if (denied.test(name)) return describeDenial(message);
  if (error.$fault === "server" || passing.test(name)) {
    return {
      code: "AwsUnreachable",
      message: `AWS is unavailable: ${name}`,
      hint: "https://health.aws.amazon.com shows disturbances; run the same command again",
    };
  }
  if (quota.test(name)) {
    return {
      code: "QuotaExceeded",
      message: `a quota of the account is used up: ${trim(message)}`,
      hint: "remove what isn't needed, or ask for more in Service Quotas",
    };
  }
  return {
    code: "AwsFailed",
    message: trim(message),
    hint: "correct what AWS names, then run the same command again",
  };
}

/** As AWS words it: `User: ARN is not authorized to perform: ACTION on resource: ARN because …`. */
function describeDenial(message: string): Described {
  const found = /User: (\S+) is not authorized to perform: (\S+)(?: on resource: (\S+))?/.exec(message);
  const [, who, action, resource] = found ?? [];
  if (who === undefined || action === undefined) {
    return {
      code: "AwsDenied",
      message: `AWS does not allow it: ${trim(message)}`,
      hint: [command("whoami"), " shows the identity; grant it the permission that the message names"],
    };
  }
  const on = resource === undefined || resource === "*" ? "" : ` on ${resource}`;
  return { code: "AwsDenied", message: `${who} may not ${action}${on}`, hint: hintForDenial(message, action, who) };
}

function hintForDenial(message: string, action: string, who: string): string {
  if (who.includes("-read-only-iam-role/")) {
    return "these credentials are read-only, like those of pull requests: use plan and status. Changes need an identity that github.claims or AWS_USER_ARN names";
  }
  const holder = who.includes(":user/") ? "that user" : "that role";
  const [, policy] = /with an explicit deny in an? ([\w -]+?policy)/i.exec(message) ?? [];
  if (policy === undefined) {
    return `allow ${action} in the policy of ${holder}, or deploy the account's role stack again`;
  }
  if (/^(service|resource) control/i.test(policy))
    return `a ${policy} denies it: ask an administrator of the organization`;
  return `take the denial of ${action} out of the policies of ${holder} (${policy})`;
}

function formatRequest({ $metadata: { requestId } }: AwsError): readonly string[] {
  return requestId === undefined ? [] : [`request ${requestId}`];
}

function trim(message: string): string {
  return message.trim().replace(/\.$/, "");
}
