import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { checkTrust } from "#lib/credentials/trust.ts";
import { type ExpectedTrust, type TrustCheck, trustChecks } from "#lib/credentials/trust-checks.ts";
import { callersOf, expectedOfAccount, expectedOfManagement } from "#lib/credentials/trust-expected.ts";
import type { AwsAccount, Fleet, GitHubTrust } from "#lib/fleet/types.ts";
import { projectRoot } from "#lib/paths.ts";
import { generateTrust } from "#tests/credentials/generated-trust.ts";
import { failureOf } from "#tests/support/failure.ts";

const management: AwsAccount = { provider: "aws", name: "aws-mgmt", role: "management", accountId: "123456789012" };
const tenant: AwsAccount = { provider: "aws", name: "aws-01", role: "tenant", accountId: "210987654321" };
const github: GitHubTrust = {
  repository: "example/fleet",
  repositoryId: "123456",
  ownerId: "7890",
  claims: ["ref:refs/heads/main"],
};
const fleet: Fleet = {
  domain: "mylabs.test",
  zones: [{ provider: "aws", primary: "aws.mylabs.test", clusters: "k8s.aws.mylabs.test" }],
  accounts: [management, tenant],
  clusters: [],
  github,
};
const { github: _, ...peopleOnly } = fleet;
const user = "arn:aws:iam::123456789012:user/aws-cli";
const issuer = "token.actions.githubusercontent.com";
const provider = `arn:aws:iam::123456789012:oidc-provider/${issuer}`;
const subject = "repo:example/fleet:ref:refs/heads/main";
const newerSubject = "repo:example@7890/fleet@123456:ref:refs/heads/main";
const managementRole = "arn:aws:iam::123456789012:role/aws-mgmt-iam-role";
const externalId = "k8s-multicluster-gitops/mylabs.test";

type Statement = Readonly<Record<string, unknown>>;
type Claims = Readonly<Record<string, unknown>>;

const policy = (...Statement: readonly Statement[]): string => JSON.stringify({ Version: "2012-10-17", Statement });

/** Lets in a user as it should be, save for what is changed. */
const people = (change: Statement = {}): Statement => ({
  Effect: "Allow",
  Principal: { AWS: user },
  Action: ["sts:AssumeRole", "sts:SetSourceIdentity"],
  ...change,
});

const rightClaims: Claims = {
  [`${issuer}:aud`]: "sts.amazonaws.com",
  [`${issuer}:sub`]: [subject, newerSubject],
  [`${issuer}:repository_id`]: "123456",
};

/** Lets in the repository's jobs as it should be, save for the claims that are changed or, by undefined, left out. */
const jobs = (claims: Claims = {}, more: Statement = {}): Statement => {
  const names = Object.entries(claims).map(([name, value]) => [`${issuer}:${name}`, value]);
  return {
    Effect: "Allow",
    Principal: { Federated: provider },
    Action: "sts:AssumeRoleWithWebIdentity",
    Condition: { StringEquals: { ...rightClaims, ...Object.fromEntries(names) }, ...more },
  };
};

/** Lets in the management role as it should be, save for what is changed. */
const hub = (change: Statement = {}): Statement => ({
  Effect: "Allow",
  Principal: { AWS: managementRole },
  Action: ["sts:AssumeRole", "sts:SetSourceIdentity"],
  Condition: { StringEquals: { "sts:ExternalId": externalId } },
  ...change,
});

const expectManagement = expectedOfManagement(fleet, management, [user]);
const expectAccount = expectedOfAccount(fleet, management);

interface Row {
  readonly check: TrustCheck;
  readonly of: string;
  readonly statements: readonly Statement[];
  /** In the message, so that whoever reads it knows what to look for. */
  readonly says: string;
  /** What else is wrong with it by its nature. */
  readonly besides?: readonly TrustCheck[];
}

