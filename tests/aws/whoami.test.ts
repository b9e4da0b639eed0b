import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Hop } from "#lib/cloud/hops.ts";
import { exitCodeOf, formatHops } from "#lib/commands/format-hops.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { projectRoot } from "#lib/paths.ts";
import { createCloudFormation } from "#sandbox/aws/cloudformation/service.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { createRole, deleteRole, putRolePolicy, updateTrust } from "#sandbox/aws/iam/roles.ts";
import { type GeneratedTrust, generateTrust } from "#tests/aws/trust/generated-trust.ts";
import { openTestCloud, policyOf, type TestCloud } from "#tests/sandbox/aws/cloud.ts";

// Against hanging only: programs start slowly on a loaded machine.
setDefaultTimeout(60_000);

// The task itself, by a process that has the keys of some accounts' owners, on the sandbox's STS and IAM.

const mgmt = "123456789012";
const first = "210987654321";
const second = "321098765432";
const fleet: Fleet = {
  domain: "mylabs.test",
  zones: [{ provider: "aws", primary: "aws.mylabs.test", clusters: "k8s.aws.mylabs.test" }],
  accounts: [
    { provider: "aws", name: "aws-mgmt", role: "management", accountId: mgmt },
    { provider: "aws", name: "aws-01", role: "tenant", accountId: first },
    { provider: "aws", name: "aws-02", role: "tenant", accountId: second },
  ],
  clusters: [],
};
const user = `arn:aws:iam::${mgmt}:user/aws-cli`;

let aws: TestCloud;
let folder: string;
/** As the stacks make them. */
let trust: GeneratedTrust;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "whoami-"));
  trust = await generateTrust(fleet, "aws-01", user);
  // Who owns an account shows by what CloudFormation lets them see.
  aws = await openTestCloud((cloud) => [createCloudFormation(cloud)]);
  createRole(aws.cloud, mgmt, { name: "aws-mgmt-iam-role", trust: trust.management });
  createRole(aws.cloud, mgmt, { name: "aws-mgmt-read-only-iam-role", trust: trust.readers });
  const leadOn = { Effect: "Allow", Action: ["sts:AssumeRole", "sts:SetSourceIdentity"], Resource: "*" };
  putRolePolicy(aws.cloud, mgmt, "aws-mgmt-iam-role", "lead-on", policyOf(leadOn));
  createRole(aws.cloud, first, { name: "aws-01-iam-role", trust: trust.account });
  createRole(aws.cloud, second, { name: "aws-02-iam-role", trust: trust.account });
  await Bun.write(join(folder, "fleet.json"), JSON.stringify(fleet));
});
afterAll(async () => {
  await aws.close();
  await rm(folder, { recursive: true });
});

