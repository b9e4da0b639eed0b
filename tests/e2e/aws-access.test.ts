import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { STS } from "@aws-sdk/client-sts";
import type { Fleet } from "#lib/fleet/types.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { type AccountName, type AwsStory, eks, fleetOf, ids, inAws } from "#tests/support/aws-story.ts";
import { type CloudCall, isChanging } from "#tests/support/cloud-sandbox.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const stranger = "444444444444";
const roleStack = (account: AccountName): string => `aws/${account}/stack/role`;
const clusterStack = (number: number, account: AccountName): string =>
  `aws/${account}/k0${number}.k8s.aws.mylabs.dev/stack`;

interface Person {
  readonly base?: string;
  readonly profiles?: Readonly<Partial<Record<AccountName, string>>>;
}

/** Variables of somebody who has the keys of these accounts, and no others. */
async function person(aws: AwsStory, { base, profiles = {} }: Person): Promise<Readonly<Record<string, string>>> {
  const sections = Object.entries(profiles).map(([name, id]) => {
    const { accessKeyId, secretAccessKey } = administratorKeys(id);
    return `[${name}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
  });
  const [config, credentials] = [join(aws.folder, "config"), join(aws.folder, "credentials")];
  await Promise.all([Bun.write(config, ""), Bun.write(credentials, sections.join("\n"))]);
  const keys = base === undefined ? { accessKeyId: "", secretAccessKey: "" } : administratorKeys(base);
  return {
    ...(await aws.variables()),
    AWS_CONFIG_FILE: config,
    AWS_SHARED_CREDENTIALS_FILE: credentials,
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
  };
}

/** Calls that reached an account, as `service:action`. */
function callsOf(calls: readonly CloudCall[], account: string): readonly string[] {
  return calls.filter((call) => call.account === account).map(({ service, action }) => `${service}:${action}`);
}

test.concurrent("keys of another account than the fleet says change nothing there, and the others go on", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1), eks(2, "aws-02"));
    await aws.openFor(fleet);
    const variables = await person(aws, {
      base: ids["aws-mgmt"],
      profiles: { "aws-01": stranger, "aws-02": ids["aws-02"] },
    });
    const run = await aws.run("create-eks-all", [], { fleet, variables, entered: false });
    expect(run.exitCode).toBe(1);
    expect(errorsOf(run)).toEqual({
      [roleStack("aws-01")]: [
        `aws-01: credentials are for ${stranger}, the fleet says ${ids["aws-01"]} (WrongAccount)`,
        "hint: log in to aws-01, or correct its id in clusters/aws.ts",
      ].join("\n"),
    });
    expect(run.results[clusterStack(1, "aws-01")]?.cause).toBe(roleStack("aws-01"));
    expect(run.results[clusterStack(2, "aws-02")]?.outcome).toBe("made");
    const calls = await aws.calls();
    expect(callsOf(calls, stranger)).toEqual(["sts:GetCallerIdentity"]);
    expect(callsOf(calls, ids["aws-01"])).toEqual([]);
  });
});

test.concurrent("an id that was changed in the fleet leaves both accounts alone", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await well(aws.run("create-eks-all", [], { fleet }));
    await aws.calls();
    const accounts = fleet.accounts.map((account) =>
      account.name === "aws-01" ? { ...account, accountId: "555555555555" } : account,
    );
    const wrong: Fleet = { ...fleet, accounts };
    const variables = await aws.variables();
    for (const [task, args, why] of [
      ["create-eks-all", [], "not in the fleet has clusters of it: k01.k8s.aws.mylabs.dev in 222222222222"],
      ["delete-eks-all", ["--yes"], "credentials are for 222222222222, the fleet says 555555555555"],
    ] as const) {
      const run = await aws.run(task, args, { fleet: wrong, variables, entered: false });
      expect(run.exitCode).toBe(1);
      expect(JSON.stringify(errorsOf(run))).toContain(why);
    }
    expect((await aws.calls()).filter(isChanging)).toEqual([]);
  });
});

test.concurrent("whoever comes from a stranger's account is asked who it is, and gets nowhere", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await aws.openFor(fleet);
    const variables = await person(aws, { base: stranger });
    const run = await aws.run("create-eks-all", [], { fleet, variables, entered: false });
    expect(run.exitCode).toBe(1);
    const { "aws/aws-mgmt/existing-zones": error = "" } = errorsOf(run);
    expect(error).toStartWith(
      `AWS refuses arn:aws:iam::${stranger}:user/aws-cli the role arn:aws:iam::111111111111:role/`,
    );
    expect(error).toMatch(
      /\(AssumeRoleDenied\)\nhint: .* run tasks\/create\/aws-mgmt\/cf-route53-gh-action-iam-role-oidc\.ts --fleet /,
    );
    const calls = await aws.calls();
    expect(new Set(calls.map(({ service }) => service))).toEqual(new Set(["sts"]));
    expect(calls.filter(isChanging)).toEqual([]);
  });
});

test.concurrent("an account whose role is missing blocks its clusters alone, and its owner makes it with the named command", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1), eks(2, "aws-02"));
    await aws.openFor(fleet);
    const variables = await person(aws, { base: ids["aws-mgmt"], profiles: { "aws-01": ids["aws-01"] } });
    const run = await aws.run("create-eks-all", [], { fleet, variables, entered: false });
    expect(run.exitCode).toBe(1);
    const { [roleStack("aws-02")]: error = "", ...others } = errorsOf(run);
    expect(others).toEqual({});
    expect(error).toMatch(
      /\(AssumeRoleDenied\)\nhint: .* run tasks\/create\/aws-tenant\/cf-iam-role\.ts aws-02 --fleet /,
    );
    expect(run.results[clusterStack(1, "aws-01")]?.outcome).toBe("made");
    expect(endedAs(run, "blocked").every((id) => run.results[id]?.cause === roleStack("aws-02"))).toBe(true);
    expect(endedAs(run, "blocked").length).toBe(4);
    expect(callsOf(await aws.calls(), ids["aws-02"])).toEqual([]);

    const owner = await person(aws, { base: ids["aws-02"] });
    await well(aws.run("create/aws-tenant/cf-iam-role", ["aws-02"], { fleet, variables: owner, entered: false }));
    const back = await person(aws, { base: ids["aws-mgmt"], profiles: { "aws-01": ids["aws-01"] } });
    const again = await well(aws.run("create-eks-all", [], { fleet, variables: back, entered: false }));
    expect(again.results[roleStack("aws-02")]?.outcome).toBe("unchanged");
    expect(again.results[clusterStack(2, "aws-02")]?.outcome).toBe("made");
  });
});

test.concurrent("somebody who may do nothing but go on to the management role makes clusters", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await aws.openFor(fleet);
    // Whoever of the account has a policy that allows it.
    const AWS_USER_ARN = `arn:aws:iam::${ids["aws-mgmt"]}:root`;
    const owner = { ...(await aws.variables()), AWS_USER_ARN };
    for (const task of ["create/aws-mgmt/cf-route53-gh-action-iam-role-oidc", "create/aws-tenant/cf-iam-role"]) {
      await well(aws.run(task, [], { fleet, variables: owner, entered: false }));
    }
    const { iam } = await aws.as("aws-mgmt");
    const goOn = {
      Effect: "Allow",
      Action: ["sts:AssumeRole", "sts:SetSourceIdentity"],
      Resource: `arn:aws:iam::${ids["aws-mgmt"]}:role/aws-mgmt-iam-role`,
    };
    await iam.createUser({ UserName: "alice" });
    await iam.putUserPolicy({
      UserName: "alice",
      PolicyName: "go-on",
      PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [goOn] }),
    });
    const { AccessKey: key } = await iam.createAccessKey({ UserName: "alice" });
    const alice = {
      ...(await person(aws, {})),
      AWS_USER_ARN,
      AWS_ACCESS_KEY_ID: key?.AccessKeyId ?? "",
      AWS_SECRET_ACCESS_KEY: key?.SecretAccessKey ?? "",
    };
    const run = await well(aws.run("create-eks-all", [], { fleet, variables: alice, entered: false }));
    expect(run.results["aws/aws-mgmt/stack/management"]?.outcome).toBe("unchanged");
    expect(run.results[roleStack("aws-01")]?.outcome).toBe("unchanged");
    expect(run.results[clusterStack(1, "aws-01")]?.outcome).toBe("made");
    await well(aws.run("delete-eks-all", ["--yes"], { fleet, variables: alice, entered: false }));
  });
});

test.concurrent("a session that has ended is told before anything else is asked", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await aws.openFor(fleet);
    const variables = await aws.variables();
    const { iam } = await aws.as("aws-mgmt");
    const everybody = {
      Effect: "Allow",
      Principal: { AWS: `arn:aws:iam::${ids["aws-mgmt"]}:root` },
      Action: "sts:AssumeRole",
    };
    await iam.createRole({
      RoleName: "people",
      AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [everybody] }),
    });
    const sts = new STS({
      region: "us-east-1",
      endpoint: variables.AWS_ENDPOINT_URL ?? "",
      credentials: administratorKeys(ids["aws-mgmt"]),
    });
    const role = `arn:aws:iam::${ids["aws-mgmt"]}:role/people`;
    const { Credentials: keys } = await sts.assumeRole({ RoleArn: role, RoleSessionName: "alice" });
    await aws.daemon.operate("aws", "end-sessions");
    await aws.calls();
    const run = await aws.run("create-eks-all", [], {
      fleet,
      entered: false,
      variables: {
        ...variables,
        AWS_ACCESS_KEY_ID: keys?.AccessKeyId ?? "",
        AWS_SECRET_ACCESS_KEY: keys?.SecretAccessKey ?? "",
        AWS_SESSION_TOKEN: keys?.SessionToken ?? "",
      },
    });
    expect(run.exitCode).toBe(1);
    expect(Object.values(errorsOf(run))[0]).toStartWith(
      [
        "AWS refuses these credentials: the session has expired (SessionExpired)",
        "hint: log in again (aws sso login), then run the same command: it continues from there",
      ].join("\n"),
    );
    expect((await aws.calls()).every(({ error }) => error === "ExpiredToken")).toBe(true);
  });
});

test.concurrent("sessions that end in the middle of a run are renewed", async () => {
  // Slower: the stack is to be under way for a while.
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await aws.openFor(fleet);
    const started = aws.start("create-eks-all", [], { fleet });
    await waitForCall(aws, "ExecuteChangeSet", 3);
    await aws.daemon.operate("aws", "end-sessions");
    await well(started.ended);
    const calls = await aws.calls();
    expect(calls.filter(({ error }) => error === "ExpiredToken").length).toBeWithin(1, 20);
  }, 8);
});

/** Waits until AWS has got that many calls of an action. */
async function waitForCall(aws: AwsStory, action: string, times: number): Promise<void> {
  let seen = 0;
  while (seen < times) {
    seen += (await aws.calls()).filter((call) => call.action === action).length;
    await Bun.sleep(20);
  }
}
