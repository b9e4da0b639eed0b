import { expect, setDefaultTimeout, test } from "bun:test";
import type { AccountName, AwsStory } from "#tests/support/aws-story.ts";
import { eks, fleetOf, inAws } from "#tests/support/aws-story.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const k01 = "aws/aws-01/k01.k8s.aws.mylabs.dev";
const github = {
  repository: "example/fleet",
  repositoryId: "123456",
  ownerId: "7890",
  claims: ["ref:refs/heads/main"],
};

/** Names of zones and of stacks that are there, sorted; twice the same name are two of them. */
async function thingsIn(aws: AwsStory, account: AccountName): Promise<readonly string[]> {
  const { route53, cloudFormation } = await aws.as(account);
  const { HostedZones = [] } = await route53.listHostedZones({});
  const { Stacks = [] } = await cloudFormation.describeStacks({});
  return [...HostedZones.map(({ Name = "" }) => Name), ...Stacks.map(({ StackName = "" }) => StackName)].sort();
}

const whole = {
  "aws-mgmt": ["aws.mylabs.dev.", "k8s-multicluster-gitops-route53-gh-action-iam-role-oidc", "k8s.aws.mylabs.dev."],
  "aws-01": [
    "k01-k8s-aws-mylabs-dev-eks",
    "k01.k8s.aws.mylabs.dev.",
    "k8s-multicluster-gitops-allow-mgmt-iam-role-to-assume-tenant-iam-role",
  ],
} as const;

test.concurrent.each(["lost", "cut"])(
  "answers that are %s once cost nothing but time, and make nothing twice",
  async (effect) => {
    await inAws(async (aws) => {
      const fleet = { ...fleetOf(eks(1)), github };
      await aws.openFor(fleet);
      const making = [
        "cloudformation:CreateChangeSet",
        "cloudformation:ExecuteChangeSet",
        "cloudformation:UpdateTerminationProtection",
        "cloudformation:DescribeStacks",
        "iam:CreateOpenIDConnectProvider",
        "route53:CreateHostedZone",
        "route53:ChangeTagsForResource",
        "route53:ChangeResourceRecordSets",
        "route53:ListHostedZonesByName",
        "sts:AssumeRole",
      ];
      for (const target of making) await aws.fault(target, effect);
      await well(aws.run("create-eks-all", [], { fleet }));
      const unanswered = (await aws.calls()).filter(({ error }) => error === "no answer");
      expect(unanswered.map(({ service, action }) => `${service}:${action}`).sort()).toEqual(making.toSorted());
      expect(await thingsIn(aws, "aws-mgmt")).toEqual([...whole["aws-mgmt"]]);
      expect(await thingsIn(aws, "aws-01")).toEqual([...whole["aws-01"]]);

      await aws.clearFaults();
      const removing = ["cloudformation:DeleteStack", "route53:DeleteHostedZone", "route53:ChangeResourceRecordSets"];
      for (const target of removing) await aws.fault(target, effect);
      await well(aws.run("delete-eks-all", ["--yes"], { fleet }));
      const [, , role] = whole["aws-01"];
      expect(await thingsIn(aws, "aws-01")).toEqual([role]);
    });
  },
);

test.concurrent("calls that are throttled again and again are repeated until all is there", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await aws.openFor(fleet);
    for (let nth = 12; nth < 200; nth += 12) await aws.fault("*:*", "throttle", { nth });
    await well(aws.run("create-eks-all", [], { fleet }));
    const calls = await aws.calls();
    expect(calls.filter(({ error }) => error === "Throttling").length).toBeWithin(5, 16);
    expect(calls.length).toBeLessThan(150);
  });
});

test.concurrent("roles that AWS does not know of everywhere when they were just made are waited for", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await aws.openFor(fleet);
    const denied = "fail:AccessDenied";
    await aws.fault("sts:AssumeRole", denied, { times: 2 });
    await aws.fault("route53:ListHostedZonesByName", denied, { nth: 3 });
    // The first two are those of the roles themselves, made by the accounts' owners.
    await aws.fault("cloudformation:CreateChangeSet", denied, { nth: 3, times: 2 });
    await well(aws.run("create-eks-all", [], { fleet }));
    const calls = await aws.calls();
    // One more: the management account has no role for clusters, when one of them is looked for there.
    expect(calls.filter(({ error }) => error === "AccessDenied").length).toBe(6);
    expect(await thingsIn(aws, "aws-01")).toEqual([...whole["aws-01"]]);
  });
});

test.concurrent("an account's own role is waited for too, where nothing else is new", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await aws.openFor(fleet);
    await well(aws.run("create/aws-mgmt/cf-route53-gh-action-iam-role-oidc", [], { fleet }));
    // The first step is that into the management role, which has long been there.
    await aws.fault("sts:AssumeRole", "fail:AccessDenied", { nth: 2, times: 2 });
    await well(aws.run("create-eks-all", [], { fleet }));
    // One more: the management account has no role for clusters, when one of them is looked for there.
    expect((await aws.calls()).filter(({ error }) => error === "AccessDenied").length).toBe(3);
  });
});

test.concurrent("an STS that takes no calls at all is named, after as many attempts as other services get", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await aws.openFor(fleet);
    await aws.fault("sts:*", "throttle", { times: 0 });
    const run = await aws.run("create-eks-all", [], { fleet });
    expect(run.exitCode).toBe(1);
    expect(Object.values(errorsOf(run))).toEqual([
      "STS throttles the requests: Throttling (AwsThrottled)\nhint: wait a minute and run the same command again\nRate exceeded",
    ]);
    expect((await aws.calls()).length).toBe(8);
  });
});

test.concurrent("a quota that is used up is named, and the same command goes on once there is room", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await aws.openFor(fleet);
    const { cloudFormation } = await aws.as("aws-01");
    const vpc = (index: number) =>
      `  Vpc${index}:\n    Type: AWS::EC2::VPC\n    Properties:\n      CidrBlock: 10.${90 + index}.0.0/16\n`;
    // As many as an account has in a region until it asks for more.
    const TemplateBody = `Resources:\n${[1, 2, 3, 4, 5].map(vpc).join("")}`;
    await cloudFormation.createStack({ StackName: "others", TemplateBody });

    const full = await aws.run("create-eks-all", [], { fleet });
    expect(full.exitCode).toBe(1);
    const { [`${k01}/stack`]: error = "", ...others } = errorsOf(full);
    expect(others).toEqual({});
    expect(error).toContain('creating it failed: Vpc (AWS::EC2::VPC): Resource handler returned message: "The maximum');
    expect(error).toContain("(StackFailed)\nhint: a quota of the account is used up: ");
    const { Stacks: [failed] = [] } = await cloudFormation.describeStacks({ StackName: "k01-k8s-aws-mylabs-dev-eks" });
    expect(failed?.StackStatus).toBe("ROLLBACK_COMPLETE");

    await cloudFormation.deleteStack({ StackName: "others" });
    const made = await well(aws.run("create-eks-all", [], { fleet }));
    expect(endedAs(made, "made")).toEqual([`${k01}/stack`, "aws/aws-01/kubeconfig/k01.k8s.aws.mylabs.dev"]);
    expect(made.results[`${k01}/stack`]?.note).toStartWith("what was left of it was removed first: ");
  });
});
