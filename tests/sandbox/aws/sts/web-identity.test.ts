import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { type JWTPayload, SignJWT } from "jose";
import { createOidcProvider } from "#sandbox/aws/iam/oidc-providers.ts";
import { createRole } from "#sandbox/aws/iam/roles.ts";
import { githubIssuer, mintGithubToken, openGithubJob } from "#sandbox/cloud/github.ts";
import { publishKeys } from "#sandbox/cloud/issuers.ts";
import {
  keysOf,
  management,
  openTestCloud,
  policyOf,
  refusalOf,
  type TestCloud,
  tenant,
} from "#tests/sandbox/aws/cloud.ts";

const provider = `arn:aws:iam::${management}:oidc-provider/${githubIssuer}`;
const subject = "repo:example/k8s-multicluster-gitops:ref:refs/heads/main";
const nobody = { accessKeyId: "", secretAccessKey: "" };

let aws: TestCloud;
let role: string;
beforeAll(async () => {
  aws = await openTestCloud();
  createOidcProvider(aws.cloud, management, { url: `https://${githubIssuer}`, clientIds: ["sts.amazonaws.com"] });
  const claims = { aud: "sts.amazonaws.com", sub: [subject, `${subject}-two`], repository_id: "1000000001" };
  const conditions = Object.entries(claims).map(([name, value]) => [`${githubIssuer}:${name}`, value]);
  const trust = policyOf({
    Effect: "Allow",
    Principal: { Federated: provider },
    Action: "sts:AssumeRoleWithWebIdentity",
    Condition: { StringEquals: Object.fromEntries(conditions) },
  });
  role = createRole(aws.cloud, management, { name: "jobs", trust, maxSessionSeconds: 7_200 }).arn;
});
afterAll(async () => await aws.close());

const come = (token: string, RoleArn = role, more: object = {}) =>
  aws.sts(nobody).assumeRoleWithWebIdentity({ RoleArn, RoleSessionName: "job", WebIdentityToken: token, ...more });

