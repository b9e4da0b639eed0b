import { expect, test } from "bun:test";
import { externalIdOf } from "#lib/aws/credentials/chain.ts";
import { tryInstanceTypeFault } from "#lib/aws/fleet/instance-types.ts";
import { awsAccountRoles, iamRoleOf, readOnlyRoleOf, roleArn, serviceRoleOf } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { subjectsOf, trustSizeOf } from "#lib/fleet/github.ts";
import type { Fleet, GitHubTrust } from "#lib/fleet/types.ts";
import { isObject, type Json, listAt } from "#sandbox/json.ts";
import { type RenderedResource, readTemplate, render } from "#tests/cloudformation/render.ts";
import { base, github, management, tenant } from "#tests/fixtures/fleets/base.ts";
import { account, longest, zones } from "#tests/fixtures/fleets/longest.ts";
import { checkFleet } from "#tests/support/fleet.ts";

const policiesOf = ({ properties }: RenderedResource): readonly Json[] =>
  listAt(properties, "Policies").map((policy) => (isObject(policy) ? policy.PolicyDocument : undefined) ?? null);
const sizeOf = (documents: readonly (Json | undefined)[]) =>
  documents.reduce<number>((size, document) => size + JSON.stringify(document).replaceAll(/\s/g, "").length, 0);

const managementFile = "route53-gh-action-iam-role-oidc.yml";
const managementValues = {
  PrimaryDomain: "aws.mylabs.dev",
  K8sDomain: "k8s.aws.mylabs.dev",
  ManagementIamRoleName: "aws-mgmt-iam-role",
  ReadOnlyIamRoleName: "aws-mgmt-read-only-iam-role",
  UserArn: `arn:aws:iam::111111111111:user/${"u".repeat(97)}`,
  OidcProviderArn: "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com",
  TenantIamRoleArns: "arn:aws:iam::222222222222:role/aws-01-iam-role",
  TenantReadOnlyIamRoleArns: "arn:aws:iam::222222222222:role/aws-01-read-only-iam-role",
};

test.each([
  ["claims", "SubjectClaimFilters", "ManagementIamRole"],
  ["readClaims", "ReadSubjectClaimFilters", "ReadOnlyIamRole"],
] as const)("%s may fill the trust policy of their role to its last character", async (field, parameter, role) => {
  const trustOf = async (given: GitHubTrust, claims: readonly string[]): Promise<number> => {
    const { resources } = render(await readTemplate(managementFile), {
      ...managementValues,
      [parameter]: subjectsOf(given, claims).join(","),
      RepositoryId: given.repositoryId,
    });
    return sizeOf([resources[role]?.properties.AssumeRolePolicyDocument]);
  };
  const few = Array.from({ length: 8 }, (_, index) => `environment:of-some-length-${index}`);
  const lacking = 2_048 - trustSizeOf(github, subjectsOf(github, few));
  // Each claim is in two subjects.
  const last = `environment:of-some-length-7${"x".repeat(Math.floor(lacking / 2))}`;
  const claims = [...few.slice(0, -1), last];
  const faultsOf = (given: readonly string[]) =>
    checkFleet({ ...base, github: { ...github, claims: ["environment:one"], [field]: given } });
  expect(lacking).toBeGreaterThan(0);
  expect(await trustOf(github, claims)).toBe(trustSizeOf(github, subjectsOf(github, claims)));
  expect(trustSizeOf(github, subjectsOf(github, claims))).toBeGreaterThanOrEqual(2_047);
  expect(faultsOf(claims)).toEqual([]);
  expect(faultsOf([...claims.slice(0, -1), `${last}x`])).toMatchObject([
    { code: "MalformedGitHub", message: expect.stringMatching(/^(?:read)?[cC]laims needs .* IAM takes 2048$/) },
  ]);
});

/** 64 read-only roles whose ARNs, joined by commas, are 4,096 bytes long, and longer by one for each letter of `more`. */
function fullFleet(more = ""): Fleet {
  const tenants = Array.from({ length: 64 }, (_, index): AwsAccount => {
    const iamRole = `tenant-${String(100_000 + index)}${index === 0 ? `x${more}` : ""}`;
    return {
      ...tenant,
      provider: "aws",
      name: `aws-0${index + 1}`,
      accountId: String(200_000_000_000 + index),
      iamRole,
    };
  });
  return { ...base, accounts: [management, ...tenants] };
}

test("as many accounts as the checker takes fit into the stack of the management account", async () => {
  const fleet = fullFleet();
  expect(checkFleet(fleet)).toEqual([]);
  const roles = awsAccountRoles(fleet);
  const readers = roles.map(({ account }) => roleArn(account, readOnlyRoleOf(account))).join(",");
  expect(readers.length).toBe(4_096);
  const { resources } = render(await readTemplate(managementFile), {
    ...managementValues,
    TenantIamRoleArns: roles.map(({ account, role }) => roleArn(account, role)).join(","),
    TenantReadOnlyIamRoleArns: readers,
  });
  for (const role of [resources.ManagementIamRole, resources.ReadOnlyIamRole]) {
    expect(role === undefined ? undefined : sizeOf(policiesOf(role))).toBeLessThanOrEqual(10_240);
  }
});

test("one byte more is refused, with the account that has it, the size and the limit", () => {
  expect(checkFleet(fullFleet("x"))).toMatchObject([
    {
      code: "TooManyAccounts",
      where: "account aws-064",
      message: "the ARNs of 64 read-only roles are 4097 bytes long, a stack parameter takes 4096",
    },
  ]);
});

test("policies of an account's stack are within IAM's limits with the longest names that the checker takes", async () => {
  expect(zones.clusters.length).toBe(98);
  expect(checkFleet(longest)).toEqual([]);
  const { resources } = render(await readTemplate("allow-mgmt-iam-role-to-assume-tenant-iam-role.yml"), {
    ManagementIamRoleArn: "arn:aws:iam::111111111111:role/aws-mgmt-iam-role",
    ReadOnlyManagementIamRoleArn: "arn:aws:iam::111111111111:role/aws-mgmt-read-only-iam-role",
    TenantIamRoleName: iamRoleOf(account),
    TenantIamRolePolicyName: `${iamRoleOf(account)}-policy`,
    ReadOnlyIamRoleName: readOnlyRoleOf(account),
    ExternalId: externalIdOf(longest),
    CloudFormationIamRoleName: serviceRoleOf(account),
    K8sDomain: zones.clusters,
  });
  expect(serviceRoleOf(account).length).toBe(64);
  for (const resource of Object.values(resources)) {
    const { type, properties } = resource;
    if (type === "AWS::IAM::ManagedPolicy") expect(sizeOf([properties.PolicyDocument])).toBeLessThanOrEqual(6_144);
    if (type !== "AWS::IAM::Role") continue;
    expect(sizeOf(policiesOf(resource))).toBeLessThanOrEqual(10_240);
    expect(sizeOf([properties.AssumeRolePolicyDocument])).toBeLessThanOrEqual(2_048);
  }
});

test.each(["m7g.large", "c7i-flex.8xlarge", "im4gn.16xlarge", "r8i.metal-96xl", "t3.nano"])(
  "%s is a type of EC2",
  (type) => {
    expect(tryInstanceTypeFault(type)).toBeUndefined();
  },
);

test.each([
  ["m7q.large", 'did you mean "m7'],
  ["m7g", "m7g.large"],
  ["m7g.large.large", "m7g.large"],
  ["large", "a type is such as m7g.large"],
])("%s is no type of EC2, and the hint helps", (type, hint) => {
  expect(tryInstanceTypeFault(type)?.hint).toContain(hint);
});
