import { expect, setDefaultTimeout, test } from "bun:test";
import { type AwsStory, eks, fleetOf, inAws } from "#tests/support/aws-story.ts";
import { isChanging } from "#tests/support/cloud-sandbox.ts";
import { type CrashCloud, killedAtAnyMoment, twoAtOnce } from "#tests/support/crash-stories.ts";
import { endedAs, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const k01 = "aws/aws-01/k01.k8s.aws.mylabs.dev";

/** Names of all zones and stacks of the account that has the clusters, sorted. */
async function thingsIn(aws: AwsStory): Promise<readonly string[]> {
  const { route53, cloudFormation } = await aws.as("aws-01");
  const { HostedZones = [] } = await route53.listHostedZones({});
  const { Stacks = [] } = await cloudFormation.describeStacks({});
  return [...HostedZones.map(({ Name = "" }) => Name), ...Stacks.map(({ StackName = "" }) => StackName)].sort();
}

const roleStack = "k8s-multicluster-gitops-allow-mgmt-iam-role-to-assume-tenant-iam-role";
const ofK01 = ["k01-k8s-aws-mylabs-dev-eks", "k01.k8s.aws.mylabs.dev."];
const ofK02 = ["k02-k8s-aws-mylabs-dev-eks", "k02.k8s.aws.mylabs.dev."];

const aws: CrashCloud<AwsStory> = {
  name: "AWS",
  product: "eks",
  tell: inAws,
  fleet: (clusters) => fleetOf(eks(1), ...(clusters === 1 ? [] : [eks(2)])),
  thingsIn,
  rounds: {
    create: { times: 6, calls: (random) => 5 + random(60) },
    delete: { times: 2, calls: (random) => 20 + random(40) },
  },
};

killedAtAnyMoment(aws);

twoAtOnce(aws, "create/eks/k02-k8s-aws-mylabs-dev", [`${k01}/stack`], async (story) =>
  expect(await thingsIn(story)).toEqual([...ofK01, ...ofK02, roleStack].sort()),
);

test.concurrent("an interrupted create ends at once, and the next one joins what CloudFormation has gone on with", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await aws.openFor(fleet);
    const started = aws.start("create-eks-all", [], { fleet });
    for (let executed = 0; executed < 3; await Bun.sleep(10)) {
      const calls = await aws.daemon.cloudCalls({ clear: true });
      executed += calls.filter(({ action }) => action === "ExecuteChangeSet").length;
    }
    started.kill("SIGINT");
    const interrupted = await started.ended;
    expect(interrupted.exitCode).toBe(130);
    expect(endedAs(interrupted, "failed")).toEqual([]);
    expect(endedAs(interrupted, "cancelled")).toContain(`${k01}/stack`);
    expect(interrupted.results[`${k01}/stack`]?.goesOn).toBe("CloudFormation goes on creating it");

    await aws.calls();
    const second = aws.start("create-eks-all", [], { fleet });
    await second.printed("begun by another command of this project");
    // What it has seen under way may go on now.
    await aws.sandbox("up", "--speed", "20");
    const joined = await well(second.ended);
    const waited = joined.events.flatMap((event) =>
      event.kind === "progress" && event.id === `${k01}/stack` ? [event.message] : [],
    );
    expect(waited.some((text) => text.includes("begun by another command of this project"))).toBe(true);
    // The protection that the first one didn't come to; nothing is executed a second time.
    const changing = (await aws.calls()).filter(isChanging).map(({ action }) => action);
    expect(changing).toContain("UpdateTerminationProtection");
    expect(changing).not.toContain("ExecuteChangeSet");
    expect(changing).not.toContain("DeleteStack");
    // So slow that the stack is still under way when the second one comes.
  }, 0.2);
});
