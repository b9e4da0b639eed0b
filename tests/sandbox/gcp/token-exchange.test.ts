import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { type JWTPayload, SignJWT } from "jose";
import { type GithubClaims, mintGithubToken } from "#sandbox/cloud/github.ts";
import { publishKeys } from "#sandbox/cloud/issuers.ts";
import type { Json } from "#sandbox/gcp/api/behaviour.ts";
import { createClusterPool } from "#sandbox/gcp/iam/federations.ts";
import { callerOf } from "#sandbox/gcp/oauth/access-tokens.ts";
import { exchangeToken } from "#sandbox/gcp/oauth/federation.ts";
import {
  call,
  cloudPlatform,
  mgmt,
  openTestGcp,
  refusalOf,
  type TestGcp,
  tenant,
} from "#tests/sandbox/gcp/test-cloud.ts";

const pools = `projects/${mgmt.number}/locations/global/workloadIdentityPools`;
const pool = `${pools}/k8s-multicluster-gitops`;
const audience = `//iam.googleapis.com/${pool}/providers/github`;
const prefix = "iam.projects.locations.workloadIdentityPools";
const inPool = { locationsId: "global", workloadIdentityPoolsId: "k8s-multicluster-gitops" };
const ofProvider = { ...inPool, providersId: "github" };
const github = {
  attributeMapping: {
    "google.subject": `"repo:" + assertion.repository_id + ":" + assertion.ref`,
    "attribute.repository_id": "assertion.repository_id",
    "attribute.ref": "assertion.ref",
  },
  attributeCondition: `assertion.repository_id == '1000000001' && assertion.repository_owner_id == '2000000002' && assertion.ref == 'refs/heads/main'`,
  oidc: { issuerUri: "https://token.actions.githubusercontent.com" },
};

let gcp: TestGcp;
beforeAll(async () => {
  gcp = openTestGcp();
  await create("k8s-multicluster-gitops");
  await createProvider("github", github);
  gcp.advance(61_000);
});
afterAll(() => gcp.close());

const create = (workloadIdentityPoolId: string) =>
  call(gcp.cloud, `${prefix}.create`, mgmt.projectId, {
    params: { locationsId: "global" },
    query: { workloadIdentityPoolId },
  });

const createProvider = (workloadIdentityPoolProviderId: string, body: Json) =>
  call(gcp.cloud, `${prefix}.providers.create`, mgmt.projectId, {
    params: inPool,
    query: { workloadIdentityPoolProviderId },
    body,
  });

const mint = (claims: GithubClaims = {}) => mintGithubToken(gcp.cloud, { aud: `https:${audience}`, ...claims });

function exchange(subjectToken: string, fields: Json = {}): Promise<Json> {
  return exchangeToken(gcp.cloud, {
    grantType: "urn:ietf:params:oauth:grant-type:token-exchange",
    requestedTokenType: "urn:ietf:params:oauth:token-type:access_token",
    subjectTokenType: "urn:ietf:params:oauth:token-type:jwt",
    audience,
    scope: cloudPlatform,
    subjectToken,
    ...fields,
  });
}

