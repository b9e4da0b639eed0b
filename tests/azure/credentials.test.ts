import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Calling } from "#lib/azure/clients.ts";
import { createAzureClients } from "#lib/azure/create-clients.ts";
import { chooseCredentials } from "#lib/azure/credentials/choice.ts";
import { adoptEnvironment, readEnvironment } from "#lib/environment.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { makeCertificates } from "#sandbox/kubernetes/certificates.ts";
import {
  type AzureServer,
  account,
  clientId,
  openAzureServer,
  tenantId,
  tokenFor,
} from "#tests/support/azure-server.ts";
import { failureOf } from "#tests/support/failure.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

let server: AzureServer;
let folder: string;
beforeEach(async () => {
  server = await openAzureServer();
  folder = await mkdtemp(join(tmpdir(), "azure-credentials-"));
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const scope = "https://management.azure.com/.default";
/** Variables without credentials. */
const bare = () => {
  const { ARM_METADATA_HOSTNAME = "", REQUESTS_CA_BUNDLE = "" } = server.variables;
  return { ARM_METADATA_HOSTNAME, REQUESTS_CA_BUNDLE };
};
const callerWith = (variables: Readonly<Record<string, string>>, github?: Fleet["github"]) =>
  createAzureClients(github === undefined ? {} : { github }, variables).caller(account);

describe("the source of credentials", () => {
  const secret = { AZURE_CLIENT_ID: "c", AZURE_CLIENT_SECRET: "s" };
  const file = { AZURE_CLIENT_ID: "c", AZURE_FEDERATED_TOKEN_FILE: "/token" };
  const job = { ACTIONS_ID_TOKEN_REQUEST_URL: "https://github", AZURE_CLIENT_ID: "c" };
  test.each([
    ["a secret", secret, "secret"],
    ["a certificate", { AZURE_CLIENT_ID: "c", AZURE_CLIENT_CERTIFICATE_PATH: "/pem" }, "certificate"],
    ["a pod's token", file, "file"],
    ["a job of GitHub", job, "github"],
    ["a job that may read", { ...job, AZURE_CLIENT_ID: "", AZURE_READ_ONLY_CLIENT_ID: "r" }, "github"],
    ["a managed identity", { IDENTITY_ENDPOINT: "http://127.0.0.1" }, "managed identity"],
    ["az", {}, "az"],
    ["az beside an id of a client", { AZURE_CLIENT_ID: "c", AZURE_TENANT_ID: "t" }, "az"],
    ["az by name", { ...secret, AZURE_TOKEN_CREDENTIALS: "azureclicredential" }, "az"],
    [
      "a managed identity by name",
      { ...secret, AZURE_TOKEN_CREDENTIALS: "ManagedIdentityCredential" },
      "managed identity",
    ],
    ["a secret before all others", { ...job, ...file, ...secret }, "secret"],
  ])("is %s", (_, variables, kind) => {
    expect(chooseCredentials(variables).kind).toBe(kind as "az");
  });

  test.each([
    ["a chain", { AZURE_TOKEN_CREDENTIALS: "prod" }, "AZURE_TOKEN_CREDENTIALS names prod"],
    ["a secret of nobody", { AZURE_CLIENT_SECRET: "s" }, "AZURE_CLIENT_ID"],
    ["a pod without a client", { AZURE_FEDERATED_TOKEN_FILE: "/token" }, "AZURE_CLIENT_ID"],
    ["a job without a client", { ACTIONS_ID_TOKEN_REQUEST_URL: "https://github" }, "AZURE_CLIENT_ID"],
    [
      "a name without its variables",
      { AZURE_CLIENT_ID: "c", AZURE_TOKEN_CREDENTIALS: "WorkloadIdentityCredential" },
      "AZURE_FEDERATED_TOKEN_FILE",
    ],
  ])("is never guessed: %s", async (_, variables, named) => {
    const failure = await failureOf(() => chooseCredentials(variables));
    expect([failure.code, failure.message]).toEqual(["CredentialsMissing", expect.stringContaining(named)]);
  });
});

describe("a sign-in", () => {
  test("by secret asks for one token, whoever needs it, and leaks nothing", async () => {
    const azure = createAzureClients({}, server.variables);
    const [one, two] = await Promise.all([azure.caller(account), azure.token(account, scope)]);
    expect([one.name, two.expires.getTime() > Date.now()]).toEqual([clientId, true]);
    expect(server.forms.map((form) => form.get("client_secret"))).toEqual(["a-secret-of-the-test"]);
    await azure.token(account, "6dae42f8-4368-4678-94ff-3960e28e3630/.default");
    expect(server.forms.length).toBe(2);
  });

  test("by certificate signs an assertion", async () => {
    const { certificate } = await makeCertificates({ dns: ["client"], ip: [] });
    // Entra takes RSA alone.
    const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" });
    const path = join(folder, "client.pem");
    await Bun.write(path, `${key}${certificate}`);
    const variables = { ...bare(), AZURE_CLIENT_ID: clientId, AZURE_CLIENT_CERTIFICATE_PATH: path };
    expect((await callerWith(variables)).name).toBe(clientId);
    expect(server.forms[0]?.get("client_assertion")).toStartWith("ey");
    const failure = await failureOf(callerWith({ ...variables, AZURE_CLIENT_CERTIFICATE_PATH: "/absent.pem" }));
    expect([failure.code, failure.details.join()]).toEqual([
      "CredentialsMissing",
      expect.stringContaining("/absent.pem"),
    ]);
  });

  test("by a pod's token sends what the file holds now", async () => {
    const path = join(folder, "token");
    await Bun.write(path, "first\n");
    const variables = { ...bare(), AZURE_CLIENT_ID: clientId, AZURE_FEDERATED_TOKEN_FILE: path };
    await callerWith(variables);
    await Bun.write(path, "second\n");
    await callerWith(variables);
    expect(server.forms.map((form) => form.get("client_assertion"))).toEqual(["first", "second"]);
    expect((await failureOf(callerWith({ ...variables, AZURE_FEDERATED_TOKEN_FILE: "/absent" }))).code).toBe(
      "CredentialsMissing",
    );
  });

  test("by GitHub's token is as the identity that the job may be, with one token for all", async () => {
    const asked: string[] = [];
    let subject = "repo:o/r:ref:refs/heads/main";
    const github = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        asked.push(`${request.headers.get("authorization")} ${new URL(request.url).searchParams.get("audience")}`);
        return Response.json({ value: tokenFor({ sub: subject }) });
      },
    });
    try {
      const job = {
        ...bare(),
        ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${github.port}/?v=1`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: "bearer",
        AZURE_CLIENT_ID: clientId,
      };
      const azure = createAzureClients({}, job);
      await azure.caller(account);
      await azure.token(account, "other/.default");
      expect(asked).toEqual(["Bearer bearer api://AzureADTokenExchange"]);
      expect(server.forms.map((form) => form.get("client_id"))).toEqual([clientId, clientId]);

      subject = "repo:o/r:pull_request";
      const trust = { repository: "o/r", repositoryId: "1", ownerId: "2", claims: [], readClaims: ["pull_request"] };
      const reading = { ...job, AZURE_READ_ONLY_CLIENT_ID: "reader" };
      expect((await callerWith(reading, trust as unknown as Fleet["github"])).name).toBe("reader");
      server.entra = () => {
        const error_description = `AADSTS700213: No matching federated identity record found for presented assertion subject '${subject}'.`;
        return Response.json({ error: "invalid_client", error_description }, { status: 401 });
      };
      const hintFor = async () =>
        String((await failureOf(callerWith(reading, trust as unknown as Fleet["github"]))).hint);
      expect(await hintFor()).toContain("the fleet names this subject: its credential is missing");
      subject = "repo:o/r:ref:refs/heads/other";
      const full = await failureOf(callerWith(job, trust as unknown as Fleet["github"]));
      expect(String(full.hint)).toContain("the fleet names only no subject");
      subject = "repo:o/r:pull_request";
      const failure = await failureOf(callerWith(job, trust as unknown as Fleet["github"]));
      expect([failure.code, failure.message]).toEqual([
        "CredentialsMissing",
        expect.stringContaining("AZURE_READ_ONLY_CLIENT_ID"),
      ]);
    } finally {
      await github.stop(true);
    }
  });

  test("by managed identity asks the service that runs this", async () => {
    const asked: string[] = [];
    const service = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        const { searchParams } = new URL(request.url);
        asked.push(
          `${request.headers.get("x-identity-header")} ${searchParams.get("resource")} ${searchParams.get("client_id")}`,
        );
        const expires = Math.floor(Date.now() / 1_000) + 3_600;
        return Response.json({
          access_token: tokenFor({ appid: "managed", idtyp: "app" }),
          expires_on: String(expires),
          token_type: "Bearer",
          resource: "r",
        });
      },
    });
    const endpoint = `http://127.0.0.1:${service.port}/token`;
    const variables = { ...bare(), IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: "header", AZURE_CLIENT_ID: "id" };
    // The library reads these in the process.
    adoptEnvironment(readEnvironment(variables));
    try {
      expect((await callerWith(variables)).name).toBe("managed");
      expect(asked).toEqual(["header https://management.azure.com id"]);
    } finally {
      adoptEnvironment(readEnvironment({ IDENTITY_ENDPOINT: "", IDENTITY_HEADER: "", AZURE_CLIENT_ID: "" }));
      await service.stop(true);
    }
  });
});

describe("az", () => {
  /** A program of that name. */
  const withAz = async (script: string) => {
    await Bun.write(join(folder, "az"), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, "az"), 0o700);
    return { ...bare(), PATH: `${folder}:/usr/bin:/bin`, HOME: folder };
  };
  const answer = (
    claims: Readonly<Record<string, unknown>>,
    expires: unknown = Math.floor(Date.now() / 1_000) + 3_000,
  ) =>
    `printf '%s' '${JSON.stringify({ accessToken: tokenFor(claims), expires_on: expires, expiresOn: "2030-01-01 00:00:00.000000" })}'`;

  test("is asked for the account's tenant, never twice at once", async () => {
    const log = join(folder, "log");
    const variables = await withAz(
      `mkdir ${folder}/busy || exit 9\necho "$*" >> ${log}\nsleep 0.1\nrmdir ${folder}/busy\n${answer({ upn: "ann@example.org", idtyp: "user" })}`,
    );
    const azure = createAzureClients({}, variables);
    const [caller] = await Promise.all([azure.caller(account), azure.token(account, "other/.default")]);
    expect(caller).toEqual({ kind: "user", tenantId, objectId: "object", name: "ann@example.org" });
    const called = (await Bun.file(log).text()).trim().split("\n").sort();
    const words = (asked: string) => `account get-access-token --output json --scope ${asked} --tenant ${tenantId}`;
    expect(called).toEqual([words(scope), words("other/.default")]);
    const old = createAzureClients({}, await withAz(answer({ upn: "ann@example.org" }, null)));
    expect((await old.token(account, scope)).expires.getFullYear()).toBe(2030);
  });

  test.each([
    [
      "signed out",
      "echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1",
      "CredentialsMissing",
      "not signed in",
    ],
    [
      "a session that has ended",
      "echo 'ERROR: AADSTS700082: The refresh token has expired. Please run: az login' >&2; exit 1",
      "SessionExpired",
      "AADSTS700082",
    ],
    ["another answer", "echo hello", "CredentialsMissing", "gives no token"],
    ["the token of another tenant", "TENANT", "WrongAccount", "elsewhere"],
  ])("%s is explained", async (_, script, code, said) => {
    const variables = await withAz(script === "TENANT" ? answer({ tid: "elsewhere" }) : script);
    const failure = await failureOf(callerWith(variables));
    expect([failure.code, failure.message]).toEqual([code, expect.stringContaining(said)]);
    expect(failure.hint).toContain(`az login --tenant ${tenantId}`);
  });

  test("is missing on this computer", async () => {
    const failure = await failureOf(callerWith({ ...bare(), PATH: folder }));
    expect([failure.code, failure.message]).toEqual(["CredentialsMissing", expect.stringContaining("no Azure CLI")]);
  });
});