const ofManagement: readonly Row[] = [
  {
    check: "TrustsEverybody",
    of: "a principal that is a star",
    statements: [people(), people({ Principal: "*" }), jobs()],
    says: `(Principal "*")`,
  },
  {
    check: "TrustsEverybody",
    of: "a star among principals, behind a condition",
    statements: [
      people({ Principal: { AWS: [user, "*"] }, Condition: { StringEquals: { "aws:PrincipalOrgID": "o-1" } } }),
      jobs(),
    ],
    says: "held back by aws:PrincipalOrgID alone",
    besides: ["AsksForMore"],
  },
  {
    check: "TrustsEverybody",
    of: "all but somebody",
    statements: [people(), jobs(), { Effect: "Allow", NotPrincipal: { AWS: user }, Action: "sts:AssumeRole" }],
    says: "NotPrincipal",
  },
  {
    check: "TrustsEverybody",
    of: "every provider of tokens",
    statements: [people(), jobs(), { ...jobs(), Principal: { Federated: "*" } }],
    says: "everybody",
  },
  {
    check: "TrustsWholeAccount",
    of: "an account by its root",
    statements: [people({ Principal: { AWS: "arn:aws:iam::123456789012:root" } }), jobs()],
    says: "everybody of account 123456789012",
  },
  {
    check: "TrustsWholeAccount",
    of: "another account by its number",
    statements: [people({ Principal: { AWS: [user, "999999999990"] } }), jobs()],
    says: "everybody of account 999999999990",
  },
  {
    check: "TrustsOthers",
    of: "another user",
    statements: [people({ Principal: { AWS: [user, "arn:aws:iam::123456789012:user/mallory"] } }), jobs()],
    says: "arn:aws:iam::123456789012:user/mallory",
  },
  {
    check: "TrustsOthers",
    of: "a service",
    statements: [people({ Principal: { AWS: user, Service: "ec2.amazonaws.com" } }), jobs()],
    says: "ec2.amazonaws.com",
  },
  {
    check: "TrustsOthers",
    of: "another provider of tokens",
    statements: [people(), jobs(), { ...jobs(), Principal: { Federated: "cognito-identity.amazonaws.com" } }],
    says: "cognito-identity.amazonaws.com",
  },
  {
    check: "TrustsGitHubWithoutAudience",
    of: "tokens for anybody",
    statements: [people(), jobs({ aud: undefined })],
    says: "no audience",
  },
  {
    check: "TrustsOtherAudiences",
    of: "tokens for somebody else",
    statements: [people(), jobs({ aud: ["sts.amazonaws.com", "https://github.com/example"] })],
    says: "https://github.com/example",
  },
  {
    check: "TrustsGitHubWithoutSubject",
    of: "any subject",
    statements: [people(), jobs({ sub: undefined })],
    says: "no subject",
  },
  {
    check: "TrustsGitHubWithoutSubject",
    of: "a subject that need not be there",
    statements: [
      people(),
      jobs({ sub: undefined }, { "ForAllValues:StringEquals": { [`${issuer}:sub`]: [subject, newerSubject] } }),
    ],
    says: "no subject",
  },
  {
    check: "TrustsGitHubWithoutSubject",
    of: "every subject but one",
    statements: [
      people(),
      jobs({ sub: undefined }, { StringNotEquals: { [`${issuer}:sub`]: "repo:example/other:pull_request" } }),
    ],
    says: "no subject",
  },
  {
    check: "TrustsGitHubByPattern",
    of: "subjects by a pattern",
    statements: [
      people(),
      jobs({ sub: undefined }, { StringLike: { [`${issuer}:sub`]: ["repo:example/fleet*", newerSubject] } }),
    ],
    says: "repo:example/fleet*",
  },
  {
    check: "TrustsOtherSubjects",
    of: "another branch",
    statements: [people(), jobs({ sub: [subject, newerSubject, "repo:example/fleet:ref:refs/heads/dev"] })],
    says: "repo:example/fleet:ref:refs/heads/dev",
  },
  {
    check: "TrustsOtherRepositories",
    of: "whoever has the repository's name",
    statements: [people(), jobs({ repository_id: undefined })],
    says: "repository_id 123456",
  },
  {
    check: "TrustsOtherRepositories",
    of: "another repository as well",
    statements: [people(), jobs({ repository_id: ["123456", "999"] })],
    says: "repository_id 999",
  },
  {
    check: "MissesCaller",
    of: "somebody else alone",
    statements: [people({ Principal: { AWS: "arn:aws:iam::123456789012:user/mallory" } }), jobs()],
    says: `names arn:aws:iam::123456789012:user/mallory, not ${user}`,
    besides: ["TrustsOthers"],
  },
  {
    check: "MissesCaller",
    of: "a user by another action",
    statements: [people({ Action: "sts:SetSourceIdentity" }), jobs()],
    says: `names nobody, not ${user}`,
  },
  {
    check: "TrustsDeletedPrincipal",
    of: "a user that was made anew",
    statements: [people({ Principal: { AWS: "AIDAQXZEXAMPLE4321AB" } }), jobs()],
    says: "AIDAQXZEXAMPLE4321AB",
    besides: ["MissesCaller"],
  },
  {
    check: "MissesExternalId",
    of: "a word that people don't say",
    statements: [people({ Condition: { StringEquals: { "sts:ExternalId": "x" } } }), jobs()],
    says: "it says none",
  },
  {
    check: "MissesSourceIdentity",
    of: "a user without the name that goes along",
    statements: [people({ Action: "sts:AssumeRole" }), jobs()],
    says: "sts:SetSourceIdentity",
  },
  {
    check: "AsksForMore",
    of: "a second factor",
    statements: [people({ Condition: { Bool: { "aws:MultiFactorAuthPresent": true } } }), jobs()],
    says: "aws:MultiFactorAuthPresent",
  },
  {
    check: "AsksForMore",
    of: "a claim that the fleet knows nothing of",
    statements: [people(), jobs({ actor: "octocat" })],
    says: "actor",
  },
  {
    check: "DeniesCaller",
    of: "an explicit denial",
    statements: [people(), jobs(), { Effect: "Deny", Principal: { AWS: user }, Action: "sts:*" }],
    says: `denies sts:AssumeRole to ${user}`,
  },
  {
    check: "DeniesCaller",
    of: "a denial of all but somebody else",
    statements: [
      people(),
      jobs(),
      { Effect: "Deny", NotPrincipal: { AWS: "arn:aws:iam::123456789012:user/ada" }, Action: "sts:AssumeRole" },
    ],
    says: `denies sts:AssumeRole to ${user}`,
  },
  { check: "MissesGitHub", of: "no job", statements: [people()], says: "no job" },
  {
    check: "MissesSubject",
    of: "the old form of subjects alone",
    statements: [people(), jobs({ sub: subject })],
    says: `keeps out ${newerSubject}: it takes another sub`,
  },
  {
    check: "MissesSubject",
    of: "a pattern where stars are stars",
    statements: [people(), jobs({ sub: ["repo:example/fleet:*", newerSubject] })],
    says: `keeps out ${subject}`,
    besides: ["TrustsOtherSubjects"],
  },
  {
    check: "MissesSubject",
    of: "the repository that had the name before",
    statements: [people(), jobs({ repository_id: "999" })],
    says: "it takes another repository_id",
    besides: ["TrustsOtherRepositories"],
  },
];

