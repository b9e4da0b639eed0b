import { AzureError, readFault } from "#lib/azure/azure-error.ts";
import { ForeignAnswer } from "#lib/cloud/fetch.ts";
import {
  type Attempts,
  type Calling,
  type Pause,
  patienceMs,
  pauseWhileAway,
  withPatience,
} from "#lib/cloud/patience.ts";
import { type ErrorCode, FleetError } from "#lib/errors.ts";
import { command, type Hint } from "#lib/hint.ts";
import { findNetworkFailure } from "#lib/network-failure.ts";

/** One question to Azure, as its failure names it. */
export interface Asked {
  /** Starts the message: `az-01`. */
  readonly account: string;
  /** What for, as a gerund: `reading the zone k01.k8s.az.mylabs.dev`. */
  readonly what: string;
  /** The run: waits during outages, and reports them. Without it the call fails immediately. */
  readonly world?: Calling | undefined;
  /** A second identical call does no harm. False for conditional writes, which would be refused by what the first one did. @default true */
  readonly repeatable?: boolean;
  /** Whether this denial may be over in a moment, and for how long to wait. @default no */
  readonly pauseWhileSettling?: (error: unknown) => Pause | undefined;
}

/** Milliseconds for one attempt: as long as a call of AWS. */
const attemptMs = 60_000;
/** Pauses while Azure is unavailable and doesn't say for how long. */
const pausesMs = [1_000, 2_000, 4_000, 8_000, 16_000];

/**
 * Makes a call and describes its failure in our words; Azure's own error stays as `cause`, for `isAzureError`. Waits as long as Azure asks
 * for, but no longer than the run's patience.
 *
 * @param call must obey the signal, which ends each attempt
 * @throws FleetError with a code of Azure, QuotaExceeded, SessionExpired, WrongAccount
 */
export async function ask<Answer>(asked: Asked, call: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
  const { world } = asked;
  const attempt = async () => {
    const deadline = AbortSignal.timeout(attemptMs);
    return await call(world === undefined ? deadline : AbortSignal.any([world.signal, deadline]));
  };
  try {
    if (world === undefined) return await attempt();
    return await withPatience(world, (thrown, attempts) => pauseAfter(thrown, attempts, asked), attempt);
  } catch (thrown) {
    world?.signal.throwIfAborted();
    throw explain(thrown, asked);
  }
}

function pauseAfter(thrown: unknown, attempts: Attempts, asked: Asked): Pause | undefined {
  const settling = asked.pauseWhileSettling?.(thrown);
  if (settling !== undefined) return settling;
  const error = findAzureError(thrown);
  const leftMs = patienceMs - attempts.elapsedMs;
  if (leftMs <= 0) return undefined;
  if (error === undefined) {
    if (thrown instanceof FleetError) return undefined;
    const away = pauseWhileAway("Azure", thrown, attempts);
    if (away !== undefined || asked.repeatable === false) return away;
    const failure = findNetworkFailure(thrown);
    return failure?.transient === true
      ? { ms: 2_000, why: `no answer of Azure (${failure.reason}); trying again` }
      : undefined;
  }
  if (!isThrottled(error) && !(isUnavailable(error) && asked.repeatable !== false)) return undefined;
  const ms = error.retryAfterMs ?? pausesMs[attempts.count - 1] ?? 16_000;
  const said = `${error.code}; Azure asks to wait ${Math.ceil(ms / 1_000)} s`;
  // One last attempt at the deadline: limits are often lifted sooner.
  return {
    ms: Math.min(ms, leftMs),
    why: ms > leftMs ? `${said}, trying again in ${Math.ceil(leftMs / 1_000)} s` : said,
  };
}

/** Errors from neither Azure nor the network pass unchanged. */
export function explain(thrown: unknown, { account, what }: Pick<Asked, "account" | "what">): unknown {
  if (thrown instanceof FleetError) return thrown;
  if (thrown instanceof ForeignAnswer) {
    return new FleetError("AzureUnreachable", `${account}: ${thrown.message} (${what})`, {
      hint: "check for a proxy, a login page or a firewall between this computer and Azure (HTTPS_PROXY, NO_PROXY)",
      cause: thrown,
    });
  }
  const error = findAzureError(thrown);
  if (error === undefined) {
    const failure = findNetworkFailure(thrown);
    if (failure === undefined) return thrown;
    const message = `${account}: Azure does not answer: ${failure.reason} (${what})`;
    return new FleetError("AzureUnreachable", message, { hint: failure.hint, cause: thrown });
  }
  const { code, message, hint } = describe(error);
  const request = error.requestId === undefined ? [] : [`request ${error.requestId}`];
  const details = [`${error.code}: ${error.message}`, ...request];
  return new FleetError(code, `${account}: ${message} (${what})`, { hint, details, cause: thrown });
}

