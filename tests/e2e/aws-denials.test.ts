import { expect, setDefaultTimeout, test } from "bun:test";
import { type AccountName, type AwsStory, eks, fleetOf, ids, inAws } from "#tests/support/aws-story.ts";
import { isChanging } from "#tests/support/cloud-sandbox.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const k01 = "aws/aws-01/k01.k8s.aws.mylabs.dev";
const k02 = "aws/aws-01/k02.k8s.aws.mylabs.dev";

interface Denial {
  readonly account: AccountName;
  readonly role: string;
  readonly action: string;
}

/** Takes an action away from a role for the time of the work. */
async function denied(aws: AwsStory, { account, role, action }: Denial, work: () => Promise<void>): Promise<void> {
  const { iam } = await aws.as(account);
  const policy = { RoleName: role, PolicyName: "taken-away" };
  const Statement = { Effect: "Deny", Action: action, Resource: "*" };
  await iam.putRolePolicy({ ...policy, PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement }) });
  await work();
  await iam.deleteRolePolicy(policy);
}

test.concurrent("an action that a role lacks is named with the role, and a later run finishes what was begun", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1), eks(2));
    await well(aws.run("create-eks-all", [], { fleet: fleetOf(eks(1)) }));
    const refusals = [
      { account: "aws-01", role: "aws-01-iam-role", action: "route53:CreateHostedZone", at: `${k02}/zone` },
      { account: "aws-01", role: "aws-01-iam-role", action: "cloudformation:ExecuteChangeSet", at: `${k02}/stack` },
    ] as const;
    for (const { at, ...denial } of refusals) {
      await denied(aws, denial, async () => {
        const run = await aws.run("create-eks-all", [], { fleet });
        expect(run.exitCode).toBe(1);
        const { [at]: error = "", ...others } = errorsOf(run);
        expect(others).toEqual({});
        expect(error).toMatch(
          new RegExp(`assumed-role/${denial.role}/\\S+ may not ${denial.action}\\b.*\\(AwsDenied\\)`),
        );
        expect(error).toContain(`hint: take the denial of ${denial.action} out of the policies of that role`);
        expect(endedAs(run, "unchanged")).toContain(`${k01}/stack`);
      });
    }
    const made = await well(aws.run("create-eks-all", [], { fleet }));
    expect(endedAs(made, "made")).toEqual([`${k02}/stack`, "aws/aws-01/kubeconfig/k02.k8s.aws.mylabs.dev"]);
  });
});

test.concurrent("an action that CloudFormation's role lacks is named, and the stack is made once it is back", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await well(aws.run("create/aws-mgmt/cf-route53-gh-action-iam-role-oidc", [], { fleet }));
    await well(aws.run("create/aws-tenant/cf-iam-role", ["aws-01"], { fleet }));
    const denial = { account: "aws-01", role: "aws-01-cloudformation-role", action: "ec2:CreateNatGateway" } as const;
    await denied(aws, denial, async () => {
      const run = await aws.run("create-eks-all", [], { fleet });
      expect(run.exitCode).toBe(1);
      const { [`${k01}/stack`]: error = "", ...others } = errorsOf(run);
      expect(others).toEqual({});
      expect(error).toContain("creating it failed: NatGatewayA (AWS::EC2::NatGateway): ");
      expect(error).toContain(
        "assumed-role/aws-01-cloudformation-role/AWSCloudFormation is not authorized to perform: ec2",
      );
      expect(error).toContain("hint: the role that CloudFormation acts by lacks what the message names");
    });
    const made = await well(aws.run("create-eks-all", [], { fleet }));
    expect(made.results[`${k01}/stack`]?.outcome).toBe("made");
  });
});

test.concurrent("a role whose trust is too tight lets nobody in, and one that is too loose is told", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await well(aws.run("create-eks-all", [], { fleet }));
    const { iam } = await aws.as("aws-01");
    const RoleName = "aws-01-iam-role";
    const { Role: role } = await iam.getRole({ RoleName });
    const trust = decodeURIComponent(role?.AssumeRolePolicyDocument ?? "");

    const tight = trust.replaceAll("k8s-multicluster-gitops/mylabs.dev", "somebody-else");
    await iam.updateAssumeRolePolicy({ RoleName, PolicyDocument: tight });
    await aws.calls();
    const refused = await aws.run("create-eks-all", [], { fleet: fleetOf(eks(1), eks(2)) });
    expect(refused.exitCode).toBe(1);
    expect(Object.keys(errorsOf(refused))).toEqual([`${k01}/zone`, `${k02}/zone`]);
    for (const error of Object.values(errorsOf(refused))) expect(error).toContain("AccessDenied (AssumeRoleDenied)");
    expect((await aws.calls()).filter((call) => isChanging(call) && call.account === ids["aws-01"])).toEqual([]);
    expect((await aws.run("whoami", [], { fleet })).stdout).toContain('"check":"MissesExternalId","kind":"too tight"');

    const { Statement, ...document } = JSON.parse(trust) as { readonly Statement: readonly unknown[] };
    const everybody = { Effect: "Allow", Principal: { AWS: "*" }, Action: "sts:AssumeRole" };
    const loose = JSON.stringify({ ...document, Statement: [...Statement, everybody] });
    await iam.updateAssumeRolePolicy({ RoleName, PolicyDocument: loose });
    const who = await aws.run("whoami", [], { fleet });
    expect(who.exitCode).toBe(1);
    expect(who.stdout).toContain('"check":"TrustsEverybody","kind":"too loose"');
    const drifted = await aws.run("status", ["--drift"], { fleet });
    expect(drifted.results["aws/aws-01/stack/role"]?.health?.summary).toContain(
      "TenantIamRole/AssumeRolePolicyDocument: ",
    );
  });
});
