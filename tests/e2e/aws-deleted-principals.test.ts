import { expect, setDefaultTimeout, test } from "bun:test";
import type { IAM } from "@aws-sdk/client-iam";
import { eks, fleetOf, inAws } from "#tests/support/aws-story.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

setDefaultTimeout(240_000);

const managementRole = "aws-mgmt-iam-role";
const managementStack = "aws/aws-mgmt/stack/management";
const roleStack = "aws/aws-01/stack/role";
const managementTask = "aws-mgmt/cf-route53-gh-action-iam-role-oidc";

async function trustOf(iam: IAM, RoleName: string): Promise<string> {
  return decodeURIComponent((await iam.getRole({ RoleName })).Role?.AssumeRolePolicyDocument ?? "");
}

/** The same role, as somebody creates it again by hand: it has another unique id. */
async function recreateRole(iam: IAM, RoleName: string): Promise<void> {
  const trust = await trustOf(iam, RoleName);
  const { PolicyNames = [] } = await iam.listRolePolicies({ RoleName });
  const policies = await Promise.all(PolicyNames.map((PolicyName) => iam.getRolePolicy({ RoleName, PolicyName })));
  const { AttachedPolicies: attached = [] } = await iam.listAttachedRolePolicies({ RoleName });
  for (const PolicyName of PolicyNames) await iam.deleteRolePolicy({ RoleName, PolicyName });
  for (const { PolicyArn } of attached) await iam.detachRolePolicy({ RoleName, PolicyArn });
  await iam.deleteRole({ RoleName });
  await iam.createRole({ RoleName, AssumeRolePolicyDocument: trust });
  for (const { PolicyArn } of attached) await iam.attachRolePolicy({ RoleName, PolicyArn });
  for (const { PolicyName, PolicyDocument = "" } of policies) {
    await iam.putRolePolicy({ RoleName, PolicyName, PolicyDocument: decodeURIComponent(PolicyDocument) });
  }
}

test.concurrent("accounts trust a management role that was deleted and created again by its own tasks", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await well(aws.run("create-eks-all", [], { fleet }));
    await well(aws.run("delete-eks-all", ["--yes"], { fleet }));
    await well(aws.run(`delete/${managementTask}`, ["--yes"], { fleet }));
    const again = await well(aws.run("create-eks-all", [], { fleet }));
    expect(endedAs(again, "updated")).toEqual([roleStack]);
    expect(again.results[roleStack]?.changes).toEqual([
      {
        field: "trust.aws-01-iam-role",
        from: expect.stringMatching(/^AROA\w+ \(deleted\)$/),
        to: `arn:aws:iam::111111111111:role/${managementRole}`,
        effect: "in-place",
      },
      {
        field: "trust.aws-01-read-only-iam-role",
        from: expect.stringMatching(/^AROA\w+ \(deleted\)$/),
        to: "arn:aws:iam::111111111111:role/aws-mgmt-read-only-iam-role",
        effect: "in-place",
      },
    ]);
    const { iam } = await aws.as("aws-01");
    expect(await trustOf(iam, "aws-01-iam-role")).not.toContain("AROA");
    expect(endedAs(await well(aws.run("create-eks-all", [], { fleet })), "updated")).toEqual([]);
  });
});

test.concurrent("the account's own task opens an account with clusters again, which can then be deleted", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await well(aws.run("create-eks-all", [], { fleet }));
    const [management, one] = await Promise.all([aws.as("aws-mgmt"), aws.as("aws-01")]);
    await recreateRole(management.iam, managementRole);

    const status = await aws.run("status", [], { fleet });
    expect(status.results[roleStack]?.health?.summary).toContain("which was deleted, instead of arn:aws:iam::1111");
    const refused = await aws.run("delete-eks-all", ["--yes"], { fleet });
    expect(Object.values(errorsOf(refused)).join("\n")).toContain("run tasks/create/aws-tenant/cf-iam-role.ts aws-01");

    const repaired = await well(aws.run("create/aws-tenant/cf-iam-role", ["aws-01"], { fleet }));
    expect(endedAs(repaired, "updated")).toEqual([roleStack]);
    expect(await trustOf(one.iam, "aws-01-iam-role")).not.toContain("AROA");
    await well(aws.run("delete-eks-all", ["--yes"], { fleet }));
    expect(JSON.parse(await aws.sandbox("status")).aws.clusters).toEqual([]);
  });
});

test.concurrent("the management role trusts a user who was deleted and created again", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await aws.openFor(fleet);
    const { iam } = await aws.as("aws-mgmt");
    const UserName = "operator";
    const { User: user } = await iam.createUser({ UserName });
    const variables = { ...(await aws.variables()), AWS_USER_ARN: user?.Arn ?? "" };
    const run = { fleet, variables, entered: false };
    await well(aws.run(`create/${managementTask}`, [], run));
    await iam.deleteUser({ UserName });
    const locked = await aws.run(`create/${managementTask}`, [], run);
    expect(errorsOf(locked)[managementStack]).toContain(
      `can't trust ${user?.Arn}, which does not exist (AwsFailed)\nhint: create ${user?.Arn} first`,
    );
    await iam.createUser({ UserName });
    const again = await well(aws.run(`create/${managementTask}`, [], run));
    expect(endedAs(again, "updated")).toEqual([managementStack]);
    expect(await trustOf(iam, managementRole)).toContain(`"AWS":"${user?.Arn}"`);
  });
});

test.concurrent("the management role stays while clusters exist, also after a failed delete has removed their delegations", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await well(aws.run("create-eks-all", [], { fleet }));
    await aws.fault("cloudformation:DeleteStack", "fail:AccessDenied", { times: 0 });
    await aws.run("delete-eks-all", ["--yes"], { fleet });
    await aws.clearFaults();
    const remove = () => aws.run(`delete/${managementTask}`, ["--yes"], { fleet });
    expect(errorsOf(await remove())[managementStack]?.split("\n")).toEqual([
      `aws-mgmt: ${managementRole} is needed to delete k01.k8s.aws.mylabs.dev (StillNeeded)`,
      expect.stringMatching(
        /^hint: delete them first: .* run tasks\/delete-eks-all\.ts k01\.k8s\.aws\.mylabs\.dev --sandbox --fleet /,
      ),
      "k01.k8s.aws.mylabs.dev: stack and zone",
    ]);
    // A zone alone costs money too, and only the account's role would find it.
    const { cloudFormation } = await aws.as("aws-01");
    const StackName = "k01-k8s-aws-mylabs-dev-eks";
    await cloudFormation.updateTerminationProtection({ StackName, EnableTerminationProtection: false });
    await cloudFormation.deleteStack({ StackName });
    for (;;) {
      const gone = await cloudFormation.describeStacks({ StackName }).then(
        () => false,
        () => true,
      );
      if (gone) break;
      await Bun.sleep(100);
    }
    expect(errorsOf(await remove())[managementStack]).toContain("k01.k8s.aws.mylabs.dev: zone");
    await well(aws.run("delete-eks-all", ["--yes"], { fleet }));
    await well(remove());
  });
});
