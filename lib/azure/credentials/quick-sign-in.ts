import { readFileSync } from "node:fs";
import { parseAzureError } from "#lib/azure/azure-error.ts";
import type { AccessToken } from "#lib/azure/clients.ts";
import { azToken } from "#lib/azure/credentials/az.ts";
import type { Choice } from "#lib/azure/credentials/choice.ts";
import type { GithubJob } from "#lib/azure/credentials/github-job.ts";
import { explainRefusal } from "#lib/azure/credentials/refusal.ts";
import type { SignInRequest } from "#lib/azure/credentials/sign-in.ts";
import { FleetError } from "#lib/errors.ts";

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/**
 * The same as signIn(), for kubectl, which waits for it: where one form is enough, Azure's library is not loaded.
 *
 * @throws as signIn()
 */
export async function quickSignIn(choice: Choice, request: SignInRequest): Promise<AccessToken> {
  switch (choice.kind) {
    case "az":
      return await azToken(request);
    case "secret":
      return await post(request, { client_id: choice.clientId, client_secret: choice.secret });
    case "file":
      return await post(request, assert({ clientId: choice.clientId, token: readToken(choice.path) }));
    case "github": {
      const job = await request.githubJob();
      return await post(request, assert(job), job.trusted);
    }
    case "certificate":
    case "managed identity":
      return await (await import("#lib/azure/credentials/sign-in.ts")).signIn(choice, request);
    default:
      return choice satisfies never;
  }
}

type Form = Readonly<Record<string, string>> & { readonly client_id: string };

function assert({ clientId, token }: Pick<GithubJob, "clientId" | "token">): Form {
  return { client_id: clientId, client_assertion_type: assertionType, client_assertion: token };
}

function readToken(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new FleetError("CredentialsMissing", `the token file ${path} can't be read`, {
      hint: "correct AZURE_FEDERATED_TOKEN_FILE, or unset it to use az",
      cause,
    });
  }
}

/** https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow */
async function post(request: SignInRequest, form: Form, trusted?: readonly string[]): Promise<AccessToken> {
  const { endpoints, send, account, tenantId, scope, signal, variables } = request;
  const response = await send(`${endpoints.authority}/${tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ ...form, grant_type: "client_credentials", scope }).toString(),
    signal,
  });
  const text = await response.text();
  if (response.status === 429 || response.status >= 500) throw parseAzureError(text, response);
  const { AZURE_TENANT_ID: homeTenantId = "" } = variables;
  const answer = parse(text);
  if (answer.token !== undefined) return answer.token;
  const attempt = {
    account,
    tenantId,
    clientId: form.client_id,
    homeTenantId,
    trusted,
    assertion: form.client_assertion,
  };
  throw explainRefusal(answer.refusal, attempt) ?? parseAzureError(text, response);
}

function parse(text: string): { readonly token?: AccessToken; readonly refusal: string } {
  try {
    const found = JSON.parse(text) as Partial<Record<string, unknown>>;
    const { access_token: token, expires_in: seconds, error_description: refusal } = found;
    if (typeof token !== "string" || typeof seconds !== "number") return { refusal: String(refusal ?? "") };
    return { token: { token, expires: new Date(Date.now() + seconds * 1_000) }, refusal: "" };
  } catch {
    return { refusal: "" };
  }
}