/** The error of an operation, as its status or its resource tells it, in our words. */
export function explainOperation(body: unknown, asked: Pick<Asked, "account" | "what">): FleetError {
  const fault = readFault(body) ?? { code: "OperationFailed", message: "Azure gives no reason" };
  return explain(new AzureError(fault, { status: 200 }), asked) as FleetError;
}

/** Whether this error, or its cause, is the error of Azure with that code, in any case. */
export function isAzureError(thrown: unknown, code: string): boolean {
  return findAzureError(thrown)?.code.toLowerCase() === code.toLowerCase();
}

/** Whether what was asked for, or what it is in, does not exist. An unknown subscription is another error. */
export function isMissing(thrown: unknown): boolean {
  const error = findAzureError(thrown);
  return error?.status === 404 && !unknownSubscription.test(error.code);
}

/** Azure's own error, also below a FleetError that explains it. */
export function findAzureError(thrown: unknown): AzureError | undefined {
  if (thrown instanceof AzureError) return thrown;
  return thrown instanceof Error && thrown.cause !== undefined ? findAzureError(thrown.cause) : undefined;
}

/** Whether a retry may succeed, so that a wait continues. */
export function isPassing(thrown: unknown): boolean {
  if (!(thrown instanceof FleetError)) return false;
  if (thrown.code === "AzureThrottled" || thrown.code === "AzureBusy") return true;
  return thrown.code === "AzureUnreachable" && findNetworkFailure(thrown.cause)?.transient !== false;
}

/** Whether the denial may be caused by a role assignment that Azure has not propagated yet. */
export function isUnsettled(thrown: unknown): boolean {
  const error = findAzureError(thrown);
  return error !== undefined && denied.test(error.code) && !/deny assignment/i.test(error.message);
}

function isThrottled({ status, code }: AzureError): boolean {
  return status === 429 || throttled.test(code);
}

function isUnavailable({ status }: AzureError): boolean {
  return status === 408 || status >= 500;
}

interface Described {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: Hint;
}

/** Codes of Resource Manager, Azure DNS, AKS and authorization: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors */
const throttled = /^(TooManyRequests|.*Throttl\w*|SubscriptionRequestsThrottled|OperationPreempted)$/i;
const denied = /^(AuthorizationFailed|LinkedAuthorizationFailed|RoleAssignmentUpdateNotPermitted|Forbidden)$/i;
const locked = /^(ScopeLocked|CannotDeleteLock|ReadOnlyLock)$/i;
const quota = /(Quota\w*|Limit)Exceeded|^ErrCode_Insufficient\w*Quota|^Insufficient\w*Quota|^TooMany\w+|LimitReached/i;
const busy =
  /^(ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity|AnotherOperationInProgress|ResourceGroupBeingDeleted|\w*OperationInProgress)$/i;
/** AKS and others use one code for this and for what is never allowed. */
const busyText = /in[- ]progress|another operation|is being (created|updated|deleted)|concurrent/i;
const disabled = /^(ReadOnlyDisabledSubscription|SubscriptionNotEnabled|DisabledSubscription|SubscriptionDisabled)$/i;
const signedOut = /^(ExpiredAuthenticationToken|AuthenticationFailed|InvalidAuthenticationToken\w*)$/i;
const unknownSubscription = /^(SubscriptionNotFound|InvalidSubscriptionId)$/i;
const otherTenant = /^(InvalidAuthenticationTokenTenant|InvalidSubscriptionTenant)$/i;
const softDeleted = /soft[- ]?delete|DeletedButRecoverable/i;

