import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { IAM } from "@aws-sdk/client-iam";
import { STS } from "@aws-sdk/client-sts";
import { decodeJwt, decodeProtectedHeader, SignJWT } from "jose";
import type { Fleet, GitHubTrust } from "#lib/fleet/types.ts";
import { createOidcProvider } from "#sandbox/aws/iam/oidc-providers.ts";
import { createRole } from "#sandbox/aws/iam/roles.ts";
import { type GithubClaims, githubIssuer, mintGithubToken } from "#sandbox/cloud/github.ts";
import { generateTrust } from "#tests/aws/trust/generated-trust.ts";
import { openTestCloud, type TestCloud } from "#tests/sandbox/aws/cloud.ts";
import { type Ministack, ministack, openMinistack } from "#tests/support/ministack.ts";

// Tokens against the trust policy of the management role, as the fleet's stack makes it: judged by the sandbox's STS, and
// where it can by an AWS that nobody here wrote.

const account = "123456789012";
const github: GitHubTrust = {
  repository: "example/fleet",
  repositoryId: "123456",
  ownerId: "7890",
  claims: ["ref:refs/heads/main", "environment:production"],
};
const fleet: Fleet = {
  domain: "mylabs.test",
  zones: [{ provider: "aws", primary: "aws.mylabs.test", clusters: "k8s.aws.mylabs.test" }],
  accounts: [
    { provider: "aws", name: "aws-mgmt", role: "management", accountId: account },
    { provider: "aws", name: "aws-01", role: "tenant", accountId: "210987654321" },
  ],
  clusters: [],
  github,
};
const userArn = `arn:aws:iam::${account}:user/aws-cli`;
const audience = "sts.amazonaws.com";
/** Another one that GitHub's provider of the account knows, for somebody else's roles. */
const otherAudience = "https://github.com/example";
const nobody = { accessKeyId: "none", secretAccessKey: "none" };
/** A job of the fleet's repository. */
const job = (of: string, more: GithubClaims = {}): GithubClaims => ({
  sub: `repo:example/fleet:${of}`,
  repository: "example/fleet",
  repository_id: "123456",
  ...more,
});
const newer = (of: string, more: GithubClaims = {}): GithubClaims =>
  job(of, { sub: `repo:example@7890/fleet@123456:${of}`, ...more });
const main = "ref:refs/heads/main";

interface Row {
  readonly what: string;
  readonly claims: GithubClaims;
  /** Only the repository's number tells it from what is let in. */
  readonly byNumber?: true;
}

const letIn: readonly Row[] = [
  { what: "a push to main", claims: job(main) },
  { what: "a push to main, by the newer subject with numbers", claims: newer(main) },
  { what: "a job in a listed environment", claims: job("environment:production") },
  { what: "a job in a listed environment, by the newer subject", claims: newer("environment:production") },
];

const refused: readonly Row[] = [
  {
    what: "another repository of the owner",
    claims: job(main, { sub: `repo:example/other:${main}`, repository_id: "1" }),
  },
  { what: "a repository whose name begins the same", claims: job(main, { sub: `repo:example/fleet-evil:${main}` }) },
  { what: "a fork", claims: job(main, { sub: `repo:somebody/fleet:${main}`, repository_id: "777" }) },
  {
    what: "a fork, by the newer subject",
    claims: job(main, { sub: `repo:somebody@1/fleet@777:${main}`, repository_id: "777" }),
  },
  { what: "a pull request", claims: job("pull_request") },
  { what: "a pull request, by the newer subject", claims: newer("pull_request") },
  { what: "another branch", claims: job("ref:refs/heads/feature") },
  { what: "another branch, by the newer subject", claims: newer("ref:refs/heads/feature") },
  { what: "a branch whose name begins the same", claims: job("ref:refs/heads/main-evil") },
  { what: "a tag of the branch's name", claims: job("ref:refs/tags/main") },
  { what: "an environment that isn't listed", claims: job("environment:development") },
  { what: "the right name in other letters", claims: job(main, { sub: `repo:Example/fleet:${main}` }) },
  {
    what: "the repository by a new name, before the fleet knows it",
    claims: job(main, { sub: `repo:example/renamed:${main}` }),
  },
  { what: "the name after somebody else took it over", claims: job(main, { repository_id: "999" }), byNumber: true },
  {
    what: "numbers of another repository under the same names",
    claims: job(main, { sub: `repo:example@7890/fleet@999:${main}`, repository_id: "999" }),
  },
  { what: "a number of nobody", claims: { ...job(main), repository_id: [] }, byNumber: true },
  { what: "a token for somebody else's roles", claims: job(main, { aud: otherAudience }) },
];

