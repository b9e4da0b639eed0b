import { join } from "node:path";
import type { CloudFormation } from "@aws-sdk/client-cloudformation";
import type { IAM } from "@aws-sdk/client-iam";
import type { Route53 } from "@aws-sdk/client-route-53";
import type { EksCluster } from "#lib/aws/fleet/types.ts";
import { createExec } from "#lib/exec.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { createKubernetesApi, type KubernetesApi } from "#lib/kubernetes/api.ts";
import { endpointOf, parseKubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { DaemonClient } from "#sandbox/daemon-client.ts";
import { sandboxPaths } from "#sandbox/paths.ts";
import { type CloudSandbox, openCloudSandbox, type Run } from "#tests/support/cloud-sandbox.ts";

/** Ids of the accounts of `fleetOf`. */
export const ids = { "aws-mgmt": "111111111111", "aws-01": "222222222222", "aws-02": "333333333333" } as const;
export type AccountName = keyof typeof ids;

const publicAccessCidrs = ["203.0.113.0/24"];

export function eks(
  number: 1 | 2 | 3,
  account: AccountName = "aws-01",
  others: Partial<Omit<EksCluster, "provider" | "name">> = {},
): EksCluster {
  const name = `k0${number}.k8s.aws.mylabs.dev` as const;
  return { provider: "aws", name, account, region: "us-east-1", publicAccessCidrs, ...others };
}

/** A fleet in AWS alone, without Argo CD: what it is about is AWS, and it is made in seconds. */
export function fleetOf(...clusters: readonly EksCluster[]): Fleet {
  const used = new Set<string>(["aws-mgmt", ...clusters.map(({ account }) => account)]);
  return {
    domain: "mylabs.dev",
    zones: [{ provider: "aws", primary: "aws.mylabs.dev", clusters: "k8s.aws.mylabs.dev" }],
    accounts: Object.entries(ids)
      .filter(([name]) => used.has(name))
      .map(([name, accountId]) => ({
        provider: "aws",
        name,
        role: name === "aws-mgmt" ? "management" : "tenant",
        accountId,
      })),
    clusters,
  };
}

/** Clients of AWS as somebody else has them who may do everything in an account. */
export interface Neighbour {
  readonly cloudFormation: CloudFormation;
  readonly iam: IAM;
  readonly route53: Route53;
}

export interface AwsStory extends CloudSandbox {
  /** Only after the first run: before it, nobody has told the sandbox of accounts. */
  as(account: AccountName, region?: string): Promise<Neighbour>;
  /** Opens AWS for those who come before the first run. */
  openFor(fleet: Fleet): Promise<void>;
  fault(target: string, effect: string, when?: { readonly nth?: number; readonly times?: number }): Promise<void>;
  clearFaults(): Promise<void>;
  /** What only the sandbox's daemon can do. */
  readonly daemon: DaemonClient;
}

/** A story mostly waits, for programs to start and for AWS to get on: so many bear two cores. */
const atOnce = 3;
let running = 0;
const waiting: (() => void)[] = [];

/**
 * A sandbox for one story, and its end in any case. For tests that run side by side: some of them wait here.
 *
 * @param speed as of openCloudSandbox
 */
export async function inAws(story: (aws: AwsStory) => Promise<void>, speed?: number): Promise<void> {
  if (running === atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    await tell(story, speed);
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}

async function tell(story: (aws: AwsStory) => Promise<void>, speed?: number): Promise<void> {
  const aws = await openCloudSandbox(speed);
  const daemon = new DaemonClient(sandboxPaths(aws.state));
  try {
    await story({
      ...aws,
      daemon,
      as: async (account, region) => await openNeighbour(aws, account, region),
      async openFor({ domain, accounts }) {
        const named = accounts.flatMap((account) => ["--account", JSON.stringify(account)]);
        await aws.sandbox("up", "--domain", domain, ...named);
      },
      fault: (target, effect, { nth = 1, times = 1 } = {}) =>
        daemon.addCloudFault({ cloud: "aws", target, effect, nth, times }),
      clearFaults: () => daemon.clearCloudFaults(),
    });
  } finally {
    await aws.close();
  }
}

/** A cluster of a run in the sandbox, as whoever has its kubeconfig sees it. */
export async function openCluster(aws: CloudSandbox, name: string): Promise<KubernetesApi> {
  const path = join(aws.state, ".kubeconfigs", `kubeconfig_${name}.yml`);
  const kubeconfig = parseKubeconfig(await Bun.file(path).text(), path);
  return createKubernetesApi(endpointOf(kubeconfig, path), createExec(await aws.variables()));
}

async function openNeighbour(aws: CloudSandbox, account: AccountName, region = "us-east-1"): Promise<Neighbour> {
  const { AWS_ENDPOINT_URL: endpoint = "" } = await aws.variables();
  const [cloudFormation, iam, route53] = await Promise.all([
    import("@aws-sdk/client-cloudformation"),
    import("@aws-sdk/client-iam"),
    import("@aws-sdk/client-route-53"),
  ]);
  const settings = { region, endpoint, credentials: administratorKeys(ids[account]) };
  return {
    cloudFormation: new cloudFormation.CloudFormation(settings),
    iam: new iam.IAM(settings),
    route53: new route53.Route53(settings),
  };
}

/** What failed, and why, as people are told it: by resource, without what was blocked by it. */
export function errorsOf({ results, stderr }: Run): Readonly<Record<string, string>> {
  const failed = Object.values(results).flatMap(({ id, error }) =>
    error === undefined
      ? []
      : [[id, [`${error.message} (${error.code})`, `hint: ${error.hint ?? ""}`, ...(error.details ?? [])].join("\n")]],
  );
  return Object.fromEntries([...failed, ...(stderr === "" ? [] : [["", stderr]])]);
}

/** Ids of resources that ended like that. */
export function endedAs({ results }: Run, outcome: string): readonly string[] {
  return Object.values(results)
    .filter((result) => result.outcome === outcome)
    .map(({ id }) => id)
    .sort();
}

/** @throws Error with all that failed */
export async function well(run: Promise<Run>): Promise<Run> {
  const ended = await run;
  if (ended.exitCode === 0) return ended;
  const degraded = Object.values(ended.results).flatMap(({ id, outcome, health, note }) =>
    outcome === "degraded" || outcome === "blocked" ? [`${id} ${outcome}: ${health?.summary ?? note}`] : [],
  );
  throw new Error(`exit code ${ended.exitCode}: ${JSON.stringify(errorsOf(ended), null, 1)} ${degraded.join("\n")}`);
}
