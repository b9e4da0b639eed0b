import { readFileSync } from "node:fs";
import { ForeignAnswer } from "#lib/cloud/fetch.ts";
import { FleetError } from "#lib/errors.ts";
import type { AccessToken, IdentityToken, Json } from "#lib/gcp/clients.ts";
import type { Choice } from "#lib/gcp/credentials/choice.ts";
import { type GcpEndpoints, publicToken, refuseTokenService } from "#lib/gcp/credentials/endpoints.ts";
import { impersonate } from "#lib/gcp/credentials/impersonate.ts";
import { openMetadata } from "#lib/gcp/credentials/metadata.ts";
import { cloudPlatform, gkeScopes } from "#lib/gcp/credentials/scopes.ts";
import { readSubjectToken } from "#lib/gcp/credentials/subject-token.ts";
import { type OAuthClient, requestToken } from "#lib/gcp/credentials/token-request.ts";
import { GoogleError } from "#lib/gcp/google-error.ts";
import { findNetworkFailure } from "#lib/network-failure.ts";
import { keepSecret } from "#lib/secrets.ts";

export interface BaseRequest {
  readonly variables: Readonly<Record<string, string>>;
  readonly endpoints: GcpEndpoints;
  readonly send: typeof fetch;
  readonly signal: AbortSignal;
  /** The token of a job of GitHub, and the audience of the workload identity provider that trusts it. */
  readonly githubJob: () => Promise<{ readonly token: string; readonly audience: string }>;
}

type FileChoice = Extract<Choice, { readonly kind: "file" }>;

const namedHint = "correct GOOGLE_APPLICATION_CREDENTIALS or its file, or unset it to use the credentials of gcloud";
const jwtType = "urn:ietf:params:oauth:token-type:jwt";

/**
 * A new token from one source of credentials.
 *
 * @throws FleetError CredentialsMissing, EndpointRefused; GoogleError; errors of the network
 */
export async function openBase(choice: Choice, request: BaseRequest): Promise<IdentityToken> {
  switch (choice.kind) {
    case "github": {
      const { token, audience } = await request.githubJob();
      const found = await exchange({ audience, token, type: jwtType }, request);
      return { ...found, caller: { kind: "federated", name: audience } };
    }
    case "metadata":
      return await openMetadata(choice.host, request);
    case "file":
      try {
        return await openFile(readCredentials(choice), choice, request);
      } catch (thrown) {
        if (isExplained(thrown, request)) throw thrown;
        throw unusable(choice, thrown);
      }
    default:
      return choice satisfies never;
  }
}

/** Types of files: https://cloud.google.com/docs/authentication/application-default-credentials */
async function openFile(file: Json, choice: FileChoice, request: BaseRequest): Promise<IdentityToken> {
  const universe = file.universe_domain ?? "googleapis.com";
  if (universe !== "googleapis.com") throw new Error(`they are for ${universe}, not for googleapis.com`);
  for (const field of ["token_url", "service_account_impersonation_url"]) {
    if (file[field] !== undefined) refuseTokenService(String(file[field]), choice.path, request.variables);
  }
  const type = textOf(file, "type");
  switch (type) {
    case "authorized_user": {
      const { id, secret } = clientOf(file);
      const form = { ...refreshOf(file), client_id: id, client_secret: secret };
      return { ...(await requestToken(request.endpoints.token, form, request)), caller: undefined };
    }
    case "service_account":
      // Keys don't expire: a forgotten one must not be used.
      if (!choice.named) throw unnamedKey(choice.path);
      return await openKey(file, request);
    case "external_account":
      return await openWorkload(file, choice, request);
    case "external_account_authorized_user": {
      const url = String(file.token_url ?? "https://sts.googleapis.com/v1/oauthtoken");
      const found = await requestToken(url, refreshOf(file), request, clientOf(file));
      return { ...found, caller: { kind: "federated", name: textOf(file, "audience") } };
    }
    case "impersonated_service_account": {
      const source = await openFile((file.source_credentials ?? {}) as Json, choice, request);
      return await enter(source.token, file, request);
    }
    default:
      throw new Error(`the type ${type} is not supported`);
  }
}

/** https://developers.google.com/identity/protocols/oauth2/service-account#httprest */
async function openKey(file: Json, request: BaseRequest): Promise<IdentityToken> {
  const [email, key] = [textOf(file, "client_email"), textOf(file, "private_key")];
  keepSecret(key);
  // Takes as long to load as a call to Google.
  const { sign } = await import("node:crypto");
  const now = Math.floor(Date.now() / 1_000);
  const claims = { iss: email, scope: gkeScopes.join(" "), aud: publicToken, iat: now, exp: now + 3_600 };
  const parts = [{ alg: "RS256", typ: "JWT", kid: file.private_key_id }, claims];
  const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const signature = sign("sha256", Buffer.from(signed), key).toString("base64url");
  const form = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion: `${signed}.${signature}` };
  const found = await requestToken(request.endpoints.token, form, request);
  return { ...found, caller: { kind: "service account", name: email } };
}

