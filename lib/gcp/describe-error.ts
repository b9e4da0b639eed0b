import type { Described as DescribedError } from "#lib/cloud/ask.ts";
import {
  isApiDisabled,
  isThrottled,
  isUnavailable,
  isUnusable,
  limitWords,
  policyWords,
} from "#lib/gcp/error-kinds.ts";
import type { GoogleError } from "#lib/gcp/google-error.ts";
import { command, type Hint } from "#lib/hint.ts";

type Described = Omit<DescribedError, "details">;

/** How errors with these codes or reasons of Google, or with this text, are described. */
interface Rule extends Omit<Described, "message"> {
  readonly reason: RegExp;
  readonly text?: RegExp;
  /** Before Google's own text. */
  readonly message: string;
}

const quotaHint = "delete what is not used, or ask for more: the page Quotas of the Google Cloud console";

/** The first that fits counts. */
const rules: readonly Rule[] = [
  {
    reason: /./,
    text: /Operation \S+ is currently|incompatible operation|is (being )?(updated|created|upgraded|deleted) (concurrently|by)/i,
    code: "GcpBusy",
    message: "another operation is in progress",
    hint: "run the same command again when it has ended: it continues",
  },
  {
    reason: /^(resourceNotReady|RESOURCE_NOT_READY)$/,
    code: "GcpBusy",
    message: "Google is still at work on it",
    hint: "run the same command again: it continues",
  },
  {
    reason: /^(resourceInUseByAnotherResource|RESOURCE_IN_USE_BY_ANOTHER_RESOURCE)$/,
    code: "StillNeeded",
    message: "it is in use",
    hint: "delete what uses it, or what made that, then run the same command again",
  },
  {
    reason: /./,
    text: policyWords,
    code: "GcpFailed",
    message: "an organization policy forbids it",
    hint: "gcloud resource-manager org-policies describe CONSTRAINT --effective --project PROJECT shows it; who administers the organization can change it",
  },
  {
    reason: /^containerNotEmpty$/i,
    code: "ZoneNotEmpty",
    message: "the zone has records that this fleet did not create",
    hint: "delete them, or what makes them, then run the same command again",
  },
  {
    reason: /./,
    text: /GCE_STOCKOUT|ZONE_RESOURCE_POOL_EXHAUSTED|does not have enough resources/i,
    code: "QuotaExceeded",
    message: "Google has no such machines left there",
    hint: "run the same command again later, or choose another region or machine type; a cluster that GKE left half made needs --allow-replacement",
  },
  {
    reason: /./,
    text: /insufficient .*quota|quota .*exceeded|exceeded .*quota|cannot create more than \d/i,
    code: "QuotaExceeded",
    message: "a quota is exhausted",
    hint: quotaHint,
  },
  { reason: /./, text: limitWords, code: "QuotaExceeded", message: "a quota is exhausted", hint: quotaHint },
  { reason: /^quotaExceeded$/, code: "QuotaExceeded", message: "a quota is exhausted", hint: quotaHint },
  {
    reason: /^(ABORTED|conditionNotMet)$/,
    code: "GcpFailed",
    message: "it was changed by others meanwhile",
    hint: "run the same command again",
  },
  {
    reason: /^(invalid_grant|invalid_rapt)$/,
    text: /expired or revoked|reauth|rapt/i,
    code: "SessionExpired",
    message: "the sign-in has expired",
    hint: "gcloud auth application-default login",
  },
  {
    reason: /^invalid_target$/,
    code: "SignInRefused",
    message: "Google knows no such workload identity provider, or it is disabled or deleted",
    hint: [
      "compare projectNumber of the management account with `gcloud projects list`, then run ",
      command("create:gcp-mgmt"),
    ],
  },
  {
    reason: /^(unauthorized_client|invalid_grant|invalid_client|invalid_request|invalid_scope)$/,
    code: "SignInRefused",
    message: "Google refuses the credentials",
    hint: [
      "a job of GitHub: does fleet.github name this repository, and this branch or environment? then run ",
      command("create:gcp-mgmt"),
      ". A person: gcloud auth application-default login",
    ],
  },
  {
    reason: /^(UNAUTHENTICATED|authError)$/,
    code: "SessionExpired",
    message: "Google rejects the token",
    hint: "sign in again: gcloud auth application-default login",
  },
];

