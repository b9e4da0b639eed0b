import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { awsChain } from "#lib/aws/credentials/chain.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { type Clock, systemClock } from "#lib/clock.ts";
import { projectRoot } from "#lib/paths.ts";
import { failureOf } from "#tests/support/failure.ts";

// tests/contract/aws-chain.test.ts goes the same way through an emulator; this is what that can't show.

const management: AwsAccount = { provider: "aws", name: "aws-mgmt", role: "management", accountId: "123456789012" };
const tenant: AwsAccount = { provider: "aws", name: "aws-01", role: "tenant", accountId: "210987654321" };
const fleet = { domain: "mylabs.test", accounts: [management, tenant], clusters: [] };

let sts: Bun.Server<undefined>;
/** Every call, as action and role. */
let calls: string[];
let lifetimeMs: number;
/** Account that keys which are no session are said to be of, and the one of a session. */
let accountOfKeys: string;
let accountOf: (role: string) => string;
/** How many steps into a role are still denied. */
let denials: number;

beforeEach(() => {
  [calls, lifetimeMs, accountOfKeys, denials] = [[], 3_600_000, management.accountId, 0];
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
    const account = isSession ? accountOf(of) : accountOfKeys;
    const name = isSession ? `assumed-role/${of.split("/")[1]}/s` : "user/aws-cli";
    return xml(action, `<Account>${account}</Account><Arn>arn:aws:sts::${account}:${name}</Arn><UserId>x</UserId>`);
  }
  if (action === "AssumeRole" && denials-- > 0) {
    const error = "<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized</Message></Error>";
    return new Response(`<ErrorResponse>${error}</ErrorResponse>`, { status: 403 });
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

const chain = (variables: Readonly<Record<string, string>> = {}, clock: Clock = systemClock) =>
  awsChain({ fleet, variables, endpoint: `http://127.0.0.1:${sts.port}`, clock });
/** The base of these tests: a job's token, so that nothing of this computer counts. */
const github = () => ({
  ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${sts.port}/token?x=1`,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: "of-the-job",
});

describe("the owner of an account", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "aws-"));
  });
  afterEach(async () => await rm(folder, { recursive: true }));

  /** What a process is told that finds these profiles and nothing else. */
  async function findAdministrator(account: AwsAccount, profiles: string): Promise<unknown> {
    await Bun.write(join(folder, "credentials"), profiles);
    const script = `
      import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { awsChain } from "#lib/aws/credentials/chain.ts";
      const [fleet, account, endpoint] = JSON.parse(process.argv.at(-1));
      const chain = awsChain({ fleet, variables: {}, endpoint });
      const found = await chain.findAdministrator(account).then((one) => one?.identity.arn ?? "nobody", (error) => error.code);
      console.log(found);`;
    const file = join(projectRoot, `tests/.owner-${Bun.randomUUIDv7()}.ts`);
    await Bun.write(file, script);
    try {
      const input = JSON.stringify([fleet, account, `http://127.0.0.1:${sts.port}`]);
      const child = Bun.spawn([process.execPath, "run", file, input], {
        env: {
          AWS_SHARED_CREDENTIALS_FILE: join(folder, "credentials"),
          AWS_CONFIG_FILE: join(folder, "config"),
          AWS_EC2_METADATA_DISABLED: "true",
        },
        stdout: "pipe",
        stderr: "inherit",
      });
      return (await new Response(child.stdout).text()).trim();
    } finally {
      await rm(file);
    }
  }

  const profile = (name: string): string =>
    `[${name}]\naws_access_key_id = AKIAOFNOBODY0000000\naws_secret_access_key = secret\n`;

  test("is the base, where that is of the account", async () => {
    expect(await findAdministrator(management, profile("default"))).toBe("arn:aws:sts::123456789012:user/aws-cli");
  });

  test("is the profile with the account's name, where the base is of another one", async () => {
    accountOfKeys = tenant.accountId;
    expect(await findAdministrator(tenant, profile("default") + profile("aws-01"))).toBe(
      "arn:aws:sts::210987654321:user/aws-cli",
    );
    expect(await findAdministrator(tenant, profile("aws-01"))).toBe("arn:aws:sts::210987654321:user/aws-cli");
  });

  test("is nobody, where there is neither", async () => {
    expect(await findAdministrator(tenant, profile("default"))).toBe("nobody");
    expect(await findAdministrator(tenant, "")).toBe("nobody");
  });

  test("is refused when the profile is of another account", async () => {
    accountOfKeys = "999999999990";
    expect(await findAdministrator(tenant, profile("aws-01"))).toBe("WrongAccount");
  });
});