describe("a refusal of Entra", () => {
  const unknown = `AADSTS70021: No matching federated identity record found for presented assertion. Assertion Issuer: 'https://i'. Assertion Subject: 'repo:o/r:x'. Assertion Audience: 'api://AzureADTokenExchange'. https://docs.microsoft.com`;
  const refuse = (text: string) => () =>
    Response.json(
      {
        error: "invalid_client",
        error_description: `${text} Trace ID: t Correlation ID: c`,
        error_codes: [Number(/\d+/.exec(text)?.[0])],
      },
      { status: 401 },
    );

  test.each([
    [unknown, "SignInRefused", "issuer https://i, subject repo:o/r:x, audience api://AzureADTokenExchange"],
    [
      "AADSTS700016: Application with identifier 'x' was not found in the directory 'y'.",
      "SignInRefused",
      "does not know the client",
    ],
    ["AADSTS700024: Client assertion is not within its valid time range.", "SessionExpired", "expired"],
    ["AADSTS7000215: Invalid client secret provided.", "SignInRefused", "secret is wrong"],
    ["AADSTS7000222: The provided client secret keys are expired.", "SignInRefused", "secret has expired"],
    ["AADSTS90002: Tenant 'y' not found.", "WrongAccount", `no tenant ${tenantId}`],
    ["AADSTS53003: Access has been blocked by Conditional Access policies.", "SignInRefused", "AADSTS53003"],
  ])("is explained: %s", async (text, code, said) => {
    server.entra = refuse(text);
    const failure = await failureOf(callerWith(server.variables));
    expect([failure.code, failure.message]).toEqual([code, expect.stringContaining(said)]);
    expect(failure.details).toEqual([text]);
    expect(JSON.stringify([failure.message, failure.hint, failure.details, String(failure.cause)])).not.toContain(
      "a-secret-of-the-test",
    );
  });

  test("of an unknown tenant is explained, although the library hides it", async () => {
    const text = "AADSTS90002: Tenant 'y' not found.";
    server.discovery = () =>
      Response.json({ error: "invalid_tenant", error_description: `${text} Trace ID: t` }, { status: 400 });
    const failure = await failureOf(callerWith(server.variables));
    expect([failure.code, failure.details]).toEqual(["WrongAccount", [text]]);
  });

  test("of an application in another tenant says what can act there", async () => {
    server.entra = refuse("AADSTS700016: Application with identifier 'x' was not found in the directory 'y'.");
    const failure = await failureOf(callerWith({ ...server.variables, AZURE_TENANT_ID: "home" }));
    expect(failure.hint).toContain("it is registered in home. Managed identities act in their own tenant alone");
  });

  test("is waited for only if this run wrote the credential", async () => {
    const clock = virtualClock();
    const said: string[] = [];
    const world: Calling = { clock, signal: new AbortController().signal, progress: (message) => said.push(message) };
    const azure = createAzureClients({}, server.variables, { clock });
    const id = `/subscriptions/${account.subscriptionId}/resourceGroups/g`;
    server.entra = refuse(unknown);
    expect((await failureOf(azure.arm(account).get(world, id))).code).toBe("SignInRefused");
    expect(clock.elapsed()).toBe(0);
    azure.accessChanged(account);
    let left = 10;
    server.entra = () => (left-- > 0 ? refuse(unknown)() : undefined);
    expect(await azure.arm(account).get(world, id)).toBeUndefined();
    expect([clock.elapsed(), said[0]]).toEqual([
      30_000,
      expect.stringContaining("does not know the new federated credential yet"),
    ]);
    server.entra = refuse(unknown);
    const other = createAzureClients({}, server.variables, { clock });
    other.accessChanged(account);
    expect((await failureOf(other.arm(account).get(world, id))).code).toBe("SignInRefused");
    expect(clock.elapsed()).toBeLessThan(160_000);
  });

  test("by throttling is waited for, as of any call", async () => {
    const clock = virtualClock();
    const world: Calling = { clock, signal: new AbortController().signal, progress: () => undefined };
    const azure = createAzureClients({}, server.variables, { clock });
    let left = 2;
    server.entra = () => (left-- > 0 ? Response.json({}, { status: 429, headers: { "retry-after": "5" } }) : undefined);
    await azure.arm(account).get(world, `/subscriptions/${account.subscriptionId}/resourceGroups/g`);
    expect(clock.elapsed()).toBe(10_000);
  });
});

