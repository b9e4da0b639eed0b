/**
 * What deploying a stack costs: `bun run bench/aws-role-stack.ts [rounds]`. The role stack of a tenant is deployed by
 * `aws cloudformation deploy`, by `cdk deploy` of a ready assembly and by our task, each as a process of its own, in turn, on one
 * moto, fresh and then unchanged. Prints medians, moto's own part of them, and ratios. Programs: MOTO_SERVER and AWS_CLI, or
 * `moto_server` and `aws` in PATH; the CDK is installed from npm. Nothing is sent anywhere else.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { readEnvironment } from "#lib/environment.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { projectRoot } from "#lib/paths.ts";
import { findProgram, formatSeconds, median, run, say, watch } from "./support/measure.ts";
import { openTimedMoto } from "./support/moto.ts";
import { cdkParameters, deployArguments, roleStackOf, writeAssembly } from "./support/role-stack.ts";

// renovate: datasource=npm depName=aws-cdk
const cdkVersion = "2.1148.1";
const rounds = Number(process.argv[2] ?? 7);
const tenant: AwsAccount = { provider: "aws", name: "aws-01", role: "tenant", accountId: "210987654321" };
const fleet: Fleet = {
  domain: "bench.test",
  zones: [{ provider: "aws", primary: "aws.bench.test", clusters: "k8s.aws.bench.test" }],
  accounts: [{ provider: "aws", name: "aws-mgmt", role: "management", accountId: "123456789012" }, tenant],
  clusters: [],
};

/** How a program deploys, and its message if nothing changes. */
interface Contender {
  readonly name: string;
  readonly command: readonly string[];
  readonly unchanged: RegExp;
}

type When = "fresh" | "unchanged";

interface Sample {
  readonly wholeMs: number;
  readonly calls: number;
  /** Of these, moto's own. */
  readonly motoMs: number;
}

const folder = await mkdtemp(join(tmpdir(), "bench-"));
const stack = roleStackOf(fleet, tenant);
const moto = await openTimedMoto(tenant.accountId);
/** All three from one environment, without a trace of this computer's own. */
const env = {
  PATH: Bun.env.PATH ?? "",
  HOME: folder,
  CI: "true",
  CLUSTERS_DIRECTORY: join(folder, "state"),
  AWS_ENDPOINT_URL: moto.endpoint,
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_REGION: stack.region,
  AWS_DEFAULT_REGION: stack.region,
  AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
  AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  CDK_DISABLE_CLI_TELEMETRY: "true",
};

async function prepare(): Promise<readonly Contender[]> {
  const aws = findProgram("AWS_CLI", "aws");
  const cdk = join(folder, "cdk");
  const assembly = join(folder, "assembly");
  const fleetFile = join(folder, "fleet.json");
  await Bun.write(fleetFile, JSON.stringify(fleet));
  await writeAssembly(assembly, stack);
  const quiet = ["--no-audit", "--no-fund", "--loglevel", "error"];
  // Only here with the computer's own settings: it may have a private registry.
  const own = { env: readEnvironment().variables, cwd: folder };
  await run(["npm", "install", ...quiet, "--prefix", cdk, `aws-cdk@${cdkVersion}`], own);
  const cdkFlags = ["--require-approval", "never", "--progress", "events", "--no-notices", "--no-version-reporting"];
  const task = join(projectRoot, "tasks/create/aws-tenant/cf-iam-role.ts");
  return [
    {
      name: "our task",
      command: [process.execPath, "run", task, tenant.name, "--fleet", fleetFile],
      unchanged: /role +unchanged/,
    },
    {
      name: "aws cloudformation deploy",
      command: [aws, ...deployArguments(stack)],
      unchanged: /No changes to deploy/,
    },
    {
      name: "cdk deploy",
      command: [join(cdk, "node_modules/.bin/cdk"), "deploy", "--app", assembly, ...cdkFlags, ...cdkParameters(stack)],
      unchanged: /\(no changes\)/,
    },
  ];
}

async function measure({ name, command, unchanged }: Contender, when: When): Promise<Sample> {
  await moto.spent();
  const { stdout, stderr, wholeMs } = await watch(command, { env, cwd: folder });
  const output = stdout + stderr;
  const { calls, ms: motoMs } = await moto.spent();
  const foundNothing = unchanged.test(output);
  if (foundNothing !== (when === "unchanged")) throw new Error(`${name}, ${when}, said:\n${output}`);
  return { wholeMs, calls, motoMs };
}

/** All programs must create the same stack. */
async function describeStack(aws: string): Promise<string> {
  const query = "Stacks[0].[StackStatus,Parameters|sort_by(@,&ParameterKey),Tags|sort_by(@,&Key)]";
  const args = ["cloudformation", "describe-stacks", "--stack-name", stack.name, "--query", query];
  const roles = ["iam", "list-roles", "--query", "sort_by(Roles,&RoleName)[].[RoleName,AssumeRolePolicyDocument]"];
  const settings = { env, cwd: folder };
  return (await run([aws, ...args], settings)) + (await run([aws, ...roles], settings));
}

try {
  const contenders = await prepare();
  const aws = findProgram("AWS_CLI", "aws");
  const samples = new Map<string, Sample[]>();
  const made = new Set<string>();
  for (let round = 0; round <= rounds; round++) {
    for (const contender of contenders) {
      await moto.reset();
      for (const when of ["fresh", "unchanged"] as const) {
        const sample = await measure(contender, when);
        const key = `${contender.name} ${when}`;
        // The first call of each reads its files from the disk.
        if (round > 0) samples.set(key, [...(samples.get(key) ?? []), sample]);
      }
      if (round === 0) made.add(await describeStack(aws));
    }
  }
  if (made.size !== 1) throw new Error(`not all of them made the same:\n${[...made].join("\n")}`);

  for (const when of ["fresh", "unchanged"] as const) {
    say(`${when}, medians of ${rounds}:`);
    const middle = (name: string, part: (sample: Sample) => number): number =>
      median((samples.get(`${name} ${when}`) ?? []).map(part));
    const whole = ({ wholeMs }: Sample): number => wholeMs;
    const own = ({ wholeMs, motoMs }: Sample): number => wholeMs - motoMs;
    const [ours] = contenders;
    for (const { name } of contenders) {
      const times = `${formatSeconds(middle(name, whole))}, of which moto ${formatSeconds(middle(name, ({ motoMs }) => motoMs))}`;
      const calls = `${middle(name, (sample) => sample.calls)} calls`;
      const ratio = (part: (sample: Sample) => number): string =>
        (middle(name, part) / middle(ours?.name ?? name, part)).toFixed(2);
      say(
        `  ${name.padEnd(26)} ${times} for ${calls.padEnd(9)} · ${ratio(whole)} times ours, without moto ${ratio(own)}`,
      );
    }
  }
} finally {
  await moto.stop();
  await rm(folder, { recursive: true, force: true });
}
