/** Codes of errors that only Azure has; docs/errors.md explains each. */
export const azureErrorCodes = [
  "AzureUnreachable",
  "AzureDenied",
  "AzureThrottled",
  "AzureBusy",
  "AzureLocked",
  "AzureFailed",
  "SubscriptionDisabled",
] as const;

declare module "#lib/errors.ts" {
  interface ProviderErrorCodes {
    readonly azure: (typeof azureErrorCodes)[number];
  }
}