describe("Azure's endpoints", () => {
  test.each([
    ["a stray host", () => ({ ARM_METADATA_HOSTNAME: "evil.example" }), "EndpointRefused", "evil.example"],
    ["a bundle that is missing", () => ({ REQUESTS_CA_BUNDLE: "/absent.pem" }), "CaBundleUnreadable", "/absent.pem"],
    ["an authority that nobody knows", () => ({ REQUESTS_CA_BUNDLE: "" }), "AzureUnreachable", "REQUESTS_CA_BUNDLE"],
  ])("are refused: %s", async (_, variables, code, named) => {
    const failure = await failureOf(callerWith({ ...server.variables, ...variables() }));
    expect([failure.code, `${failure.message} ${failure.hint}`]).toEqual([code, expect.stringContaining(named)]);
  });

  test("are refused if the document sends tokens elsewhere, unless that host is allowed", async () => {
    server.document = (url) => [
      { authentication: { loginEndpoint: "https://login.evil.example/" }, resourceManager: url },
    ];
    const failure = await failureOf(callerWith(server.variables));
    expect([failure.code, failure.hint]).toEqual([
      "EndpointRefused",
      expect.stringContaining("ALLOWED_AZURE_ENDPOINTS=login.evil.example"),
    ]);
    server.document = () => ({ name: "nothing" });
    expect((await failureOf(callerWith(server.variables))).message).toContain("describes no cloud");
  });

  test("are asked for again by a run while their host is away, and not if it refuses", async () => {
    const clock = virtualClock();
    const said: string[] = [];
    const world: Calling = { clock, signal: new AbortController().signal, progress: (message) => said.push(message) };
    const { document } = server;
    let away = 3;
    server.document = (url) => (away-- > 0 ? new Response("", { status: 503 }) : document(url));
    expect((await createAzureClients({}, server.variables, { clock }).caller(account, world)).name).toBe(clientId);
    expect([clock.elapsed(), said.length]).toEqual([6_000, 3]);
    server.document = () => new Response("", { status: 404 });
    const refused = await failureOf(createAzureClients({}, server.variables, { clock }).caller(account, world));
    expect([refused.code, refused.message]).toEqual(["AzureUnreachable", expect.stringContaining("it answers 404")]);
    expect(said.length).toBe(3);
  });

  test("of the public cloud need no call, and placeholders reach none", async () => {
    const { ARM_METADATA_HOSTNAME: _, ...variables } = server.variables;
    const placeholder = { ...account, subscriptionId: "22222222-2222-2222-2222-222222222222" };
    const failure = await failureOf(createAzureClients({}, variables).caller(placeholder));
    expect(failure.code).toBe("PlaceholderAccount");
    expect(server.asked).toEqual([]);
  });
});
