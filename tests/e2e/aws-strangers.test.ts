import { expect, setDefaultTimeout, test } from "bun:test";
import { eks, fleetOf, inAws } from "#tests/support/aws-story.ts";
import { isChanging } from "#tests/support/cloud-sandbox.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

/** Something small that somebody made by hand. */
const template = "Resources:\n  Logs:\n    Type: AWS::Logs::LogGroup\n    Properties:\n      LogGroupName: /somebody\n";
const k01 = "aws/aws-01/k01.k8s.aws.mylabs.dev";
const managementStack = "k8s-multicluster-gitops-route53-gh-action-iam-role-oidc";
const managementTask = "aws-mgmt/cf-route53-gh-action-iam-role-oidc";

test.concurrent("a stack of a cluster's name that somebody else made is left alone, by create and by delete", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await aws.openFor(fleet);
    const { cloudFormation } = await aws.as("aws-01");
    const StackName = "k01-k8s-aws-mylabs-dev-eks";
    await cloudFormation.createStack({ StackName, TemplateBody: template });
    const before = (await cloudFormation.describeStacks({ StackName })).Stacks;

    for (const [task, args] of [
      ["create-eks-all", []],
      ["delete-eks-all", ["--yes"]],
    ] as const) {
      const run = await aws.run(task, args, { fleet });
      expect(run.exitCode).toBe(1);
      const { [`${k01}/stack`]: error = "", ...others } = errorsOf(run);
      expect(others).toEqual({});
      expect(error).toContain(`a stack ${StackName} is in us-east-1 of aws-01 that this project did not make`);
      expect(error).toContain("(ForeignResource)\nhint: rename or remove it");
    }
    // To take it over would be to remove what is in it: that has to be said in as many words.
    const adopting = await aws.run("create-eks-all", ["--adopt"], { fleet });
    expect(errorsOf(adopting)[`${k01}/stack`]).toContain("would be replaced or removed: Logs (ReplacementRequired)");
    const after = (await cloudFormation.describeStacks({ StackName })).Stacks;
    expect(after).toEqual(before);
    expect((await cloudFormation.listChangeSets({ StackName })).Summaries ?? []).toEqual([]);
  });
});

test.concurrent("a zone of a cluster's name that somebody else made is refused, and used once it is adopted", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await aws.openFor(fleet);
    const { route53 } = await aws.as("aws-01");
    const { HostedZone: zone } = await route53.createHostedZone({
      Name: "k01.k8s.aws.mylabs.dev",
      CallerReference: "somebody",
    });
    const refused = await aws.run("create-eks-all", [], { fleet });
    expect(refused.exitCode).toBe(1);
    expect(Object.keys(errorsOf(refused))).toEqual([`${k01}/zone`]);
    expect(errorsOf(refused)[`${k01}/zone`]).toContain("is without the tags of a fleet (ForeignResource)");
    expect(endedAs(refused, "blocked")).toContain(`${k01}/stack`);

    const adopted = await well(aws.run("create-eks-all", ["--adopt"], { fleet }));
    expect(endedAs(adopted, "adopted")).toEqual([`${k01}/zone`]);
    const again = await well(aws.run("create-eks-all", [], { fleet }));
    expect(endedAs(again, "unchanged").length).toBe(Object.keys(again.results).length);
    expect((await route53.listHostedZones({})).HostedZones?.map(({ Id }) => Id)).toEqual([zone?.Id]);
  });
});

test.concurrent("a first zone that was there before is refused, then adopted, and stays when its stack goes", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await aws.openFor(fleet);
    const { route53, cloudFormation } = await aws.as("aws-mgmt");
    const { HostedZone: zone } = await route53.createHostedZone({ Name: "aws.mylabs.dev", CallerReference: "before" });
    await aws.calls();

    const refused = await aws.run("create-eks-all", [], { fleet });
    expect(refused.exitCode).toBe(1);
    expect(Object.values(errorsOf(refused))[0]).toContain("is there already, in aws-mgmt (ForeignResource)");
    expect((await aws.calls()).filter(isChanging)).toEqual([]);

    await well(aws.run(`create/${managementTask}`, ["--adopt"], { fleet }));
    const { Stacks: [stack] = [] } = await cloudFormation.describeStacks({ StackName: managementStack });
    const zoneId = stack?.Outputs?.find(({ OutputKey }) => OutputKey === "PrimaryZoneId")?.OutputValue;
    expect(`/hostedzone/${zoneId}`).toBe(zone?.Id ?? "");
    const again = await well(aws.run(`create/${managementTask}`, [], { fleet }));
    expect(endedAs(again, "unchanged").length).toBe(Object.keys(again.results).length);
    await well(aws.run(`delete/${managementTask}`, ["--yes"], { fleet }));
    expect((await route53.listHostedZones({})).HostedZones?.map(({ Id }) => Id)).toEqual([zone?.Id]);
  });
});
