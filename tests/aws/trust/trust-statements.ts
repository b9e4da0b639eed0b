import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { expectedOfAccount, expectedOfManagement } from "#lib/aws/trust/expected.ts";
import type { Fleet, GitHubTrust } from "#lib/fleet/types.ts";

// A fleet, and statements as its roles have them, in which tests change one thing at a time.

export const management: AwsAccount = {
  provider: "aws",
  name: "aws-mgmt",
  role: "management",
  accountId: "123456789012",
};
export const tenant: AwsAccount = { provider: "aws", name: "aws-01", role: "tenant", accountId: "210987654321" };
const github: GitHubTrust = {
  repository: "example/fleet",
  repositoryId: "123456",
  ownerId: "7890",
  claims: ["ref:refs/heads/main"],
};
/** For people alone. */
export const peopleOnly: Fleet = {
  domain: "mylabs.test",
  zones: [{ provider: "aws", primary: "aws.mylabs.test", clusters: "k8s.aws.mylabs.test" }],
  accounts: [management, tenant],
  clusters: [],
};
export const fleet: Fleet = { ...peopleOnly, github };
export const user = "arn:aws:iam::123456789012:user/aws-cli";
export const issuer = "token.actions.githubusercontent.com";
export const provider = `arn:aws:iam::123456789012:oidc-provider/${issuer}`;
export const subject = "repo:example/fleet:ref:refs/heads/main";
export const newerSubject = "repo:example@7890/fleet@123456:ref:refs/heads/main";
export const managementRole = "arn:aws:iam::123456789012:role/aws-mgmt-iam-role";
export const externalId = "k8s-multicluster-gitops/mylabs.test";

export type Statement = Readonly<Record<string, unknown>>;
type Claims = Readonly<Record<string, unknown>>;

export const policy = (...Statement: readonly Statement[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement });

/** Lets in a user as it should be, save for what is changed. */
export const people = (change: Statement = {}): Statement => ({
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
export const jobs = (claims: Claims = {}, more: Statement = {}): Statement => {
  const names = Object.entries(claims).map(([name, value]) => [`${issuer}:${name}`, value]);
  return {
    Effect: "Allow",
    Principal: { Federated: provider },
    Action: "sts:AssumeRoleWithWebIdentity",
    Condition: { StringEquals: { ...rightClaims, ...Object.fromEntries(names) }, ...more },
  };
};

/** Lets in the management role as it should be, save for what is changed. */
export const hub = (change: Statement = {}): Statement => ({
  Effect: "Allow",
  Principal: { AWS: managementRole },
  Action: ["sts:AssumeRole", "sts:SetSourceIdentity"],
  Condition: { StringEquals: { "sts:ExternalId": externalId } },
  ...change,
});

export const expectManagement = expectedOfManagement(fleet, management, [user]);
export const expectAccount = expectedOfAccount(fleet, management);