describe("the token of a job of GitHub", () => {
  test("becomes an access token for its principal and attributes", async () => {
    const { access_token, ...answer } = await exchange(await mint());
    expect(answer).toEqual({
      issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
      token_type: "Bearer",
      expires_in: 3_599,
    });
    const principal = `principal://iam.googleapis.com/${pool}/subject/repo:1000000001:refs/heads/main`;
    const set = `principalSet://iam.googleapis.com/${pool}`;
    expect(callerOf(gcp.cloud, String(access_token))).toEqual({
      name: principal,
      members: [
        principal,
        `${set}/*`,
        `${set}/attribute.repository_id/1000000001`,
        `${set}/attribute.ref/refs/heads/main`,
      ],
      scopes: [cloudPlatform],
    });
  });

  test.each([
    ["the new form of the subject", { sub: "repo:example@2000000002/k8s@1000000001:ref:refs/heads/main" }],
    ["an audience without https:", { aud: audience }],
    ["two audiences, one of them right", { aud: ["another", `https:${audience}`] }],
  ] as const)("is accepted with %s", async (_, claims) => {
    expect(await exchange(await mint(claims))).toMatchObject({ token_type: "Bearer" });
  });

  const rejected = ["unauthorized_client", "The given credential is rejected by the attribute condition."] as const;
  test.each([
    ["another repository", { repository_id: "1" }, ...rejected],
    ["another owner", { repository_owner_id: "3" }, ...rejected],
    ["another branch", { ref: "refs/heads/feature" }, ...rejected],
    ["an id that is a number", { repository_owner_id: 2_000_000_002 }, ...rejected],
    ["another audience", { aud: "sts.amazonaws.com" }, "invalid_grant", "The audience in ID Token [sts.amazonaws.com]"],
    ["another issuer", { iss: "https://token.example.com" }, "invalid_grant", "The issuer in ID Token"],
    ["a long subject", { ref: `refs/heads/${"x".repeat(120)}` }, "invalid_request", "exceeds the 127 bytes limit"],
  ] as const)("is refused with %s", async (_, claims, code, message) => {
    expect(await refusalOf(async () => exchange(await mint(claims)))).toEqual({
      status: 400,
      code,
      message: expect.stringContaining(message),
    });
  });

  test("is refused after its end, and when it is changed, unsigned or signed by somebody else", async () => {
    const now = Math.floor(gcp.cloud.now().getTime() / 1_000);
    expect(await refusalOf(async () => exchange(await mint({ iat: now - 600, exp: now - 1 })))).toMatchObject({
      code: "invalid_grant",
      message: `ID Token issued at ${now - 600} is stale to sign-in.`,
    });
    const [head = "", body = "", signature = ""] = (await mint()).split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as JWTPayload;
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    for (const token of [
      `${head}.${encode({ ...claims, jti: "2" })}.${signature}`,
      `${encode({ alg: "none" })}.${body}.`,
      await new SignJWT(claims).setProtectedHeader({ alg: "RS256" }).sign(privateKey),
    ]) {
      expect(await refusalOf(() => exchange(token))).toMatchObject({ status: 400, code: "invalid_grant" });
    }
    expect(await refusalOf(() => exchange("garbage"))).toMatchObject({ code: "invalid_request" });
  });
});

describe("the audience of an exchange", () => {
  test.each([
    ["has the project's id", audience.replace(mgmt.number, mgmt.projectId), "invalid_target"],
    ["has another project's number", audience.replace(mgmt.number, tenant.number), "invalid_target"],
    ["names a pool that is not there", audience.replace("k8s-multicluster-gitops", "another"), "invalid_target"],
    ["names a provider that is not there", `${audience}-2`, "invalid_target"],
    ["is the one of the token", `https:${audience}`, "invalid_request"],
    ["is the pool", `//iam.googleapis.com/${pool}`, "invalid_request"],
    ["is empty", "", "invalid_request"],
  ])("is refused when it %s", async (_, wrong, code) => {
    expect(await refusalOf(async () => exchange(await mint(), { audience: wrong }))).toMatchObject({
      status: 400,
      code,
    });
  });
});

test.each([
  [{ grantType: "client_credentials" }],
  [{ requestedTokenType: "urn:ietf:params:oauth:token-type:id_token" }],
  [{ subjectTokenType: "urn:ietf:params:aws:token-type:aws4_request" }],
  [{ scope: "" }],
])("an exchange with %p is an invalid request", async (fields) => {
  expect(await refusalOf(async () => exchange(await mint(), fields))).toMatchObject({ code: "invalid_request" });
});

