import type { FetchHttpHandler } from "@smithy/fetch-http-handler";
import { refuseConfiguredEndpoint } from "#lib/aws/credentials/endpoint.ts";
import { readCaBundle } from "#lib/cloud/ca-bundle.ts";
import { cloudFetch } from "#lib/cloud/fetch.ts";

/** How AWS is reached. */
export interface AwsReach {
  /** Of the process: proxies and certificate authorities. */
  readonly variables: Readonly<Record<string, string>>;
  /** An emulator on this computer. @default AWS itself */
  readonly endpoint?: string;
  /** Prompts for the code of an MFA device. @default no prompt is possible */
  readonly askMfaCode?: ((serial: string) => Promise<string>) | undefined;
}

/** Settings of every AWS client. */
export interface AwsClientSettings {
  readonly requestHandler: FetchHttpHandler;
  readonly retryMode: string;
  readonly maxAttempts: number;
  readonly endpoint?: string;
}

/** Milliseconds for one call: as long as the AWS CLI waits. */
const requestTimeout = 60_000;
/** Many clusters at once are throttled now and then: the SDK then slows down by itself, for this many attempts of each call. */
const maxAttempts = 8;

/**
 * Calls go by `fetch`, which uses the proxies of HTTPS_PROXY except for the hosts of NO_PROXY. Certificates are verified against this
 * computer's authorities or, as the AWS CLI does, against those of AWS_CA_BUNDLE, of `ca_bundle` in the profile or of
 * REQUESTS_CA_BUNDLE alone.
 *
 * @throws FleetError CaBundleUnreadable, EndpointRefused
 */
export async function awsClientSettings({ variables, endpoint }: AwsReach): Promise<AwsClientSettings> {
  if (endpoint === undefined) {
    // The SDK's clients know AWS_PROFILE alone.
    for (const profile of new Set([profileOf(variables) ?? "default", variables.AWS_PROFILE || "default"])) {
      await refuseConfiguredEndpoint(profile, variables);
    }
  }
  const [{ FetchHttpHandler }, ca] = await Promise.all([import("@smithy/fetch-http-handler"), readBundle(variables)]);
  return {
    requestHandler: new FetchHttpHandler({ requestTimeout, customFetch: cloudFetch("AWS", ca) }),
    retryMode: "adaptive",
    maxAttempts,
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

/** The profile that the environment names, with the precedence of the AWS CLI. */
export function profileOf(variables: Readonly<Record<string, string>>): string | undefined {
  return variables.AWS_DEFAULT_PROFILE || variables.AWS_PROFILE || undefined;
}

async function readBundle(variables: Readonly<Record<string, string>>): Promise<string | undefined> {
  const { AWS_CA_BUNDLE: own = "", REQUESTS_CA_BUNDLE: python = "" } = variables;
  if (own !== "") return readCaBundle("AWS_CA_BUNDLE", own);
  const { loadSharedConfigFiles } = await import("@smithy/core/config");
  const { configFile } = await loadSharedConfigFiles();
  const profile = profileOf(variables) ?? "default";
  const { ca_bundle: configured = "" } = configFile[profile] ?? {};
  if (configured !== "") return readCaBundle(`ca_bundle of the profile ${profile}`, configured);
  return python === "" ? undefined : readCaBundle("REQUESTS_CA_BUNDLE", python);
}
