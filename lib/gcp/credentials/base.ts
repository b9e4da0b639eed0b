import { readFileSync } from "node:fs";
import type { AuthClient } from "google-auth-library";
import { FleetError } from "#lib/errors.ts";
import type { AccessToken, Caller, Json } from "#lib/gcp/clients.ts";
import type { Choice } from "#lib/gcp/credentials/choice.ts";
import { type GcpEndpoints, isTrusted } from "#lib/gcp/credentials/endpoints.ts";
import { impersonate } from "#lib/gcp/credentials/impersonate.ts";
import { cloudPlatform, userinfoEmail } from "#lib/gcp/credentials/scopes.ts";
import { GoogleError, parseGoogleError } from "#lib/gcp/google-error.ts";
import { keepSecret } from "#lib/secrets.ts";

export interface BaseRequest {
  readonly variables: Readonly<Record<string, string>>;
  readonly endpoints: GcpEndpoints;
  readonly send: typeof fetch;
  readonly signal: AbortSignal;
  /** The token of a job of GitHub, and the audience of the workload identity provider that trusts it. */
  readonly githubJob: () => Promise<{ readonly token: string; readonly audience: string }>;
}

/** A token and who it is of. */
export interface IdentityToken extends AccessToken {
  /** Undefined for users and machines, whose names only Google knows. */
  readonly caller: Caller | undefined;
}

const jwtType = "urn:ietf:params:oauth:token-type:jwt";
/** Of tokens whose library does not say when they expire. */
const shortestMs = 5 * 60_000;

/**
 * A new token from one source of credentials. The library's own cache is not used.
 *
 * @throws FleetError CredentialsMissing, EndpointRefused; GoogleError; errors of the network
 */
export async function openBase(choice: Choice, request: BaseRequest): Promise<IdentityToken> {
  const network = new Network(request);
  try {
    return await Promise.race([open(choice, request, network), network.failed]);
  } catch (thrown) {
    if (thrown instanceof FleetError || thrown instanceof GoogleError) throw thrown;
    if (network.failure !== undefined) throw network.failure;
    throw unusable(choice, thrown);
  }
}

async function open(choice: Choice, request: BaseRequest, network: Network): Promise<IdentityToken> {
  switch (choice.kind) {
    case "github":
      return await openGithub(request, network);
    case "metadata":
      return await openMetadata(network);
    case "file":
      return await openFile(readCredentials(choice), choice, request, network);
    default:
      return choice satisfies never;
  }
}

async function openGithub({ githubJob, endpoints }: BaseRequest, network: Network): Promise<IdentityToken> {
  const { IdentityPoolClient } = await import("google-auth-library");
  const { token, audience } = await githubJob();
  const client = new IdentityPoolClient({
    type: "external_account",
    audience,
    subject_token_type: jwtType,
    token_url: `${endpoints.services.sts}v1/token`,
    subject_token_supplier: { getSubjectToken: async () => token },
    scopes: [cloudPlatform],
    transporterOptions: network.options,
  });
  return { ...(await tokenOf(client)), caller: { kind: "federated", name: audience } };
}

async function openMetadata(network: Network): Promise<IdentityToken> {
  const { Compute } = await import("google-auth-library");
  return {
    ...(await tokenOf(new Compute({ scopes: [cloudPlatform, userinfoEmail], transporterOptions: network.options }))),
    caller: undefined,
  };
}

/** Types of files: https://cloud.google.com/docs/authentication/application-default-credentials */
async function openFile(
  file: Json,
  choice: Extract<Choice, { readonly kind: "file" }>,
  request: BaseRequest,
  network: Network,
): Promise<IdentityToken> {
  const library = await import("google-auth-library");
  const text = (field: string): string => (typeof file[field] === "string" ? file[field] : "");
  const options = { transporterOptions: network.options };
  for (const field of ["token_url", "service_account_impersonation_url"]) {
    if (text(field) !== "") refuseUntrusted(text(field), choice.path, request);
  }
  switch (file.type) {
    case "authorized_user": {
      const [clientId, clientSecret, refreshToken] = [
        text("client_id"),
        text("client_secret"),
        text("refresh_token"),
      ] as const;
      for (const secret of [clientSecret, refreshToken]) keepSecret(secret);
      const client = new library.UserRefreshClient({ clientId, clientSecret, refreshToken, ...options });
      return { ...(await tokenOf(client)), caller: undefined };
    }
    case "service_account": {
      // A key lives for ever: one that lies around is not picked up.
      if (!choice.named) throw unnamedKey(choice.path);
      const [email, key] = [text("client_email"), text("private_key")];
      keepSecret(key);
      const client = new library.JWT({
        email,
        key,
        keyId: text("private_key_id"),
        scopes: [cloudPlatform],
        ...options,
      });
      return { ...(await tokenOf(client)), caller: { kind: "service account", name: email } };
    }
    case "external_account": {
      const found = { ...file, scopes: [cloudPlatform], ...options } as unknown;
      const { environment_id: environment } = (file.credential_source ?? {}) as { readonly environment_id?: unknown };
      const client =
        environment === undefined
          ? new library.IdentityPoolClient(found as ConstructorParameters<typeof library.IdentityPoolClient>[0])
          : new library.AwsClient(found as ConstructorParameters<typeof library.AwsClient>[0]);
      return { ...(await tokenOf(client)), caller: accountIn(file) ?? { kind: "federated", name: text("audience") } };
    }
    case "external_account_authorized_user": {
      const found = { ...file, ...options } as unknown;
      type Options = ConstructorParameters<typeof library.ExternalAccountAuthorizedUserClient>[0];
      const client = new library.ExternalAccountAuthorizedUserClient(found as Options);
      return { ...(await tokenOf(client)), caller: { kind: "federated", name: text("audience") } };
    }
    case "impersonated_service_account": {
      const caller = accountIn(file);
      if (caller === undefined) throw new Error("service_account_impersonation_url names no service account");
      const source = await openFile((file.source_credentials ?? {}) as Json, choice, request, network);
      const hop = { from: source.token, email: caller.name, scopes: [cloudPlatform] };
      return { ...(await impersonate(hop, request)), caller };
    }
    default:
      throw new Error(`it has the type ${String(file.type)}`);
  }
}