/** What an error of Google means, and what to do. */
export function describeError(error: GoogleError): Described {
  // GKE lists several reasons in lines of their own.
  const message = error.message.trim().replaceAll(/\s+/g, " ").replace(/\.$/, "");
  if (isApiDisabled(error)) return describeDisabled(error);
  if (isUnusable(error)) {
    return {
      code: "ProjectUnusable",
      message: `the project can't be used: ${message}`,
      hint: "its page Billing in the Google Cloud console shows what is missing; a deleted project comes back by gcloud projects undelete",
    };
  }
  if (isThrottled(error)) {
    const wait =
      error.retryAfterMs === undefined ? "" : `, and asks to wait ${Math.ceil(error.retryAfterMs / 1_000)} s`;
    return {
      code: "GcpThrottled",
      message: `Google throttles the requests: ${error.code}${wait}`,
      hint: "run the same command again later, with fewer at once by --jobs",
    };
  }
  const names = [error.code, ...error.reasons];
  const rule = rules.find(
    ({ reason, text }) => names.some((name) => reason.test(name)) && text?.test(message) !== false,
  );
  if (rule !== undefined) return { ...rule, message: `${rule.message}: ${message}` };
  if (error.status === 403 || error.code === "PERMISSION_DENIED") return describeDenial(error, message);
  if (isUnavailable(error)) {
    return {
      code: "GcpUnreachable",
      message: `Google is unavailable: ${error.code}`,
      hint: "https://status.cloud.google.com shows disturbances; run the same command again",
    };
  }
  return {
    code: "GcpFailed",
    message: `${error.code}: ${message}`,
    hint: "correct what Google names, then run the same command again",
  };
}

function describeDisabled({ message, metadata }: GoogleError): Described {
  const service = metadata.service ?? /([a-z]+)\.googleapis\.com/.exec(message)?.[0] ?? "the API";
  const consumer = (metadata.consumer ?? "").replace("projects/", "");
  const project = consumer || (/in project (\S+) before/.exec(message)?.[1] ?? "PROJECT");
  return {
    code: "GcpApiDisabled",
    message: `${service} is not enabled in the project ${project}`,
    // These two can't enable themselves.
    hint: /^(serviceusage|cloudresourcemanager)\./.test(service)
      ? `gcloud services enable serviceusage.googleapis.com cloudresourcemanager.googleapis.com --project ${project}`
      : [
          "an owner of the project enables it: ",
          command("create:gcp-mgmt"),
          ", ",
          command("create:gcp-tenant"),
          `, or gcloud services enable ${service} --project ${project}`,
        ],
  };
}

function describeDenial({ metadata }: GoogleError, message: string): Described {
  const permission = metadata.permission ?? /(?:[Pp]ermission|Required) ["']([\w.]+)["']/.exec(message)?.[1];
  const what = permission === undefined ? `Google does not allow it: ${message}` : `denied: ${permission}: ${message}`;
  return { code: "GcpDenied", message: what, hint: hintForDenial(permission ?? message) };
}

function hintForDenial(permission: string): Hint {
  if (/setIamPolicy|iam\.(roles|serviceAccounts|workloadIdentity)|serviceusage/i.test(permission)) {
    return "this needs an owner of the project: sign in as one by gcloud auth application-default login";
  }
  return [
    command("whoami"),
    " shows who calls; ",
    command("create:gcp-tenant"),
    " gives the service account its role, by an owner of the project",
  ];
}

/** Access is missing. GKE answers 403 when a quota is exhausted, too. */
export function isDenied(error: GoogleError): boolean {
  return describeError(error).code === "GcpDenied";
}
