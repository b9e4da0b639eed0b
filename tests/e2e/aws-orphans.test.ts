import { expect, setDefaultTimeout, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Fleet } from "#lib/fleet/types.ts";
import { type AwsStory, eks, fleetOf, ids, inAws } from "#tests/support/aws-story.ts";
import {
  anotherDomain,
  interruptedMove,
  nothingIsForgotten,
  type OrphanCase,
  type OrphanCloud,
  orphansDeleted,
  told,
} from "#tests/support/orphan-stories.ts";
import { errorsOf, openCluster, well } from "#tests/support/story.ts";

// They run a few at a time: the last one waits for all others.
setDefaultTimeout(900_000);

const eu = { region: "eu-central-1" } as const;
/** Every account, whether it has a cluster or not. */
const every = fleetOf(eks(1, "aws-01"), eks(2, "aws-02")).accounts;
const fleet = (...clusters: Fleet["clusters"]): Fleet => ({ ...fleetOf(), accounts: every, clusters });

type Number = 1 | 2 | 3;
const nameOf = (number: Number): string => `k0${number}.k8s.aws.mylabs.dev`;

/** All that there is of clusters: `k01 aws-01 us-east-1` for its stack, `k01 aws-01 zone`. */
async function standing(aws: AwsStory): Promise<readonly string[]> {
  const accountOf = (id: string): string => Object.entries(ids).find(([, known]) => known === id)?.[0] ?? id;
  const { stacks } = JSON.parse(await aws.sandbox("status")).aws as {
    stacks: readonly { name: string; account: string; region: string }[];
  };
  const clusters = stacks.filter(({ name }) => name.endsWith("-eks"));
  const zones = await Promise.all(
    (["aws-mgmt", "aws-01", "aws-02"] as const).map(async (account) => {
      const { HostedZones = [] } = await (await aws.as(account)).route53.listHostedZonesByName({});
      const names = HostedZones.map(({ Name = "" }) => Name.split(".")).filter(([first = ""]) => /^k0\d$/.test(first));
      return names.map(([first]) => `${first} ${account} zone`);
    }),
  );
  return [
    ...clusters.map(({ name, account, region }) => `${name.slice(0, 3)} ${accountOf(account)} ${region}`),
    ...zones.flat(),
  ].sort();
}

const orphan = { zone: "orphan", delegation: "orphan", stack: "orphan" } as const;
const replaced = ["create-eks-all", "--allow-replacement"] as const;
const k01 = ["k01 aws-01 us-east-1", "k01 aws-01 zone"] as const;
const k02 = ["k02 aws-02 us-east-1", "k02 aws-02 zone"] as const;
const both = fleet(eks(1), eks(2, "aws-02"));
const moved = (change: string) => ({ stack: `to replace: ${change}` });
const movedAccount = (change: string) => ({
  ...moved(change),
  zone: `to replace: ${change}`,
  delegation: `to replace: ${change}`,
});