const ofAccount: readonly Row[] = [
  {
    check: "TrustsWithoutExternalId",
    of: "the management role, whatever it says",
    statements: [hub({ Condition: {} })],
    says: externalId,
  },
  {
    check: "TrustsWithoutExternalId",
    of: "the management role also when it says nothing",
    statements: [hub({ Condition: { StringEqualsIfExists: { "sts:ExternalId": externalId } } })],
    says: externalId,
  },
  {
    check: "TrustsOtherExternalId",
    of: "another fleet's word as well",
    statements: [hub({ Condition: { StringEquals: { "sts:ExternalId": [externalId, "other"] } } })],
    says: `the external id other, the fleet's is ${externalId}`,
  },
  {
    check: "TrustsOtherExternalId",
    of: "words by a pattern",
    statements: [hub({ Condition: { StringLike: { "sts:ExternalId": "k8s-*" } } })],
    says: "k8s-*",
  },
  {
    check: "MissesExternalId",
    of: "another fleet's word",
    statements: [hub({ Condition: { StringEquals: { "sts:ExternalId": "other" } } })],
    says: `another external id than ${externalId}`,
    besides: ["TrustsOtherExternalId"],
  },
  {
    check: "TrustsWholeAccount",
    of: "the management account",
    statements: [hub({ Principal: { AWS: "123456789012" } })],
    says: "account 123456789012",
  },
  {
    check: "TrustsOthers",
    of: "a user of the management account",
    statements: [hub({ Principal: { AWS: [managementRole, user] } })],
    says: user,
  },
  {
    check: "TrustsOthers",
    of: "jobs, which have no business here",
    statements: [hub(), jobs()],
    says: provider,
  },
  {
    check: "TrustsDeletedPrincipal",
    of: "a management role that was made anew",
    statements: [hub({ Principal: { AWS: "AROAQXZEXAMPLE4321AB" } })],
    says: "AROAQXZEXAMPLE4321AB",
    besides: ["MissesCaller"],
  },
  {
    check: "MissesSourceIdentity",
    of: "the management role without the user's name",
    statements: [hub({ Action: "sts:AssumeRole" })],
    says: managementRole,
  },
];

function checkRow(expected: ExpectedTrust, { check, statements, says, besides = [] }: Row): void {
  const findings = checkTrust(policy(...statements), expected);
  expect([...new Set(findings.map((finding) => finding.check))].sort()).toEqual([check, ...besides].sort());
  const finding = findings.find((one) => one.check === check);
  expect(finding?.kind).toBe(trustChecks[check]);
  expect(finding?.message).toStartWith("its trust policy ");
  expect(finding?.message).toContain(says);
}

