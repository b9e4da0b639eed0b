import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { decodeJwt, type JWTPayload, SignJWT } from "jose";
import { ArmFault } from "#sandbox/azure/arm/kind.ts";
import { armAudiences, callerOf } from "#sandbox/azure/entra/access-tokens.ts";
import { administratorOf } from "#sandbox/azure/entra/administrators.ts";
import { createPrincipal, joinGroup, type Principal, removePrincipal } from "#sandbox/azure/entra/directory.ts";
import { aksServerApp, answerEntra, isEntraPath } from "#sandbox/azure/entra/endpoint.ts";
import { federatedCredentialType, identityType } from "#sandbox/azure/entra/federation.ts";
import { entraOperations } from "#sandbox/azure/entra/operations.ts";
import { answerGithubJob, type GithubClaims, mintGithubToken } from "#sandbox/cloud/github.ts";
import { publishKeys } from "#sandbox/cloud/issuers.ts";
import { group, openTestAzure, otherTenant, store, type TestAzure, tenant } from "#tests/sandbox/azure/test-cloud.ts";

const audience = "api://AzureADTokenExchange";
const issuer = "https://token.actions.githubusercontent.com";
const subject = "repo:example/k8s-multicluster-gitops:ref:refs/heads/main";
const identityId = `${group}/providers/${identityType}/jobs`;
const armScope = "https://management.azure.com/.default";

let azure: TestAzure;
let identity: Principal;
const administrator = administratorOf(tenant);
beforeAll(() => {
  azure = openTestAzure();
  identity = createPrincipal(azure.cloud, tenant, "jobs");
  store(azure.cloud, identityId, identityType, { properties: { principalId: identity.objectId } });
  trust("main", issuer, subject);
});
afterAll(() => azure.close());

function trust(name: string, from: string, who: string, effectiveInMs = -1): void {
  store(azure.cloud, `${identityId}/federatedIdentityCredentials/${name}`, federatedCredentialType, {
    properties: { issuer: from, subject: who, audiences: [audience] },
    hidden: { effective: new Date(azure.cloud.now().getTime() + effectiveInMs).toISOString() },
  });
}

interface Answer {
  readonly status: number;
  readonly access_token?: string;
  readonly error?: string;
  readonly error_description?: string;
  readonly error_codes?: readonly number[];
  readonly [field: string]: unknown;
}

async function ask(
  fields: Readonly<Record<string, string>>,
  path = `/${tenant}/oauth2/v2.0/token`,
  method = "POST",
): Promise<Answer> {
  const url = new URL(`https://login.microsoftonline.com${path}`);
  const form = { grant_type: "client_credentials", scope: armScope, ...fields };
  const body = new URLSearchParams(form).toString();
  const headers = { host: "login.microsoftonline.com" };
  const response = await answerEntra(azure.cloud, { method, url, headers, body });
  return { status: response.status, ...((await response.json()) as object) };
}

const bySecret = (client_secret = administrator.secret, client_id = administrator.clientId) =>
  ({ client_id, client_secret }) as const;

const byAssertion = (client_assertion: string, client_id = identity.clientId) => ({
  client_id,
  client_assertion,
  client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
});

interface Operated {
  readonly objectId: string;
  readonly env: Readonly<Record<string, string>>;
}

function operate(operation: string, input: Readonly<Record<string, string>>): Operated {
  const run = entraOperations(azure.cloud)[operation];
  if (run === undefined) throw new Error(`there is no operation ${operation}`);
  return run(input, "https://127.0.0.1:1") as Operated;
}

const mint = (claims: GithubClaims = {}) => mintGithubToken(azure.cloud, { aud: audience, sub: subject, ...claims });
const now = () => Math.floor(azure.cloud.now().getTime() / 1_000);

