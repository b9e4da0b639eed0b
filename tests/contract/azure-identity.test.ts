import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { ClientAssertionCredential, ClientSecretCredential } from "@azure/identity";
import { fetchGithubToken } from "#lib/cloud/github-token.ts";
import { armAudiences, callerOf } from "#sandbox/azure/entra/access-tokens.ts";
import { administratorOf } from "#sandbox/azure/entra/administrators.ts";
import { type GithubClaims, githubJob } from "#sandbox/cloud/github.ts";
import { type EntraServer, openEntraServer } from "#tests/sandbox/azure/entra-server.ts";
import { tenant } from "#tests/sandbox/azure/test-cloud.ts";

const scope = "https://management.azure.com/.default";
const { clientId, secret, objectId } = administratorOf(tenant);

let entra: EntraServer;
let ca: string;
beforeAll(async () => {
  entra = await openEntraServer();
  ca = await readFile(entra.authorityPath, "utf8");
});
afterAll(async () => await entra.close());

const options = () => ({ authorityHost: entra.endpoint, disableInstanceDiscovery: true, tlsOptions: { ca } });
const bySecret = (text = secret, id = clientId) => new ClientSecretCredential(tenant, id, text, options());
const byAssertion = (claims: GithubClaims = {}) =>
  new ClientAssertionCredential(tenant, entra.identity.clientId, () => entra.mint(claims), options());

test("@azure/identity signs in with a client secret", async () => {
  const { token, expiresOnTimestamp } = await bySecret().getToken(scope);
  expect(await callerOf(entra.azure.cloud, token, armAudiences)).toMatchObject({ objectId, tenant });
  expect(expiresOnTimestamp - Date.now()).toBeWithin(3_500_000, 3_600_000);
});

test("@azure/identity signs in with the token of a job of GitHub", async () => {
  const { token } = await byAssertion().getToken(scope);
  const caller = await callerOf(entra.azure.cloud, token, armAudiences);
  expect(caller).toMatchObject({ appId: entra.identity.clientId });
});

test("a job fetches its token from the sandbox by the authority that the variables name", async () => {
  const job = githubJob({ sub: entra.subject }, entra.endpoint);
  const audience = "api://AzureADTokenExchange";
  const token = await fetchGithubToken({ ...job, REQUESTS_CA_BUNDLE: entra.authorityPath }, audience);
  const credential = new ClientAssertionCredential(tenant, entra.identity.clientId, async () => token ?? "", options());
  expect(await credential.getToken(scope)).toMatchObject({ tokenType: "Bearer" });
  await expect(fetchGithubToken(job, audience)).rejects.toThrow("GitHub gives this job no token");
});

test.each([
  ["another secret", () => bySecret("wrong"), "invalid_client", 7000215],
  ["an unknown client", () => bySecret("x", "55555555-5555-4555-8555-555555555555"), "unauthorized_client", 700016],
  ["a job that nothing trusts", () => byAssertion({ sub: "repo:evil/x:pull_request" }), "invalid_client", 700213],
] as const)("@azure/identity reads why %s is refused", async (_, credential, error, code) => {
  await expect(credential().getToken(scope)).rejects.toThrow(
    new RegExp(`^${error}: Error\\(s\\): ${code} - .* Description: AADSTS${code}: `),
  );
});
