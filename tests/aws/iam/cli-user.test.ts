import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IAM } from "@aws-sdk/client-iam";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { cliUserCommands } from "#lib/aws/iam/cli-user.ts";
import { restrictCliUser } from "#lib/aws/iam/restrict-cli-user.ts";
import { type CliUserSetUp, setUpCliUser } from "#lib/commands/set-up-cli-user.ts";
import { FleetError } from "#lib/errors.ts";
import { projectRoot } from "#lib/paths.ts";
import { awsError, type Failures, fakeClient } from "#tests/support/aws-error.ts";
import { awsWorld } from "#tests/support/aws-world.ts";
import { failureOf } from "#tests/support/failure.ts";

const management: AwsAccount = { provider: "aws", name: "aws-mgmt", role: "management", accountId: "123456789012" };
const fleet = { domain: "mylabs.test", accounts: [management] };
const arn = "arn:aws:iam::123456789012:user/aws-cli";
const administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
const secretOf = (id: string): string => `secret-of-${id}`;

interface FakeUser {
  readonly UserName: string;
  readonly Arn: string;
  readonly Tags: readonly { readonly Key: string; readonly Value: string }[];
}

let users: FakeUser[];
let policies: string[];
let inline: Map<string, string>;
/** Of the management role; undefined while there is none. */
let trust: string | undefined;
let keys: string[];
let calls: string[];
let failures: Failures;
let iam: IAM;
let folder: string;
let shown: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cli-user-"));
  [users, policies, keys, calls, failures, shown] = [[], [], [], [], new Map(), ""];
  [inline, trust] = [new Map(), undefined];
  const check = ({ UserName }: { readonly UserName: string }): FakeUser => {
    const found = users.find((user) => user.UserName === UserName);
    if (found === undefined)
      throw awsError("NoSuchEntityException", `The user with name ${UserName} cannot be found.`, 404);
    return found;
  };
  iam = fakeClient<IAM>(
    {
      getUser: (input: FakeUser) => ({ User: check(input) }),
      createUser({ UserName, Tags }: FakeUser) {
        users.push({ UserName, Tags, Arn: `arn:aws:iam::123456789012:user/${UserName}` });
        return { User: users.at(-1) };
      },
      listAttachedUserPolicies(input: FakeUser & { readonly Marker?: string }) {
        check(input);
        const at = Number(input.Marker ?? 0);
        const page = policies.slice(at, at + 1).map((PolicyArn) => ({ PolicyArn }));
        return { AttachedPolicies: page, IsTruncated: at + 1 < policies.length, Marker: String(at + 1) };
      },
      attachUserPolicy(input: FakeUser & { readonly PolicyArn: string }) {
        check(input);
        policies.push(input.PolicyArn);
        return {};
      },
      listUserPolicies: () => ({ PolicyNames: [...inline.keys()] }),
      putUserPolicy(input: FakeUser & { readonly PolicyName: string; readonly PolicyDocument: string }) {
        check(input);
        inline.set(input.PolicyName, input.PolicyDocument);
        return {};
      },
      detachUserPolicy(input: FakeUser & { readonly PolicyArn: string }) {
        check(input);
        policies = policies.filter((policy) => policy !== input.PolicyArn);
        return {};
      },
      getRole() {
        if (trust === undefined) throw awsError("NoSuchEntityException", "The role cannot be found.", 404);
        return { Role: { AssumeRolePolicyDocument: encodeURIComponent(trust) } };
      },
      listAccessKeys(input: FakeUser) {
        check(input);
        return { AccessKeyMetadata: keys.map((AccessKeyId) => ({ AccessKeyId })) };
      },
      createAccessKey(input: FakeUser) {
        check(input);
        const id = `AKIA${keys.length + 1}`;
        keys.push(id);
        return { AccessKey: { AccessKeyId: id, SecretAccessKey: secretOf(id) } };
      },
      deleteAccessKey({ AccessKeyId }: { readonly AccessKeyId: string }) {
        keys = keys.filter((id) => id !== AccessKeyId);
        return {};
      },
    },
    calls,
    failures,
  );
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

async function setUp(given: Partial<CliUserSetUp> = {}): Promise<void> {
  const { world } = awsWorld({
    iam(who) {
      expect(who).toBe("aws-mgmt administrator");
      return iam;
    },
  });
  await setUpCliUser({
    fleet,
    aws: world.aws,
    variables: { HOME: folder },
    root: folder,
    signal: world.signal,
    profile: undefined,
    interactive: true,
    show: (text) => {
      shown += text;
    },
    ...given,
  });
}

const read = async (...path: readonly string[]): Promise<string> => await Bun.file(join(folder, ...path)).text();
const there = (...attached: readonly string[]): void => {
  users.push({ UserName: "aws-cli", Arn: arn, Tags: [] });
  policies.push(...attached);
};