describe("a client secret", () => {
  test("gets an access token of an hour", async () => {
    const { access_token = "", ...answer } = await ask(bySecret());
    expect(answer).toEqual({ status: 200, token_type: "Bearer", expires_in: 3_599, ext_expires_in: 3_599 });
    const claims = decodeJwt(access_token);
    expect(claims).toMatchObject({
      aud: "https://management.azure.com",
      iss: `https://sts.windows.net/${tenant}/`,
      oid: administrator.objectId,
      appid: administrator.clientId,
      tid: tenant,
      idtyp: "app",
    });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(3_600);
    expect(await callerOf(azure.cloud, access_token, armAudiences)).toEqual({
      tenant,
      objectId: administrator.objectId,
      appId: administrator.clientId,
      groups: [],
    });
  });

  test.each([
    ["https://management.core.windows.net//.default", "https://management.core.windows.net/"],
    [`openid offline_access ${aksServerApp}/.default profile`, aksServerApp],
  ])("is for the audience of the scope %s", async (scope, aud) => {
    const { access_token = "" } = await ask({ ...bySecret(), scope });
    expect(decodeJwt(access_token).aud).toBe(aud);
  });

  test("also works at the endpoint of version 1", async () => {
    const path = `/${tenant}/oauth2/token`;
    const answer = await ask({ ...bySecret(), resource: "https://management.core.windows.net/" }, path);
    expect(answer).toMatchObject({ expires_in: "3599", resource: "https://management.core.windows.net/" });
  });

  test.each([
    ["a wrong secret", bySecret("wrong"), 401, "invalid_client", 7000215],
    ["an unknown client", bySecret("x", randomUUID()), 400, "unauthorized_client", 700016],
    ["no secret", { client_id: administrator.clientId }, 401, "invalid_client", 7000218],
    ["no client", {}, 400, "invalid_request", 900144],
    ["another grant", { ...bySecret(), grant_type: "password" }, 400, "unsupported_grant_type", 70003],
    ["a scope of no resource", { ...bySecret(), scope: "openid" }, 400, "invalid_scope", 1002012],
    ["an unknown resource", { ...bySecret(), scope: "https://x.example/.default" }, 400, "invalid_resource", 500011],
  ])("is refused with %s", async (_, fields, status, error, code) => {
    const answer = await ask(fields);
    expect(answer).toMatchObject({ status, error, error_codes: [code] });
    expect(answer.error_description).toMatch(
      new RegExp(
        `^AADSTS${code}: .* Trace ID: [0-9a-f-]{36} Correlation ID: [0-9a-f-]{36} Timestamp: [0-9-]{10} [0-9:]{8}Z$`,
      ),
    );
  });

  test("is refused in a tenant that is not there, and in one that does not have the client", async () => {
    const nowhere = randomUUID();
    expect(await ask(bySecret(), `/${nowhere}/oauth2/v2.0/token`)).toMatchObject({
      error_codes: [90002],
      error_description: expect.stringContaining(`Tenant '${nowhere}' not found.`),
    });
    expect(await ask(bySecret(), `/${otherTenant}/oauth2/v2.0/token`)).toMatchObject({ error_codes: [700016] });
  });
});

describe("the token of a job of GitHub", () => {
  test("makes the job the managed identity that trusts it", async () => {
    const { access_token = "" } = await ask(byAssertion(await mint()));
    const caller = await callerOf(azure.cloud, access_token, armAudiences);
    expect(caller).toEqual({ tenant, objectId: identity.objectId, appId: identity.clientId, groups: [] });
  });

  test("is given to the job for the audience that it asks for", async () => {
    const { env } = operate("github-job", { sub: subject });
    const url = new URL(`${env.ACTIONS_ID_TOKEN_REQUEST_URL}?audience=${audience}`);
    const headers = { authorization: `Bearer ${env.ACTIONS_ID_TOKEN_REQUEST_TOKEN}` };
    const response = await answerGithubJob(azure.cloud, { method: "GET", url, headers });
    const { value } = (await response.json()) as { readonly value: string };
    expect(await ask(byAssertion(value))).toMatchObject({ status: 200 });
  });

  test.each([
    ["another subject", { sub: `${subject}-evil` }, 700213, `subject '${subject}-evil'`],
    ["a subject in other case", { sub: subject.toUpperCase() }, 7002138, "not with case-sensitive comparison"],
    ["a subject with the repository's id", { sub: "repo:example@1/k8s@2:ref:refs/heads/main" }, 700213, "subject"],
    ["another audience", { aud: "sts.amazonaws.com" }, 700212, "audience 'sts.amazonaws.com'"],
    ["another issuer", { iss: "https://token.example.com" }, 700211, "issuer 'https://token.example.com'"],
    ["an issuer with a slash at its end", { iss: `${issuer}/` }, 700211, `issuer '${issuer}/'`],
    ["two audiences", { aud: [audience, "another"] }, 50027, "malformed"],
    ["no time to end", { exp: "soon" }, 50027, "malformed"],
  ] as const)("is refused with %s", async (_, claims, code, text) => {
    const answer = await ask(byAssertion(await mint(claims)));
    expect(answer).toMatchObject({ error_codes: [code], error_description: expect.stringContaining(text) });
  });

  test("is refused after its end and before its begin", async () => {
    for (const claims of [{ exp: now() - 1 }, { nbf: now() + 60 }]) {
      const answer = await ask(byAssertion(await mint(claims)));
      expect(answer).toMatchObject({ status: 401, error: "invalid_client", error_codes: [700024] });
      expect(answer.error_description).toMatch(
        /not within its valid time range. Current time: \S+Z, assertion valid from/,
      );
    }
  });

  test("is refused when it is changed, unsigned, or signed by somebody else", async () => {
    const [head = "", body = "", signature = ""] = (await mint({ jti: "1" })).split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as JWTPayload;
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    for (const [token, code] of [
      [`${head}.${encode({ ...claims, jti: "2" })}.${signature}`, 50013],
      [`${encode({ alg: "none" })}.${body}.`, 50013],
      [await new SignJWT(claims).setProtectedHeader({ alg: "RS256" }).sign(privateKey), 50013],
      ["garbage", 50027],
    ] as const) {
      expect(await ask(byAssertion(token))).toMatchObject({ error_codes: [code] });
    }
  });

  test("is refused by clients that trust nobody", async () => {
    const token = await mint();
    expect(await ask(byAssertion(token, administrator.clientId))).toMatchObject({ error_codes: [700211] });
  });

  test("is refused with all of its claims until the credential has propagated", async () => {
    const sub = `${subject}-new`;
    trust("new", issuer, sub, 20_000);
    const token = await mint({ sub, exp: now() + 600 });
    const answer = await ask(byAssertion(token));
    expect(answer).toMatchObject({ error_codes: [70021] });
    expect(answer.error_description).toStartWith(
      `AADSTS70021: No matching federated identity record found for presented assertion. Assertion Issuer: '${issuer}'. Assertion Subject: '${sub}'. Assertion Audience: '${audience}'. https://`,
    );
    azure.advance(20_000);
    expect(await ask(byAssertion(token))).toMatchObject({ status: 200 });
  });
});

