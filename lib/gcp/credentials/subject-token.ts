import type { AwsClient, IdentityPoolClient, PluggableAuthClient } from "google-auth-library";
import { hostOf } from "#lib/cloud/endpoint.ts";
import type { Json } from "#lib/gcp/clients.ts";
import { refuseSource } from "#lib/gcp/credentials/endpoints.ts";
import { keepSecret } from "#lib/secrets.ts";

interface SubjectRequest {
  /** Of the file of credentials. */
  readonly path: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly send: typeof fetch;
  readonly signal: AbortSignal;
}

/** Fields of `credential_source`. Others, as in the library's second spelling of all of them, are not passed on. */
const sourceFields = [
  "environment_id",
  "executable",
  "file",
  "format",
  "headers",
  "imdsv2_session_token_url",
  "region_url",
  "regional_cred_verification_url",
  "url",
];
/** Those that the library calls. What is signed for the other one is sent to Google alone. */
const calledFields = ["imdsv2_session_token_url", "region_url", "url"];

/**
 * The token of a workload outside of Google, from where its file says: another file, a server on the same machine, AWS, or a program:
 * https://cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds
 *
 * @param file of the type `external_account`
 * @throws FleetError EndpointRefused; errors of the network, and of the library
 */
export async function readSubjectToken(file: Json, request: SubjectRequest): Promise<string> {
  const source = (file.credential_source ?? {}) as Json;
  if (source.certificate !== undefined) throw new Error("credential_source is a certificate, which is not supported");
  for (const field of calledFields) {
    const url = source[field];
    if (url !== undefined) refuseSource(String(url), request.path, "make the file again", request.variables);
  }
  const library = await import("google-auth-library");
  const network = new Network(request);
  const known = {
    type: "external_account",
    audience: file.audience,
    subject_token_type: file.subject_token_type,
    service_account_impersonation_url: file.service_account_impersonation_url,
    credential_source: Object.fromEntries(sourceFields.map((field) => [field, source[field]])),
    transporterOptions: network.options,
  } as unknown as ConstructorParameters<typeof AwsClient>[0] &
    ConstructorParameters<typeof IdentityPoolClient>[0] &
    ConstructorParameters<typeof PluggableAuthClient>[0];
  const open = () => {
    if (source.environment_id !== undefined) return new library.AwsClient(known);
    if (source.executable !== undefined) return new library.PluggableAuthClient(known);
    return new library.IdentityPoolClient(known);
  };
  try {
    const token: unknown = await Promise.race([open().retrieveSubjectToken(), network.failed]);
    if (typeof token !== "string" || token === "") throw new Error("credential_source holds no token");
    keepSecret(token);
    return token;
  } catch (thrown) {
    if (network.failure !== undefined) throw network.failure;
    // The library quotes all that the program printed, a token too.
    if (source.executable !== undefined && thrown instanceof Error) {
      throw new Error(thrown.message.replace(/(invalid response|error message): .*/s, "$1"));
    }
    throw thrown;
  }
}

/** Sends the requests of the library, which hides why they failed and repeats them: `ask` decides about that. */
class Network {
  failure: unknown;
  /** Rejects with the failure of a request, or at the deadline. */
  readonly failed: Promise<never>;
  readonly options: { readonly fetchImplementation: typeof fetch };

  constructor({ send, signal }: SubjectRequest) {
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    // A file that is refused at once leaves nobody who waits.
    promise.catch(() => undefined);
    // A program of the user's obeys no signal.
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    const call = async (
      request: Parameters<typeof fetch>[0],
      init: Parameters<typeof fetch>[1] = {},
    ): Promise<Response> => {
      if (this.failure !== undefined) throw this.failure;
      try {
        signal.throwIfAborted();
        const response = await send(request, { ...init, signal });
        if (response.ok) return response;
        throw new Error(`${hostOf(response.url)} answers ${response.status}`);
      } catch (thrown) {
        this.failure = thrown;
        reject(thrown);
        throw thrown;
      }
    };
    this.options = { fetchImplementation: Object.assign(call, { preconnect: fetch.preconnect }) };
  }
}
