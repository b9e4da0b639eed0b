import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClientAssertionCredential, ClientSecretCredential } from "@azure/identity";
import { armAudiences, callerOf } from "#sandbox/azure/entra/access-tokens.ts";
import { administratorOf } from "#sandbox/azure/entra/administrators.ts";
import { createPrincipal, type Principal } from "#sandbox/azure/entra/directory.ts";
import { answerEntra } from "#sandbox/azure/entra/endpoint.ts";
import { mintGithubToken } from "#sandbox/cloud/github.ts";
import { type HttpServer, openHttpServer } from "#sandbox/cloud/http-server.ts";
import { openTls } from "#sandbox/cloud/tls.ts";
import { group, openTestAzure, store, type TestAzure, tenant } from "#tests/sandbox/azure/test-cloud.ts";

const scope = "https://management.azure.com/.default";
const identityType = "Microsoft.ManagedIdentity/userAssignedIdentities";
const subject = "repo:example/k8s-multicluster-gitops:ref:refs/heads/main";
const audience = "api://AzureADTokenExchange";

let azure: TestAzure;
let server: HttpServer;
let folder: string;
let ca: string;
let identity: Principal;
beforeAll(async () => {
  azure = openTestAzure();
  folder = await mkdtemp(join(tmpdir(), "azure-identity-"));
  const tls = await openTls(folder, "azure", []);
  ca = await readFile(tls.authorityPath, "utf8");
  server = await openHttpServer({
    tls,
    api: () => ({
      operationOf: () => undefined,
      handle: async (request) => ({ response: await answerEntra(azure.cloud, request), account: "", caller: "" }),
      refuse: () => new Response(),
      readErrorCode: async () => undefined,
    }),
  });
  identity = createPrincipal(azure.cloud, tenant, "jobs");
  const id = `${group}/providers/${identityType}/jobs`;
  store(azure.cloud, id, identityType, { properties: { principalId: identity.objectId } });
  store(azure.cloud, `${id}/federatedIdentityCredentials/main`, `${identityType}/federatedIdentityCredentials`, {
    properties: { issuer: "https://token.actions.githubusercontent.com", subject, audiences: [audience] },
    hidden: { effective: new Date(0).toISOString() },
  });
});
afterAll(async () => {
  await server.stop();
  azure.close();
  await rm(folder, { recursive: true, force: true });
});

const options = () => ({ authorityHost: server.endpoint, disableInstanceDiscovery: true, tlsOptions: { ca } });
const bySecret = (secret: string, id = administratorOf(tenant).clientId) =>
  new ClientSecretCredential(tenant, id, secret, options());
const byAssertion = (claims: Readonly<Record<string, string>>) =>
  new ClientAssertionCredential(
    tenant,
    identity.clientId,
    () => mintGithubToken(azure.cloud, { aud: audience, sub: subject, ...claims }),
    options(),
  );

test("@azure/identity signs in with a client secret", async () => {
  const { token, expiresOnTimestamp } = await bySecret(administratorOf(tenant).secret).getToken(scope);
  expect(await callerOf(azure.cloud, token, armAudiences)).toMatchObject({
    objectId: administratorOf(tenant).objectId,
    tenant,
  });
  expect(expiresOnTimestamp - Date.now()).toBeWithin(3_500_000, 3_600_000);
});

test("@azure/identity signs in with the token of a job of GitHub", async () => {
  const { token } = await byAssertion({}).getToken(scope);
  expect(await callerOf(azure.cloud, token, armAudiences)).toMatchObject({ appId: identity.clientId });
});

test.each([
  ["another secret", () => bySecret("wrong"), "invalid_client", 7000215],
  ["an unknown client", () => bySecret("x", "55555555-5555-4555-8555-555555555555"), "unauthorized_client", 700016],
  ["a job that nothing trusts", () => byAssertion({ sub: `${subject}-2` }), "invalid_client", 700213],
] as const)("@azure/identity reads why %s is refused", async (_, credential, error, code) => {
  await expect(credential().getToken(scope)).rejects.toThrow(
    new RegExp(`^${error}: Error\\(s\\): ${code} - .* Description: AADSTS${code}: `),
  );
});