describe("a role that was changed just now", () => {
  let now: number;
  const clock: Clock = {
    now: () => now,
    async sleep(ms) {
      now += ms;
    },
  };
  beforeEach(() => {
    now = 1_000_000;
  });

  test.each([tenant, management])("of $name is asked for until IAM knows of it", async (account) => {
    denials = 3;
    const one = chain(github(), clock);
    one.rolesChanged(account);
    expect((await one.clusters(tenant)).identity.account).toBe(tenant.accountId);
    expect(now).toBeGreaterThan(1_000_000);
  });

  test("is given up when that should long have been", async () => {
    denials = Number.POSITIVE_INFINITY;
    const one = chain(github(), clock);
    one.rolesChanged(tenant);
    expect((await failureOf(one.clusters(tenant))).code).toBe("AssumeRoleDenied");
    expect(now).toBeLessThan(1_000_000 + 5 * 60_000);
  });

  test("is not waited for where it was another account's, or nobody's", async () => {
    denials = Number.POSITIVE_INFINITY;
    const one = chain(github(), clock);
    one.rolesChanged({ ...tenant, name: "aws-02" });
    expect((await failureOf(one.clusters(tenant))).code).toBe("AssumeRoleDenied");
    expect(now).toBe(1_000_000);
  });
});

describe("the chain into an account", () => {
  test("refuses an id that stands for one, before anything is sent to AWS", async () => {
    const placeholder: AwsAccount = { ...tenant, accountId: "222222222222" };
    const one = awsChain({ fleet: { ...fleet, accounts: [management, placeholder] }, variables: {} });
    expect((await failureOf(one.clusters(placeholder))).code).toBe("PlaceholderAccount");
    expect((await failureOf(one.findAdministrator(placeholder))).code).toBe("PlaceholderAccount");
    expect(calls).toEqual([]);
  });

  test("asks STS once per hop, however many ask", async () => {
    const one = chain(github());
    const [a, b] = await Promise.all([one.clusters(tenant), one.clusters(tenant), one.management()]);
    expect(a).toBe(b);
    expect(await one.clusters(tenant)).toBe(a);
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
    const first = await one.clusters(tenant);
    calls = [];
    expect(await one.clusters(tenant)).not.toBe(first);
    expect(calls[0]).toStartWith("token");
  });

  test("refuses credentials of another account than the fleet says", async () => {
    accountOf = (role) => (role.includes("aws-01") ? "999999999990" : management.accountId);
    const error = await failureOf(chain(github()).clusters(tenant));
    expect([error.code, error.message]).toEqual([
      "WrongAccount",
      "aws-01: credentials are for 999999999990, the fleet says 210987654321",
    ]);
  });

  test("says when GitHub gives no token", async () => {
    const variables = { ...github(), ACTIONS_ID_TOKEN_REQUEST_URL: "http://127.0.0.1:1/token" };
    expect((await failureOf(chain(variables).base())).message).toBe("GitHub gives this job no token");
  });

  test("uses keys that a job of GitHub sets, and asks for no token", async () => {
    const keys = { AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY: "s" };
    const before = { ...Bun.env };
    Object.assign(Bun.env, keys);
    try {
      const { credentials } = await chain({ ...github(), ...keys }).base();
      expect(credentials.accessKeyId).toBe(keys.AWS_ACCESS_KEY_ID);
    } finally {
      for (const name of Object.keys(keys)) delete Bun.env[name];
      Object.assign(Bun.env, before);
    }
    expect(calls).toEqual(["GetCallerIdentity"]);
  });

  test("never shows a secret in an error", async () => {
    accountOf = () => "999999999990";
    const error = await failureOf(chain(github()).clusters(tenant));
    expect(JSON.stringify([error.message, error.details, error.hint])).not.toMatch(
      /of-the-job|a-token-of-github|SecretAccessKey/,
    );
  });
});
