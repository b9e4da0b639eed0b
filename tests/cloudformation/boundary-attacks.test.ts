import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { listAt, objectAt } from "#sandbox/json.ts";
import { attacks, needs, type Request } from "#tests/cloudformation/attacks.ts";
import { serviceRole, tenant } from "#tests/cloudformation/contract.ts";
import { ask, policyOf } from "#tests/cloudformation/policies.ts";
import { readTemplate, render } from "#tests/cloudformation/render.ts";
import { iamSimulate, simulate } from "#tests/support/iam-simulate.ts";

if (iamSimulate === undefined)
  process.stdout.write("policies are judged by our evaluator only: @cloud-copilot/iam-simulate is not installed\n");

const rendered = render(await readTemplate(tenant.file), tenant.values);
const boundary = rendered.resources.ClusterRoleBoundary?.properties.PolicyDocument;
/** A template can give its role any policy and let anybody assume it. */
const everything = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] };
const principal = "arn:aws:sts::222222222222:assumed-role/some/attacker";

const evaluators: readonly {
  readonly name: string;
  readonly isHere: boolean;
  allows(request: Request): Promise<boolean>;
}[] = [
  {
    name: "our evaluator",
    isHere: true,
    allows: async ({ action, resource, context }) =>
      ask([policyOf(rendered, "ClusterRoleBoundary")], action, resource, context) === "allowed",
  },
  {
    name: "iam-simulate",
    isHere: iamSimulate !== undefined,
    allows: async ({ action, resource, context = {} }) =>
      (await simulate({ principal, action, resource, context }, { identity: [everything], boundary })) === "Allowed",
  },
];

describe.each(evaluators)("by $name, a role that allows everything and has the boundary", ({ isHere, allows }) => {
  test.skipIf(!isHere).each(attacks)("cannot $title: $action", async (request) => {
    expect(await allows(request)).toBe(false);
  });

  test.skipIf(!isHere).each(needs)("can $title: $action", async (request) => {
    expect(await allows(request)).toBe(true);
  });
});

describe("by iam-simulate, the resource control policy of docs/aws.md", () => {
  const trusting = (principal: object) => ({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: principal, Action: "sts:AssumeRole" }],
  });
  const assume = async (principal: string, trust: object, context: Request["context"] = {}) => {
    const control = await Bun.file(join(projectRoot, "cloudformation", "trust-of-services-only.rcp.json")).json();
    const resource = "arn:aws:iam::222222222222:role/k8s-multicluster-gitops/some";
    return await simulate(
      { principal, action: "sts:AssumeRole", resource, context },
      { identity: [everything], resource: trusting(trust), resourceControl: [control] },
    );
  };
  const stranger = "arn:aws:iam::999999999999:role/stranger";

  test.skipIf(iamSimulate === undefined)("keeps out a foreign account that a role of clusters trusts", async () => {
    expect(await assume(stranger, { AWS: stranger }, { "aws:PrincipalIsAWSService": "false" })).toBe(
      "ExplicitlyDenied",
    );
    const own = "arn:aws:iam::222222222222:user/somebody";
    expect(await assume(own, { AWS: own }, { "aws:PrincipalIsAWSService": "false" })).toBe("ExplicitlyDenied");
  });

  test.skipIf(iamSimulate === undefined)("lets EKS in", async () => {
    const service = "eks.amazonaws.com";
    expect(await assume(service, { Service: service }, { "aws:PrincipalIsAWSService": "true" })).toBe("Allowed");
  });
});

describe("by iam-simulate, CloudFormation's role and a key whose policy leaves it to IAM", () => {
  const key = "arn:aws:kms:us-east-1:222222222222:key/1";
  const leftToIam = {
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: "arn:aws:iam::222222222222:root" }, Action: "kms:*", Resource: "*" },
    ],
  };
  const own = listAt(rendered.resources.CloudFormationIamRole?.properties, "Policies").map((policy) =>
    objectAt(policy, "PolicyDocument"),
  );
  const ask = async (action: string, context: Request["context"] = {}) =>
    await simulate({ principal: serviceRole, action, resource: key, context }, { identity: own, resource: leftToIam });
  const tagged = { "aws:ResourceTag/project": "k8s-multicluster-gitops" };

  test
    .skipIf(iamSimulate === undefined)
    .each(["PutKeyPolicy", "CreateGrant", "EnableKeyRotation", "UntagResource", "Decrypt"])(
    "refuses kms:%s, whatever tags it has",
    async (action) => {
      expect(await ask(`kms:${action}`, tagged)).not.toBe("Allowed");
    },
  );

  test.skipIf(iamSimulate === undefined)("deletes only what has the fleet's tag", async () => {
    expect(await ask("kms:ScheduleKeyDeletion", tagged)).toBe("Allowed");
    expect(await ask("kms:ScheduleKeyDeletion")).not.toBe("Allowed");
  });
});