const cases: Readonly<Record<string, OrphanCase>> = {
  removed: {
    before: both,
    after: fleet(eks(2, "aws-02")),
    number: 1,
    plan: orphan,
    created: [...k01, ...k02],
    task: orphansDeleted,
    left: k02,
  },
  "removed, in a region that no other cluster uses": {
    before: fleet(eks(1, "aws-01", eu), eks(2, "aws-02")),
    after: fleet(eks(2, "aws-02")),
    number: 1,
    plan: orphan,
    created: ["k01 aws-01 eu-central-1", "k01 aws-01 zone", ...k02],
    task: orphansDeleted,
    left: k02,
  },
  "removed, the last of its account": {
    before: both,
    after: fleet(eks(1)),
    number: 2,
    plan: orphan,
    created: [...k01, ...k02],
    task: ["delete-all", nameOf(2), "--yes"],
    left: k01,
  },
  "removed, the last of the management account": {
    before: fleet(eks(1), eks(2, "aws-mgmt")),
    after: fleet(eks(1)),
    number: 2,
    plan: orphan,
    created: [...k01, "k02 aws-mgmt us-east-1", "k02 aws-mgmt zone"],
    task: orphansDeleted,
    left: k01,
  },
  renamed: {
    before: fleet(eks(1)),
    after: fleet(eks(3)),
    number: 1,
    plan: orphan,
    created: [...k01, "k03 aws-01 us-east-1", "k03 aws-01 zone"],
    task: orphansDeleted,
    left: ["k03 aws-01 us-east-1", "k03 aws-01 zone"],
  },
  "moved to another region": {
    before: both,
    after: fleet(eks(1, "aws-01", eu), eks(2, "aws-02")),
    number: 1,
    plan: moved("region us-east-1 > eu-central-1"),
    created: [...k01, ...k02],
    exitCode: 1,
    task: replaced,
    left: ["k01 aws-01 eu-central-1", "k01 aws-01 zone", ...k02],
  },
  "moved to another account": {
    before: fleet(eks(1)),
    after: fleet(eks(1, "aws-02")),
    number: 1,
    plan: movedAccount("account aws-01 > aws-02"),
    created: k01,
    exitCode: 1,
    task: replaced,
    left: ["k01 aws-02 us-east-1", "k01 aws-02 zone"],
  },
  "moved to another account and region": {
    before: fleet(eks(1)),
    after: fleet(eks(1, "aws-02", eu)),
    number: 1,
    plan: movedAccount("account aws-01 > aws-02: region us-east-1 > eu-central-1"),
    created: k01,
    exitCode: 1,
    task: replaced,
    left: ["k01 aws-02 eu-central-1", "k01 aws-02 zone"],
  },
  "moved out of the management account": {
    before: fleet(eks(1, "aws-mgmt"), eks(2, "aws-mgmt")),
    after: fleet(eks(1), eks(2, "aws-mgmt")),
    number: 1,
    plan: movedAccount("account aws-mgmt > aws-01"),
    created: ["k01 aws-mgmt us-east-1", "k01 aws-mgmt zone", "k02 aws-mgmt us-east-1", "k02 aws-mgmt zone"],
    exitCode: 1,
    task: replaced,
    left: [...k01, "k02 aws-mgmt us-east-1", "k02 aws-mgmt zone"],
  },
  "moved to another region, then deleted": {
    before: both,
    after: fleet(eks(1, "aws-01", eu), eks(2, "aws-02")),
    number: 1,
    plan: moved("region us-east-1 > eu-central-1"),
    created: [...k01, ...k02],
    exitCode: 1,
    task: ["delete-all", nameOf(1), "--yes"],
    left: k02,
  },
  "moved to another account, then deleted with the whole fleet": {
    before: fleet(eks(1)),
    after: fleet(eks(1, "aws-02")),
    number: 1,
    plan: movedAccount("account aws-01 > aws-02"),
    created: k01,
    exitCode: 1,
    task: ["delete-all", "--yes"],
    left: [],
  },
};

const awsCloud: OrphanCloud<AwsStory> = {
  product: "eks",
  tell: inAws,
  nameOf,
  standing,
};

nothingIsForgotten(awsCloud, cases);

test.concurrent("what another fleet has of the same name in another account is left alone", async () => {
  await inAws(async (aws) => {
    await well(aws.run("create-eks-all", [], { fleet: both }));
    await giveAway(aws, "aws-02", 2);
    // k02 is in aws-01 now, by this fleet's entry: the one in aws-02 is not a former place of it.
    const after = fleet(eks(1), eks(2));
    expect(told(awsCloud, await aws.run("plan", [], { fleet: after }), 2)).toEqual({
      zone: "to make",
      stack: "to make",
      delegation: "failed",
    });
    const refused = await aws.run("create-eks-all", ["--allow-replacement"], { fleet: after });
    expect(refused.results[`aws/aws-01/${nameOf(2)}/delegation`]?.error?.code).toBe("ForeignResource");
    // Nor does a delete: a name that leads to somebody's zone stays with its own.
    await aws.run("delete-all", ["--yes"], { fleet: after });
    expect(await standing(aws)).toEqual(["k02 aws-01 zone", ...k02]);
  });
});

