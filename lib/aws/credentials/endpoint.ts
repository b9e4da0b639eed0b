import { type ProfileSettings, profileChain, readSection } from "#lib/aws/credentials/profile.ts";
import { isAllowed, isLoopback, refuseEndpoint } from "#lib/cloud/endpoint.ts";
import type { FleetError } from "#lib/errors.ts";

type Variables = Readonly<Record<string, string>>;

/** The services that tasks call, as `services` sections of ~/.aws/config and, in capitals, variables name them. Others' endpoints don't matter. */
const services = ["cloudformation", "eks", "iam", "route_53", "signin", "sso", "sso_oidc", "sts"];

/**
 * An emulator of AWS on this computer, if the environment names one. A stray endpoint in a shell would send calls, and what
 * signs them, elsewhere: every other host must be allowed by the variable ALLOWED_AWS_ENDPOINTS, and the SDK then follows the setting
 * by itself. With AWS_IGNORE_CONFIGURED_ENDPOINT_URLS nothing of this counts, as for the AWS CLI.
 *
 * @throws FleetError EndpointRefused
 */
export function awsEndpointOf(variables: Variables): string | undefined {
  if (isTrue(variables.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS)) return undefined;
  const { AWS_ENDPOINT_URL: general = "" } = variables;
  for (const name of ["AWS_ENDPOINT_URL", ...services.map((service) => `AWS_ENDPOINT_URL_${service.toUpperCase()}`)]) {
    const value = variables[name] ?? "";
    if (value === "" || isAllowed(value, variables.ALLOWED_AWS_ENDPOINTS) || (isLoopback(value) && general !== ""))
      continue;
    throw refusal(`${name} sends calls for AWS to ${value}`, value, `unset ${name}`);
  }
  return isLoopback(general) ? general : undefined;
}

/**
 * Clients follow `endpoint_url` of a profile, of the profiles that it names as sources, and of their `services` sections.
 *
 * @throws FleetError EndpointRefused
 */
export async function refuseConfiguredEndpoint(profile: string, variables: Variables): Promise<void> {
  if (isTrue(variables.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS)) return;
  for (const { name, settings } of await profileChain(profile)) {
    if (isTrue(settings.ignore_configured_endpoint_urls)) continue;
    const url = (await endpointsOf(settings)).find((value) => !isAllowed(value, variables.ALLOWED_AWS_ENDPOINTS));
    if (url === undefined) continue;
    throw refusal(
      `the profile ${name} sends calls for AWS to ${url}`,
      url,
      "export AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true, or remove endpoint_url from the profile",
    );
  }
}

async function endpointsOf({ endpoint_url: general, services: section }: ProfileSettings): Promise<readonly string[]> {
  const named = section === undefined ? {} : await readSection(`services.${section}`);
  return [general, ...services.map((service) => named[`${service}.endpoint_url`])].filter((url) => url !== undefined);
}

function isTrue(value: string | undefined): boolean {
  return value?.toLowerCase() === "true";
}

function refusal(message: string, url: string, hint: string): FleetError {
  return refuseEndpoint(message, url, hint, "ALLOWED_AWS_ENDPOINTS");
}
