/**
 * What a token costs kubectl, which asks for one at every call: `bun run bench/kube-token.ts [rounds]`. Runs our program (as
 * kubeconfigs call it, with a cached session), `aws eks get-token` and `aws-iam-authenticator token` in turn, and prints medians
 * and ratios. Programs: AWS_CLI and AWS_IAM_AUTHENTICATOR, or `aws` and `aws-iam-authenticator` in PATH; the second comes with
 * `GOBIN=… go install sigs.k8s.io/aws-iam-authenticator/cmd/aws-iam-authenticator@v0.6.13`. Nothing is sent anywhere.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatSession, sessionPath } from "#lib/aws/credentials/session-cache.ts";
import { eksPlugin } from "#lib/aws/eks/token-plugin.ts";
import { formatPlugin } from "#lib/cloud/exec-plugin.ts";
import { writePrivateFile } from "#lib/files.ts";
import { pathsBelow, projectRoot } from "#lib/paths.ts";

const rounds = Number(process.argv[2] ?? 30);
const region = "us-east-1";
const eksName = "k01-k8s-aws-bench-test";
const account = { name: "aws-01", accountId: "210987654321" };
const role = `arn:aws:iam::${account.accountId}:role/aws-01-iam-role`;
/** As long as those of real sessions are. */
const session = {
  accessKeyId: "ASIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  sessionToken: "IQoJb3JpZ2luX2Vj".padEnd(1_000, "Aa0/+="),
};
const state = await mkdtemp(join(tmpdir(), "bench-"));
const say = (text: string): void => void process.stdout.write(`${text}\n`);

interface Contender {
  readonly name: string;
  readonly command: readonly string[];
  readonly timesMs: number[];
}

/** All three from one environment, without a trace of this computer's own. */
const env = {
  PATH: Bun.env.PATH ?? "",
  HOME: state,
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_REGION: region,
  AWS_ACCESS_KEY_ID: session.accessKeyId,
  AWS_SECRET_ACCESS_KEY: session.secretAccessKey,
  AWS_SESSION_TOKEN: session.sessionToken,
};

function ours(): Contender {
  const server = "https://0123456789ABCDEF.gr7.us-east-1.eks.amazonaws.com";
  const subject = {
    name: "k01.k8s.aws.bench.test",
    region,
    eksName,
    server,
    account,
    role,
    fleetFile: undefined,
  } as const;
  const plugin = formatPlugin(eksPlugin(subject), { bun: process.execPath, root: projectRoot, state, environment: {} });
  return { name: "tasks/kube-token.ts", command: [plugin.command, ...(plugin.args ?? [])], timesMs: [] };
}

function others(): readonly Contender[] {
  const known = [
    ["AWS_CLI", "aws", ["eks", "get-token", "--cluster-name", eksName, "--region", region]],
    ["AWS_IAM_AUTHENTICATOR", "aws-iam-authenticator", ["token", "--cluster-id", eksName, "--region", region]],
  ] as const;
  return known.flatMap(([variable, name, args]) => {
    const path = Bun.env[variable] ?? Bun.which(name);
    if (path !== null)
      return [
        { name: `${name} ${args[0] === "eks" ? "eks get-token" : "token"}`, command: [path, ...args], timesMs: [] },
      ];
    say(`${name} is not here: ${variable} names it`);
    return [];
  });
}

async function measure({ name, command, timesMs }: Contender): Promise<void> {
  const begin = performance.now();
  const child = Bun.spawn([...command], { env, cwd: state, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`${name}: ${stderr}`);
  timesMs.push(performance.now() - begin);
  const { status } = JSON.parse(stdout) as { readonly status?: { readonly token?: string } };
  if (status?.token?.startsWith("k8s-aws-v1.") !== true) throw new Error(`${name} printed no token`);
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  return ((sorted[Math.floor(at)] ?? 0) + (sorted[Math.ceil(at)] ?? 0)) / 2;
}

try {
  const key = { accountId: account.accountId, role };
  const arn = `arn:aws:sts::${account.accountId}:assumed-role/aws-01-iam-role/bench`;
  const cached = { arn, ...session, expiresMs: Date.now() + 3_600_000 };
  await writePrivateFile(
    sessionPath(join(pathsBelow(projectRoot, state).cache, "aws"), key),
    formatSession(key, cached),
  );

  const own = ours();
  const all = [own, ...others()];
  // The first call of each reads its files from the disk.
  for (const one of all) await measure(one);
  for (const one of all) one.timesMs.length = 0;
  for (let round = 0; round < rounds; round++) for (const one of all) await measure(one);

  const median = quantile(own.timesMs, 0.5);
  for (const { name, timesMs } of all) {
    const [mid, low, high] = [0.5, 0.1, 0.9].map((part) => quantile(timesMs, part));
    const ratio = (mid ?? 0) / median;
    say(
      `${name.padEnd(28)} ${mid?.toFixed(1).padStart(7)} ms (a tenth below ${low?.toFixed(1)}, a tenth above ${high?.toFixed(1)}) · ${ratio.toFixed(1)} times ours`,
    );
  }
} finally {
  await rm(state, { recursive: true, force: true });
}
