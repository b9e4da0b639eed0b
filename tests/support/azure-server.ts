import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import { makeCertificates } from "#sandbox/kubernetes/certificates.ts";

/** Entra and Resource Manager on loopback over https, as far as a test answers for them. */
export interface AzureServer {
  /** That lead clients there: a service principal, the host and its certificate authority. */
  readonly variables: Readonly<Record<string, string>>;
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  /** In order: `GET /subscriptions/…`. Tokens are `token TENANT FORM`. */
  readonly asked: string[];
  /** Of token requests, in order. */
  readonly forms: URLSearchParams[];
  /** What Resource Manager answers; subscriptions are enabled by default. */
  arm: (request: Request, url: URL) => Response | undefined | Promise<Response | undefined>;
  /** What Entra answers to a token request. @default a token of the application */
  entra: (form: URLSearchParams, tenant: string) => Response | undefined;
  /** What Entra answers about a tenant. @default where its tokens are */
  discovery: (tenant: string) => Response | undefined;
  /** What describes the cloud, or another answer in its place. */
  document: (url: string) => unknown;
  close(): Promise<void>;
}

export const tenantId = "11111111-2222-3333-4444-555555555555";
export const subscriptionId = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
export const clientId = "99999999-8888-7777-6666-555555555555";

export const account = {
  provider: "azure",
  name: "az-01",
  role: "tenant",
  subscriptionId,
  tenantId,
} as AzureAccount;

/** As Entra makes it, but for the signature. */
export function tokenFor(claims: Readonly<Record<string, unknown>>): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256", typ: "JWT" })}.${part({ tid: tenantId, oid: "object", ...claims })}.signature`;
}

export async function openAzureServer(): Promise<AzureServer> {
  const folder = await mkdtemp(join(tmpdir(), "azure-"));
  const { authority, certificate, key } = await makeCertificates({ dns: ["localhost"], ip: ["127.0.0.1"] });
  const bundle = join(folder, "ca.pem");
  await Bun.write(bundle, authority);
  const asked: string[] = [];
  const forms: URLSearchParams[] = [];
  let issued = 0;

  async function answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const [, tenant = "", ...rest] = url.pathname.split("/");
    if (url.pathname === "/metadata/endpoints") {
      const document = server.document(server.url);
      return document instanceof Response ? document : Response.json(document);
    }
    if (rest.join("/") === "v2.0/.well-known/openid-configuration") {
      return server.discovery(tenant) ?? Response.json(configuration(tenant));
    }
    if (rest.join("/") === "oauth2/v2.0/token") {
      const form = new URLSearchParams(await request.text());
      asked.push(`token ${tenant} ${form.get("scope")?.split(" ")[0]}`);
      forms.push(form);
      return server.entra(form, tenant) ?? Response.json(token(form, tenant));
    }
    asked.push(`${request.method} ${url.pathname}${url.search}`);
    const found = await server.arm(request, url);
    if (found !== undefined) return found;
    const [, id] = /^\/subscriptions\/([^/]+)$/.exec(url.pathname) ?? [];
    if (id !== undefined) return Response.json({ subscriptionId: id, tenantId, state: "Enabled" });
    return Response.json({ error: { code: "ResourceNotFound", message: "not found" } }, { status: 404 });
  }

  function token(form: URLSearchParams, tenant: string) {
    issued++;
    const claims = { tid: tenant, oid: "object", appid: form.get("client_id"), idtyp: "app", jti: String(issued) };
    return { token_type: "Bearer", expires_in: 3_600, access_token: tokenFor(claims) };
  }

  const listener = Bun.serve({ hostname: "127.0.0.1", port: 0, tls: { cert: certificate, key }, fetch: answer });
  const url = `https://127.0.0.1:${listener.port}`;
  const configuration = (tenant: string) => ({
    token_endpoint: `${url}/${tenant}/oauth2/v2.0/token`,
    authorization_endpoint: `${url}/${tenant}/oauth2/v2.0/authorize`,
    issuer: `${url}/${tenant}/v2.0`,
    jwks_uri: `${url}/${tenant}/discovery/v2.0/keys`,
  });
  const server: AzureServer = {
    variables: {
      ARM_METADATA_HOSTNAME: `127.0.0.1:${listener.port}`,
      REQUESTS_CA_BUNDLE: bundle,
      AZURE_TENANT_ID: tenantId,
      AZURE_CLIENT_ID: clientId,
      AZURE_CLIENT_SECRET: "a-secret-of-the-test",
    },
    url,
    asked,
    forms,
    arm: () => undefined,
    entra: () => undefined,
    discovery: () => undefined,
    document: (own) => ({
      authentication: {
        loginEndpoint: own,
        audiences: ["https://management.core.windows.net/", "https://management.azure.com/"],
      },
      resourceManager: own,
    }),
    async close() {
      await listener.stop(true);
      await rm(folder, { recursive: true, force: true });
    },
  };
  return server;
}

export function azureFault(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json({ error: { code, message } }, { status, headers });
}
