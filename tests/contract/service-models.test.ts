/** Limits and patterns of the checker and of the templates against the models of services that AWS publishes with its CLI. */

import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { externalIdOf } from "#lib/aws/credentials/chain.ts";
import { awsAccountRoles, iamRoleOf, readOnlyRoleOf, serviceRoleOf } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { tagsOf } from "#lib/cloud/parts.ts";
import { taskSuffix } from "#lib/fleet/names.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { projectRoot } from "#lib/paths.ts";
import { base, eks, github, management, tenant } from "#tests/fixtures/fleets/base.ts";
import { longest, zones } from "#tests/fixtures/fleets/longest.ts";
import { checkFleet } from "#tests/support/fleet.ts";
import { modelFolder, readModel, type ServiceModel, type Shape } from "#tests/support/service-models.ts";

const services = ["cloudformation", "eks", "iam", "route53", "sts"] as const;
type Service = (typeof services)[number];
let models: Readonly<Record<Service, ServiceModel>> | undefined;

function shapeOf(service: Service, name: string): Shape {
  const shape = models?.[service][name];
  if (shape === undefined) throw new Error(`${service} has no shape ${name}`);
  return shape;
}

/** As the service checks it: the whole text. */
function takes({ min = 0, max = Number.POSITIVE_INFINITY, pattern = "[^]*" }: Shape, text: string): boolean {
  return text.length >= min && text.length <= max && new RegExp(`^(?:${pattern})$`, "u").test(text);
}

function withRole(iamRole: string): Fleet {
  return { ...base, accounts: [management, { ...tenant, provider: "aws", accountId: "222222222222", iamRole }] };
}

if (modelFolder === undefined) process.stdout.write("limits are not compared with AWS's models: no AWS CLI here\n");

describe.skipIf(modelFolder === undefined)("AWS's models of its services", () => {
  beforeAll(async () => {
    const read = services.map(async (service) => [service, await readModel(service)] as const);
    models = Object.fromEntries(await Promise.all(read)) as Record<Service, ServiceModel>;
  });

  test("the checker takes the characters in names of roles that IAM takes, and no other", () => {
    const shape = shapeOf("iam", "roleNameType");
    for (let code = 0x20; code < 0x180; code++) {
      const role = `a${String.fromCharCode(code)}b`;
      expect([role, checkFleet(withRole(role)).length === 0]).toEqual([role, takes(shape, role)]);
    }
  });

  test("the checker takes names of roles up to the length that IAM takes", () => {
    const shape = shapeOf("iam", "roleNameType");
    for (let length = 1; length <= 70; length++) {
      const { accounts } = withRole("r".repeat(length));
      const roles = awsAccountRoles({ ...base, accounts }).flatMap(({ account }) => rolesOf(account));
      const isTaken = roles.every((role) => takes(shape, role));
      expect([length, checkFleet({ ...base, accounts }).length === 0]).toEqual([length, isTaken]);
    }
  });

  test("the checker takes names of clusters up to the length that EKS takes", () => {
    const shape = shapeOf("eks", "ClusterName");
    const domain = "d".repeat(40);
    for (let length = 1; length <= 63; length++) {
      const primary = `aws.${domain}.dev` as const;
      const name = `${"c".repeat(length)}.k8s.${primary}` as const;
      const fleet: Fleet = {
        ...base,
        domain: `${domain}.dev`,
        zones: [{ provider: "aws", primary, clusters: `k8s.${primary}` }],
        clusters: [{ ...eks, name }],
      };
      const isTaken = takes({ ...shape, pattern: `${shape.pattern ?? ""}$` }, taskSuffix({ name }));
      expect([length, checkFleet(fleet).length === 0]).toEqual([length, isTaken]);
    }
  });

  test("the checker takes only claims of characters that IAM takes in a policy", () => {
    const shape = shapeOf("iam", "policyDocumentType");
    for (let code = 0x20; code < 0x180; code++) {
      const claim = `environment:a${String.fromCharCode(code)}b`;
      const isTaken = checkFleet({ ...base, github: { ...github, claims: [claim] } }).length === 0;
      if (isTaken) expect([claim, takes(shape, claim)]).toEqual([claim, true]);
    }
  });

  test("the longest fleet has names, tags and ids that every service takes", () => {
    expect(checkFleet(longest)).toEqual([]);
    const tags = longest.accounts.map(({ name }) => tagsOf(longest, { account: name }));
    const all = [...tags, ...longest.clusters.map(({ name }) => tagsOf(longest, { cluster: name }))];
    for (const [service, key, value] of [
      ["iam", "tagKeyType", "tagValueType"],
      ["eks", "TagKey", "TagValue"],
      ["route53", "TagKey", "TagValue"],
      ["cloudformation", "TagKey", "TagValue"],
    ] as const) {
      for (const [name, text] of all.flatMap((one) => Object.entries(one))) {
        expect([service, name, takes(shapeOf(service, key), name)]).toEqual([service, name, true]);
        expect([service, text, takes(shapeOf(service, value), text)]).toEqual([service, text, true]);
      }
    }
    expect(takes(shapeOf("sts", "externalIdType"), externalIdOf(longest))).toBe(true);
    expect(takes(shapeOf("route53", "DNSName"), zones.clusters)).toBe(true);
    for (const { account } of awsAccountRoles(longest)) {
      expect(takes(shapeOf("iam", "policyNameType"), `${iamRoleOf(account)}-policy`)).toBe(true);
    }
  });

  test.each([
    ["allow-mgmt-iam-role-to-assume-tenant-iam-role.yml", "TenantIamRoleName", "iam", "roleNameType"],
    ["allow-mgmt-iam-role-to-assume-tenant-iam-role.yml", "ReadOnlyIamRoleName", "iam", "roleNameType"],
    ["allow-mgmt-iam-role-to-assume-tenant-iam-role.yml", "CloudFormationIamRoleName", "iam", "roleNameType"],
    ["allow-mgmt-iam-role-to-assume-tenant-iam-role.yml", "TenantIamRolePolicyName", "iam", "policyNameType"],
    ["allow-mgmt-iam-role-to-assume-tenant-iam-role.yml", "ExternalId", "sts", "externalIdType"],
    ["route53-gh-action-iam-role-oidc.yml", "ManagementIamRoleName", "iam", "roleNameType"],
    ["route53-gh-action-iam-role-oidc.yml", "ReadOnlyIamRoleName", "iam", "roleNameType"],
  ] as const)("%s: %s is what %s takes as %s", async (file, parameter, service, name) => {
    const text = await Bun.file(join(projectRoot, "cloudformation", file)).text();
    const [, allowed] = new RegExp(`^  ${parameter}:\\n(?:    .*\\n)*?    AllowedPattern: (.*)$`, "m").exec(text) ?? [];
    const { min = 0, max = 0, pattern = "" } = shapeOf(service, name);
    expect(allowed).toBe(`^${pattern.replace(/[+*]$/, "").replaceAll("\\/", "/")}{${min},${max}}$`);
  });
});

function rolesOf(account: AwsAccount): readonly string[] {
  return [iamRoleOf(account), serviceRoleOf(account), readOnlyRoleOf(account)];
}
