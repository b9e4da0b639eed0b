import { expect, setDefaultTimeout, test } from "bun:test";
import { type AwsStory, eks, fleetOf, ids, inAws } from "#tests/support/aws-story.ts";
import { isChanging } from "#tests/support/cloud-sandbox.ts";
import { errorsOf, well } from "#tests/support/story.ts";

setDefaultTimeout(60_000);

test("a job of GitHub makes clusters, other jobs get nowhere, and none changes the way in", async () => {
  await inAws(async (aws) => {
    const github = {
      repository: "example/k8s-multicluster-gitops",
      repositoryId: "1000000001",
      ownerId: "2000000002",
      claims: ["ref:refs/heads/main"],
    };
    const fleet = { ...fleetOf(eks(1)), github };
    const both = { ...fleetOf(eks(1), eks(2)), github };
    await well(aws.run("create-eks-all", [], { fleet }));
    const config = `${aws.folder}/empty`;
    await Bun.write(config, "");
    const nobody = {
      ...(await aws.variables()),
      AWS_ACCESS_KEY_ID: "",
      AWS_SECRET_ACCESS_KEY: "",
      AWS_USER_ARN: "",
      AWS_CONFIG_FILE: config,
      AWS_SHARED_CREDENTIALS_FILE: config,
    };
    const job = async (claims: Readonly<Record<string, string>> = {}) => ({
      ...nobody,
      ...(await openJob(aws, claims)),
    });

    await aws.calls();
    const made = await well(aws.run("create-eks-all", [], { fleet: both, variables: await job(), entered: false }));
    expect(made.results["aws/aws-01/k02.k8s.aws.mylabs.dev/stack"]?.outcome).toBe("made");
    expect(made.results["aws/aws-mgmt/stack/management"]?.outcome).toBe("unchanged");
    const changed = (await aws.calls()).filter((call) => isChanging(call) && call.account === ids["aws-mgmt"]);
    expect(changed.map(({ action }) => action)).toEqual(["ChangeResourceRecordSets"]);

    const others = [{ sub: "repo:example/k8s-multicluster-gitops:ref:refs/heads/evil" }, { repository_id: "5" }];
    for (const claims of others) {
      const refused = await aws.run("create-eks-all", [], {
        fleet: both,
        variables: await job(claims),
        entered: false,
      });
      expect(refused.exitCode).toBe(1);
      expect(Object.values(errorsOf(refused))[0]).toContain("(AssumeRoleDenied)\nhint: does fleet.github name this");
    }
    const wider = { ...fleetOf(eks(1), eks(3, "aws-02")), github };
    const denied = await aws.run("create-eks-all", [], { fleet: wider, variables: await job(), entered: false });
    expect(denied.exitCode).toBe(1);
    const { "aws/aws-mgmt/stack/management": error = "" } = errorsOf(denied);
    expect(error).toContain("may not cloudformation:CreateChangeSet on");
    expect(error).toContain("(AwsDenied)\nhint: only an administrator of aws-mgmt changes this stack");
    expect((await aws.calls()).filter((call) => isChanging(call) && call.error === undefined)).toEqual([]);
  });
});

test("a job of a pull request plans and looks by the read-only roles, and changes nothing", async () => {
  await inAws(async (aws) => {
    const github = {
      repository: "example/k8s-multicluster-gitops",
      repositoryId: "1000000001",
      ownerId: "2000000002",
      claims: ["ref:refs/heads/main"],
      readClaims: ["pull_request"],
    };
    const fleet = { ...fleetOf(eks(1)), github };
    const wider = { ...fleetOf(eks(1), eks(2)), github };
    await well(aws.run("create-eks-all", [], { fleet }));
    const config = `${aws.folder}/empty`;
    await Bun.write(config, "");
    const job = {
      ...(await aws.variables()),
      AWS_ACCESS_KEY_ID: "",
      AWS_SECRET_ACCESS_KEY: "",
      AWS_USER_ARN: "",
      AWS_CONFIG_FILE: config,
      AWS_SHARED_CREDENTIALS_FILE: config,
      ...(await openJob(aws, { sub: "repo:example/k8s-multicluster-gitops:pull_request" })),
    };
    await aws.calls();
    const planned = await aws.run("plan", [], { fleet: wider, variables: job, entered: false });
    expect([planned.exitCode, errorsOf(planned)]).toEqual([0, {}]);
    expect(planned.results["aws/aws-01/k02.k8s.aws.mylabs.dev/stack"]?.outcome).toBe("to make");
    const stacks = [
      "aws/aws-mgmt/stack/management",
      "aws/aws-01/stack/role",
      "aws/aws-01/k01.k8s.aws.mylabs.dev/stack",
    ];
    expect(stacks.map((id) => planned.results[id]?.outcome)).toEqual(["unchanged", "unchanged", "unchanged"]);

    const looked = await aws.run("status", ["--drift"], { fleet, variables: job, entered: false });
    expect(stacks.map((id) => looked.results[id]?.outcome)).toEqual(["healthy", "healthy", "healthy"]);

    const refused = await aws.run("create-eks-all", [], { fleet: wider, variables: job, entered: false });
    expect(refused.exitCode).toBe(1);
    expect(Object.values(errorsOf(refused)).join("\n")).toContain("hint: these credentials are read-only");
    expect((await aws.calls()).filter((call) => isChanging(call) && call.error === undefined)).toEqual([]);
  });
});

/** Variables that a job of GitHub Actions gets its tokens by. */
async function openJob(aws: AwsStory, claims: Readonly<Record<string, string>>) {
  const { env } = await aws.daemon.operate<{ readonly env: Readonly<Record<string, string>> }>(
    "aws",
    "github-job",
    claims,
  );
  return env;
}
