import { readCaBundle } from "#lib/cloud/ca-bundle.ts";
import { hostOf, isAllowed, isLoopback, refuseEndpoint } from "#lib/cloud/endpoint.ts";
import { cloudFetch } from "#lib/cloud/fetch.ts";
import { FleetError } from "#lib/errors.ts";
import type { Service } from "#lib/gcp/clients.ts";

type Variables = Readonly<Record<string, string>>;

/** Where Google is reached. */
export interface GcpEndpoints {
  /** With a last slash: `https://dns.googleapis.com/`; as in gcloud, that of Compute Engine has its version. */
  readonly services: Readonly<Record<Service, string>>;
  /** For refresh tokens and keys: `https://oauth2.googleapis.com/token`. */
  readonly token: string;
}

const services = [
  "cloudresourcemanager",
  "compute",
  "container",
  "dns",
  "iam",
  "iamcredentials",
  "serviceusage",
  "sts",
] as const satisfies readonly Service[];
/** Also the audience of what keys of service accounts sign. */
export const publicToken = "https://oauth2.googleapis.com/token";
/** Token services of Google, with a region or over Private Service Connect, too: other names below googleapis.com store what anybody sends. */
const tokenHosts = /^([\w-]+[.-])?(sts|iamcredentials)([.-][\w-]+(\.p|\.rep)?)?(\.mtls)?\.googleapis\.com$/;
/** Of Google Cloud, AWS and Azure, on the machine itself: https://cloud.google.com/compute/docs/metadata/overview */
const metadataHosts = ["169.254.169.254", "[fd20:ce::254]", "[fd00:ec2::254]", "metadata.google.internal"];
/** gcloud's own: https://cloud.google.com/sdk/gcloud/reference/config/set */
const tokenVariable = "CLOUDSDK_AUTH_TOKEN_HOST";

function hostOfService(service: Service): string {
  return `https://${service}.googleapis.com/${service === "compute" ? "compute/v1/" : ""}`;
}

function variableOf(service: Service): string {
  return `CLOUDSDK_API_ENDPOINT_OVERRIDES_${service.toUpperCase()}`;
}

/**
 * Google's own hosts or, by gcloud's variables, an emulator. A stray variable in a shell would send tokens elsewhere: hosts other than this
 * computer must be allowed by ALLOWED_GCP_ENDPOINTS, and all services lead to it, or none.
 *
 * @throws FleetError EndpointRefused
 */
export function findEndpoints(variables: Variables): GcpEndpoints {
  const names = [...services.map(variableOf), tokenVariable];
  const set = names.filter((name) => (variables[name] ?? "") !== "");
  if (set.length === 0) {
    const own = services.map((service) => [service, hostOfService(service)]);
    return { services: Object.fromEntries(own) as GcpEndpoints["services"], token: publicToken };
  }
  for (const name of set) {
    const url = variables[name] ?? "";
    if (isTrusted(url, variables)) continue;
    throw refuseEndpoint(`${name} sends calls for Google to ${url}`, url, `unset ${name}`, "ALLOWED_GCP_ENDPOINTS");
  }
  const missing = names.filter((name) => !set.includes(name));
  if (missing.length > 0) {
    throw new FleetError(
      "EndpointRefused",
      `${set[0]} sends some calls for Google elsewhere, and others are sent to Google`,
      { hint: `set ${missing.join(", ")}, too; or unset ${set.join(", ")}` },
    );
  }
  const overrides = services.map((service) => [service, withSlash(variables[variableOf(service)] ?? "")]);
  return {
    services: Object.fromEntries(overrides) as GcpEndpoints["services"],
    token: variables[tokenVariable] ?? publicToken,
  };
}

/** Whether calls go to an emulator on this computer. Makes no call. */
export function isRedirected(variables: Variables): boolean {
  const url = variables[variableOf("sts")] ?? "";
  return url !== "" && isLoopback(url);
}

/** Whether calls for Google may be sent to a URL. */
function isTrusted(url: string, variables: Variables): boolean {
  return isOwn(url, variables) || (url.startsWith("https://") && /(^|\.)googleapis\.com$/.test(hostOf(url)));
}

function isOwn(url: string, { ALLOWED_GCP_ENDPOINTS }: Variables): boolean {
  return isLoopback(url) || isAllowed(url, ALLOWED_GCP_ENDPOINTS);
}

/** Refuses a file of credentials with another token service than Google's. @throws FleetError EndpointRefused */
export function refuseTokenService(url: string, path: string, variables: Variables): void {
  if (isOwn(url, variables) || (url.startsWith("https://") && tokenHosts.test(hostOf(url)))) return;
  const message = `${path} sends tokens to ${url}, which is not Google`;
  throw refuseEndpoint(message, url, "make the file again", "ALLOWED_GCP_ENDPOINTS");
}

/**
 * Refuses to get credentials from hosts other than this computer, its metadata server, and the one that gives a job of GitHub its tokens.
 *
 * @param from the file or variable that names the URL
 * @param hint how to name another one
 * @throws FleetError EndpointRefused
 */
export function refuseSource(url: string, from: string, hint: string, variables: Variables): void {
  const host = hostOf(url);
  if (isOwn(url, variables) || metadataHosts.includes(host)) return;
  if (url.startsWith("https://") && host === hostOf(variables.ACTIONS_ID_TOKEN_REQUEST_URL ?? "")) return;
  const message = `${from} gets credentials from ${url}, which is neither this computer nor its metadata server`;
  throw refuseEndpoint(message, url, hint, "ALLOWED_GCP_ENDPOINTS");
}

/**
 * Sends requests. Files of credentials and Google's libraries name Google's own hosts: such requests go to the emulator, if there is one.
 *
 * @throws FleetError CaBundleUnreadable
 */
export function googleFetch(variables: Variables, endpoints: GcpEndpoints): typeof fetch {
  const { REQUESTS_CA_BUNDLE: bundle = "" } = variables;
  const send = cloudFetch("Google", bundle === "" ? undefined : readCaBundle("REQUESTS_CA_BUNDLE", bundle));
  const reroute = (url: string): string => {
    if (url === publicToken) return endpoints.token;
    const service = services.find((one) => url.startsWith(hostOfService(one)));
    return service === undefined ? url : url.replace(hostOfService(service), endpoints.services[service]);
  };
  const call = (request: Parameters<typeof fetch>[0], init?: Parameters<typeof fetch>[1]): Promise<Response> =>
    // No token follows a redirect.
    send(request instanceof Request ? request : reroute(String(request)), { ...init, redirect: "manual" });
  return Object.assign(call, { preconnect: fetch.preconnect });
}

function withSlash(url: string): string {
  return url.endsWith("/") ? url : `${url}/`;
}