describe("a trust policy of the management role", () => {
  test.each([...ofManagement])("fails $check by letting in $of", (row) => checkRow(expectManagement, row));
});

describe("a trust policy of an account's role", () => {
  test.each([...ofAccount])("fails $check by letting in $of", (row) => checkRow(expectAccount, row));
});

describe("a trust policy", () => {
  test("is right as the stacks make it", async () => {
    const made = await generateTrust(fleet, tenant.name, user);
    expect(checkTrust(made.management, expectManagement)).toEqual([]);
    expect(checkTrust(made.account, expectAccount)).toEqual([]);
    const forPeople = await generateTrust(peopleOnly, tenant.name, user);
    expect(checkTrust(forPeople.management, expectedOfManagement(peopleOnly, management, [user]))).toEqual([]);
  });

  test("is read as GetRole tells it, percent-encoded", () => {
    const encoded = encodeURIComponent(policy(people({ Principal: "*" }), jobs()));
    expect(checkTrust(encoded, expectManagement).map(({ check }) => check)).toEqual(["TrustsEverybody"]);
  });

  test("lets in nobody by a statement that only goes with another one", () => {
    const also = { Effect: "Allow", Principal: "*", Action: ["sts:TagSession", "sts:SetSourceIdentity"] };
    expect(checkTrust(policy(people(), jobs(), also), expectManagement)).toEqual([]);
  });

  test("is no looser for a second condition on the same claim", () => {
    const narrowed = jobs({}, { StringLike: { [`${issuer}:sub`]: "repo:example*" } });
    expect(checkTrust(policy(people(), narrowed), expectManagement)).toEqual([]);
  });

  test("fails a check once, however many statements fail it", () => {
    const twice = checkTrust(
      policy(people(), people({ Principal: "*" }), people({ Principal: "*" }), jobs()),
      expectManagement,
    );
    expect(twice.map(({ check }) => check)).toEqual(["TrustsEverybody"]);
  });

  test("that can't be read is an error", async () => {
    for (const text of ["not json", '{"Statement":[{"Effect":"Perhaps"}]}', "%zz"]) {
      const error = await failureOf(Promise.resolve().then(() => checkTrust(text, expectAccount)));
      expect(error.code).toBe("AwsFailed");
    }
  });
});

describe("whom the management role is to let in", () => {
  const session = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_1/ada";
  const role = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1";

  test("is whoever looks, by the role whatever its path", () => {
    const expected = expectedOfManagement(peopleOnly, management, callersOf(fleet, session, undefined));
    expect(checkTrust(policy(people({ Principal: { AWS: role } })), expected)).toEqual([]);
    const other = people({ Principal: { AWS: `${role}2` } });
    expect(checkTrust(policy(other), expected).map(({ check }) => check)).toEqual(["TrustsOthers", "MissesCaller"]);
  });

  test("is whom AWS_USER_ARN names, once", () => {
    expect(callersOf(fleet, session, role)).toEqual([role]);
    expect(callersOf(fleet, user, role)).toEqual([user, role]);
  });

  test("is not the role itself, nor an account's", () => {
    const own = "arn:aws:sts::123456789012:assumed-role/aws-mgmt-iam-role/github-1";
    expect(callersOf(fleet, own, undefined)).toEqual([]);
    expect(callersOf(fleet, "arn:aws:sts::210987654321:assumed-role/aws-01-iam-role/x", user)).toEqual([user]);
  });

  test("may be a whole account, where its root user looks", () => {
    const root = "arn:aws:iam::123456789012:root";
    const expected = expectedOfManagement(peopleOnly, management, [root]);
    for (const name of [root, "123456789012"]) {
      expect(checkTrust(policy(people({ Principal: { AWS: name } })), expected)).toEqual([]);
    }
  });
});

describe("docs/trust.md", () => {
  test("explains every check, and no other", async () => {
    const text = await Bun.file(join(projectRoot, "docs/trust.md")).text();
    const rows = [...text.matchAll(/^\| ([A-Z]\w+) \| (too \w+) \|/gm)].map(([, check, kind]) => [check, kind]);
    expect(Object.fromEntries(rows)).toEqual(trustChecks);
    expect(rows.length).toBe(Object.keys(trustChecks).length);
  });

  test("is held to by a row for each check", () => {
    const tested = new Set([...ofManagement, ...ofAccount].map(({ check }) => check));
    expect([...tested].sort()).toEqual((Object.keys(trustChecks) as TrustCheck[]).sort());
  });
});