let aws: TestCloud;
let trust: string;
const role = { name: "aws-mgmt-iam-role", arn: `arn:aws:iam::${account}:role/aws-mgmt-iam-role` };
beforeAll(async () => {
  trust = (await generateTrust(fleet, "aws-01", userArn)).management;
  aws = await openTestCloud();
  createOidcProvider(aws.cloud, account, { url: `https://${githubIssuer}`, clientIds: [audience, otherAudience] });
  createRole(aws.cloud, account, { name: role.name, trust });
});
afterAll(async () => await aws.close());

/** The session's ARN, or the name of the refusal. */
async function come(sts: STS, token: string, to = role.arn): Promise<string> {
  try {
    const input = { RoleArn: to, RoleSessionName: "job", WebIdentityToken: token };
    return (await sts.assumeRoleWithWebIdentity(input)).AssumedRoleUser?.Arn ?? "";
  } catch (error) {
    if (error instanceof Error) return error.name;
    throw error;
  }
}

const session = `arn:aws:sts::${account}:assumed-role/${role.name}/job`;

describe("the management role", () => {
  const arrive = (token: string, to?: string): Promise<string> => come(aws.sts(nobody), token, to);
  const now = (): number => Math.floor(aws.cloud.now().getTime() / 1_000);

  test.each([...letIn])("lets in $what", async ({ claims }) => {
    expect(await arrive(await mintGithubToken(aws.cloud, claims))).toBe(session);
  });

  test.each([...refused])("refuses $what", async ({ claims }) => {
    expect(await arrive(await mintGithubToken(aws.cloud, claims))).toBe("AccessDenied");
  });

  test("refuses a token for an audience that the provider doesn't know", async () => {
    const token = await mintGithubToken(aws.cloud, job(main, { aud: "https://vault.example.com" }));
    expect(await arrive(token)).toBe("InvalidIdentityTokenException");
  });

  test("refuses a token whose time is over", async () => {
    const token = await mintGithubToken(aws.cloud, job(main, { iat: now() - 600, nbf: now() - 600, exp: now() - 300 }));
    expect(await arrive(token)).toBe("ExpiredTokenException");
  });

  test("refuses a token that somebody else signed, or changed after it was signed", async () => {
    const right = await mintGithubToken(aws.cloud, job(main));
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
    const { kid = "" } = decodeProtectedHeader(right);
    const forged = await new SignJWT(decodeJwt(right)).setProtectedHeader({ alg: "RS256", kid }).sign(privateKey);
    expect(await arrive(forged)).toBe("InvalidIdentityTokenException");
    const [head, , signature] = (await mintGithubToken(aws.cloud, job("pull_request"))).split(".");
    expect(await arrive([head, right.split(".")[1], signature].join("."))).toBe("InvalidIdentityTokenException");
  });

  test("refuses a token of another issuer, whatever it says", async () => {
    const token = await mintGithubToken(aws.cloud, job(main, { iss: "https://token.example.com" }));
    expect(await arrive(token)).toBe("InvalidIdentityTokenException");
  });

  test("lets in the repository by its new name once the fleet has it, and nobody by the old one", async () => {
    const to = await makeRole("renamed", { ...fleet, github: { ...github, repository: "example/renamed" } });
    const renamed = (more: GithubClaims = {}) => job(main, { sub: `repo:example/renamed:${main}`, ...more });
    expect(await arrive(await mintGithubToken(aws.cloud, renamed()), to)).toContain(":assumed-role/renamed/job");
    expect(await arrive(await mintGithubToken(aws.cloud, renamed({ repository_id: "999" })), to)).toBe("AccessDenied");
    expect(await arrive(await mintGithubToken(aws.cloud, job(main, { repository_id: "999" })), to)).toBe(
      "AccessDenied",
    );
  });

  test("refuses every job where the fleet names no repository", async () => {
    const { github: _, ...people } = fleet;
    expect(await arrive(await mintGithubToken(aws.cloud, job(main)), await makeRole("people", people))).toBe(
      "AccessDenied",
    );
  });

  describe("for those who may only read", () => {
    const readable: Fleet = { ...fleet, github: { ...github, readClaims: ["pull_request"] } };
    const come = async (claims: GithubClaims): Promise<string> => {
      const name = `reader-${crypto.randomUUID()}`;
      const { readers } = await generateTrust(readable, "aws-01", userArn);
      return await arrive(
        await mintGithubToken(aws.cloud, claims),
        createRole(aws.cloud, account, { name, trust: readers }).arn,
      );
    };

    test("lets in pull requests of the repository, by both subjects", async () => {
      expect(await come(job("pull_request"))).toContain(":assumed-role/reader-");
      expect(await come(newer("pull_request"))).toContain(":assumed-role/reader-");
    });

    test("refuses all others, those that may do more among them", async () => {
      for (const claims of [job(main), job("ref:refs/heads/other"), job("pull_request", { repository_id: "777" })]) {
        expect(await come(claims)).toBe("AccessDenied");
      }
    });

    test("leaves the management role closed to pull requests", async () => {
      const to = await makeRole("with-readers", readable);
      expect(await arrive(await mintGithubToken(aws.cloud, job("pull_request")), to)).toBe("AccessDenied");
    });
  });

  async function makeRole(name: string, of: Fleet): Promise<string> {
    const { management } = await generateTrust(of, "aws-01", userArn);
    return createRole(aws.cloud, account, { name, trust: management }).arn;
  }
});

