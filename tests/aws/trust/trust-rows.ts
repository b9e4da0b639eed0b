import type { TrustCheck } from "#lib/aws/trust/checks.ts";
import {
  externalId,
  hub,
  issuer,
  jobs,
  managementRole,
  newerSubject,
  people,
  provider,
  type Statement,
  subject,
  user,
} from "#tests/aws/trust/trust-statements.ts";

// Trust policies with one fault each, for every check.

export interface Row {
  readonly check: TrustCheck;
  readonly of: string;
  readonly statements: readonly Statement[];
  /** In the message, so that whoever reads it knows what to look for. */
  readonly says: string;
  /** What else is wrong with it by its nature. */
  readonly besides?: readonly TrustCheck[];
}

export const ofManagement: readonly Row[] = [
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
    says: `names no principal, not ${user}`,
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

export const ofAccount: readonly Row[] = [
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
