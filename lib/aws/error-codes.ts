/** Codes of errors that only AWS has; docs/errors.md explains each. */
export const awsErrorCodes = [
  "AwsUnreachable",
  "AwsDenied",
  "AwsThrottled",
  "AwsFailed",
  "MfaCodeNeeded",
  "RootRefused",
  "PartitionNotSupported",
  "TemplateInvalid",
  "StackFailed",
] as const;

declare module "#lib/errors.ts" {
  interface ProviderErrorCodes {
    readonly aws: (typeof awsErrorCodes)[number];
  }
}
