import { expect, test } from "bun:test";
import { checkFleet } from "#lib/fleet/check.ts";
import { subjectsOf } from "#lib/fleet/github.ts";
import { tryInstanceTypeFault } from "#lib/fleet/instance-types.ts";
import { readTemplate, render } from "#tests/cloudformation/render.ts";
import { base, github } from "#tests/fixtures/fleets/base.ts";

test("as many claims as the checker takes fit into the trust policy of a role", async () => {
  const claims: string[] = [];
  while (
    checkFleet({ ...base, github: { ...github, claims: [...claims, `environment:${claims.length}`] } }).length === 0
  ) {
    claims.push(`environment:${claims.length}`);
  }
  expect(claims.length).toBeGreaterThan(5);
  const { resources } = render(await readTemplate("route53-gh-action-iam-role-oidc.yml"), {
    PrimaryDomain: "aws.mylabs.dev",
    K8sDomain: "k8s.aws.mylabs.dev",
    ManagementIamRoleName: "aws-mgmt-iam-role",
    ReadOnlyIamRoleName: "aws-mgmt-read-only-iam-role",
    UserArn: `arn:aws:iam::111111111111:user/${"u".repeat(97)}`,
    OidcProviderArn: "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com",
    SubjectClaimFilters: subjectsOf(github, claims).join(","),
    RepositoryId: github.repositoryId,
    TenantIamRoleArns: "arn:aws:iam::222222222222:role/aws-01-iam-role",
    TenantReadOnlyIamRoleArns: "arn:aws:iam::222222222222:role/aws-01-read-only-iam-role",
  });
  const trust = JSON.stringify(resources.ManagementIamRole?.properties.AssumeRolePolicyDocument);
  expect(trust.length).toBeGreaterThan(1_800);
  expect(trust.length).toBeLessThanOrEqual(2_048);
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