interface Shown {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** @param owned accounts of whose owners there are profiles, beside the base's own */
async function whoami(
  owned: Readonly<Record<string, string>>,
  options: readonly string[] = [],
  variables: Readonly<Record<string, string>> = {},
): Promise<Shown> {
  const profiles = Object.entries(owned).map(([name, account]) => {
    const { accessKeyId, secretAccessKey } = administratorKeys(account);
    return `[${name}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
  });
  const credentials = join(folder, `${Bun.randomUUIDv7()}.ini`);
  await Bun.write(credentials, profiles.join(""));
  const base = administratorKeys(mgmt);
  const task = join(projectRoot, "tasks/whoami.ts");
  const child = Bun.spawn([process.execPath, "run", task, "--fleet", join(folder, "fleet.json"), ...options], {
    env: {
      PATH: Bun.env.PATH ?? "",
      HOME: "/nonexistent",
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_SHARED_CREDENTIALS_FILE: credentials,
      AWS_CONFIG_FILE: "/nonexistent",
      AWS_ACCESS_KEY_ID: base.accessKeyId,
      AWS_SECRET_ACCESS_KEY: base.secretAccessKey,
      AWS_ENDPOINT_URL: aws.server.endpoint,
      ...variables,
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { stdout, stderr, exitCode: await child.exited };
}

async function hopsOf(owned: Readonly<Record<string, string>>): Promise<{ hops: readonly Hop[]; exitCode: number }> {
  const { stdout, exitCode } = await whoami(owned, ["--json"]);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return { hops: lines.map((line) => JSON.parse(line) as Hop), exitCode };
}

const checksOf = ({ trust: found }: Hop): unknown =>
  found?.kind === "checked" ? found.findings.map(({ check }) => check) : found?.kind;

describe("whoami", () => {
  test("finds nothing wrong with roles as the stacks make them, and leaves alone what has no owner here", async () => {
    const { hops, exitCode } = await hopsOf({ "aws-01": first });
    expect(hops.map((hop) => [hop.name, hop.result.kind, checksOf(hop)])).toEqual([
      ["base", "ok", undefined],
      ["aws-mgmt", "ok", []],
      ["aws-01", "ok", []],
      ["aws-02", "ok", undefined],
    ]);
    expect(exitCode).toBe(0);
  });

  test("says why there is nothing to begin with", async () => {
    const config = join(folder, "failing.ini");
    await Bun.write(config, "[default]\ncredential_process = sh -c 'echo the vault is sealed >&2; exit 3'\n");
    const { stdout, exitCode } = await whoami({}, [], { AWS_CONFIG_FILE: config, AWS_ACCESS_KEY_ID: "" });
    expect(stdout).toContain("the profile default gives no credentials (CredentialsMissing)");
    expect(stdout).toContain("why   the vault is sealed");
    expect(exitCode).toBe(1);
  });

  test("says why a step is refused", async () => {
    const other = trust.account.replaceAll("mylabs.test", "somebody.test");
    updateTrust(aws.cloud, first, "aws-01-iam-role", other);
    const { stdout, stderr, exitCode } = await whoami({ "aws-01": first });
    updateTrust(aws.cloud, first, "aws-01-iam-role", trust.account);
    expect([exitCode, stderr]).toEqual([1, ""]);
    const lines = stdout.split("\n").map((line) => line.trim());
    const at = lines.findIndex((line) => line.startsWith("✘  aws-01"));
    expect(lines.slice(at + 1, at + 3)).toEqual([
      "warn  its trust policy takes the external id k8s-multicluster-gitops/somebody.test, the fleet's is k8s-multicluster-gitops/mylabs.test (TrustsOtherExternalId)",
      `why   its trust policy asks arn:aws:iam::${mgmt}:role/aws-mgmt-iam-role for another external id than k8s-multicluster-gitops/mylabs.test (MissesExternalId)`,
    ]);
    expect(stdout).toMatch(
      /do {2}\S.* run tasks\/create\/aws-tenant\/cf-iam-role\.ts aws-01 --fleet \S+ {3}\(with credentials of aws-01\)\n$/,
    );
  });

  test("says that a role which works lets in too many, and ends with 1", async () => {
    const { Statement } = JSON.parse(trust.management) as { readonly Statement: readonly object[] };
    const everybody = { Effect: "Allow", Principal: { AWS: mgmt }, Action: "sts:AssumeRole" };
    updateTrust(aws.cloud, mgmt, "aws-mgmt-iam-role", policyOf(...Statement, everybody));
    const { stdout, exitCode } = await whoami({});
    updateTrust(aws.cloud, mgmt, "aws-mgmt-iam-role", trust.management);
    expect(stdout).toContain(`warn  its trust policy lets in everybody of account ${mgmt}`);
    expect(stdout).not.toContain("✘");
    expect(exitCode).toBe(1);
  });

  test("audits the role of those who may only read, too", async () => {
    const { Statement } = JSON.parse(trust.readers) as { readonly Statement: readonly object[] };
    const everybody = { Effect: "Allow", Principal: { AWS: "*" }, Action: "sts:AssumeRole" };
    updateTrust(aws.cloud, mgmt, "aws-mgmt-read-only-iam-role", policyOf(...Statement, everybody));
    const { stdout, exitCode } = await whoami({});
    updateTrust(aws.cloud, mgmt, "aws-mgmt-read-only-iam-role", trust.readers);
    expect(stdout).toContain("(TrustsEverybody), of aws-mgmt-read-only-iam-role\n");
    expect(exitCode).toBe(1);
  });

  test("says that a user's name may not go along", async () => {
    const alone = trust.account.replace('"sts:SetSourceIdentity"', '"sts:TagSession"');
    updateTrust(aws.cloud, first, "aws-01-iam-role", alone);
    const refused = await hopsOf({ "aws-01": first });
    updateTrust(aws.cloud, first, "aws-01-iam-role", trust.account);
    expect(refused.hops.map(checksOf)[2]).toEqual(["MissesSourceIdentity"]);
    expect(refused.exitCode).toBe(1);
  });

  test("tells a role that isn't there, and the task that makes it", async () => {
    deleteRole(aws.cloud, second, "aws-02-iam-role");
    const { stdout, exitCode } = await whoami({ "aws-02": second });
    createRole(aws.cloud, second, { name: "aws-02-iam-role", trust: trust.account });
    expect(stdout).toContain("why   there is no role aws-02-iam-role\n");
    expect(stdout).toMatch(
      /do {2}\S.* run tasks\/create\/aws-tenant\/cf-iam-role\.ts aws-02 --fleet \S+ {3}\(with credentials of aws-02\)\n$/,
    );
    expect(exitCode).toBe(1);
  });

  test("knows a role that trusts one of the same name which is gone", async () => {
    createRole(aws.cloud, mgmt, { name: "gone", trust: trust.management });
    const named = trust.account.replaceAll("aws-mgmt-iam-role", "gone");
    updateTrust(aws.cloud, first, "aws-01-iam-role", named);
    deleteRole(aws.cloud, mgmt, "gone");
    const { hops } = await hopsOf({ "aws-01": first });
    updateTrust(aws.cloud, first, "aws-01-iam-role", trust.account);
    expect(hops.map(checksOf)[2]).toEqual(["TrustsDeletedPrincipal", "MissesCaller"]);
  });

  test("goes on where an administrator may not look", async () => {
    const { hops, exitCode } = await hopsOf({ "aws-01": second });
    expect(hops[2]?.trust).toMatchObject({ kind: "unreadable", code: "WrongAccount", role: "aws-01-iam-role" });
    expect(exitCode).toBe(0);
  });
});

describe("a table of the steps", () => {
  const finding = {
    check: "MissesGitHub",
    kind: "too tight",
    message: "its trust policy lets in no job of GitHub",
  } as const;
  const hop: Hop = {
    name: "aws-mgmt",
    account: mgmt,
    result: { kind: "ok", identity: "arn:aws:sts::1:assumed-role/r/s", expires: undefined },
    trust: { kind: "checked", role: "r", findings: [finding] },
  };

  test("only notes that others are kept out, where the step works", () => {
    expect(formatHops([hop])).toContain("note  its trust policy lets in no job of GitHub (MissesGitHub)\n");
    expect(exitCodeOf([hop])).toBe(0);
  });

  test("says where nobody could look", () => {
    const unseen: Hop = { ...hop, trust: { kind: "unreadable", role: "r", code: "AwsDenied", message: "denied" } };
    expect(formatHops([unseen])).toContain("note  whom r trusts can't be read: denied (AwsDenied)\n");
    expect(exitCodeOf([unseen])).toBe(0);
  });
});
