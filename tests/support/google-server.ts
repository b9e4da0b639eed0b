import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fleet } from "#lib/fleet/types.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";
import { makeCertificates } from "#sandbox/kubernetes/certificates.ts";

/** Google's token endpoints and APIs on loopback over https, as far as a test answers for them. */
export interface GoogleServer {
  /** That lead clients there, and the credentials of a person. */
  readonly variables: Readonly<Record<string, string>>;
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  readonly folder: string;
  /** In order: `dns GET /dns/v1/…`. Tokens are `token ann`, `sts AUDIENCE` and `act ann → EMAIL SCOPES`. */
  readonly asked: string[];
  /** Forms that token endpoints got, with the client that sent them: `id:secret`, or nothing. */
  readonly forms: { readonly client: string; readonly form: Readonly<Record<string, string>> }[];
  /** What impersonations ask for, without their scopes. */
  readonly acts: object[];
  /** Names of those who are owners of all projects. */
  readonly owners: Set<string>;
  /** What APIs answer. Projects are active by default; all else is missing. @param caller of the token */
  api: (request: Request, url: URL, caller: string) => Response | undefined | Promise<Response | undefined>;
  /** What the token endpoints answer. @default a token */
  tokens: (kind: "refresh" | "sts" | "act", about: string) => Response | undefined;
  close(): Promise<void>;
}

export const management: GcpAccount = {
  provider: "gcp",
  name: "gcp-mgmt",
  role: "management",
  projectId: "mylabs-mgmt",
  projectNumber: "100000000001",
};

export const account: GcpAccount = {
  provider: "gcp",
  name: "gcp-01",
  role: "tenant",
  projectId: "mylabs-01",
  projectNumber: "100000000002",
};

export const gcpFleet: Pick<Fleet, "accounts" | "github"> = {
  accounts: [management, account],
  github: {
    repository: "example/fleet",
    repositoryId: "123456",
    ownerId: "7890",
    claims: ["ref:refs/heads/main"],
    readClaims: ["pull_request"],
  },
};

const services = [
  "cloudresourcemanager",
  "compute",
  "container",
  "dns",
  "iam",
  "iamcredentials",
  "serviceusage",
  "sts",
];

export async function openGoogleServer(): Promise<GoogleServer> {
  const folder = await mkdtemp(join(tmpdir(), "google-"));
  const { authority, certificate, key } = await makeCertificates({ dns: ["localhost"], ip: ["127.0.0.1"] });
  const bundle = join(folder, "ca.pem");
  await Bun.write(bundle, authority);
  const person = join(folder, "person.json");
  const file = { type: "authorized_user", client_id: "c", client_secret: "a-client-secret", refresh_token: "for-ann" };
  await Bun.write(person, JSON.stringify(file));
  const asked: string[] = [];
  const forms: GoogleServer["forms"] = [];
  const readForm = async (request: Request): Promise<Readonly<Record<string, string>>> => {
    const form = Object.fromEntries(new URLSearchParams(await request.text()));
    forms.push({ client: atob(request.headers.get("authorization")?.replace("Basic ", "") ?? ""), form });
    return form;
  };
  const acts: object[] = [];
  /** Callers by their tokens. */
  const callers = new Map<string, string>();
  const issue = (caller: string): string => {
    const token = `ya29.${caller}.${callers.size}`;
    callers.set(token, caller);
    return token;
  };

  async function answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const [, service = "", ...rest] = url.pathname.split("/");
    const path = `/${rest.join("/")}`;
    if (service === "github") {
      asked.push(`github ${url.searchParams.get("audience")}`);
      return Response.json({ value: url.searchParams.get("token") });
    }
    if (service === "token") {
      await readForm(request);
      asked.push("token ann");
      const refused = server.tokens("refresh", "ann");
      return refused ?? Response.json({ access_token: issue("ann@example.org"), expires_in: 3_600 });
    }
    const caller = callers.get(request.headers.get("authorization")?.replace("Bearer ", "") ?? "") ?? "";
    if (service === "tokeninfo") {
      const token = new URLSearchParams(await request.text()).get("access_token") ?? "";
      return Response.json({ email: callers.get(token), email_verified: "true" });
    }
    if (service === "sts") {
      const { audience = "refresh" } = await readForm(request);
      asked.push(`sts ${audience}`);
      const refused = server.tokens("sts", audience);
      return refused ?? Response.json({ access_token: issue("job"), expires_in: 3_600, token_type: "Bearer" });
    }
    if (service === "iamcredentials") {
      const [, email = ""] = /serviceAccounts\/(.*):generateAccessToken$/.exec(path) ?? [];
      const { scope, ...more } = (await request.json()) as { readonly scope: readonly string[] };
      acts.push(more);
      asked.push(`act ${caller} → ${email} ${scope.map((one) => one.split("/").at(-1)).join(" ")}`);
      const refused = server.tokens("act", email);
      const expireTime = new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+/, "");
      return refused ?? Response.json({ accessToken: issue(email), expireTime });
    }
    asked.push(`${service} ${request.method} ${path}${url.search}`);
    const found = await server.api(request, url, caller);
    if (found !== undefined) return found;
    const [, project] = /^\/v3\/projects\/([^/:]+)/.exec(path) ?? [];
    const of = [management, account].find(({ projectId }) => projectId === project);
    if (path.endsWith(":testIamPermissions")) {
      const { permissions } = (await request.json()) as { readonly permissions: readonly string[] };
      return Response.json(server.owners.has(caller) ? { permissions } : {});
    }
    if (of !== undefined) {
      return Response.json({ name: `projects/${of.projectNumber}`, projectId: of.projectId, state: "ACTIVE" });
    }
    return googleFault(404, "NOT_FOUND", "not found", "notFound");
  }

  const listener = Bun.serve({ hostname: "127.0.0.1", port: 0, tls: { cert: certificate, key }, fetch: answer });
  const url = `https://127.0.0.1:${listener.port}`;
  const server: GoogleServer = {
    variables: {
      ...Object.fromEntries(
        services.map((service) => [`CLOUDSDK_API_ENDPOINT_OVERRIDES_${service.toUpperCase()}`, `${url}/${service}/`]),
      ),
      CLOUDSDK_AUTH_TOKEN_HOST: `${url}/token`,
      GOOGLE_APPLICATION_CREDENTIALS: person,
      REQUESTS_CA_BUNDLE: bundle,
    },
    url,
    folder,
    asked,
    forms,
    acts,
    owners: new Set(),
    api: () => undefined,
    tokens: () => undefined,
    async close() {
      await listener.stop(true);
      await rm(folder, { recursive: true, force: true });
    },
  };
  return server;
}

/** The variables of a job of GitHub with this subject. */
export function jobVariables({ url }: GoogleServer, subject: string): Readonly<Record<string, string>> {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = `${part({ alg: "RS256" })}.${part({ sub: `repo:example/fleet:${subject}` })}.signature`;
  return {
    GOOGLE_APPLICATION_CREDENTIALS: "",
    ACTIONS_ID_TOKEN_REQUEST_URL: `${url}/github?token=${token}`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "bearer-of-the-job",
  };
}

export function googleFault(
  status: number,
  code: string,
  message: string,
  reason: string,
  more: { readonly headers?: Readonly<Record<string, string>>; readonly details?: readonly object[] } = {},
): Response {
  const { headers = {}, details = [] } = more;
  const error = { code: status, message, status: code, errors: [{ message, domain: "global", reason }], details };
  return Response.json({ error }, { status, headers });
}

export function oauthFault(error: string, description: string): Response {
  return Response.json({ error, error_description: description }, { status: 400 });
}