if (ministack === undefined)
  process.stdout.write("whom the management role lets in is judged by the sandbox alone: ministack is not installed\n");

// It looks at neither signatures nor times, and knows no repository_id of tokens: it gets the policy without that, and judges by
// audience and subject.
describe.skipIf(ministack === undefined)("the management role, on ministack", () => {
  let other: Ministack;
  let sts: STS;
  beforeAll(async () => {
    other = await openMinistack();
    const options = { region: "us-east-1", endpoint: other.endpoint, maxAttempts: 1 };
    sts = new STS({ ...options, credentials: nobody });
    // A key that is an account's number is its root user's.
    const iam = new IAM({ ...options, credentials: { accessKeyId: account, secretAccessKey: "test" } });
    await iam.createOpenIDConnectProvider({ Url: `https://${githubIssuer}`, ClientIDList: [audience, otherAudience] });
    await iam.createRole({ RoleName: role.name, AssumeRolePolicyDocument: withoutNumber(trust) });
    iam.destroy();
  });
  afterAll(async () => {
    sts.destroy();
    await other.stop();
  });

  test.each([...letIn])("lets in $what", async ({ claims }) => {
    expect(await come(sts, await mintGithubToken(aws.cloud, claims))).toBe(session);
  });
  test.each(refused.filter(({ byNumber }) => byNumber === undefined))("refuses $what", async ({ claims }) => {
    expect(await come(sts, await mintGithubToken(aws.cloud, claims))).toBe("AccessDenied");
  });
});

function withoutNumber(policy: string): string {
  return JSON.stringify(
    JSON.parse(policy, (key, value: unknown) => (key === `${githubIssuer}:repository_id` ? undefined : value)),
  );
}