async function openWorkload(file: Json, { path }: FileChoice, request: BaseRequest): Promise<IdentityToken> {
  const [audience, type] = [textOf(file, "audience"), textOf(file, "subject_token_type")];
  const token = await readSubjectToken(file, { ...request, path });
  const client = file.client_id === undefined ? undefined : clientOf(file);
  const project = file.workforce_pool_user_project;
  const found = await exchange({ audience, token, type, url: file.token_url, client, project }, request);
  if (file.service_account_impersonation_url !== undefined) return await enter(found.token, file, request);
  return { ...found, caller: { kind: "federated", name: audience } };
}

interface Subject {
  readonly audience: string;
  readonly token: string;
  readonly type: string;
  /** @default Google's Security Token Service */
  readonly url?: unknown;
  readonly client?: OAuthClient | undefined;
  /** That calls of workforce identities without a client count for. */
  readonly project?: unknown;
}

/** https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token */
async function exchange(subject: Subject, request: BaseRequest): Promise<AccessToken> {
  const { audience, token, type, url = `${request.endpoints.services.sts}v1/token`, client, project } = subject;
  const form = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    requested_token_type: "urn:ietf:params:oauth:token-type:access_token",
    audience,
    scope: cloudPlatform,
    subject_token: token,
    subject_token_type: type,
    ...(project === undefined || client !== undefined ? {} : { options: JSON.stringify({ userProject: project }) }),
  };
  return await requestToken(String(url), form, request, client);
}

/** As the service account of `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/EMAIL:generateAccessToken`. */
async function enter(from: string, file: Json, request: BaseRequest): Promise<IdentityToken> {
  const url = textOf(file, "service_account_impersonation_url");
  const [, email] = /\/serviceAccounts\/([^/:]+):generateAccessToken$/.exec(url) ?? [];
  if (email === undefined) throw new Error("service_account_impersonation_url names no service account");
  const { token_lifetime_seconds: seconds } = (file.service_account_impersonation ?? {}) as Json;
  const lifetime = typeof seconds === "number" ? seconds : undefined;
  const delegates = Array.isArray(file.delegates) ? file.delegates.map(String) : undefined;
  const found = await impersonate({ from, email, scopes: gkeScopes, lifetime, delegates }, request);
  return { ...found, caller: { kind: "service account", name: email } };
}

function refreshOf(file: Json) {
  const token = textOf(file, "refresh_token");
  keepSecret(token);
  return { grant_type: "refresh_token", refresh_token: token };
}

function clientOf(file: Json): OAuthClient {
  const client = { id: textOf(file, "client_id"), secret: textOf(file, "client_secret") };
  keepSecret(client.secret);
  return client;
}

function textOf(file: Json, field: string): string {
  const text = file[field];
  if (typeof text === "string" && text !== "") return text;
  throw new Error(`they have no ${field}`);
}

function readCredentials({ path, named }: FileChoice): Json {
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
        hint: named ? namedHint : "gcloud auth application-default login",
        cause,
      },
    );
  }
  try {
    const file: unknown = JSON.parse(text);
    if (typeof file === "object" && file !== null) return file as Json;
  } catch {
    // The parser quotes the file, which may be a token.
  }
  throw new Error("they are not a JSON object");
}

function isExplained(thrown: unknown, { signal }: BaseRequest): boolean {
  if (thrown instanceof FleetError || thrown instanceof GoogleError || signal.aborted) return true;
  return thrown instanceof ForeignAnswer || findNetworkFailure(thrown) !== undefined;
}

function unnamedKey(path: string): FleetError {
  return new FleetError("CredentialsMissing", `${path} is the key of a service account`, {
    hint: `sign in by gcloud auth application-default login; if the key is meant: export GOOGLE_APPLICATION_CREDENTIALS=${path}`,
  });
}

function unusable({ path, named }: FileChoice, thrown: unknown): FleetError {
  const [reason = ""] = (thrown instanceof Error ? thrown.message : String(thrown)).split("\n");
  return new FleetError("CredentialsMissing", `the credentials in ${path} can't be used: ${reason}`, {
    hint: named ? namedHint : "gcloud auth application-default login makes them again",
    cause: thrown,
  });
}