describe("a provider", () => {
  const mapping = (more: object) => ({ ...github, attributeMapping: { ...github.attributeMapping, ...more } });

  test.each([
    [
      "a mapped claim that is missing",
      mapping({ "attribute.environment": "assertion.environment" }),
      "invalid_request",
    ],
    ["a subject that is no text", mapping({ "google.subject": "assertion.ref == 'x'" }), "unauthorized_client"],
    ["audiences of its own", { ...github, oidc: { ...github.oidc, allowedAudiences: ["mine"] } }, "invalid_grant"],
    ["the issuer with a slash", { ...github, oidc: { issuerUri: `${github.oidc.issuerUri}/` } }, "invalid_grant"],
    ["a condition on what is missing", { ...github, attributeCondition: "assertion.x == 'y'" }, "unauthorized_client"],
    ["disabled", { ...github, disabled: true }, "invalid_target"],
  ] as const)("with %s refuses a token", async (name, body, code) => {
    const id = name.replaceAll(/[^a-z]+/g, "-").slice(0, 32);
    await createProvider(id, body);
    gcp.advance(61_000);
    const other = `//iam.googleapis.com/${pool}/providers/${id}`;
    const token = await mint({ aud: `https:${other}` });
    expect(await refusalOf(() => exchange(token, { audience: other }))).toMatchObject({ status: 400, code });
  });

  test("counts a minute after it is created or changed", async () => {
    await createProvider("later", github);
    const other = `//iam.googleapis.com/${pool}/providers/later`;
    const ask = async () => exchange(await mint({ aud: `https:${other}` }), { audience: other });
    expect(await refusalOf(ask)).toMatchObject({ code: "invalid_target" });
    gcp.advance(61_000);
    await ask();
  });

  test("ends the access of its tokens when it or its pool is deleted, and gives it back", async () => {
    const { access_token } = await exchange(await mint());
    const caller = () => callerOf(gcp.cloud, String(access_token)).name;
    expect(caller()).toContain("principal://");
    for (const [path, params] of [
      [`${prefix}.providers`, ofProvider],
      [prefix, inPool],
    ] as const) {
      await call(gcp.cloud, `${path}.delete`, mgmt.projectId, { params });
      expect(await refusalOf(caller)).toMatchObject({ status: 401 });
      expect(await refusalOf(async () => exchange(await mint()))).toMatchObject({ code: "invalid_target" });
      await call(gcp.cloud, `${path}.undelete`, mgmt.projectId, { params });
      gcp.advance(61_000);
    }
    await exchange(await mint());
  });
});

test("a pod of GKE is a principal of the pool of its cluster's project", async () => {
  const issuer = `container.googleapis.com/v1/projects/${tenant.projectId}/locations/us-east1/clusters/k01`;
  const poolId = `${tenant.projectId}.svc.id.goog`;
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  publishKeys(gcp.cloud, issuer, [{ ...publicKey.export({ format: "jwk" }), kid: "1", alg: "RS256" }]);
  const now = Math.floor(gcp.cloud.now().getTime() / 1_000);
  const token = (aud: string) =>
    new SignJWT({ iss: `https://${issuer}`, aud, sub: "system:serviceaccount:external-dns:external-dns" })
      .setIssuedAt(now)
      .setExpirationTime(now + 3_600)
      .setProtectedHeader({ alg: "RS256", kid: "1" })
      .sign(privateKey);
  const ask = async (aud = poolId) =>
    exchange(await token(aud), { audience: `identitynamespace:${poolId}:https://${issuer}` });
  expect(await refusalOf(ask)).toMatchObject({ code: "invalid_target" });
  createClusterPool(gcp.cloud, tenant.projectId);
  expect(await refusalOf(() => ask("https://kubernetes.default.svc"))).toMatchObject({ code: "invalid_grant" });
  const { access_token } = await ask();
  expect(callerOf(gcp.cloud, String(access_token)).members).toEqual([
    `principal://iam.googleapis.com/projects/${tenant.number}/locations/global/workloadIdentityPools/${poolId}/subject/ns/external-dns/sa/external-dns`,
    `principalSet://iam.googleapis.com/projects/${tenant.number}/locations/global/workloadIdentityPools/${poolId}/namespace/external-dns`,
  ]);
});
