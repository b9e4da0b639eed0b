import { join } from "node:path";
import { formatSession, sessionPath } from "#lib/aws/credentials/session-cache.ts";
import { eksPlugin } from "#lib/aws/eks/token-plugin.ts";
import { formatPlugin } from "#lib/cloud/exec-plugin.ts";
import { writePrivateFile } from "#lib/files.ts";
import { pathsBelow, projectRoot } from "#lib/paths.ts";
import { tryFindProgram } from "./measure.ts";
import type { TokenContest, TokenProgram } from "./tokens.ts";

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

/** Tokens of EKS are signed here from a cached session: nothing is sent anywhere. */
export async function eksContest(state: string): Promise<TokenContest> {
  const key = { accountId: account.accountId, role };
  const arn = `arn:aws:sts::${account.accountId}:assumed-role/aws-01-iam-role/bench`;
  const cached = { arn, ...session, expiresMs: Date.now() + 3_600_000 };
  await writePrivateFile(
    sessionPath(join(pathsBelow(projectRoot, state).cache, "aws"), key),
    formatSession(key, cached),
  );
  return {
    title: "EKS, from a cached session",
    programs: [ours(state), ...others(state)],
    token: /^k8s-aws-v1\./,
  };
}

/** The same for all, without a trace of this computer's own. */
const environmentOf = (state: string): Readonly<Record<string, string>> => ({
  PATH: Bun.env.PATH ?? "",
  HOME: state,
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_REGION: region,
  AWS_ACCESS_KEY_ID: session.accessKeyId,
  AWS_SECRET_ACCESS_KEY: session.secretAccessKey,
  AWS_SESSION_TOKEN: session.sessionToken,
});

function ours(state: string): TokenProgram {
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
  return {
    name: "tasks/kube-token.ts",
    command: [plugin.command, ...(plugin.args ?? [])],
    env: environmentOf(state),
  };
}

function others(state: string): readonly TokenProgram[] {
  const known = [
    ["AWS_CLI", "aws", ["eks", "get-token", "--cluster-name", eksName, "--region", region]],
    ["AWS_IAM_AUTHENTICATOR", "aws-iam-authenticator", ["token", "--cluster-id", eksName, "--region", region]],
  ] as const;
  return known.flatMap(([variable, name, args]) => {
    const path = tryFindProgram(variable, name);
    const label = `${name} ${args[0] === "eks" ? "eks get-token" : "token"}`;
    return path === undefined ? [] : [{ name: label, command: [path, ...args], env: environmentOf(state) }];
  });
}