interruptedMove(awsCloud, {
  before: fleet(eks(1)),
  after: fleet(eks(1, "aws-02", eu)),
  deleting: "EKS cluster: deleting it",
  call: "cloudformation:DeleteStack",
  left: ["k01 aws-02 eu-central-1", "k01 aws-02 zone"],
});

test.concurrent("what is left of a cluster in the old region does not stand in the way of the new one", async () => {
  await inAws(async (aws) => {
    await well(aws.run("create-eks-all", [], { fleet: fleet(eks(1)) }));
    const { cloudFormation } = await aws.as("aws-01");
    const StackName = "k01-k8s-aws-mylabs-dev-eks";
    await cloudFormation.updateTerminationProtection({ StackName, EnableTerminationProtection: false });
    await cloudFormation.deleteStack({ StackName });
    while ((await standing(aws)).includes(k01[0])) await Bun.sleep(100);
    const after = fleet(eks(1, "aws-01", eu));
    expect(told(awsCloud, await aws.run("plan", [], { fleet: after }), 1)).toEqual({ stack: "to make" });
    await well(aws.run("create-eks-all", [], { fleet: after }));
    expect(await standing(aws)).toEqual(["k01 aws-01 eu-central-1", "k01 aws-01 zone"]);
    // Of one whose stack is gone, the zone is left.
    expect(told(awsCloud, await aws.run("plan", [], { fleet: fleet() }), 1)).toEqual(orphan);
    await well(aws.run("delete-all", orphansDeleted.slice(1), { fleet: fleet() }));
    expect(await standing(aws)).toEqual([]);
  });
});

test.concurrent("other regions are not searched for a cluster that lacks only its kubeconfig", async () => {
  await inAws(async (aws) => {
    await well(aws.run("create-eks-all", [], { fleet: fleet(eks(1)) }));
    await rm(join(aws.state, ".kubeconfigs"), { recursive: true });
    await aws.calls();
    expect((await aws.run("plan", [], { fleet: fleet(eks(1)) })).exitCode).toBe(0);
    const looks = (await aws.calls()).filter(({ action }) => action === "DescribeStacks");
    expect(looks.length).toBeLessThan(10);
  });
});

test.concurrent("an account with clusters does not leave the fleet", async () => {
  await inAws(async (aws) => {
    await well(aws.run("create-eks-all", [], { fleet: both }));
    const without = { ...fleet(eks(1)), accounts: every.filter(({ name }) => name !== "aws-02") };
    for (const task of ["plan", "create-eks-all"]) {
      const refused = await aws.run(task, [], { fleet: without });
      expect(errorsOf(refused)["aws/aws-mgmt/stack/management"]).toContain(
        `has clusters of it: ${nameOf(2)} in ${ids["aws-02"]} (StillNeeded)`,
      );
    }
    await well(aws.run("delete-all", orphansDeleted.slice(1), { fleet: fleet(eks(1)) }));
    await well(aws.run("create-eks-all", [], { fleet: without }));
    expect(await standing(aws)).toEqual([...k01]);
  });
});

anotherDomain(awsCloud, both, [...k01, ...k02]);

/** Another fleet's mark on the zone of a cluster. */
async function giveAway(aws: AwsStory, account: "aws-01" | "aws-02", number: Number): Promise<void> {
  const { route53 } = await aws.as(account);
  const { HostedZones = [] } = await route53.listHostedZonesByName({ DNSName: nameOf(number) });
  await route53.changeTagsForResource({
    ResourceType: "hostedzone",
    ResourceId: HostedZones[0]?.Id?.replace("/hostedzone/", ""),
    AddTags: [{ Key: "fleet", Value: "other.dev" }],
  });
}

const stackOf = (number: number): string => `aws/aws-01/k0${number}.k8s.aws.mylabs.dev/stack`;

