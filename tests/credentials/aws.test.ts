import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { awsChain } from "#lib/credentials/aws.ts";
import type { AwsAccount } from "#lib/fleet/types.ts";
import { failureOf } from "#tests/support/failure.ts";

// tests/contract/aws-chain.test.ts goes the same way through an emulator; this is what that can't show.

const management: AwsAccount = { provider: "aws", name: "aws-mgmt", role: "management", accountId: "123456789012" };
const tenant: AwsAccount = { provider: "aws", name: "aws-01", role: "tenant", accountId: "210987654321" };
const fleet = { domain: "mylabs.test", accounts: [management, tenant] };

let sts: Bun.Server<undefined>;
/** Every call, as action and role. */
let calls: string[];
let lifetimeMs: number;
/** Account that the caller of a session is said to be in. */
let accountOf: (role: string) => string;

beforeEach(() => {
  [calls, lifetimeMs] = [[], 3_600_000];
  accountOf = (role) => role.split(":")[4] ?? "";
  sts = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer });
});
afterEach(async () => await sts.stop(true));

async function answer(request: Request): Promise<Response> {
  if (new URL(request.url).pathname === "/token") {
    calls.push(
      `token ${request.headers.get("authorization") ?? ""} ${new URL(request.url).searchParams.get("audience") ?? ""}`,
    );
    return Response.json({ value: "a-token-of-github" });
  }
  const body = new URLSearchParams(await request.text());
  const action = body.get("Action") ?? "";
  const role = body.get("RoleArn") ?? "";
  calls.push(
    [action, role.split("/")[1], body.get("ExternalId"), body.get("WebIdentityToken")].filter(Boolean).join(" "),
  );
  // The key of a session says which role it is of; it is part of what each call is signed with.
  const key = /Credential=([^/]+)/.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
  if (action === "GetCallerIdentity") {
    const of = Buffer.from(key, "hex").toString();
    const isSession = of.startsWith("arn:");
    const account = isSession ? accountOf(of) : management.accountId;
    const name = isSession ? `assumed-role/${of.split("/")[1]}/s` : "user/aws-cli";
    return xml(action, `<Account>${account}</Account><Arn>arn:aws:sts::${account}:${name}</Arn><UserId>x</UserId>`);
  }
  const expires = new Date(Date.now() + lifetimeMs).toISOString();
  const keys = `<AccessKeyId>${Buffer.from(role).toString("hex")}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>`;
  return xml(
    action,
    `<Credentials>${keys}<SessionToken>t</SessionToken><Expiration>${expires}</Expiration></Credentials>`,
  );
}

function xml(action: string, result: string): Response {
  const text = `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>${result}</${action}Result></${action}Response>`;
  return new Response(text, { headers: { "content-type": "text/xml" } });
}

const chain = (variables: Readonly<Record<string, string>> = {}) =>
  awsChain({ fleet, variables, endpoint: `http://127.0.0.1:${sts.port}` });
/** The base of these tests: a job's token, so that nothing of this computer counts. */
const github = () => ({
  ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${sts.port}/token?x=1`,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: "of-the-job",
});

describe("the chain into an account", () => {
  test("asks STS once per hop, however many ask", async () => {
    const one = chain(github());
    const [a, b] = await Promise.all([one.for(tenant), one.for(tenant), one.for(management)]);
    expect(a).toBe(b);
    expect(await one.for(tenant)).toBe(a);
    expect(calls).toEqual([
      "token Bearer of-the-job sts.amazonaws.com",
      "AssumeRoleWithWebIdentity aws-mgmt-iam-role a-token-of-github",
      "GetCallerIdentity",
      // A job comes as the management role: no second step into the same role.
      "AssumeRole aws-01-iam-role k8s-multicluster-gitops/mylabs.test",
      "GetCallerIdentity",
    ]);
  });

  test("renews what is about to expire, with a new token", async () => {
    lifetimeMs = 60_000;
    const one = chain(github());
    const first = await one.for(tenant);
    expect(await one.for(tenant)).not.toBe(first);
    expect(calls.filter((call) => call.startsWith("token")).length).toBe(2);
  });

  test("refuses credentials of another account than the fleet says", async () => {
    accountOf = (role) => (role.includes("aws-01") ? "999999999990" : management.accountId);
    const error = await failureOf(chain(github()).for(tenant));
    expect([error.code, error.message]).toEqual([
      "WrongAccount",
      "aws-01: credentials are for 999999999990, the fleet says 210987654321",
    ]);
  });

  test("says when GitHub gives no token", async () => {
    const variables = { ...github(), ACTIONS_ID_TOKEN_REQUEST_URL: "http://127.0.0.1:1/token" };
    expect((await failureOf(chain(variables).base())).message).toBe("GitHub gives this job no token");
  });

  test("never shows a secret in an error", async () => {
    accountOf = () => "999999999990";
    const error = await failureOf(chain(github()).for(tenant));
    expect(JSON.stringify([error.message, error.details, error.hint])).not.toMatch(
      /of-the-job|a-token-of-github|SecretAccessKey/,
    );
  });
});
