import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { importPKCS8, SignJWT } from "jose";
import type { Json } from "#sandbox/gcp/api/behaviour.ts";
import { callerOf } from "#sandbox/gcp/oauth/access-tokens.ts";
import { userCredentials } from "#sandbox/gcp/oauth/administrators.ts";
import { answerOAuth } from "#sandbox/gcp/oauth/endpoint.ts";
import { oauthOperations } from "#sandbox/gcp/oauth/operations.ts";
import { stringAt } from "#sandbox/json.ts";
import {
  administrator,
  call,
  cloudPlatform,
  createAccount,
  grant,
  mgmt,
  openTestGcp,
  refusalOf,
  serviceAccount,
  type TestGcp,
  tenant,
} from "#tests/sandbox/gcp/test-cloud.ts";

const emailScope = "https://www.googleapis.com/auth/userinfo.email";

let gcp: TestGcp;
let base: string;
let target: string;
beforeEach(async () => {
  gcp = openTestGcp();
  base = await createAccount(gcp, mgmt, "base-account");
  target = await createAccount(gcp, tenant, "target-account");
});
afterEach(() => gcp.close());

async function ask(body: string, path = "/token", method = "POST"): Promise<Json> {
  const url = new URL(`https://oauth2.googleapis.com${path}`);
  const response = await answerOAuth(gcp.cloud, { method, url, headers: {}, body });
  return { status: response.status, ...((await response.json()) as Json) };
}

const form = (fields: Readonly<Record<string, string>>) => new URLSearchParams(fields).toString();
const operate = (operation: string, input: Readonly<Record<string, string>>): object =>
  oauthOperations(gcp.cloud)[operation]?.(input, "https://127.0.0.1:1") ?? {};

describe("a refresh token", () => {
  const { type: _, universe_domain: __, ...credentials } = userCredentials();
  const refresh = { grant_type: "refresh_token", ...credentials };

  test("makes the administrator", async () => {
    const { access_token, ...answer } = await ask(form(refresh));
    expect(answer).toEqual({
      status: 200,
      expires_in: 3_599,
      scope: `${cloudPlatform} ${emailScope} openid`,
      token_type: "Bearer",
    });
    expect(access_token).toMatch(/^ya29\./);
    expect(callerOf(gcp.cloud, String(access_token))).toMatchObject({
      name: "administrator@example.com",
      members: ["user:administrator@example.com"],
    });
    expect(await ask("", `/tokeninfo?access_token=${access_token}`)).toMatchObject({
      email: "administrator@example.com",
      email_verified: "true",
      access_type: "offline",
    });
  });

  test("of a person has the groups of the moment", async () => {
    const email = "someone@example.com";
    const refresh_token = stringAt(operate("user", { email }), "credentials", "refresh_token");
    const { access_token } = await ask(JSON.stringify({ ...refresh, refresh_token }));
    const members = () => callerOf(gcp.cloud, String(access_token)).members;
    expect(members()).toEqual([`user:${email}`]);
    operate("user", { email, group: "operators@example.com" });
    expect(members()).toEqual([`user:${email}`, "group:operators@example.com"]);
  });

  test.each([
    ["an unknown token", { ...refresh, refresh_token: "1//x" }, 400, "invalid_grant"],
    ["a wrong secret", { ...refresh, client_secret: "x" }, 401, "invalid_client"],
    ["another grant", { ...refresh, grant_type: "password" }, 400, "unsupported_grant_type"],
  ])("is refused with %s", async (_, fields, status, error) => {
    expect(await ask(form(fields))).toMatchObject({ status, error, error_description: expect.any(String) });
  });
});