function describe(error: AzureError): Described {
  const { code, status } = error;
  const message = trim(error.message);
  if (isThrottled(error)) {
    const wait =
      error.retryAfterMs === undefined ? "" : `, and asks to wait ${Math.ceil(error.retryAfterMs / 1_000)} s`;
    return {
      code: "AzureThrottled",
      message: `Azure throttles the requests: ${code}${wait}`,
      hint: "run the same command again later, with fewer at once by --jobs",
    };
  }
  if (otherTenant.test(code)) {
    return {
      code: "WrongAccount",
      message: `the subscription belongs to another tenant than the credentials: ${message}`,
      hint: "correct subscriptionId and tenantId in clusters/azure.ts: az account list shows both",
    };
  }
  if (unknownSubscription.test(code)) {
    return {
      code: "WrongAccount",
      message: `these credentials do not see the subscription: ${message}`,
      hint: [
        command("whoami"),
        " shows who calls; correct subscriptionId in clusters/azure.ts (az account list shows it), or sign in as somebody with a role in it",
      ],
    };
  }
  if (signedOut.test(code)) {
    return {
      code: "SessionExpired",
      message: "Azure does not accept the token",
      hint: "sign in again (az login), check this computer's clock, and run the same command again: it continues from there",
    };
  }
  if (denied.test(code)) return describeDenial(message);
  if (locked.test(code)) {
    return {
      code: "AzureLocked",
      message: `a lock stops this: ${message}`,
      hint: "remove the lock that the message names, if it may go: az lock list shows all",
    };
  }
  if (disabled.test(code)) return describeDisabled(message);
  if (quota.test(code) || (code === "OperationNotAllowed" && /quota/i.test(message))) {
    return {
      code: "QuotaExceeded",
      message: `a quota of the subscription is used up: ${message}`,
      hint: "remove what isn't needed, choose another region or VM size, or ask for more under Quotas in the Azure portal",
    };
  }
  if (code === "MissingSubscriptionRegistration") {
    const [, namespace = "Microsoft.ContainerService"] = /namespace '([\w.]+)'/.exec(message) ?? [];
    return {
      code: "AzureFailed",
      message: `the subscription is not registered for ${namespace}`,
      hint: `az provider register --namespace ${namespace} --wait`,
    };
  }
  if (softDeleted.test(code) || /recover or purge|soft[- ]deleted/i.test(message)) {
    return {
      code: "AzureFailed",
      message: `something deleted still holds the name: ${message}`,
      hint: "purge or restore it, or wait until Azure releases the name",
    };
  }
  if (busy.test(code) || (/^(OperationNotAllowed|Conflict)$/i.test(code) && busyText.test(message))) {
    return {
      code: "AzureBusy",
      message: `another operation is in progress: ${message}`,
      hint: "run the same command again when it has ended: it continues from there",
    };
  }
  if (isUnavailable(error)) {
    return {
      code: "AzureUnreachable",
      message: `Azure is unavailable: ${code}`,
      hint: "https://azure.status.microsoft shows disturbances; run the same command again",
    };
  }
  return {
    code: "AzureFailed",
    message: status === 412 ? `it was changed by others meanwhile: ${message}` : `${code}: ${message}`,
    hint: "correct what Azure names, then run the same command again",
  };
}

function describeDisabled(why: string): Described {
  return {
    code: "SubscriptionDisabled",
    message: `the subscription takes no changes: ${why}`,
    hint: "an administrator of its billing account can enable it: Subscriptions in the Azure portal shows why it is disabled",
  };
}

/** As Resource Manager words it: `The client 'NAME' with object id 'ID' does not have authorization to perform action 'A' over scope 'S' …`. */
function describeDenial(message: string): Described {
  const [, who, action, scope] =
    /client '([^']*)' with object id '[^']*' (?:does not have authorization|has permission)[^']* action '([^']*)'(?:[^']* scope '([^']*)')?/.exec(
      message,
    ) ?? [];
  if (who === undefined || action === undefined) {
    return {
      code: "AzureDenied",
      message: `Azure does not allow it: ${message}`,
      hint: [command("whoami"), " shows who calls; grant it the permission that the message names"],
    };
  }
  const on = scope === undefined ? "" : ` on ${scope}`;
  return { code: "AzureDenied", message: `${who} may not ${action}${on}`, hint: hintForDenial(message, action) };
}

function hintForDenial(message: string, action: string): Hint {
  if (/deny assignment/i.test(message))
    return "a deny assignment or a managed resource group forbids it: ask who manages the scope";
  // Role definitions and assignments are made by administrators alone.
  if (/^Microsoft\.Authorization\//i.test(action)) {
    return "this needs Owner, or Role Based Access Control Administrator, on the subscription: sign in as one of its administrators";
  }
  const grant =
    " gives the management identity and the group `operators` their role; an administrator of the subscription runs it";
  return [command("create:azure-tenant"), grant];
}

function trim(message: string): string {
  return message.trim().replace(/\.$/, "");
}
