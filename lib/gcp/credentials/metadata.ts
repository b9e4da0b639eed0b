import { hostOf } from "#lib/cloud/endpoint.ts";
import { FleetError } from "#lib/errors.ts";
import type { IdentityToken } from "#lib/gcp/clients.ts";
import { refuseSource } from "#lib/gcp/credentials/endpoints.ts";
import { gkeScopes } from "#lib/gcp/credentials/scopes.ts";
import { newToken } from "#lib/gcp/credentials/token-request.ts";
import { readJson } from "#lib/gcp/google-error.ts";
import { findNetworkFailure } from "#lib/network-failure.ts";

interface MetadataRequest {
  readonly variables: Readonly<Record<string, string>>;
  readonly send: typeof fetch;
  readonly signal: AbortSignal;
}

/** The server is on the same machine. Elsewhere nothing answers, not even with a refusal. */
const timeoutMs = 5_000;
const flavor = "Metadata-Flavor";

/**
 * The token of the machine's service account: https://cloud.google.com/compute/docs/metadata/overview
 *
 * @throws FleetError CredentialsMissing, EndpointRefused
 */
export async function openMetadata(host: string, { variables, send, signal }: MetadataRequest): Promise<IdentityToken> {
  const url = `http://${host}`;
  refuseSource(url, "GCE_METADATA_HOST", "unset GCE_METADATA_HOST", variables);
  const ask = async (path: string): Promise<Response> => {
    const response = await send(`${url}/computeMetadata/v1/instance/service-accounts/default/${path}`, {
      headers: { [flavor]: "Google" },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    if (response.headers.get(flavor) !== "Google") throw missing(`what answers at ${hostOf(url)} is not Google's`);
    if (response.status === 404) throw missing("it has no service account");
    if (!response.ok) throw missing(`its metadata server answers ${response.status}`);
    return response;
  };
  try {
    const name = (await (await ask("email")).text()).trim();
    const found = await readJson(await ask(`token?scopes=${gkeScopes.join(",")}`));
    return {
      ...newToken(found.access_token, Date.now() + Number(found.expires_in) * 1_000),
      // Pods of GKE without one have the name of their project's pool.
      caller: { kind: name.endsWith(".gserviceaccount.com") ? "service account" : "federated", name },
    };
  } catch (thrown) {
    const failure = findNetworkFailure(thrown);
    signal.throwIfAborted();
    if (failure === undefined) throw thrown;
    throw missing(`no metadata server answers at ${hostOf(url)}: ${failure.reason}`, thrown);
  }
}

function missing(why: string, cause?: unknown): FleetError {
  return new FleetError("CredentialsMissing", `no token for the service account of this machine: ${why}`, {
    hint: "unset METADATA_SERVER_DETECTION outside of Google Cloud; a machine in it needs a service account with the scope cloud-platform",
    cause,
  });
}