test("the token of a cluster's service account is verified by the keys that the cluster publishes", async () => {
  const cluster = "https://westeurope.oic.prod-aks.azure.com/t/u/";
  const sub = "system:serviceaccount:external-dns:external-dns";
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  trust("external-dns", cluster, sub);
  const token = await new SignJWT({ iss: cluster, sub, aud: [audience], iat: now(), exp: now() + 60 })
    .setProtectedHeader({ alg: "RS256", kid: "1" })
    .sign(privateKey);
  expect(await ask(byAssertion(token))).toMatchObject({ error_codes: [50166] });
  publishKeys(azure.cloud, cluster.replace("https://", ""), [{ ...publicKey.export({ format: "jwk" }), kid: "1" }]);
  expect(await ask(byAssertion(token))).toMatchObject({ status: 200 });
});

describe("an access token", () => {
  const refusalOf = async (token: string, audiences: readonly string[] = armAudiences): Promise<readonly unknown[]> => {
    const error = await callerOf(azure.cloud, token, audiences).catch((caught: unknown) => caught);
    return error instanceof ArmFault ? [error.status, error.code] : [error];
  };

  test("is only for its audience", async () => {
    const { access_token = "" } = await ask(bySecret());
    expect(await refusalOf(access_token, [aksServerApp])).toEqual([401, "InvalidAuthenticationTokenAudience"]);
    const { access_token: forClusters = "" } = await ask({ ...bySecret(), scope: `${aksServerApp}/.default` });
    expect(await refusalOf(forClusters)).toEqual([401, "InvalidAuthenticationTokenAudience"]);
    expect(await callerOf(azure.cloud, forClusters, [aksServerApp])).toMatchObject({ appId: administrator.clientId });
  });

  test("is not one of somebody else", async () => {
    expect(await refusalOf("garbage")).toEqual([401, "InvalidAuthenticationToken"]);
    expect(await refusalOf(await mint())).toEqual([401, "InvalidAuthenticationToken"]);
  });

  test("ends after an hour, and with its principal", async () => {
    const { objectId, env } = operate("service-principal", { group: "G-1" });
    joinGroup(azure.cloud, tenant, "g-2", objectId);
    const fields = bySecret(env.AZURE_CLIENT_SECRET, env.AZURE_CLIENT_ID);
    const { access_token = "" } = await ask(fields);
    expect(await callerOf(azure.cloud, access_token, armAudiences)).toMatchObject({ groups: ["g-1", "g-2"] });
    azure.advance(3_600_000);
    expect(await refusalOf(access_token)).toEqual([401, "ExpiredAuthenticationToken"]);
    const { access_token: next = "" } = await ask(fields);
    removePrincipal(azure.cloud, tenant, objectId);
    expect(await refusalOf(next)).toEqual([401, "InvalidAuthenticationToken"]);
    expect(await ask(fields)).toMatchObject({ error_codes: [700016] });
  });
});

test("documents lead to the token endpoint and the keys", async () => {
  const get = (path: string) => ask({}, path, "GET");
  expect(await get(`/${tenant}/v2.0/.well-known/openid-configuration`)).toMatchObject({
    token_endpoint: `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`,
    issuer: `https://login.microsoftonline.com/${tenant}/v2.0`,
  });
  expect(await get(`/${tenant}/.well-known/openid-configuration`)).toMatchObject({
    issuer: `https://sts.windows.net/${tenant}/`,
  });
  expect(await get(`/${randomUUID()}/v2.0/.well-known/openid-configuration`)).toMatchObject({
    status: 400,
    error: "invalid_tenant",
    error_codes: [90002],
  });
  expect(await get("/common/discovery/instance")).toMatchObject({ "api-version": "1.1" });
  expect(await get(`/${tenant}/discovery/v2.0/keys`)).toMatchObject({ keys: [{ alg: "RS256", use: "sig" }] });
  expect(isEntraPath(`/subscriptions/${tenant}`)).toBe(false);
});