describe("the user aws-cli", () => {
  test("is made with its policy and one key, which is shown once", async () => {
    await setUp();
    expect(users).toEqual([
      {
        UserName: "aws-cli",
        Arn: arn,
        Tags: [
          { Key: "project", Value: "k8s-multicluster-gitops" },
          { Key: "fleet", Value: "mylabs.test" },
          { Key: "account", Value: "aws-mgmt" },
        ],
      },
    ]);
    expect([policies, keys]).toEqual([[administrator], ["AKIA1"]]);
    expect(shown).toContain(`  export AWS_ACCESS_KEY_ID=AKIA1\n  export AWS_SECRET_ACCESS_KEY=${secretOf("AKIA1")}\n`);
    expect(shown.split(secretOf("AKIA1")).length).toBe(2);
    expect(await read("mise.local.toml")).toBe(`[env]\nAWS_USER_ARN = "${arn}"\n`);
    expect(await Bun.file(join(folder, ".aws/credentials")).exists()).toBe(false);
  });

  test("has nothing done to it a second time, and gets no second key", async () => {
    await setUp();
    [calls.length, shown] = [0, ""];
    await setUp({ interactive: false });
    expect(calls.filter((call) => !/^(get|list)/.test(call))).toEqual([]);
    expect(shown).toBe(
      `aws-mgmt: ${arn} is there, with the access key AKIA1\nmise.local.toml: AWS_USER_ARN is right\n`,
    );
  });

  test("gets what a run that was killed did not come to", async () => {
    failures.set("createAccessKey", [awsError("ServiceFailure", "try again", 500)]);
    expect((await failureOf(setUp())).code).toBe("AwsUnreachable");
    expect([users.length, policies, keys]).toEqual([1, [administrator], []]);
    await setUp();
    expect([users.length, policies, keys]).toEqual([1, [administrator], ["AKIA1"]]);
  });

  test("that a person made in the console is taken as it is", async () => {
    there("arn:aws:iam::aws:policy/ReadOnlyAccess", administrator);
    await setUp();
    expect([policies.length, keys]).toEqual([2, ["AKIA1"]]);
  });

  test("that is somebody's and no administrator doesn't become one", async () => {
    there("arn:aws:iam::aws:policy/ReadOnlyAccess");
    const error = await failureOf(setUp());
    expect([error.code, error.message]).toEqual([
      "ForeignResource",
      "aws-mgmt has a user aws-cli without the tags of a fleet, who is no administrator",
    ]);
    expect([policies.length, keys]).toEqual([1, []]);
  });

  test("is not made before it is known whose account it is", async () => {
    const { world } = awsWorld();
    const session = () => Promise.reject(new FleetError("WrongAccount", "aws-mgmt: credentials are for 2"));
    expect((await failureOf(setUp({ aws: { ...world.aws, session } }))).code).toBe("WrongAccount");
    expect(calls).toEqual([]);
  });

  test("is not made for a fleet without AWS", async () => {
    expect((await failureOf(setUp({ fleet: { ...fleet, accounts: [] } }))).code).toBe("UnknownAccount");
  });
});

describe("its key", () => {
  test("is kept in a profile for its owner alone, and is shown nowhere", async () => {
    await Bun.write(join(folder, ".aws/credentials"), "[default]\naws_access_key_id = A");
    await setUp({ profile: "aws-cli", interactive: false });
    expect(await read(".aws/credentials")).toBe(
      `[default]\naws_access_key_id = A\n\n[aws-cli]\naws_access_key_id = AKIA1\naws_secret_access_key = ${secretOf("AKIA1")}\n`,
    );
    expect((await stat(join(folder, ".aws/credentials"))).mode & 0o777).toBe(0o600);
    expect([shown, await read("mise.local.toml")].join()).not.toContain(secretOf("AKIA1"));
  });

  test("goes into the file that AWS_SHARED_CREDENTIALS_FILE names", async () => {
    const file = join(folder, "elsewhere/keys");
    await setUp({ profile: "aws-cli", variables: { HOME: folder, AWS_SHARED_CREDENTIALS_FILE: file } });
    expect(await read("elsewhere/keys")).toStartWith("[aws-cli]\naws_access_key_id = AKIA1\n");
    expect((await stat(join(folder, "elsewhere"))).mode & 0o777).toBe(0o700);
  });

  test.each([
    ["a profile that is there", { profile: "aws-cli" }, "ProfileTaken"],
    ["a name that is none", { profile: "aws]cli" }, "InvalidArgument"],
    ["a log instead of a terminal", { interactive: false }, "InvalidArgument"],
  ])("is not made for %s, and nothing else either", async (_what, given, code) => {
    await Bun.write(join(folder, ".aws/credentials"), "[other]\n [ aws-cli ] # mine\nregion = x\n");
    expect((await failureOf(setUp(given))).code).toBe(code);
    expect([users, keys]).toEqual([[], []]);
  });

  test("is deleted again when it can't be kept, and is in no error", async () => {
    const file = join(folder, ".aws/credentials");
    const aws = whileMakingKey(async (make) => {
      // Somebody writes a profile of the name in that very moment.
      await Bun.write(file, "[aws-cli]\n");
      return await make();
    });
    const error = await failureOf(setUp({ profile: "aws-cli", aws }));
    expect([error.code, keys, calls.at(-1)]).toEqual(["ProfileTaken", [], "deleteAccessKey"]);
    expect([Bun.inspect(error), shown, await Bun.file(file).text()].join()).not.toContain(secretOf("AKIA1"));
  });

  test("is kept also when the run is ended in that moment", async () => {
    const controller = new AbortController();
    const aws = whileMakingKey(async (make) => {
      controller.abort(new Error("interrupted"));
      return await make();
    });
    await setUp({ profile: "aws-cli", aws, signal: controller.signal });
    expect([keys, await read(".aws/credentials")]).toEqual([["AKIA1"], expect.stringContaining(secretOf("AKIA1"))]);
  });

  test("that a lost answer left behind is told", async () => {
    // As the SDK does when it got no answer to the first call.
    const aws = whileMakingKey(async (make) => {
      await make();
      return await make();
    });
    await setUp({ aws });
    expect(shown).toContain("found the key AKIA1, which was made in the same moment: delete it if it isn't yours");
    expect(shown).toContain(`AWS_SECRET_ACCESS_KEY=${secretOf("AKIA2")}`);
  });

  function whileMakingKey(around: (make: () => Promise<unknown>) => Promise<unknown>) {
    const { world } = awsWorld();
    const client = new Proxy(iam, {
      get(target, name) {
        const call = Reflect.get(target, name) as (input: unknown) => Promise<unknown>;
        return name === "createAccessKey" ? (input: unknown) => around(() => call(input)) : call;
      },
    });
    return { ...world.aws, iam: async () => client };
  }
});

