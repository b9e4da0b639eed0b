import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import type { Fleet } from "#lib/fleet/types.ts";
import { eks, fleetOf, inAws } from "#tests/support/aws-story.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

setDefaultTimeout(240_000);

const publicAccessCidrs = ["203.0.113.0/24", "198.51.100.0/24"];
const whole: Fleet = {
  ...fleetOf(
    eks(1, "aws-01", { publicAccessCidrs }),
    eks(2, "aws-02", { environment: "prod" }),
    eks(3, "aws-mgmt", { nodes: { instanceType: "m7g.large", count: 2 } }),
  ),
  github: {
    repository: "example/fleet",
    repositoryId: "123456",
    ownerId: "7890",
    claims: ["ref:refs/heads/main", "environment:production"],
  },
};

const ordered = <Item>(items: readonly Item[]) => fc.shuffledSubarray([...items], { minLength: items.length });

/** The same fleet with its lists in any order. */
const permuted = fc
  .record({
    accounts: ordered(whole.accounts),
    clusters: ordered(whole.clusters),
    claims: ordered(whole.github?.claims ?? []),
    publicAccessCidrs: ordered(publicAccessCidrs),
  })
  .map(
    ({ accounts, clusters, claims, publicAccessCidrs: ranges }): Fleet => ({
      ...whole,
      accounts,
      clusters: clusters.map((one) => (one.name.startsWith("k01") ? { ...one, publicAccessCidrs: ranges } : one)),
      ...(whole.github === undefined ? {} : { github: { ...whole.github, claims } }),
    }),
  );

test("the order of accounts, clusters and claims changes nothing, and a cluster in the management account renames no role", async () => {
  await inAws(async (aws) => {
    const before: Fleet = { ...whole, clusters: whole.clusters.slice(0, 2) };
    await well(aws.run("create-eks-all", [], { fleet: before }));
    const grown = await well(aws.run("create-eks-all", [], { fleet: whole }));
    expect(endedAs(grown, "replaced")).toEqual([]);
    // Only the list of roles that the management role may assume becomes longer.
    expect(endedAs(grown, "updated")).toEqual(["aws/aws-mgmt/stack/management"]);
    await fc.assert(
      fc.asyncProperty(permuted, async (fleet) => {
        const plan = await aws.run("plan", [], { fleet });
        expect(errorsOf(plan)).toEqual({});
        expect(Object.values(plan.results).flatMap(({ id, changes }) => (changes.length > 0 ? [id] : []))).toEqual([]);
        expect([endedAs(plan, "to make"), endedAs(plan, "to change")]).toEqual([[], []]);
      }),
      { numRuns: 6 },
    );
  });
});