async function clustersOf(aws: AwsStory): Promise<readonly string[]> {
  const { clusters } = JSON.parse(await aws.sandbox("status")).aws as { clusters: readonly { name: string }[] };
  return clusters.map(({ name }) => name).sort();
}

test.concurrent("clusters that the fleet no longer names are listed, and deleted in order when that is asked for", async () => {
  await inAws(async (aws) => {
    const eu = { region: "eu-central-1" } as const;
    const both = fleetOf(eks(1, "aws-01", eu), eks(2), eks(3, "aws-02"));
    await well(aws.run("create-eks-all", [], { fleet: both }));
    const api = await openCluster(aws, "k01.k8s.aws.mylabs.dev");
    await api.apply("/api/v1/namespaces/default/services/web?fieldManager=somebody", {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web" },
      spec: { type: "LoadBalancer", selector: { app: "web" }, ports: [{ port: 80 }] },
    });
    // k01 was in a region that the fleet no longer uses.
    const fleet = fleetOf(eks(2), eks(3, "aws-02"));
    const planned = await well(aws.run("plan", ["--detailed-exitcode"], { fleet }));
    expect([planned.results[stackOf(1)]?.outcome, planned.results[stackOf(2)]?.outcome]).toEqual([
      "orphan",
      "unchanged",
    ]);
    const status = await aws.run("status", [], { fleet });
    expect([status.exitCode, status.results[stackOf(1)]?.outcome]).toEqual([1, "orphan"]);
    const created = await well(aws.run("create-eks-all", [], { fleet }));
    expect(created.results[stackOf(1)]).toBeUndefined();
    expect((await clustersOf(aws)).length).toBe(3);

    const deleted = await well(aws.run("delete-all", ["--orphans", "--yes"], { fleet }));
    const removed = Object.values(deleted.results).filter(({ outcome }) => outcome === "removed");
    expect(removed.map(({ id }) => id).every((id) => id.includes("k01."))).toBe(true);
    expect((await clustersOf(aws)).length).toBe(2);
    const left = await well(aws.run("status", [], { fleet }));
    expect(Object.values(left.results).some(({ outcome }) => outcome === "orphan")).toBe(false);
    const { HostedZones = [] } = await (await aws.as("aws-01")).route53.listHostedZonesByName({});
    expect(HostedZones.map(({ Name }) => Name)).toEqual(["k02.k8s.aws.mylabs.dev."]);
    expect((await aws.run("delete-all", ["--orphans", "--yes"], { fleet })).exitCode).toBe(2);

    // By its name, which only what exists has: the last cluster of an account, too.
    const renamed = fleetOf(eks(2));
    const accounts = both.accounts;
    const named = await well(
      aws.run("delete-all", ["k03.k8s.aws.mylabs.dev", "--yes"], { fleet: { ...renamed, accounts } }),
    );
    expect(named.results["aws/aws-02/k03.k8s.aws.mylabs.dev/stack"]?.outcome).toBe("removed");
    expect((await clustersOf(aws)).length).toBe(1);
  });
});

test.concurrent("clusters of another fleet in the same account are no orphans", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await well(aws.run("create-eks-all", [], { fleet }));
    const { Id } = (await (await aws.as("aws-01")).route53.listHostedZonesByName({})).HostedZones?.find(({ Name }) =>
      Name?.startsWith("k01."),
    ) ?? { Id: "" };
    await (await aws.as("aws-01")).route53.changeTagsForResource({
      ResourceType: "hostedzone",
      ResourceId: Id?.replace("/hostedzone/", ""),
      AddTags: [{ Key: "fleet", Value: "other.dev" }],
    });
    const without = { ...fleetOf(), accounts: fleet.accounts };
    const status = await aws.run("status", [], { fleet: without });
    expect(Object.values(status.results).some(({ outcome }) => outcome === "orphan")).toBe(false);
    expect((await aws.run("delete-all", ["k01.k8s.aws.mylabs.dev", "--yes"], { fleet: without })).exitCode).toBe(2);
    expect((await clustersOf(aws)).length).toBe(1);
  });
});