describe("the end of the set-up", () => {
  const restrict = async (): Promise<void> => {
    const { world } = awsWorld({ iam: () => iam });
    await restrictCliUser({
      fleet,
      aws: world.aws,
      show: (text) => {
        shown += text;
      },
    });
  };

  test("leaves the user nothing but the step to the management roles", async () => {
    await setUp();
    trust = JSON.stringify({ Statement: [{ Principal: { AWS: arn } }] });
    [calls.length, shown] = [0, ""];
    await restrict();
    expect(policies).toEqual([]);
    expect([...inline].map(([name, text]) => [name, JSON.parse(text)])).toEqual([
      [
        "assume-management-roles",
        {
          Version: "2012-10-17",
          Statement: [
            {
              Effect: "Allow",
              Action: ["sts:AssumeRole", "sts:SetSourceIdentity"],
              Resource: [
                "arn:aws:iam::123456789012:role/aws-mgmt-iam-role",
                "arn:aws:iam::123456789012:role/aws-mgmt-read-only-iam-role",
              ],
            },
          ],
        },
      ],
    ]);
    expect(calls.filter((call) => !/^(get|list)/.test(call))).toEqual(["putUserPolicy", "detachUserPolicy"]);
    calls.length = 0;
    await restrict();
    // Nor does another run of the set-up make it an administrator again.
    await setUp({ interactive: false });
    expect(calls.filter((call) => !/^(get|list)/.test(call))).toEqual([]);
    expect(policies).toEqual([]);
  });

  test.each([
    ["there is no management role", undefined],
    [
      "the management role lets in somebody else",
      '{"Statement":[{"Principal":{"AWS":"arn:aws:iam::123456789012:user/aws-cli-2"}}]}',
    ],
  ])("takes nothing away while %s", async (_what, document) => {
    await setUp();
    trust = document;
    expect((await failureOf(restrict())).code).toBe("OutputMissing");
    expect([policies, inline.size]).toEqual([[administrator], 0]);
  });
});

describe("the task", () => {
  const run = async (...args: readonly string[]) => {
    const child = Bun.spawn([process.execPath, "run", join(projectRoot, "tasks/create/aws-mgmt/user.ts"), ...args], {
      env: { PATH: Bun.env.PATH ?? "", HOME: folder },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { stdout, stderr, exitCode: await child.exited };
  };

  test("shows the commands that a person types, and runs none", async () => {
    expect(await run()).toEqual({ stdout: `${cliUserCommands().join("\n")}\n`, stderr: "", exitCode: 0 });
    expect(cliUserCommands()).toEqual([
      "aws iam create-user --user-name aws-cli",
      "aws iam attach-user-policy --user-name aws-cli --policy-arn arn:aws:iam::aws:policy/AdministratorAccess",
      "aws iam create-access-key --user-name aws-cli",
      'mise set --file mise.local.toml AWS_USER_ARN="$(aws iam get-user --user-name aws-cli --query User.Arn --output text)"',
    ]);
  });

  test("shows how AdministratorAccess is taken away again", async () => {
    const { stdout, exitCode } = await run("--restrict");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^aws iam put-user-policy --user-name aws-cli .*\naws iam detach-user-policy --user-name aws-cli /,
    );
  });

  test("calls nobody for an account that is a placeholder", async () => {
    const { stderr, exitCode } = await run("--apply");
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("(PlaceholderAccount)")]);
  });
});