describe("a job of GitHub", () => {
  test("comes in by its token, without a signature", async () => {
    const answer = await come(await mintGithubToken(aws.cloud), role, { DurationSeconds: 7_200 });
    expect(answer).toMatchObject({
      SubjectFromWebIdentityToken: subject,
      Audience: "sts.amazonaws.com",
      Provider: provider,
      AssumedRoleUser: { Arn: `arn:aws:sts::${management}:assumed-role/jobs/job` },
    });
    const who = await aws.sts(keysOf(answer.Credentials)).getCallerIdentity({});
    expect(who.Arn).toBe(`arn:aws:sts::${management}:assumed-role/jobs/job`);
    expect(
      aws.server.calls.findLast(({ error, action }) => error === undefined && action !== "GetCallerIdentity"),
    ).toMatchObject({
      service: "sts",
      caller: "",
      error: undefined,
    });
  });

  test("gets its token where GitHub's runner would", async () => {
    const bearer = openGithubJob({ sub: `${subject}-two` });
    const url = `${aws.server.endpoint}/github/token?audience=sts.amazonaws.com`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${bearer}` } });
    const { value } = (await response.json()) as { readonly value: string };
    expect((await come(value)).SubjectFromWebIdentityToken).toBe(`${subject}-two`);
    expect((await fetch(url, { headers: { authorization: "Bearer of-nobody" } })).status).toBe(401);
    expect((await fetch(url)).status).toBe(401);
  });

  test("is an hour at most in a role of an hour", async () => {
    const refusal = await refusalOf(come(await mintGithubToken(aws.cloud), role, { DurationSeconds: 7_201 }));
    expect(refusal).toEqual({
      name: "ValidationError",
      message: "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    });
  });

  const seconds = () => Math.floor(aws.cloud.now().getTime() / 1_000);
  test.each([
    [
      "another subject",
      { sub: `${subject}-evil` },
      "AccessDenied",
      /^Not authorized to perform sts:AssumeRoleWithWebIdentity$/,
    ],
    [
      "the subject of a pull request",
      { sub: "repo:example/k8s-multicluster-gitops:pull_request" },
      "AccessDenied",
      /Not authorized/,
    ],
    ["another repository under the same name", { repository_id: "1" }, "AccessDenied", /Not authorized/],
    [
      "another audience",
      { aud: "https://github.com/example" },
      "InvalidIdentityTokenException",
      /^Incorrect token audience$/,
    ],
    [
      "another issuer",
      { iss: "https://token.example.com" },
      "InvalidIdentityTokenException",
      /^No OpenIDConnect provider found in your account for https:\/\/token\.example\.com$/,
    ],
    ["an issuer without https", { iss: githubIssuer }, "InvalidIdentityTokenException", /No OpenIDConnect provider/],
    ["no time to end", { exp: "soon" }, "InvalidIdentityTokenException", /Missing a required claim: exp/],
    [
      "tags that the sandbox would pass over",
      { "https://aws.amazon.com/tags": "x" },
      "InvalidIdentityTokenException",
      /aws\.amazon\.com\/tags/,
    ],
  ] as const)("is refused with %s", async (_, claims, name, message) => {
    const refusal = await refusalOf(come(await mintGithubToken(aws.cloud, claims)));
    expect([refusal.name, refusal.message]).toEqual([name, expect.stringMatching(message)]);
  });

  test("is refused with a token that has ended, or that begins later", async () => {
    const ended = await refusalOf(come(await mintGithubToken(aws.cloud, { exp: seconds() - 1 })));
    expect([ended.name, ended.message]).toEqual(["ExpiredTokenException", expect.stringMatching(/^Token expired: /)]);
    const early = await refusalOf(come(await mintGithubToken(aws.cloud, { nbf: seconds() + 60 })));
    expect([early.name, early.message]).toEqual([
      "InvalidIdentityTokenException",
      expect.stringContaining("not yet valid"),
    ]);
  });

  test("is refused with a token that somebody has changed, or signed with a key of their own", async () => {
    const [head = "", body = "", signature = ""] = (await mintGithubToken(aws.cloud)).split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as JWTPayload;
    const changed = Buffer.from(JSON.stringify({ ...claims, repository_id: "2" })).toString("base64url");
    const header = JSON.parse(Buffer.from(head, "base64url").toString()) as { readonly kid: string };
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const none = Buffer.from(JSON.stringify({ ...header, alg: "none" })).toString("base64url");
    for (const token of [
      `${head}.${changed}.${signature}`,
      await new SignJWT(claims).setProtectedHeader({ ...header, alg: "RS256" }).sign(privateKey),
      `${none}.${body}.${signature}`,
    ]) {
      expect((await refusalOf(come(token))).name).toBe("InvalidIdentityTokenException");
    }
  });

  test.each(["garbage", "a.b.c", "a.b", "..", "e30.e30."])("is refused with %p for a token", async (token) => {
    const refusal = await refusalOf(come(token));
    expect([refusal.name, refusal.message]).toEqual([
      "InvalidIdentityTokenException",
      expect.stringContaining("not a valid JWT"),
    ]);
  });

  test("is refused in an account that has no provider, and in a role that isn't there", async () => {
    const elsewhere = await refusalOf(come(await mintGithubToken(aws.cloud), `arn:aws:iam::${tenant}:role/jobs`));
    expect([elsewhere.name, elsewhere.message]).toEqual([
      "InvalidIdentityTokenException",
      expect.stringContaining("No OpenIDConnect provider"),
    ]);
    const missing = await refusalOf(come(await mintGithubToken(aws.cloud), `arn:aws:iam::${management}:role/none`));
    expect(missing.name).toBe("AccessDenied");
  });

  test("can't do so by AssumeRole, which a signature is needed for", async () => {
    const body = new URLSearchParams({
      Action: "AssumeRole",
      Version: "2011-06-15",
      RoleArn: role,
      RoleSessionName: "job",
    });
    const response = await fetch(aws.server.endpoint, { method: "POST", body });
    expect([response.status, await response.text()]).toEqual([
      403,
      expect.stringContaining("MissingAuthenticationToken"),
    ]);
  });
});

describe("an issuer of our own", () => {
  test("may sign with ES256, once its keys are published", async () => {
    const url = "oidc.eks.us-east-1.amazonaws.com/id/0123";
    const { arn } = createOidcProvider(aws.cloud, management, {
      url: `https://${url}`,
      clientIds: ["sts.amazonaws.com"],
    });
    const sub = "system:serviceaccount:external-dns:external-dns";
    const trust = policyOf({
      Effect: "Allow",
      Principal: { Federated: arn },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: { StringEquals: { [`${url}:sub`]: sub } },
    });
    const pods = createRole(aws.cloud, management, { name: "pods", trust }).arn;
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const now = Math.floor(aws.cloud.now().getTime() / 1_000);
    const claims = { iss: `https://${url}`, sub, aud: ["sts.amazonaws.com"], iat: now, exp: now + 60 };
    const token = await new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "one" }).sign(privateKey);
    expect((await refusalOf(come(token, pods))).message).toStartWith("Couldn't retrieve verification key");
    publishKeys(aws.cloud, url, [{ ...publicKey.export({ format: "jwk" }), kid: "one" }]);
    expect((await come(token, pods)).SubjectFromWebIdentityToken).toBe(sub);
    expect((await refusalOf(come(token, role))).name).toBe("AccessDenied");
  });
});
