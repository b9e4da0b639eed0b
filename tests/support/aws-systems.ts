import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aws } from "#sandbox/aws/aws.ts";
import { administratorKeys, administratorName } from "#sandbox/aws/iam/administrators.ts";
import { openCloudHost } from "#sandbox/cloud/cloud-host.ts";
import { ministack, openMinistack } from "#tests/support/ministack.ts";
import { moto, openMoto } from "#tests/support/moto.ts";

/** An AWS on loopback that a test has for itself. */
export interface OpenedAws {
  readonly endpoint: string;
  /** Of somebody who may do everything in an account. */
  keysOf(account: string): AwsKeys;
  stop(): Promise<void>;
}

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface AwsSystem {
  readonly name: string;
  /** Why it can't be asked here. */
  readonly whyNot: string | undefined;
  readonly judges: ReadonlySet<Judged>;
  /** Whose keys those are, as ARN. */
  ownerOf(account: string): string;
  /** @param account the only one that moto knows keys of */
  open(account: string): Promise<OpenedAws>;
}

/** What an AWS does as AWS does, so that a test may count on it. */
export type Judged =
  // stacks: what change sets tell and do, what follows a failure, what is refused
  | "outputs"
  | "updates"
  | "rollback"
  | "refusals"
  | "protection"
  | "drift"
  // who is let in
  | "trust"
  | "tokens"
  | "expiry of tokens"
  // what is made
  | "API of EC2"
  | "network attributes"
  | "clusters of stacks"
  | "rules of EKS";

const both: readonly Judged[] = [
  ...(["outputs", "updates", "rollback", "refusals", "protection", "drift"] as const),
  ...(["trust", "tokens", "clusters of stacks"] as const),
];

/** Every AWS that the same tests run against. What each can judge was measured, and is written down with the facts on it. */
export const awsSystems: readonly AwsSystem[] = [
  {
    name: "the sandbox",
    whyNot: undefined,
    judges: new Set([...both, "network attributes", "expiry of tokens", "rules of EKS"]),
    ownerOf: (account) => `arn:aws:iam::${account}:user/${administratorName}`,
    open: openSandboxAws,
  },
  {
    name: "ministack",
    whyNot: ministack === undefined ? "it is not installed here" : undefined,
    judges: new Set([...both, "API of EC2"]),
    ownerOf: (account) => `arn:aws:iam::${account}:root`,
    // A key that is an account's number is its root user's.
    open: async () => ({
      ...(await openMinistack()),
      keysOf: (account) => ({ accessKeyId: account, secretAccessKey: "x" }),
    }),
  },
  {
    name: "moto",
    whyNot: moto === undefined ? "it is not installed here" : undefined,
    // No outputs of change sets, no rollback, no protection, and an update of a role's parameters changes nothing.
    judges: new Set(["API of EC2"]),
    ownerOf: (account) => `arn:aws:sts::${account}:user/moto`,
    open: async (account) => ({
      ...(await openMoto(account)),
      keysOf: () => ({ accessKeyId: "key", secretAccessKey: "secret" }),
    }),
  },
];

/** On top of the haste of the sandbox's AWS: a quarter of an hour in some 40 ms. */
const speed = 100;

/** All services of the sandbox's AWS, in this process. */
async function openSandboxAws(): Promise<OpenedAws> {
  const folder = await mkdtemp(join(tmpdir(), "aws-"));
  const host = await openCloudHost(aws, {
    accounts: () => [],
    stateFile: join(folder, "aws.json"),
    githubKey: join(folder, "github.pem"),
    clusters: folder,
    speed: () => speed,
    controllers: [],
    log: (line) => void process.stderr.write(`${line}\n`),
    port: undefined,
  });
  return {
    endpoint: host.server.endpoint,
    keysOf: administratorKeys,
    async stop() {
      await host.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
