/** Codes of errors that only GCP has; docs/errors.md explains each. */
export const gcpErrorCodes = [
  "GcpUnreachable",
  "GcpDenied",
  "GcpThrottled",
  "GcpBusy",
  "GcpFailed",
  "GcpApiDisabled",
  "ImpersonationDenied",
  "ProjectUnusable",
] as const;

declare module "#lib/errors.ts" {
  interface ProviderErrorCodes {
    readonly gcp: (typeof gcpErrorCodes)[number];
  }
}
