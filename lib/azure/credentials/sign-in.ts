import { readFileSync } from "node:fs";
import type { HttpClient } from "@azure/core-rest-pipeline";
import type { TokenCredential } from "@azure/identity";
import { parseAzureError } from "#lib/azure/azure-error.ts";
import type { AccessToken } from "#lib/azure/clients.ts";
import { azToken } from "#lib/azure/credentials/az.ts";
import type { Choice } from "#lib/azure/credentials/choice.ts";
import type { AzureEndpoints } from "#lib/azure/credentials/endpoints.ts";
import type { GithubJob } from "#lib/azure/credentials/github-job.ts";
import { explainRefusal } from "#lib/azure/credentials/refusal.ts";
import { fetchClient } from "#lib/azure/http-client.ts";
import { FleetError } from "#lib/errors.ts";
import { keepSecret } from "#lib/secrets.ts";

export interface SignInRequest {
  readonly variables: Readonly<Record<string, string>>;
  readonly endpoints: AzureEndpoints;
  readonly send: typeof fetch;
  /** Name in the fleet. */
  readonly account: string;
  readonly tenantId: string;
  readonly scope: string;
  readonly signal: AbortSignal;
  /** The client and token of a job of GitHub. */
  readonly githubJob: () => Promise<GithubJob>;
}

/**
 * A new token from one source of credentials. Azure's own cache is not used: `azureTokens` keeps tokens.
 *
 * @throws FleetError CredentialsMissing, SignInRefused, SessionExpired, WrongAccount; AzureError; errors of the network
 */
export async function signIn(choice: Choice, request: SignInRequest): Promise<AccessToken> {
  if (choice.kind === "az") return await azToken(request);
  const { account, tenantId, scope, signal, variables } = request;
  const network = new Network(request);
  let clientId = choice.clientId;
  let job: GithubJob | undefined;
  try {
    job = choice.kind === "github" ? await request.githubJob() : undefined;
    clientId = job?.clientId ?? clientId;
    const credential = await openCredential(choice, job, request, network);
    const found = await credential.getToken(scope, { abortSignal: signal });
    if (found === null) throw new Error("Entra answers without a token");
    return { token: found.token, expires: new Date(found.expiresOnTimestamp) };
  } catch (thrown) {
    if (thrown instanceof FleetError) throw thrown;
    if (network.failure !== undefined) throw network.failure;
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    const { AZURE_TENANT_ID: homeTenantId = "" } = variables;
    const attempt = { account, tenantId, clientId, homeTenantId, trusted: job?.trusted, assertion: job?.token };
    throw explainRefusal(text, attempt) ?? explainRefusal(network.refusal, attempt) ?? unusable(choice, text, thrown);
  }
}

async function openCredential(
  choice: Exclude<Choice, { readonly kind: "az" }>,
  job: GithubJob | undefined,
  { tenantId, endpoints }: SignInRequest,
  httpClient: HttpClient,
): Promise<TokenCredential> {
  const identity = await import("@azure/identity");
  const common = { httpClient, retryOptions: { maxRetries: 0 } };
  // Its discovery of authorities knows no emulator; `findEndpoints` has checked the host.
  const options = { ...common, authorityHost: endpoints.authority, disableInstanceDiscovery: true };
  switch (choice.kind) {
    case "secret":
      keepSecret(choice.secret);
      return new identity.ClientSecretCredential(tenantId, choice.clientId, choice.secret, options);
    case "certificate": {
      const { path: certificatePath, password } = choice;
      keepSecret(password);
      const certificate = { certificatePath, ...(password === undefined ? {} : { certificatePassword: password }) };
      return new identity.ClientCertificateCredential(tenantId, choice.clientId, certificate, options);
    }
    case "file": {
      const assertion = async () => readFileSync(choice.path, "utf8").trim();
      return new identity.ClientAssertionCredential(tenantId, choice.clientId, assertion, options);
    }
    case "github": {
      const { clientId, token } = job ?? { clientId: choice.clientId, token: "" };
      return new identity.ClientAssertionCredential(tenantId, clientId, async () => token, options);
    }
    case "managed identity":
      return new identity.ManagedIdentityCredential({
        ...common,
        ...(choice.clientId === "" ? {} : { clientId: choice.clientId }),
      });
    default:
      return choice satisfies never;
  }
}

/** Sends the requests of the identity library, which hides why they failed. */
class Network implements HttpClient {
  failure: unknown;
  /** Of the last answer that was an error: the library does not pass on why Entra does not describe a tenant. */
  refusal = "";
  readonly #client: HttpClient;
  readonly #signal: AbortSignal;

  constructor({ send, signal }: SignInRequest) {
    this.#client = fetchClient(send);
    this.#signal = signal;
  }

  async sendRequest(request: Parameters<HttpClient["sendRequest"]>[0]): ReturnType<HttpClient["sendRequest"]> {
    this.failure = undefined;
    try {
      this.#signal.throwIfAborted();
      request.abortSignal = this.#signal;
      const response = await this.#client.sendRequest(request);
      if (response.status >= 400) this.refusal = response.bodyAsText ?? "";
      if (response.status !== 429 && response.status < 500) return response;
      const headers = new Headers([...response.headers]);
      throw parseAzureError(response.bodyAsText ?? "", { status: response.status, headers });
    } catch (thrown) {
      this.failure = thrown;
      throw thrown;
    }
  }
}

/** A file that can't be read, or a machine without a managed identity. */
function unusable(choice: Exclude<Choice, { readonly kind: "az" }>, text: string, cause: unknown): FleetError {
  const [first = ""] = text.split("\n");
  const message =
    choice.kind === "managed identity"
      ? "no managed identity answers on this computer"
      : `the ${choice.kind === "file" ? "token file" : choice.kind} of ${choice.clientId} can't be used`;
  const hint =
    choice.kind === "managed identity"
      ? "assign one to this machine, set AZURE_CLIENT_ID if it has several, or choose other credentials by AZURE_TOKEN_CREDENTIALS"
      : "correct the variables AZURE_CLIENT_…, or unset them to use az";
  return new FleetError("CredentialsMissing", message, { hint, details: [first], cause });
}
