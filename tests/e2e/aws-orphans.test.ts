import { expect, setDefaultTimeout, test } from "bun:test";
import { type AwsStory, eks, fleetOf, inAws, openCluster, well } from "#tests/support/aws-story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

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
