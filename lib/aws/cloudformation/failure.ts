import type { StackEvent } from "@aws-sdk/client-cloudformation";
import type { StackClient } from "#lib/aws/cloudformation/client.ts";
import { failuresOf, formatEvent, rootCause } from "#lib/aws/cloudformation/events.ts";
import { FleetError } from "#lib/errors.ts";

/** Kinds of reasons that services give CloudFormation, by what has to be done about them. First match counts. */
const kinds: readonly (readonly [RegExp, string])[] = [
  [
    /LimitExceeded|ServiceLimitExceeded|QuotaExceeded|TooMany(?!Requests)|maximum (number|limit)|quota|InsufficientAddressCapacity|not enough \w+ addresses/i,
    "a quota of the account is used up: remove what isn't needed, or ask for more in Service Quotas, then run the same command again",
  ],
  [
    /AccessDenied|not authorized to perform|UnauthorizedOperation|HandlerErrorCode: (AccessDenied|InvalidCredentials|UnauthorizedTaggingOperation)/i,
    "the role that CloudFormation acts by lacks what the message names: add it to the account's role template and deploy that first",
  ],
  [
    /AlreadyExists|already exists|EntityAlreadyExists|InUse by another|HandlerErrorCode: AlreadyExists/i,
    "something of that name is there already, outside of this stack: remove or rename it, then run the same command again",
  ],
  [
    /DependencyViolation|has dependencies|DeleteConflict|NotEmpty|is in use|still attached|has a dependent object|currently in use|export .* in use/i,
    "something made outside of this stack still uses it: remove that, then run the same command again",
  ],
  [
    /HandlerErrorCode: (Throttling|NetworkFailure|ServiceInternalError|ServiceTimeout|InternalFailure)|Rate exceeded|Throttling|InternalError|Service Unavailable/i,
    "AWS failed for a moment: run the same command again",
  ],
  [
    /NotStabilized|did not stabilize|timed? ?out|exceeded attempts to wait/i,
    "it didn't become ready in time: look at it in AWS's console, then run the same command again",
  ],
  [
    /Insufficient\w*Capacity|UnsupportedAvailabilityZone|capacity/i,
    "AWS has no room for it there now: choose another instance type or region, or run the same command again later",
  ],
  [
    /InvalidRequest|ValidationException|ValidationError|InvalidParameter|Invalid|Malformed|Unsupported|NotUpdatable/i,
    "AWS does not take a value: correct the fleet or the template, then run the same command again",
  ],
];

export function hintFor(reason: string): string {
  const known = kinds.find(([pattern]) => pattern.test(reason));
  return known?.[1] ?? "fix what the message names, then run the same command again";
}

/** `Role (AWS::IAM::Role): <reason>`; undefined if no event reports a failure. */
export function describeFailure(events: readonly StackEvent[]): string | undefined {
  const cause = rootCause(events);
  if (cause === undefined) return undefined;
  const { LogicalResourceId = "", ResourceType = "", ResourceStatusReason } = cause;
  return `${LogicalResourceId} (${ResourceType}): ${formatReason(ResourceStatusReason)}`;
}

/** @param what `creating it`. @param events of the operation. @param fallback when they name no cause: the stack's own reason */
export function stackFailed(
  { subject, options: { region } }: StackClient,
  what: string,
  events: readonly StackEvent[],
  { stackId, fallback }: { readonly stackId: string | undefined; readonly fallback: string },
): FleetError {
  const cause = describeFailure(events);
  const reason = cause ?? fallback;
  const console = consoleLink(region, stackId);
  return new FleetError("StackFailed", `${subject}: ${what} failed: ${reason}`, {
    hint: hintFor(reason),
    details: [...failuresOf(events).map(formatEvent), ...(console === undefined ? [] : [console])],
  });
}

function formatReason(reason = "no reason was given"): string {
  return reason.replaceAll(/\s+/g, " ").trim().replace(/\.$/, "");
}

/** Only of AWS's public part: China and GovCloud have consoles of their own. */
function consoleLink(region: string, stackId: string | undefined): string | undefined {
  if (stackId?.startsWith("arn:aws:") !== true) return undefined;
  const id = encodeURIComponent(stackId);
  return `https://${region}.console.aws.amazon.com/cloudformation/home?region=${region}#/stacks/events?stackId=${id}`;
}
