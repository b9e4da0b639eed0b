import { expect, setDefaultTimeout, test } from "bun:test";
import { eks, fleetOf, inAws } from "#tests/support/aws-story.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

setDefaultTimeout(240_000);

const k01 = "aws/aws-01/k01.k8s.aws.mylabs.dev";

test("a cluster is healthy again once a change that AWS refused is taken out of the fleet", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    const refused = fleetOf(eks(1, "aws-01", { publicAccessCidrs: ["198.51.100.0/24"] }));
    await well(aws.run("create-eks-all", [], { fleet }));
    const { iam } = await aws.as("aws-01");
    await iam.putRolePolicy({
      RoleName: "aws-01-cloudformation-role",
      PolicyName: "refusal",
      PolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: { Effect: "Deny", Action: "eks:UpdateClusterConfig", Resource: "*" },
      }),
    });
    expect(errorsOf(await aws.run("create-eks-all", [], { fleet: refused }))[`${k01}/stack`]).toContain(
      "(StackFailed)",
    );

    const wanted = await aws.run("status", [], { fleet: refused });
    expect(wanted.exitCode).toBe(1);
    expect(wanted.results[`${k01}/stack`]?.health?.summary).toContain("; the last change failed and was rolled back: ");

    expect(endedAs(await well(aws.run("create-eks-all", [], { fleet })), "updated")).toEqual([]);
    await well(aws.run("status", [], { fleet }));
  });
});
