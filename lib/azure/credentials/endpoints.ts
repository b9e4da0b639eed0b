import { AzureError } from "#lib/azure/azure-error.ts";
import { findAzureError, isThrottled, isUnavailable } from "#lib/azure/explain.ts";
import { readCaBundle } from "#lib/cloud/ca-bundle.ts";
import { hostOf, isAllowed, isLoopback, refuseEndpoint } from "#lib/cloud/endpoint.ts";
import { cloudFetch } from "#lib/cloud/fetch.ts";
import { type Attempts, type Calling, type Pause, patienceMs, withPatience } from "#lib/cloud/patience.ts";
import { FleetError } from "#lib/errors.ts";
import { findNetworkFailure } from "#lib/network-failure.ts";

type Variables = Readonly<Record<string, string>>;

/** Where Azure is reached. */
export interface AzureEndpoints {
  /** Of Entra, without a last slash: `https://login.microsoftonline.com`. */
  readonly authority: string;
  /** Of Resource Manager, without a last slash: `https://management.azure.com`. */
  readonly resourceManager: string;
  /** For which tokens of Resource Manager are asked: `https://management.azure.com/.default`. */
  readonly scope: string;
}

const publicCloud: AzureEndpoints = {
  authority: "https://login.microsoftonline.com",
  resourceManager: "https://management.azure.com",
  scope: "https://management.azure.com/.default",
};

/** Of the public cloud, of Azure Government and of Azure China: https://learn.microsoft.com/azure/china/resources-developer-guide */
const known = [
  "login.microsoftonline.com",
  "management.azure.com",
  "login.microsoftonline.us",
  "management.usgovcloudapi.net",
  "login.chinacloudapi.cn",
  "login.partner.microsoftonline.cn",
  "management.chinacloudapi.cn",
];

/** The version that Terraform's provider asks for. */
const documentVersion = "2022-09-01";
const documentTimeoutMs = 15_000;
const documentPauseMs = 2_000;

/**
 * The public cloud or, with ARM_METADATA_HOSTNAME, the cloud that this host describes, as Terraform's provider reads it: a sovereign one or
 * an emulator. A stray variable in a shell would send tokens elsewhere: other hosts must be allowed by ALLOWED_AZURE_ENDPOINTS.
 *
 * @param world the run that waits while the host is away. @default waits for nothing
 * @throws FleetError EndpointRefused, AzureUnreachable, CaBundleUnreadable
 */
export async function findEndpoints(variables: Variables, world?: Calling): Promise<AzureEndpoints> {
  const { ARM_METADATA_HOSTNAME: host = "" } = variables;
  if (host === "" || host === "management.azure.com") return publicCloud;
  const url = `https://${host}`;
  refuseUnknown(url, `ARM_METADATA_HOSTNAME sends calls for Azure to ${host}`, variables);
  const found = parseDocument(await readDocument(url, variables, world), url);
  for (const endpoint of [found.authority, found.resourceManager]) {
    refuseUnknown(endpoint, `${host} (ARM_METADATA_HOSTNAME) sends calls for Azure to ${endpoint}`, variables);
  }
  return found;
}

/** Whether calls go to an emulator on this computer. Makes no call. */
export function isRedirected({ ARM_METADATA_HOSTNAME: host = "" }: Variables): boolean {
  return host !== "" && isLoopback(`https://${host}`);
}

/** The authorities to verify certificates against: those of REQUESTS_CA_BUNDLE alone, as for az. @throws FleetError CaBundleUnreadable */
export function azureFetch({ REQUESTS_CA_BUNDLE: bundle = "" }: Variables): typeof fetch {
  return cloudFetch("Azure", bundle === "" ? undefined : readCaBundle("REQUESTS_CA_BUNDLE", bundle));
}

function refuseUnknown(url: string, message: string, variables: Variables): void {
  const isKnown = url.startsWith("https://") && known.includes(hostOf(url));
  if (isKnown || isLoopback(url) || isAllowed(url, variables.ALLOWED_AZURE_ENDPOINTS)) return;
  throw refuseEndpoint(message, url, "unset ARM_METADATA_HOSTNAME", "ALLOWED_AZURE_ENDPOINTS");
}

async function readDocument(url: string, variables: Variables, world: Calling | undefined): Promise<unknown> {
  const attempt = () => fetchDocument(url, variables);
  return world === undefined ? await attempt() : await withPatience(world, pauseAfter, attempt);
}

function pauseAfter(thrown: unknown, { elapsedMs }: Attempts): Pause | undefined {
  if (!(thrown instanceof FleetError) || elapsedMs >= patienceMs) return undefined;
  const refusal = findAzureError(thrown);
  const isPassing =
    refusal === undefined
      ? findNetworkFailure(thrown.cause)?.transient === true
      : isThrottled(refusal) || isUnavailable(refusal);
  return isPassing ? { ms: documentPauseMs, why: `trying again: ${thrown.message}` } : undefined;
}

async function fetchDocument(url: string, variables: Variables): Promise<unknown> {
  const address = `${url}/metadata/endpoints?api-version=${documentVersion}`;
  try {
    const response = await azureFetch(variables)(address, { signal: AbortSignal.timeout(documentTimeoutMs) });
    if (response.ok) return await response.json();
    const { status } = response;
    throw new AzureError({ code: `HTTP ${status}`, message: `it answers ${status}` }, { status });
  } catch (cause) {
    if (cause instanceof FleetError) throw cause;
    const failure = findNetworkFailure(cause);
    const why = failure?.reason ?? (cause instanceof Error ? cause.message : String(cause));
    throw new FleetError("AzureUnreachable", `Azure's endpoints can't be read: ${why} (${address})`, {
      hint: failure?.hint ?? "unset ARM_METADATA_HOSTNAME, or correct it",
      cause,
    });
  }
}

interface CloudDocument {
  readonly authentication?: { readonly loginEndpoint?: unknown; readonly audiences?: readonly unknown[] };
  readonly resourceManager?: unknown;
}

/** Some versions of the document list all clouds: the host's own is meant. */
function parseDocument(document: unknown, url: string): AzureEndpoints {
  const clouds = [document]
    .flat()
    .filter((cloud): cloud is CloudDocument => typeof cloud === "object" && cloud !== null);
  const own = clouds.find(({ resourceManager }) => hostOf(String(resourceManager)) === hostOf(url)) ?? clouds[0];
  const authority = own?.authentication?.loginEndpoint;
  const { resourceManager } = own ?? {};
  if (typeof authority !== "string" || typeof resourceManager !== "string") {
    throw new FleetError(
      "AzureUnreachable",
      `${url} describes no cloud: authentication or resourceManager is missing`,
      {
        hint: "unset ARM_METADATA_HOSTNAME, or correct it",
      },
    );
  }
  const audience = own?.authentication?.audiences?.at(-1) ?? resourceManager;
  return {
    authority: withoutSlash(authority),
    resourceManager: withoutSlash(resourceManager),
    scope: `${withoutSlash(String(audience))}/.default`,
  };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
