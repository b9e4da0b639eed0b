import { expect, setDefaultTimeout, test } from "bun:test";
import { type AwsStory, eks, fleetOf, inAws } from "#tests/support/aws-story.ts";
import { isChanging, type Started } from "#tests/support/cloud-sandbox.ts";
import { endedAs, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const k01 = "aws/aws-01/k01.k8s.aws.mylabs.dev";
/** Slower than elsewhere, so that something is under way whenever a run ends. */
const speed = 10;

/** Waits until a run has made AWS that many calls, or has ended. */
async function untilCalls(aws: AwsStory, { ended }: Started, count: number): Promise<void> {
  let isOver = false;
  void ended.finally(() => {
    isOver = true;
  });
  for (let seen = 0; seen < count && !isOver; await Bun.sleep(10))
    seen += (await aws.daemon.cloudCalls({ clear: true })).length;
}

/** The same numbers for the same seed. @returns whole numbers from 0 to below `limit` */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * limit);
  };
}

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

test.concurrent("creates that are killed at any moment are finished by the next one, and deletes as well", async () => {
  const seed = Number(Bun.env.AWS_CRASH_SEED ?? Date.now() % 100_000);
  const random = randomNumbers(seed);
  try {
    await inAws(async (aws) => {
      const fleet = fleetOf(eks(1), eks(2));
      await aws.openFor(fleet);
      for (let round = 0; round < 6; round++) {
        const started = aws.start("create-eks-all", [], { fleet });
        await untilCalls(aws, started, 5 + random(60));
        started.kill("SIGKILL");
        await started.ended;
      }
      await well(aws.run("create-eks-all", [], { fleet }));
      await well(aws.run("status", [], { fleet }));
      expect(await thingsIn(aws)).toEqual([...ofK01, ...ofK02, roleStack].sort());
      for (let round = 0; round < 2; round++) {
        const started = aws.start("delete-eks-all", ["--yes"], { fleet });
        await untilCalls(aws, started, 20 + random(40));
        started.kill("SIGKILL");
        await started.ended;
      }
      await well(aws.run("delete-eks-all", ["--yes"], { fleet }));
      expect(await thingsIn(aws)).toEqual([roleStack]);
    }, speed);
  } catch (error) {
    throw new Error(`with AWS_CRASH_SEED=${seed}`, { cause: error });
  }
});

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

test.concurrent("two commands at once make everything once", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1), eks(2));
    await aws.openFor(fleet);
    const runs = await Promise.all([
      well(aws.run("create-eks-all", [], { fleet })),
      well(aws.run("create-eks-all", [], { fleet })),
      well(aws.run("create/eks/k02-k8s-aws-mylabs-dev", [], { fleet })),
    ]);
    expect(runs.flatMap((run) => endedAs(run, "made")).filter((id) => id === `${k01}/stack`)).toEqual([`${k01}/stack`]);
    expect(await thingsIn(aws)).toEqual([...ofK01, ...ofK02, roleStack].sort());
    await well(aws.run("status", [], { fleet }));
  });
});
