import type { CloudFormation } from "@aws-sdk/client-cloudformation";
import type { IAM } from "@aws-sdk/client-iam";
import type { Route53 } from "@aws-sdk/client-route-53";
import type { EksCluster } from "#lib/aws/fleet/types.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import type { CloudSandbox } from "#tests/support/cloud-sandbox.ts";
import { inSandbox, type Story } from "#tests/support/story.ts";

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

export interface AwsStory extends Story {
  /** Only after the first run: before it, nobody has told the sandbox of accounts. */
  as(account: AccountName, region?: string): Promise<Neighbour>;
}

/** @param speed as of openCloudSandbox */
export async function inAws(story: (aws: AwsStory) => Promise<void>, speed?: number): Promise<void> {
  await inSandbox(
    "aws",
    (sandbox) => story({ ...sandbox, as: (account, region) => openNeighbour(sandbox, account, region) }),
    speed,
  );
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