/** `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/EMAIL:generateAccessToken` */
function accountIn({ service_account_impersonation_url: url }: Json): Caller | undefined {
  const [, name] = /\/serviceAccounts\/([^/:]+):generateAccessToken$/.exec(String(url ?? "")) ?? [];
  return name === undefined ? undefined : { kind: "service account", name };
}

async function tokenOf(client: AuthClient): Promise<AccessToken> {
  // The library's exchange of tokens does not take the client's transport.
  const exchange: unknown = Reflect.get(client, "stsCredential");
  if (typeof exchange === "object" && exchange !== null) Object.assign(exchange, { transporter: client.transporter });
  const { token } = await client.getAccessToken();
  if (typeof token !== "string") throw new Error("Google answers without a token");
  keepSecret(token);
  return { token, expires: new Date(client.credentials.expiry_date ?? Date.now() + shortestMs) };
}

/** Sends the requests of the library, which hides why they failed and repeats them: `ask` decides about that. */
class Network {
  failure: unknown;
  /** Rejects with the failure of a request, or at the deadline. */
  readonly failed: Promise<never>;
  readonly options: { readonly fetchImplementation: typeof fetch };

  constructor({ send, signal }: BaseRequest) {
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    // The library's client of the metadata server obeys no signal.
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
        throw parseGoogleError(await response.text(), response);
      } catch (thrown) {
        this.failure = thrown;
        reject(thrown);
        throw thrown;
      }
    };
    this.options = { fetchImplementation: Object.assign(call, { preconnect: fetch.preconnect }) };
  }
}

function readCredentials({ path, named }: Extract<Choice, { readonly kind: "file" }>): Json {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new FleetError(
      "CredentialsMissing",
      named
        ? `GOOGLE_APPLICATION_CREDENTIALS names ${path}, which can't be read`
        : "this computer has no application default credentials for Google Cloud",
      {
        hint: named
          ? "correct GOOGLE_APPLICATION_CREDENTIALS, or unset it to use those of gcloud"
          : "gcloud auth application-default login",
        cause,
      },
    );
  }
  return JSON.parse(text) as Json;
}

function refuseUntrusted(url: string, path: string, { variables }: BaseRequest): void {
  if (isTrusted(url, variables)) return;
  throw new FleetError("EndpointRefused", `${path} sends tokens to ${url}, which is not Google`, {
    hint: "make the file again, or allow the host by ALLOWED_GCP_ENDPOINTS if it is meant",
  });
}

function unnamedKey(path: string): FleetError {
  return new FleetError("CredentialsMissing", `${path} is the key of a service account`, {
    hint: `sign in by gcloud auth application-default login; if the key is meant: export GOOGLE_APPLICATION_CREDENTIALS=${path}`,
  });
}

/** A file that is no credentials, or a machine without a service account. */
function unusable(choice: Choice, thrown: unknown): FleetError {
  const [reason = ""] = (thrown instanceof Error ? thrown.message : String(thrown)).split("\n");
  const what =
    choice.kind === "file"
      ? `the credentials in ${choice.path} can't be used: ${reason}`
      : `no token for the ${choice.kind === "github" ? "job of GitHub" : "service account of this machine"}: ${reason}`;
  return new FleetError("CredentialsMissing", what, {
    hint:
      choice.kind === "metadata"
        ? "unset METADATA_SERVER_DETECTION outside of Google Cloud"
        : "gcloud auth application-default login makes them again",
    cause: thrown,
  });
}