describe("the key of a service account", () => {
  const seconds = () => Math.floor(gcp.cloud.now().getTime() / 1_000);
  const createKey = () => operate("service-account-key", { email: base });

  async function sign(key: object, claims: Json = {}): Promise<string> {
    return await new SignJWT({
      iss: stringAt(key, "credentials", "client_email"),
      aud: "https://oauth2.googleapis.com/token",
      scope: `${cloudPlatform} ${emailScope}`,
      iat: seconds(),
      exp: seconds() + 3_600,
      ...claims,
    })
      .setProtectedHeader({ alg: "RS256", kid: stringAt(key, "credentials", "private_key_id") })
      .sign(await importPKCS8(stringAt(key, "credentials", "private_key"), "RS256"));
  }

  const exchange = (assertion: string) =>
    ask(form({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion }));

  test("makes the account", async () => {
    const { access_token } = await exchange(await sign(createKey()));
    expect(callerOf(gcp.cloud, String(access_token))).toEqual({
      name: base,
      members: [`serviceAccount:${base}`],
      scopes: [cloudPlatform, emailScope],
    });
  });

  test.each([
    ["another audience", { aud: "https://example.com" }, "invalid_grant", "Failed audience check"],
    ["an account that is not there", { iss: "x@example.com" }, "invalid_grant", "account not found"],
    ["two hours", { exp: 9_999_999_999 }, "invalid_grant", "short-lived token (60 minutes)"],
    ["no scope", { scope: "" }, "invalid_scope", "Empty or missing scope"],
  ])("is refused with %s", async (_, claims, error, text) => {
    expect(await exchange(await sign(createKey(), claims))).toMatchObject({
      status: 400,
      error,
      error_description: expect.stringContaining(text),
    });
  });

  test("of another account is refused", async () => {
    createKey();
    const other = operate("service-account-key", { email: target });
    expect(await exchange(await sign(other, { iss: base }))).toMatchObject({
      error: "invalid_grant",
      error_description: "Invalid JWT Signature.",
    });
    expect(await exchange("garbage")).toMatchObject({ error: "invalid_grant" });
  });
});

describe("an access token", () => {
  const impersonate = "iamcredentials.projects.serviceAccounts.generateAccessToken";
  const asAccount = (email: string, body: Json = { scope: [cloudPlatform] }, as = administrator) =>
    call(gcp.cloud, impersonate, "-", { as, params: { serviceAccountsId: email }, body });

  test("is given to who may impersonate the account, along a chain", async () => {
    expect(await refusalOf(() => asAccount(base))).toEqual({
      status: 403,
      code: "PERMISSION_DENIED",
      message: "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
    });
    const creator = "roles/iam.serviceAccountTokenCreator";
    await grant(gcp, `projects/${mgmt.projectId}/serviceAccounts/${base}`, creator, administrator.members[0] ?? "");
    await grant(gcp, `projects/${tenant.projectId}/serviceAccounts/${target}`, creator, `serviceAccount:${base}`);
    const { accessToken, expireTime } = await asAccount(base, { scope: [cloudPlatform], lifetime: "600s" });
    expect(String(expireTime)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect((Date.parse(String(expireTime)) - gcp.cloud.now().getTime()) / 1_000).toBeWithin(598, 601);
    const caller = callerOf(gcp.cloud, String(accessToken));
    expect(caller).toEqual(serviceAccount(base));
    expect(await asAccount(target, { scope: [emailScope] }, caller)).toHaveProperty("accessToken");
    expect(await refusalOf(() => asAccount(target))).toMatchObject({ status: 403 });
  });

  test.each([
    ["an account that is not there", "nobody@example-01.iam.gserviceaccount.com", {}, 403],
    ["no scope", "", { scope: [] }, 400],
    ["more than an hour", "", { lifetime: "3601s" }, 400],
    ["a lifetime without a unit", "", { lifetime: "600" }, 400],
    ["delegates", "", { delegates: ["projects/-/serviceAccounts/x@example.com"] }, 501],
  ])("is refused with %s", async (_, email, fields, status) => {
    const creator = "roles/iam.serviceAccountTokenCreator";
    await grant(gcp, `projects/${mgmt.projectId}`, creator, administrator.members[0] ?? "");
    const body = { scope: [cloudPlatform], ...fields };
    expect(await refusalOf(() => asAccount(email || base, body))).toMatchObject({ status });
  });

  test("ends with its time and with its account", async () => {
    const creator = "roles/iam.serviceAccountTokenCreator";
    await grant(gcp, `projects/${mgmt.projectId}`, creator, administrator.members[0] ?? "");
    const { accessToken } = await asAccount(base, { scope: [cloudPlatform], lifetime: "60s" });
    const caller = () => callerOf(gcp.cloud, String(accessToken));
    caller();
    gcp.advance(61_000);
    expect(await refusalOf(caller)).toMatchObject({
      status: 401,
      code: "UNAUTHENTICATED",
      message: expect.stringContaining("Request had invalid authentication credentials."),
    });
    const again = await asAccount(base);
    await call(gcp.cloud, "iam.projects.serviceAccounts.delete", mgmt.projectId, {
      params: { serviceAccountsId: base },
    });
    await createAccount(gcp, mgmt, "base-account");
    expect(await refusalOf(() => callerOf(gcp.cloud, String(again.accessToken)))).toMatchObject({ status: 401 });
    expect(await refusalOf(() => callerOf(gcp.cloud, "ya29.garbage"))).toMatchObject({ status: 401 });
  });
});
