import { AzureError, readFault } from "#lib/azure/azure-error.ts";
import { type CloudErrors, type Described as DescribedError, explainWith, type Failing } from "#lib/cloud/ask.ts";
import { FleetError } from "#lib/errors.ts";
import { command, type Hint } from "#lib/hint.ts";
import { findNetworkFailure } from "#lib/network-failure.ts";

/** Errors of Azure, for calls and their failures. */
export const azureErrors: CloudErrors = {
  cloud: "Azure",
  unreachable: "AzureUnreachable",
  find(thrown) {
    const error = findAzureError(thrown);
    return error === undefined
      ? undefined
      : {
          code: error.code,
          retryAfterMs: error.retryAfterMs,
          isThrottled: isThrottled(error),
          isUnavailable: isUnavailable(error),
        };
  },
  describe(thrown, failing) {
    const error = findAzureError(thrown);
    if (error === undefined) return undefined;
    const request = error.requestId === undefined ? [] : [`request ${error.requestId}`];
    const { isWhole = false, ...described } = describe(error, failing);
    return { ...described, details: [isWhole ? error.code : `${error.code}: ${error.message}`, ...request] };
  },
};

/** Errors from neither Azure nor the network pass unchanged. */
export const explain = explainWith(azureErrors);

/** The error of an operation, as its status or its resource tells it, in our words. */
export function explainOperation(body: unknown, asked: Failing): FleetError {
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

export function isThrottled({ status, code }: AzureError): boolean {
  return status === 429 || /^(TooManyRequests|.*Throttl\w*|OperationPreempted)$/i.test(code);
}

export function isUnavailable({ status }: AzureError): boolean {
  return status === 408 || status >= 500;
}

interface Described extends Omit<DescribedError, "details"> {
  /** The message has all that Azure said. */
  readonly isWhole?: true;
}

/** How errors with these codes of Azure, or with this text, are described. */
interface Rule extends Omit<Described, "message"> {
  readonly azureCode: RegExp;
  readonly text?: RegExp;
  /** Before Azure's own text. */
  readonly message: string;
}

const denied = /^(AuthorizationFailed|LinkedAuthorizationFailed|RoleAssignmentUpdateNotPermitted|Forbidden)$/i;
const unknownSubscription = /^(SubscriptionNotFound|InvalidSubscriptionId)$/i;

/** The first that fits counts. Codes: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors */
const rules: readonly Rule[] = [
  {
    azureCode: unknownSubscription,
    code: "WrongAccount",
    message: "these credentials do not see the subscription",
    hint: [
      command("whoami"),
      " shows who calls; correct subscriptionId in clusters/azure.ts (az account list shows it), or sign in as somebody with a role in it",
    ],
  },
  {
    azureCode: /^(ExpiredAuthenticationToken|AuthenticationFailed|InvalidAuthenticationToken\w*)$/i,
    code: "SessionExpired",
    message: "Azure does not accept the token",
    hint: "sign in again (az login), check this computer's clock, and run the same command again: it continues from there",
  },
  {
    azureCode: /^(ReadOnlyDisabledSubscription|SubscriptionNotEnabled|DisabledSubscription|SubscriptionDisabled)$/i,
    code: "SubscriptionDisabled",
    message: "the subscription takes no changes",
    hint: "its page in the Azure portal shows why, and how to enable it",
  },
  ...[
    {
      azureCode:
        /(Quota\w*|Limit)Exceeded|^ErrCode_Insufficient\w*Quota|^Insufficient\w*Quota|^TooMany\w+|LimitReached/i,
    },
    { azureCode: /^OperationNotAllowed$/i, text: /quota/i },
  ].map((fits) => ({
    ...fits,
    code: "QuotaExceeded" as const,
    message: "a quota of the subscription is used up",
    hint: "remove what isn't needed, choose another region or VM size, or ask for more under Quotas in the Azure portal",
  })),
  {
    azureCode: /./,
    text: /soft[- ]?deleted|recover or purge/i,
    code: "AzureFailed",
    message: "something deleted still holds the name",
    hint: "purge or restore it, or wait until Azure releases the name",
  },
  ...[
    {
      azureCode:
        /^(ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity|AnotherOperationInProgress|ResourceGroupBeingDeleted|\w*OperationInProgress)$/i,
    },
    // AKS and others use one code for this and for what is never allowed.
    {
      azureCode: /^(OperationNotAllowed|Conflict)$/i,
      text: /in[- ]progress|another operation|is being (created|updated|deleted)|concurrent/i,
    },
  ].map((fits) => ({
    ...fits,
    code: "AzureBusy" as const,
    message: "another operation is in progress",
    hint: "run the same command again when it has ended: it continues from there",
  })),
  {
    azureCode: /^(PreconditionFailed|EtagMismatch)$/i,
    code: "AzureFailed",
    message: "it was changed by others meanwhile",
    hint: "run the same command again",
  },
];

function describe(error: AzureError, failing: Failing): Described {
  const { code: azureCode } = error;
  const message = error.message.trim().replace(/\.$/, "");
  if (isThrottled(error)) {
    const wait =
      error.retryAfterMs === undefined ? "" : `, and asks to wait ${Math.ceil(error.retryAfterMs / 1_000)} s`;
    return {
      code: "AzureThrottled",
      message: `Azure throttles the requests: ${azureCode}${wait}`,
      hint: "run the same command again later, with fewer at once by --jobs",
    };
  }
  if (denied.test(azureCode)) return describeDenial(message, failing);
  if (/^(InvalidAuthenticationTokenTenant|InvalidSubscriptionTenant)$/i.test(azureCode))
    return describeTenants(message);
  if (/^(ScopeLocked|CannotDeleteLock|ReadOnlyLock)$/i.test(azureCode)) return describeLock(message);
  if (/^MissingSubscriptionRegistration$/i.test(azureCode)) return describeUnregistered(message);
  const rule = rules.find(({ azureCode: codes, text }) => codes.test(azureCode) && text?.test(message) !== false);
  if (rule !== undefined) return { ...rule, message: `${rule.message}: ${message}`, isWhole: true };
  if (isUnavailable(error)) {
    return {
      code: "AzureUnreachable",
      message: `Azure is unavailable: ${azureCode}`,
      hint: "https://azure.status.microsoft shows disturbances; run the same command again",
    };
  }
  return {
    code: "AzureFailed",
    message: `${azureCode}: ${message}`,
    hint: "correct what Azure names, then run the same command again",
  };
}

/** Azure names the tenant of the token, then that of the subscription. */
function describeTenants(message: string): Described {
  const [given, wanted] = [...message.matchAll(/sts\.windows\.net\/([0-9a-f-]{36})/gi)].map(([, tenant]) => tenant);
  return {
    code: "WrongAccount",
    message:
      wanted === undefined
        ? "the subscription belongs to another tenant than the credentials"
        : `the subscription belongs to the tenant ${wanted}, the credentials are for ${given}`,
    hint: "correct subscriptionId and tenantId in clusters/azure.ts: az account list shows both",
  };
}

function describeLock(message: string): Described {
  const [, scope] = /locked: '([^']+)'/.exec(message) ?? [];
  const [, group] = /\/resourcegroups\/([^/',]+)/i.exec(scope ?? "") ?? [];
  return {
    code: "AzureLocked",
    message: scope === undefined ? `a lock forbids this: ${message}` : `a lock on ${scope} forbids this`,
    hint: `remove the lock if it may go: az lock list${group === undefined ? "" : ` --resource-group ${group}`} shows its id, az lock delete --ids removes it`,
  };
}

function describeUnregistered(message: string): Described {
  const [, namespace = "Microsoft.ContainerService"] = /namespace '([\w.]+)'/.exec(message) ?? [];
  return {
    code: "AzureFailed",
    message: `the subscription is not registered for ${namespace}`,
    hint: `az provider register --namespace ${namespace} --wait`,
  };
}

/** As Resource Manager words it: `The client 'NAME' with object id 'ID' does not have authorization to perform action 'A' over scope 'S' …`. */
function describeDenial(message: string, failing: Failing): Described {
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
  const hint = hintForDenial(message, { who, action }, failing);
  return { code: "AzureDenied", message: `${who} may not ${action}${on}`, hint, isWhole: true };
}

function hintForDenial(
  message: string,
  { who, action }: { readonly who: string; readonly action: string },
  { account, role, readOnlyCaller }: Failing,
): Hint {
  if (/deny assignment/i.test(message))
    return "a deny assignment or a managed resource group forbids it: ask who manages the scope";
  const isRead = /\/read$/i.test(action);
  if (!isRead && who === readOnlyCaller)
    return "this identity is for read-only jobs: run it in a job whose subject is in `claims` of the fleet's github";
  // Role definitions and assignments are made by administrators alone.
  if (!isRead && /^Microsoft\.Authorization\//i.test(action))
    return `this needs Owner, or User Access Administrator, on ${account}: sign in as one of its administrators`;
  const task = role === "management" ? command("create:azure-mgmt") : command("create:azure-tenant", account);
  return [task, ` gives GitHub's jobs and the group \`operators\` their roles; an owner of ${account} runs it`];
}
